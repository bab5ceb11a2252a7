"""Edits of an agreement's text: each changes what it says and leaves the rest as people wrote it.

An edit is a value: `apply` returns the new text, with its comments and its order; `about` names
what it changes, and `facts` reads that from a document, before and after, for the audit trail. What
it leads to is the linter's to judge.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any, Protocol

import tomlkit
from tomlkit.items import Array, InlineTable, Item, Table

from plazo.agreements.document import DAYS, AgreementDocument, Span, without_mark
from plazo.agreements.errors import NothingThere

Spans = Sequence[tuple[timedelta, timedelta]]


class Edit(Protocol):
    """One change to the text of an agreement."""

    def apply(self, source: str) -> str: ...

    def about(self, document: AgreementDocument) -> str: ...

    def facts(self, document: AgreementDocument) -> dict[str, Any]: ...


def span_text(span: Span) -> str:
    """Return an open span as the file writes it: "06:00-22:00", "22:00-06:00" for a night."""
    opens, closes = span
    day = timedelta(days=1)
    return f"{_hour(opens)}-{_hour(closes if closes <= day else closes - day)}"


def _hour(since_midnight: timedelta) -> str:
    minutes = since_midnight // timedelta(minutes=1)
    return f"{minutes // 60:02}:{minutes % 60:02}"


def days_text(days: Sequence[int]) -> str:
    """Return weekdays as the file writes them: "mon-fri", "sat,sun" as "sat-sun", "mon,wed"."""
    runs = [
        [day for _, day in run]
        for _, run in groupby(enumerate(sorted(days)), key=lambda pair: pair[1] - pair[0])
    ]
    return ",".join(
        DAYS[run[0]] if len(run) == 1 else f"{DAYS[run[0]]}-{DAYS[run[-1]]}" for run in runs
    )


@dataclass(frozen=True, slots=True)
class SetWeek:
    """The weekly hours of a calendar: for each weekday, Monday first, its open spans."""

    calendar: str
    week: tuple[Spans, ...]

    def apply(self, source: str) -> str:
        document = _read(source)
        table = _calendar(document, self.calendar)
        by_hours: dict[tuple[str, ...], list[int]] = {}
        for day, spans in enumerate(self.week):
            if spans:
                by_hours.setdefault(tuple(span_text(span) for span in spans), []).append(day)
        rows = [{"days": days_text(days), "open": list(hours)} for hours, days in by_hours.items()]
        _put(table, "hours", _listed(table.get("hours"), rows))
        return tomlkit.dumps(document)

    def about(self, document: AgreementDocument) -> str:
        return _calendar_name(document, self.calendar)

    def facts(self, document: AgreementDocument) -> dict[str, Any]:
        entry = document.calendars[self.calendar]
        return {
            "hours": {
                name: ", ".join(
                    span_text(span)
                    for hours in entry.hours
                    if day in hours.days
                    for span in hours.open
                )
                for day, name in enumerate(DAYS)
            }
        }


@dataclass(frozen=True, slots=True)
class SetCalendar:
    """A calendar's zone and its names."""

    calendar: str
    zone: str
    es: str
    en: str

    def apply(self, source: str) -> str:
        document = _read(source)
        table = _calendar(document, self.calendar)
        table["zone"] = self.zone
        _words(table, "name", self.es, self.en)
        return tomlkit.dumps(document)

    def about(self, document: AgreementDocument) -> str:
        return _calendar_name(document, self.calendar)

    def facts(self, document: AgreementDocument) -> dict[str, Any]:
        entry = document.calendars[self.calendar]
        return {"zone": entry.zone, "name": entry.name.model_dump()}


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A date with hours of its own: none for closed all day."""

    day: date
    es: str
    en: str
    open: Spans = ()

    def row(self) -> dict[str, Any]:
        return {
            "date": self.day.isoformat(),
            "name": {"es": self.es, "en": self.en},
            "open": [span_text(span) for span in self.open],
        }


@dataclass(frozen=True, slots=True)
class AddDays:
    """Special days of a calendar: `holidays` replace a day's hours, `openings` add to them.

    Edges: in `holidays` a date that is there already is replaced. `origin` says where they are
        from, such as the package that proposed them and its version.
    """

    calendar: str
    days: tuple[SpecialDay, ...]
    kind: str = "holidays"
    origin: str = ""

    def apply(self, source: str) -> str:
        document = _read(source)
        table = _calendar(document, self.calendar)
        replaced = {day.day for day in self.days} if self.kind == "holidays" else set()
        rows = [row for row in table.get(self.kind, ()) if _date(row) not in replaced]
        rows += [day.row() for day in self.days]
        _put(table, self.kind, _listed(table.get(self.kind), sorted(rows, key=_date)))
        return tomlkit.dumps(document)

    def about(self, document: AgreementDocument) -> str:
        return _calendar_name(document, self.calendar)

    def facts(self, document: AgreementDocument) -> dict[str, Any]:
        wanted = {day.day for day in self.days}
        found = _days(document, self.calendar, self.kind, wanted)
        return found | ({"origin": self.origin} if self.origin and found[self.kind] else {})


@dataclass(frozen=True, slots=True)
class RemoveDay:
    """A special day of a calendar goes. Raises, applied: NothingThere."""

    calendar: str
    day: date
    kind: str = "holidays"

    def apply(self, source: str) -> str:
        document = _read(source)
        table = _calendar(document, self.calendar)
        rows = list(table.get(self.kind, ()))
        left = [row for row in rows if _date(row) != self.day]
        if len(left) == len(rows):
            raise NothingThere(what=self.day.isoformat())
        _put(table, self.kind, _listed(table.get(self.kind), left))
        return tomlkit.dumps(document)

    def about(self, document: AgreementDocument) -> str:
        return _calendar_name(document, self.calendar)

    def facts(self, document: AgreementDocument) -> dict[str, Any]:
        return _days(document, self.calendar, self.kind, {self.day})


@dataclass(frozen=True, slots=True)
class SetService:
    """What a service is called, and the line that explains it on the form."""

    key: str
    es: str
    en: str
    hint_es: str
    hint_en: str

    def apply(self, source: str) -> str:
        document = _read(source)
        services = document.get("services", {})
        if self.key not in services:
            raise NothingThere(what=self.key)
        _words(services[self.key], "name", self.es, self.en)
        _words(services[self.key], "hint", self.hint_es, self.hint_en)
        return tomlkit.dumps(document)

    def about(self, document: AgreementDocument) -> str:
        return document.service_name(self.key, "es")

    def facts(self, document: AgreementDocument) -> dict[str, Any]:
        service = document.services[self.key]
        return {"name": service.name.model_dump(), "hint": service.hint.model_dump()}


@dataclass(frozen=True, slots=True)
class SetField:
    """A question of the request form, as it shall be; a key that is not there yet is added."""

    key: str
    label: tuple[str, str]
    hint: tuple[str, str] = ("", "")
    kind: str = "line"
    required: bool = False
    services: tuple[str, ...] = ()
    request_types: tuple[str, ...] = ()

    def apply(self, source: str) -> str:
        document = _read(source)
        fields = document.get("fields")
        if fields is None:
            fields = tomlkit.aot()
            document.append("fields", fields)
        table = next((field for field in fields if field["key"] == self.key), None)
        if table is None:
            table = tomlkit.table()
            table["key"] = self.key
            self._fill(table)
            table.add(tomlkit.nl())
            fields.append(table)
        else:
            self._fill(table)
        return tomlkit.dumps(document)

    def _fill(self, table: Table) -> None:
        _words(table, "label", *self.label)
        if any(self.hint):
            _words(table, "hint", *self.hint)
        else:
            table.pop("hint", None)
        for name, value, empty in (
            ("kind", self.kind, "line"),
            ("services", list(self.services), []),
            ("request_types", list(self.request_types), []),
            ("required", self.required, False),
        ):
            if value != empty:
                if table.get(name) != value:
                    _put(table, name, tomlkit.value(_inline(value)))
            else:
                table.pop(name, None)

    def about(self, document: AgreementDocument) -> str:
        return _field_name(document, self.key)

    def facts(self, document: AgreementDocument) -> dict[str, Any]:
        return _field(document, self.key)


@dataclass(frozen=True, slots=True)
class RemoveField:
    """A question of the request form goes. What was answered to it stays with its cases."""

    key: str

    def apply(self, source: str) -> str:
        document = _read(source)
        fields = document.get("fields", ())
        at = next((i for i, field in enumerate(fields) if field["key"] == self.key), None)
        if at is None:
            raise NothingThere(what=self.key)
        del fields[at]
        if not fields:
            del document["fields"]
        return tomlkit.dumps(document)

    def about(self, document: AgreementDocument) -> str:
        return _field_name(document, self.key)

    def facts(self, document: AgreementDocument) -> dict[str, Any]:
        return _field(document, self.key)


def _calendar_name(document: AgreementDocument, key: str) -> str:
    entry = document.calendars.get(key)
    return entry.name.es if entry else key


def _field_name(document: AgreementDocument, key: str) -> str:
    found = document.field(key)
    return found.label.es if found else key


def _days(
    document: AgreementDocument, calendar: str, kind: str, wanted: Collection[date]
) -> dict[str, Any]:
    """Return some special days as the audit trail keeps them."""
    return {
        kind: {
            day.date.isoformat(): f"{day.name.es}: {', '.join(map(span_text, day.open)) or '–'}"
            for day in getattr(document.calendars[calendar], kind)
            if day.date in wanted
        }
    }


def _field(document: AgreementDocument, key: str) -> dict[str, Any]:
    """Return a question of the form as the audit trail keeps it; nothing where it is not there."""
    found = document.field(key)
    return found.model_dump(exclude={"key"}, exclude_none=True) if found else {}


def _read(source: str) -> tomlkit.TOMLDocument:
    return tomlkit.parse(without_mark(source))


def _calendar(document: tomlkit.TOMLDocument, key: str) -> Table:
    calendars = document.get("calendars", {})
    if key not in calendars:
        raise NothingThere(what=key)
    found: Table = calendars[key]
    return found


def _date(row: Mapping[str, Any]) -> date:
    value = row["date"]
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _words(table: Table, name: str, es: str, en: str) -> None:
    """Set a text in both languages, touching only what differs."""
    if name not in table:
        _put(table, name, tomlkit.value(_inline({"es": es, "en": en})))
        return
    for language, text in (("es", es), ("en", en)):
        if table[name][language] != text:
            table[name][language] = text


def _inline(value: Any) -> str:
    """Return a value as the file writes it on one line."""
    match value:
        case Mapping():
            pairs = ", ".join(f"{key} = {_inline(each)}" for key, each in value.items())
            return f"{{ {pairs} }}"
        case list() | tuple():
            return f"[{', '.join(_inline(each) for each in value)}]"
        case _:
            return str(tomlkit.item(value).as_string())


def _listed(old: Array | None, rows: Sequence[Mapping[str, Any]]) -> Item:
    """Return rows as a list with one on each line; nothing is "[]".

    Edges: a row that was there already stays as it was written, with the comment beside it;
        comments on lines of their own stay, below the list's rows where theirs has gone.
    """
    written, above = _as_written(old)
    lines = []
    for row in rows:
        text, beside, comments = written.get(_inline(row), (_inline(row), "", ()))
        lines += [*comments, f"{text},{beside}"]
    kept = {line for line in lines if line.startswith("#")}
    lines += [line for line in above if line not in kept]
    return tomlkit.value(
        "".join(["[\n", *(f"  {line}\n" for line in lines), "]"]) if lines else "[]"
    )


def _as_written(old: Array | None) -> tuple[dict[str, tuple[str, str, list[str]]], list[str]]:
    """Return how each row of a list is written, with its comments, and every comment line."""
    written: dict[str, tuple[str, str, list[str]]] = {}
    above: list[str] = []
    pending: list[str] = []
    for group in old._value if old is not None else ():
        comment = group.comment.as_string().strip() if group.comment else ""
        if isinstance(group.value, InlineTable):
            beside = f" {comment}" if comment else ""
            written[_inline(group.value)] = (group.value.as_string(), beside, pending)
            pending = []
        elif comment:
            pending.append(comment)
            above.append(comment)
    return written, above


def _put(table: Table, name: str, item: Item) -> None:
    """Set a key of a table; a new one goes below the last, above what introduces the next table."""
    if name in table or not table:
        table[name] = item
        return
    last = list(table.keys())[-1]
    table.value._insert_after(last, name, item)
    dict.__setitem__(table, name, item)
