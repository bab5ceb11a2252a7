"""What can go wrong with an agreement."""

from http import HTTPStatus

from django.utils.translation import gettext as _

from plazo.core.errors import PlazoError


class NoAgreementInForce(PlazoError):
    """No version of the agreement is in force yet."""

    code = "no_agreement_in_force"
    http_status = HTTPStatus.SERVICE_UNAVAILABLE

    def user_message(self) -> str:
        if not self.data.get("key"):
            return _("No agreement is in force. Publish one with: plazo agreement publish FILE")
        return (
            _(
                "The agreement “%(key)s” is not in force. Publish it with: plazo agreement publish"
                " FILE; or name another one in PLAZO_AGREEMENT."
            )
            % self.data
        )


class AgreementRefused(PlazoError):
    """The document has errors; `data["findings"]` lists them, as `lint.check` returns them."""

    code = "agreement_refused"

    def user_message(self) -> str:
        return _("The agreement has errors and was not published. First: %(finding)s") % {
            "finding": self.data["findings"][0].placed
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
                "%(who)s changed the draft meanwhile, so yours is not kept yet."
                " Look at what it says now, and send yours again."
            )
            % self.data
        )


class DraftRefused(PlazoError):
    """The change would make an agreement that cannot run; `data["findings"]` says why not."""

    code = "draft_refused"

    def user_message(self) -> str:
        first = self.data["findings"][0]
        match first.code:
            case "never-opens":
                return _("So it never opens. Write the hours of one day at least.")
            case "overlapping-windows":
                return _(
                    "Two stretches of hours overlap, one past midnight perhaps with those of the"
                    " next day. Make them apart, or join them."
                )
            case "no-choices":
                return _("So nobody could fill in the form. Leave one to choose.")
            case _:
                return _("That cannot be: %(finding)s") % {"finding": first.message}


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


class WrittenOtherwise(PlazoError):
    """The file does not give each calendar, service or field a table of its own."""

    code = "written_otherwise"

    def user_message(self) -> str:
        return (
            _(
                "The file writes its “%(name)s” in a way of its own. Change them there, and publish"
                " it with: plazo agreement publish FILE"
            )
            % self.data
        )


class KeyTaken(PlazoError):
    """There is one of this key already."""

    code = "key_taken"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("“%(key)s” is there already. Choose another key.") % self.data


class CalendarInUse(PlazoError):
    """Something runs on a calendar that was to be removed; `data["uses"]` names it."""

    code = "calendar_in_use"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return (
            _(
                "“%(name)s” cannot go yet: %(uses)s. Let that run on another calendar first, on the"
                " page of that one."
            )
            % self.data
        )


class ServicePublished(PlazoError):
    """A service that was published is retired, never removed: past cases are named after it."""

    code = "service_published"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return (
            _(
                "“%(name)s” was published, so past cases and contracts name it. Retire it: then no"
                " new case can be about it."
            )
            % self.data
        )


class LastService(PlazoError):
    """The form must offer a service."""

    code = "last_service"

    def user_message(self) -> str:
        return (
            _("“%(name)s” is the last service that the form offers. Offer another one first.")
            % self.data
        )


class OnlyForThis(PlazoError):
    """A question or a policy is for this service alone: without it, it would be for all."""

    code = "only_for_this"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return (
            _(
                "“%(name)s” is for this service alone, and without it would be for all of them."
                " Remove it first, or give it another service."
            )
            % self.data
        )
