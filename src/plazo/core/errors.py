"""The error tree above the SLA core: a stable code, a status, a safe message, typed data."""

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from django.core.serializers.json import DjangoJSONEncoder
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


def kept(error: PlazoError, longest: int) -> str:
    """Return an error as a text to keep, which `told` says later in the language spoken then.

    Units: `longest` in characters.
    Edges: one that does not fit, or could not be said again from its data, is kept in words.
    """
    try:
        text = json.dumps(
            {"code": error.code, "data": error.data}, cls=DjangoJSONEncoder, ensure_ascii=False
        )
    except TypeError:
        text = ""
    words = error.user_message()
    return text if text and len(text) <= longest and told(text) == words else words[:longest]


def told(text: str) -> str:
    """Say a kept error in the reader's language; a text that is none of these is itself."""
    try:
        found = json.loads(text)
        return said_again(found["code"], found["data"]) or text
    except (ValueError, TypeError, KeyError):
        return text


def said_again(code: str, data: Mapping[str, Any]) -> str:
    """Say an error of this code with this data; nothing where it cannot be said any more."""
    kind = next((each for each in _kinds(PlazoError) if each.code == code), None)
    try:
        return kind(**data).user_message() if kind else ""
    except (KeyError, TypeError, ValueError, AttributeError):
        return ""


def _kinds(kind: type[PlazoError]) -> Iterator[type[PlazoError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _kinds(each)
