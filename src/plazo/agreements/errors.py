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
