"""What somebody types into the search, read: words, phrases, what must not be there, operators.

    pago "orden de compra" -prueba estado:abierto severidad:A empresa:"Norte" vence<2h -etiqueta:x

Nothing that can be typed is an error. What looks like an operator and is none, or has a value that
nobody knows, is looked for as words, and `remarks` says so. Pure: names of people, companies and
services are asked of the `Names` that the caller brings.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Protocol
from zoneinfo import ZoneInfo

from plazo.core.errors import PlazoError
from plazo.core.search import fold
from plazo.tickets.filters import Condition
from plazo.tickets.tags import tag_of

LONGEST: Final = 400
MOST_TOKENS: Final = 40

# Each operator under all its names, in English and Spanish; folded, so accents do not matter.
OPERATORS: Final[Mapping[str, tuple[str, ...]]] = {
    "status": ("status", "estado"),
    "severity": ("severity", "severidad", "gravedad", "sev"),
    "level": ("level", "nivel"),
    "assignee": ("assignee", "asignado", "agent", "agente"),
    "group": ("group", "grupo"),
    "organization": ("org", "organization", "company", "empresa", "organizacion"),
    "requester": ("from", "de", "requester", "solicitante"),
    "service": ("service", "servicio"),
    "environment": ("env", "environment", "entorno", "ambiente"),
    "request_type": ("type", "tipo"),
    "channel": ("channel", "canal"),
    "language": ("language", "idioma"),
    "area": ("area",),
    "promise": ("promise", "compromiso"),
    "cause": ("cause", "causa"),
    "solution": ("solution", "solucion"),
    "tag": ("tag", "etiqueta"),
    "is": ("is", "es"),
    "has": ("has", "tiene"),
    "due": ("due", "vence"),
    "opened": ("opened", "created", "creado"),
    "updated": ("updated", "actualizado"),
    "solved": ("solved", "resuelto"),
    "subject": ("subject", "asunto"),
    "file": ("file", "archivo", "adjunto"),
}
FIELD_OF: Final = {name: key for key, names in OPERATORS.items() for name in names}

# Words for values that stand in the code; folded.
VALUES: Final[Mapping[str, Mapping[str, str]]] = {
    "status": {
        "new": "new", "nuevo": "new",
        "open": "open", "abierto": "open", "en-curso": "open", "en curso": "open",
        "pending": "pending", "pendiente": "pending",
        "on_hold": "on_hold", "hold": "on_hold", "on-hold": "on_hold", "on hold": "on_hold",
        "en-espera": "on_hold", "en espera": "on_hold",
        "solved": "solved", "resuelto": "solved",
        "closed": "closed", "cerrado": "closed",
    },
    "severity": {"a": "A", "b": "B", "c": "C"},
    "level": {"1": "1", "2": "2", "3": "3", "l1": "1", "l2": "2", "l3": "3"},
    "channel": {
        "form": "form", "formulario": "form",
        "email": "email", "mail": "email", "correo": "email",
        "portal": "portal", "internal": "internal", "interno": "internal", "api": "api",
    },
    "promise": {
        "missing": "missing", "falta": "missing", "sin": "missing",
        "standing": "standing", "vigente": "standing",
        "late": "late", "broken": "late", "vencido": "late", "roto": "late",
    },
    "language": {"es": "es", "espanol": "es", "spanish": "es", "en": "en", "ingles": "en",
                 "english": "en"},
}  # fmt: skip
ME: Final = frozenset({"me", "yo", "mi"})
NOBODY: Final = frozenset({"nobody", "nadie", "none", "ninguno", "ninguna"})
MINE: Final = frozenset({"mine", "mio", "mi"})
# What a ticket is: one condition each.
IS: Final[Mapping[str, tuple[str, str, Any]]] = {
    **dict.fromkeys(("open", "abierto"), ("status", "none_of", ["solved", "closed"])),
    **dict.fromkeys(("ended", "terminado"), ("status", "any_of", ["solved", "closed"])),
    **dict.fromkeys(("late", "overdue", "vencido"), ("due", "overdue", None)),
    **dict.fromkeys(("mine", "mio"), ("assignee", "any_of", ["me"])),
    **dict.fromkeys(("unassigned", "sin-asignar", "libre"), ("assignee", "any_of", ["nobody"])),
    **dict.fromkeys(("paused", "waiting", "en-pausa"), ("status", "any_of", ["pending"])),
    **dict.fromkeys(("entitled", "con-derecho"), ("entitlement", "any_of", ["entitled"])),
    **dict.fromkeys(("unentitled", "sin-derecho"), ("entitlement", "none_of", ["entitled"])),
    **dict.fromkeys(("awaiting-area", "espera-area"), ("area_answer", "any_of", ["awaited"])),
    **dict.fromkeys(("area-late", "area-vencida"), ("area_answer", "any_of", ["late"])),
    **dict.fromkeys(("area-answered", "area-respondio"), ("area_answer", "any_of", ["given"])),
    **dict.fromkeys(("in-scope", "en-alcance"), ("verdict", "any_of", ["in_scope"])),
    **dict.fromkeys(("undecided", "sin-dictamen"), ("verdict", "unset", None)),
}
HAS: Final = {
    **dict.fromkeys(("attachment", "file", "adjunto", "archivo"), "file"),
    **dict.fromkeys(("note", "nota"), "note"),
}
OPPOSITE: Final = {"any_of": "none_of", "none_of": "any_of"}

_TOKEN: Final = re.compile(
    r"""(?P<minus>-(?=\S))?
        (?: (?P<name>[^\W\d_]+)(?P<sign>:|<=?|>=?)(?P<value>(?:"[^"]*"?|[^\s"])+)
          | "(?P<phrase>[^"]*)"?
          | (?P<word>\S+) )""",
    re.VERBOSE,
)
_SPAN: Final = re.compile(r"(\d{1,6})\s*(min|m|h|d|w|s)")
_UNITS: Final = {"m": 1, "min": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60, "s": 7 * 24 * 60}
_DAYS: Final = {"today": 0, "hoy": 0, "tomorrow": 1, "manana": 1, "yesterday": -1, "ayer": -1}

Why = Literal["unknown", "value", "minus"]


class Names(Protocol):
    """Who knows what people, companies and services are called: keys for what was typed."""

    def keys(self, field: str, words: str) -> Sequence[int | str]: ...


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that was looked for as words since it could not be read otherwise."""

    token: str
    why: Why


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator as it was typed: its field, its sign, its values, and whether it is denied."""

    field: str
    sign: str
    values: tuple[str, ...]
    minus: bool
    token: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What was typed, taken apart. `words` keeps the order; its last word may go on."""

    text: str
    words: str = ""
    phrases: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    operators: tuple[Operator, ...] = ()
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: texts and conditions.

    Units: `within` are texts that must stand in one place (`subject`, `file`), with that place.
    """

    parsed: Parsed
    words: str = ""
    phrases: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    within: tuple[tuple[str, str], ...] = ()
    conditions: tuple[Condition, ...] = field(default_factory=tuple)
    remarks: tuple[Remark, ...] = ()

    def __bool__(self) -> bool:
        texts = (self.words, self.phrases, self.without, self.within)
        return any(texts) or bool(self.conditions)


def parse(text: str) -> Parsed:
    """Take apart what somebody typed. Never raises.

    Edges: a quotation that was not closed goes on to the end; a lone minus is nothing; a name that
        is no operator makes its whole token words.
    """
    text = text.replace("\x00", " ").strip()[:LONGEST]
    words: list[str] = []
    phrases: list[str] = []
    without: list[str] = []
    operators: list[Operator] = []
    remarks: list[Remark] = []
    for match in list(_TOKEN.finditer(text))[:MOST_TOKENS]:
        minus, token = bool(match["minus"]), match.group()
        if match["name"] and (key := FIELD_OF.get(fold(match["name"]))):
            operators.append(Operator(key, match["sign"], _values(match["value"]), minus, token))
        elif match["name"]:
            if not match["value"].startswith("//"):  # an address of the web is no slip
                remarks.append(Remark(token, "unknown"))
            (without if minus else words).append(token.removeprefix("-").replace('"', " "))
        elif match["phrase"] is not None:
            (without if minus else phrases).append(match["phrase"])
        else:
            (without if minus else words).append(match["word"])
    return Parsed(
        text,
        " ".join(words),
        tuple(phrase for phrase in phrases if phrase.strip()),
        tuple(word for word in without if word.strip()),
        tuple(operators),
        tuple(remarks),
    )


def _values(text: str) -> tuple[str, ...]:
    """Return the values of an operator: parted by commas, in quotation marks or without."""
    found = re.findall(r'"([^"]*)"?|([^,"]+)', text)
    return tuple(value for pair in found if (value := (pair[0] or pair[1]).strip()))


def want(parsed: Parsed, names: Names, *, now: datetime, zone: str) -> Wanted:
    """Return what is looked for. Never raises: what cannot be asked is words, with a remark."""
    conditions: list[Condition] = []
    within: list[tuple[str, str]] = []
    without = list(parsed.without)
    as_words = [parsed.words] if parsed.words else []
    remarks = list(parsed.remarks)
    for operator in parsed.operators:
        if operator.field in ("subject", "file") and not operator.minus and operator.values:
            within += [(operator.field, value) for value in operator.values]
            continue
        try:
            conditions.append(_condition(operator, names, now, zone))
        except _Unclear as unclear:
            remarks.append(Remark(operator.token, unclear.why))
        except (PlazoError, ValueError, OverflowError):
            remarks.append(Remark(operator.token, "value"))
        else:
            continue
        (without if operator.minus else as_words).extend(operator.values)
    return Wanted(
        parsed,
        " ".join(as_words),
        parsed.phrases,
        tuple(without),
        tuple(within),
        tuple(conditions[:20]),
        tuple(remarks),
    )


class _Unclear(Exception):
    def __init__(self, why: Why) -> None:
        self.why: Why = why


def _condition(operator: Operator, names: Names, now: datetime, zone: str) -> Condition:
    """Return the condition that an operator means. Raises: _Unclear, PlazoError, ValueError."""
    key, values = operator.field, operator.values
    if not values:
        raise _Unclear("value")
    if key in ("due", "opened", "updated", "solved"):
        if operator.minus:
            raise _Unclear("minus")
        return _moment(key, operator.sign, values[0], now, zone)
    if operator.sign != ":":
        raise _Unclear("value")
    if key == "is":
        what = IS.get(fold(values[0]).replace(" ", "-"))
        if what is None:
            raise _Unclear("value")
        op = OPPOSITE.get(what[1]) if operator.minus else what[1]
        if op is None:
            raise _Unclear("minus")
        return Condition(what[0], op, what[2])
    found = _known(key, values, names)
    if not found:
        raise _Unclear("value")
    if operator.minus and key == "subject":
        raise _Unclear("minus")
    return Condition(key, "none_of" if operator.minus else "any_of", found)


def _known(key: str, values: Iterable[str], names: Names) -> list[int | str]:
    """Return the values of a field that some words stand for; nothing unless all of them do."""
    found: list[int | str] = []
    for value in values:
        folded = fold(value)
        if key in VALUES:
            known: Sequence[int | str] = [VALUES[key][folded]] if folded in VALUES[key] else []
        elif key == "tag":
            known = [tag_of(value)]
        elif key == "has":
            known = [HAS[folded]] if folded in HAS else []
        elif key == "assignee" and folded in ME | NOBODY:
            known = ["me" if folded in ME else "nobody"]
        elif key == "group" and folded in MINE | NOBODY:
            known = ["mine" if folded in MINE else "none"]
        elif key == "organization" and folded in NOBODY:
            known = ["none"]
        else:
            known = names.keys(key, value)
        if not known:
            return []
        found += known
    return found


def _moment(key: str, sign: str, value: str, now: datetime, zone: str) -> Condition:
    """Return a condition on an instant.

    Edges: "due<2h" is due within two hours, late ones too; "opened<2h" is younger than that and
        "opened>2h" older. With a day, "<" is before it and ">" from it on; without a sign, a due
        day is up to its end, any other from its beginning.
    """
    folded = fold(value).strip()
    span = _SPAN.fullmatch(folded)
    if span:
        minutes = int(span[1]) * _UNITS[span[2]]
        if key == "due":
            if sign.startswith(">"):
                raise _Unclear("value")
            return Condition(key, "within", minutes)
        return Condition(key, "before" if sign.startswith(">") else "within", minutes)
    start, end = _day(folded, now, zone)
    if key == "due":
        if sign.startswith(">"):
            raise _Unclear("value")
        before = sign == "<" and folded not in _DAYS
        return Condition(key, "until", (start if before else end).isoformat())
    if sign.startswith("<"):
        return Condition(key, "until", (end if sign == "<=" else start).isoformat())
    return Condition(key, "since", start.isoformat())


def _day(words: str, now: datetime, zone: str) -> tuple[datetime, datetime]:
    """Return when a day begins and ends in a zone. Raises: _Unclear."""
    place = ZoneInfo(zone)
    if words in _DAYS:
        day = now.astimezone(place).date() + timedelta(days=_DAYS[words])
    elif re.fullmatch(r"\d{4}-\d{2}-\d{2}", words):
        day = datetime.fromisoformat(words).date()
    else:
        raise _Unclear("value")
    after = day + timedelta(days=1)
    return (
        datetime(day.year, day.month, day.day, tzinfo=place),
        datetime(after.year, after.month, after.day, tzinfo=place),
    )
