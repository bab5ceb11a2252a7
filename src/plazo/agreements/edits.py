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
from tomlkit.items import Table

from plazo.agreements.document import DAYS, AgreementDocument, Span
from plazo.agreements.errors import NothingThere, OnlyForThis
from plazo.agreements.writing import listed, put, read, removed, set_value, set_words, table_of

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
        document = read(source)
        table = table_of(document, "calendars", self.calendar)
        by_hours: dict[tuple[str, ...], list[int]] = {}
        for day, spans in enumerate(self.week):
            if spans:
                by_hours.setdefault(tuple(span_text(span) for span in spans), []).append(day)
        rows = [{"days": days_text(days), "open": list(hours)} for hours, days in by_hours.items()]
        put(table, "hours", listed(table.get("hours"), rows))
        return tomlkit.dumps(document)

    def about(self, document: AgreementDocument) -> str:
        return calendar_name(document, self.calendar)

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
        document = read(source)
        table = table_of(document, "calendars", self.calendar)
        table["zone"] = self.zone
        set_words(table, "name", self.es, self.en)
        return tomlkit.dumps(document)

    def about(self, document: AgreementDocument) -> str:
        return calendar_name(document, self.calendar)

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
        document = read(source)
        table = table_of(document, "calendars", self.calendar)
        replaced = {day.day for day in self.days} if self.kind == "holidays" else set()
        rows = [row for row in table.get(self.kind, ()) if _date(row) not in replaced]
        rows += [day.row() for day in self.days]
        put(table, self.kind, listed(table.get(self.kind), sorted(rows, key=_date)))
        return tomlkit.dumps(document)

    def about(self, document: AgreementDocument) -> str:
        return calendar_name(document, self.calendar)

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
        document = read(source)
        table = table_of(document, "calendars", self.calendar)
        rows = list(table.get(self.kind, ()))
        left = [row for row in rows if _date(row) != self.day]
        if len(left) == len(rows):
            raise NothingThere(what=self.day.isoformat())
        put(table, self.kind, listed(table.get(self.kind), left))
        return tomlkit.dumps(document)

    def about(self, document: AgreementDocument) -> str:
        return calendar_name(document, self.calendar)

    def facts(self, document: AgreementDocument) -> dict[str, Any]:
        return _days(document, self.calendar, self.kind, {self.day})


@dataclass(frozen=True, slots=True)
class Asked:
    """What holds for one service: the questions that are asked for some services, and a policy.

    Units: `policy` names one of those that are for some services, "" none of them; with None they
        stay as they are, which matters where two of them are for it.
    Raises, applied: OnlyForThis where a question or a policy would turn into one for all.
    """

    service: str
    fields: tuple[str, ...]
    policy: str | None = None

    def apply(self, source: str) -> str:
        document = read(source)
        for field in document.get("fields", ()):
            _belongs(field, self.service, field["key"] in self.fields, field["label"]["es"])
        for policy in document.get("policies", ()) if self.policy is not None else ():
            _belongs(policy, self.service, policy["key"] == self.policy, policy["key"])
        return tomlkit.dumps(document)

    def facts(self, document: AgreementDocument) -> dict[str, Any]:
        return {
            "fields": [f.label.es for f in document.fields if self.service in f.services],
            "policy": next((p.key for p in document.policies if self.service in p.services), ""),
        }


def _belongs(table: Table, service: str, wanted: bool, name: str) -> None:
    """Put a service into a table's list of services, or take it out; no list is for all."""
    listed_now = table.get("services")
    if not listed_now or (service in listed_now) == wanted:
        return
    if wanted:
        listed_now.append(service)
    elif len(listed_now) == 1:
        raise OnlyForThis(name=name)
    else:
        listed_now.remove(service)


@dataclass(frozen=True, slots=True)
class SetService:
    """What a service is called, the line that explains it on the form, and what it is asked.

    Edges: without `clients`, `icon` or `asked` those stay as they are.
    """

    key: str
    es: str
    en: str
    hint_es: str
    hint_en: str
    clients: tuple[str, str] | None = None
    icon: str = ""
    asked: Asked | None = None

    def apply(self, source: str) -> str:
        document = read(source)
        table = table_of(document, "services", self.key)
        set_words(table, "name", self.es, self.en)
        set_words(table, "hint", self.hint_es, self.hint_en)
        if self.clients is not None:
            set_words(table, "clients", *self.clients)
        if self.icon and table["icon"] != self.icon:
            table["icon"] = self.icon
        return self.asked.apply(tomlkit.dumps(document)) if self.asked else tomlkit.dumps(document)

    def about(self, document: AgreementDocument) -> str:
        return document.service_name(self.key, "es")

    def facts(self, document: AgreementDocument) -> dict[str, Any]:
        return service_facts(document, self.key) | (
            self.asked.facts(document) if self.asked else {}
        )


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
    options: tuple[tuple[str, str], ...] = ()

    def apply(self, source: str) -> str:
        document = read(source)
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
        set_words(table, "label", *self.label)
        if any(self.hint):
            set_words(table, "hint", *self.hint)
        else:
            table.pop("hint", None)
        set_value(table, "kind", self.kind, "line")
        options = [{"es": es, "en": en} for es, en in self.options]
        if not options:
            table.pop("options", None)
        elif [dict(each) for each in table.get("options", ())] != options:
            put(table, "options", listed(table.get("options"), options))
        set_value(table, "services", list(self.services), [])
        set_value(table, "request_types", list(self.request_types), [])
        set_value(table, "required", self.required, False)

    def about(self, document: AgreementDocument) -> str:
        return field_name(document, self.key)

    def facts(self, document: AgreementDocument) -> dict[str, Any]:
        return _field(document, self.key)


@dataclass(frozen=True, slots=True)
class RemoveField:
    """A question of the request form goes. What was answered to it stays with its cases."""

    key: str

    def apply(self, source: str) -> str:
        return removed(source, "fields", self.key)

    def about(self, document: AgreementDocument) -> str:
        return field_name(document, self.key)

    def facts(self, document: AgreementDocument) -> dict[str, Any]:
        return _field(document, self.key)


def service_facts(document: AgreementDocument, key: str) -> dict[str, Any]:
    """Return a service as the audit trail keeps it; nothing where it is not there."""
    service = document.services.get(key)
    return service.model_dump(exclude_defaults=True) if service else {}


def calendar_name(document: AgreementDocument, key: str) -> str:
    entry = document.calendars.get(key)
    return entry.name.es if entry else key


def field_name(document: AgreementDocument, key: str) -> str:
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


def _date(row: Mapping[str, Any]) -> date:
    value = row["date"]
    return value if isinstance(value, date) else date.fromisoformat(str(value))
