"""What is refused about mails."""

from http import HTTPStatus

from django.utils.translation import gettext as _

from plazo.core.errors import PlazoError


class TooManyLinks(PlazoError):
    """An address, or a network, has asked for more links than anybody needs."""

    code = "too_many_links"
    http_status = HTTPStatus.TOO_MANY_REQUESTS

    def user_message(self) -> str:
        return _(
            "Too many links were asked for in this hour."
            " Use the newest one that you have, or try again later."
        )


class TooManyMails(PlazoError):
    """More mails would go to an address than it should get from us."""

    code = "too_many_mails"
    http_status = HTTPStatus.TOO_MANY_REQUESTS

    def user_message(self) -> str:
        return _("Too many mails went out in this hour. Nothing was done; try again later.")


class BadHours(PlazoError):
    """Somebody's own hours have no window, or two that overlap."""

    code = "bad_hours"
    http_status = HTTPStatus.UNPROCESSABLE_ENTITY

    def user_message(self) -> str:
        return _("Write at least one span, and none that overlaps another.")
