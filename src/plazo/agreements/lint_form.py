"""What is wrong with the form of an agreement: values that cannot be read, keys that are none."""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from plazo.agreements.document import LANGUAGES, AgreementDocument, Text
from plazo.agreements.sentences import Fault, Path, Sentence, Unreadable, listed, quoted, says
from plazo.agreements.sentences import marked as _

_WHOLE_NUMBER = _("this must be a whole number (write it in digits)")
_YES_OR_NO = _("this is true or false (write one of the two)")
_DATE = _("'%(text)s' is no date (write it as 2026-12-25)")
_TABLE = _("this must be a table (write each of its keys with its value)")
_ONE_OF = _("'%(text)s' may not stand here (write one of these: %(known)s)")
SOMETHING = _("this cannot be read (docs/agreement-file.md shows how it is written)")

# What pydantic finds, by its own names for it.
SENTENCES: Mapping[str, str] = {
    "bool_parsing": _YES_OR_NO,
    "bool_type": _YES_OR_NO,
    "date_from_datetime_inexact": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_parsing": _DATE,
    "date_type": _DATE,
    "dict_type": _TABLE,
    "enum": _ONE_OF,
    "finite_number": _WHOLE_NUMBER,
    "greater_than_equal": _("%(text)s is too little (write %(ge)s or more)"),
    "int_from_float": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_parsing_size": _WHOLE_NUMBER,
    "int_type": _WHOLE_NUMBER,
    "less_than_equal": _("%(text)s is too much (write %(le)s or less)"),
    "literal_error": _ONE_OF,
    "model_type": _TABLE,
    "string_too_long": _("'%(text)s' is longer than %(max_length)s characters (shorten it)"),
    "string_too_short": _("this text is empty (write it)"),
    "string_type": _("this must be a text (write it in quotes)"),
    "tuple_type": _("this must be a list (write it between [ and ])"),
}

# How the document's patterns are told to people.
PATTERNS: Mapping[str, str] = {
    r"^[a-z][a-z0-9_]*$": _(
        "'%(text)s' is no key (write small letters, digits and _, a letter first)"
    ),
    r"^[A-Z]$": _("'%(text)s' is no severity (write one capital letter)"),
    r"^[A-Z]{1,8}$": _("'%(text)s' cannot begin case numbers (write one to eight capital letters)"),
}


def form_faults(error: ValidationError) -> Iterator[Fault]:
    """Yield the path, the gravity, the code and the sentence of each fault."""
    for fault in error.errors(include_url=False):
        path = tuple(part for part in fault["loc"] if part != "[key]")
        name = ".".join(quoted(part) for part in path)
        in_language = bool(path) and path[-1] in LANGUAGES
        match fault["type"]:
            case "extra_forbidden":
                yield path, "error", "unknown-key", _unknown_key(name, path)
            case "missing" if in_language:
                words = _("%(name)s: the text is missing in '%(language)s' (write it)")
                yield path, "error", "missing-text", says(words, name=name, language=path[-1])
            case "string_too_short" | "value_error" if in_language:
                words = _("%(name)s: the text in '%(language)s' is empty (write it)")
                yield path, "error", "missing-text", says(words, name=name, language=path[-1])
            case "missing":
                words = _("%(name)s is missing (add it)")
                yield path, "error", "missing-key", says(words, name=name)
            case "model_type" if fault["ctx"]["class_name"] == Text.__name__:
                words = _('%(name)s is a text, in both languages (write { es = "…", en = "…" })')
                yield path, "error", "bad-value", says(words, name=name)
            case _:
                message = says("%(name)s: %(why)s", name=name, why=_unreadable(fault))
                yield path, "error", "bad-value", message


def _unreadable(fault: Mapping[str, Any]) -> Sentence:
    """Say what a value should have been."""
    context, given = fault.get("ctx", {}), quoted(fault["input"])
    match fault["type"]:
        case "value_error" if isinstance(context["error"], Unreadable):
            return context["error"].sentence
        case "string_pattern_mismatch":
            return says(PATTERNS.get(context["pattern"], SOMETHING), text=given)
        case "enum" | "literal_error":
            known = re.findall(r"'([^']+)'|(\d+)", context["expected"])
            return says(_ONE_OF, text=given, known=listed(a or b for a, b in known))
        case kind:
            limits = {k: v for k, v in context.items() if k in {"ge", "le", "max_length"}}
            return says(SENTENCES.get(kind, SOMETHING), text=given, **limits)


def _unknown_key(name: str, path: Path) -> Sentence:
    known = sorted(_known_keys(AgreementDocument, path[:-1]))
    close = difflib.get_close_matches(str(path[-1]), known, n=1)
    if close:
        words = _("%(name)s: nobody knows this key (did you mean '%(close)s'?)")
        return says(words, name=name, close=close[0])
    words = _("%(name)s: nobody knows this key (known here: %(known)s)")
    return says(words, name=name, known=listed(known))


def _known_keys(model: type[BaseModel], path: tuple[str | int, ...]) -> set[str]:
    """Follow a path through the models to the keys that may stand there."""
    current: Any = model
    for part in path:
        if isinstance(current, type) and issubclass(current, BaseModel):
            info = current.model_fields.get(str(part))
            current = info.annotation if info else None
        else:
            current = next(
                (a for a in getattr(current, "__args__", ())[::-1] if a is not Ellipsis), None
            )
    while not (isinstance(current, type) and issubclass(current, BaseModel)):
        arguments = [a for a in getattr(current, "__args__", ()) if a is not Ellipsis]
        if not arguments:
            return set()
        current = arguments[-1] if arguments[-1] is not type(None) else arguments[0]
    return set(current.model_fields)
