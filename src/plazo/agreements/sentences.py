"""Sentences about a document, read later, in the language of whoever reads them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

from django.utils.translation import gettext

from plazo.core import localtime

LONGEST_QUOTE = 60

Value: TypeAlias = "str | int | timedelta | Sentence"


@dataclass(frozen=True, slots=True, order=True)
class Sentence:
    """A text of the catalogue and what it names: `str` says it in the reader's language.

    Edges: two are equal, and one comes before the other, by their English, so that no order
        depends on who reads. `english` needs no Django that is set up.
    """

    english: str
    template: str = field(compare=False)
    values: Mapping[str, Value] = field(compare=False)

    def __str__(self) -> str:
        return _filled(gettext(self.template), {k: _read(v) for k, v in self.values.items()})


def says(template: str, **values: Value) -> Sentence:
    """Return a sentence; `template` is marked for translation where it is written.

    Units: a value may be a sentence itself, or a length of time.
    """
    return Sentence(
        _filled(template, {k: _english(v) for k, v in values.items()}), template, values
    )


def marked(template: str) -> str:
    """Mark a text for the catalogue; imported as `_`, by which it is found.

    Edges: Django's own wants settings, and a file is checked without them.
    """
    return template


_ = marked


def _filled(template: str, values: Mapping[str, object]) -> str:
    return template % values if values else template


def _english(value: Value) -> object:
    match value:
        case Sentence():
            return value.english
        case timedelta():
            return f"{value / timedelta(hours=1):g} h"
        case _:
            return value


def _read(value: Value) -> object:
    return localtime.exact_duration(value) if isinstance(value, timedelta) else value


def listed(names: Iterable[str]) -> str:
    """Return names as one reads them in a sentence, each once; a dash for none."""
    return ", ".join(dict.fromkeys(names)) or "–"


def quoted(value: object) -> str:
    """Return what stands in a file as a sentence names it: on one line, and its beginning only."""
    try:
        text = " ".join(str(value).split())
    except ValueError:  # a number of more digits than Python writes
        return "…"
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 1]}…"


# Where in the document, how grave, its code, and what is wrong.
Path = tuple[str | int, ...]
Fault = tuple[Path, str, str, Sentence]


class Unreadable(ValueError):
    """A value that cannot be read; `sentence` says how to write it."""

    def __init__(self, template: str, text: object) -> None:
        self.sentence = says(template, text=quoted(text))
        super().__init__(self.sentence.english)


_UNKNOWN = {
    "area": _("'%(name)s' is no area of this agreement (known: %(known)s)"),
    "calendar": _("'%(name)s' is no calendar of this agreement (known: %(known)s)"),
    "clause": _("'%(name)s' is no clause of this agreement (known: %(known)s)"),
    "environment": _("'%(name)s' is no environment of this agreement (known: %(known)s)"),
    "field": _("'%(name)s' is no field of this agreement (known: %(known)s)"),
    "request-type": _("'%(name)s' is no request-type of this agreement (known: %(known)s)"),
    "service": _("'%(name)s' is no service of this agreement (known: %(known)s)"),
    "severity": _("'%(name)s' is no severity of this agreement (known: %(known)s)"),
    "stage": _("'%(name)s' is no stage of this agreement (known: %(known)s)"),
}


def unknown(what: str, name: str, known: Iterable[str]) -> Sentence:
    """Say that a name points to nothing: `what` is "area", "calendar", …"""
    return says(_UNKNOWN[what], name=quoted(name), known=listed(known))
