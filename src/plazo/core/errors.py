"""The error tree above the SLA core: a stable code, a status, a safe message, typed data."""

from http import HTTPStatus
from typing import Any, ClassVar

from django.utils.translation import gettext as _


class PlazoError(Exception):
    """Something the caller can be told and can do something about.

    Edges: `code` is stable and documented; `user_message` is safe to show and translated
        when it is asked for, not when the error is raised; `data` holds plain values.
    """

    code: ClassVar[str] = "error"
    http_status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST

    def __init__(self, **data: Any) -> None:
        super().__init__(self.code, data)
        self.data = data

    def __str__(self) -> str:
        return self.user_message()

    def user_message(self) -> str:
        """Say what went wrong and what to do, in the reader's language."""
        return _("Something went wrong. Please try again.")


class NotVisible(PlazoError):
    """The object does not exist for this person: the answer is 404, never 403."""

    code = "not_visible"
    http_status = HTTPStatus.NOT_FOUND

    def user_message(self) -> str:
        return _("There is nothing here that you can see.")
