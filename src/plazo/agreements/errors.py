"""What can go wrong with an agreement."""

from http import HTTPStatus

from django.utils.translation import gettext as _

from plazo.core.errors import PlazoError


class NoAgreementInForce(PlazoError):
    """No version of the agreement is in force yet."""

    code = "no_agreement_in_force"
    http_status = HTTPStatus.SERVICE_UNAVAILABLE

    def user_message(self) -> str:
        return _("No agreement is in force. Publish one with: plazo agreement publish FILE")


class AgreementRefused(PlazoError):
    """The document has errors; `data["findings"]` lists them."""

    code = "agreement_refused"

    def user_message(self) -> str:
        findings = self.data.get("findings", ())
        first = findings[0] if findings else ""
        return _("The agreement has errors and was not published. First: %(finding)s") % {
            "finding": first
        }


class AlreadyPublished(PlazoError):
    """The same text is already the newest version."""

    code = "already_published"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("This text is already version %(number)s.") % {"number": self.data["number"]}


class NothingThere(PlazoError):
    """What was to be changed in the document is not in it."""

    code = "nothing_there"
    http_status = HTTPStatus.NOT_FOUND

    def user_message(self) -> str:
        return _("“%(what)s” is not in the agreement any more. Look at it anew.") % self.data


class DraftMoved(PlazoError):
    """Somebody changed or discarded the draft since this page was opened."""

    code = "draft_moved"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        who = self.data.get("who")
        if not who:
            return _("The draft was discarded or published meanwhile. Nothing was changed.")
        return (
            _(
                "%(who)s changed the draft meanwhile, so your change was not kept."
                " Look at it, and change it again."
            )
            % self.data
        )


class DraftRefused(PlazoError):
    """The change would make an agreement that cannot run."""

    code = "draft_refused"

    def user_message(self) -> str:
        return _("That cannot be: %(finding)s") % {"finding": self.data["findings"][0]}


class DraftOutdated(PlazoError):
    """Another version was published since the draft was begun."""

    code = "draft_outdated"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return (
            _(
                "Version %(number)s was published since this draft was begun, and the draft does"
                " not have its changes. Discard it and begin again."
            )
            % self.data
        )


class TooEarly(PlazoError):
    """A version cannot come into force before now, or before the one it follows."""

    code = "too_early"

    def user_message(self) -> str:
        if self.data.get("number"):
            words = _("Version %(number)s comes into force later. Choose a time after it.")
            return words % self.data
        return _("Choose a time to come: what was promised already does not change.")
