"""Edits that add, take away and put in order: calendars, services, the form's questions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import tomlkit

from plazo.agreements.document import AgreementDocument, parse
from plazo.agreements.edits import (
    Asked,
    SetWeek,
    Spans,
    SpecialDay,
    calendar_name,
    field_name,
    service_facts,
)
from plazo.agreements.errors import (
    CalendarInUse,
    KeyTaken,
    LastService,
    NothingThere,
)
from plazo.agreements.labels import uses_of, uses_words
from plazo.agreements.writing import (
    added,
    inline,
    listed,
    moved,
    read,
    removed,
    set_value,
    table_of,
)

# A promise of the document: its policy, its metric, and its severity or "".
Promise = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class AddCalendar:
    """A further calendar: its names, its zone, its week; `days_of` names one whose special days it
    takes over. Nothing runs on it yet. Raises, applied: KeyTaken; NothingThere.
    """

    key: str
    es: str
    en: str
    zone: str
    week: tuple[Spans, ...]
    days_of: str = ""

    def apply(self, source: str) -> str:
        document = parse(source)
        if self.key in document.calendars:
            raise KeyTaken(key=self.key)
        lines = [
            f"[calendars.{self.key}]",
            f"zone = {inline(self.zone)}",
            f"name = {inline({'es': self.es, 'en': self.en})}",
            "hours = []",
        ]
        if self.days_of:
            entry = document.calendars.get(self.days_of)
            if entry is None:
                raise NothingThere(what=self.days_of)
            for kind in ("holidays", "openings"):
                rows = [
                    SpecialDay(day.date, day.name.es, day.name.en, day.open).row()
                    for day in getattr(entry, kind)
                ]
                if rows:
                    lines.append(f"{kind} = {listed(None, rows).as_string()}")
        text = added(source, "calendars", "\n".join(lines))
        return SetWeek(self.key, self.week).apply(text)

    def about(self, document: AgreementDocument) -> str:
        return self.es

    def facts(self, document: AgreementDocument) -> dict[str, Any]:
        found = _calendar_facts(document, self.key)
        return found | ({"origin": self.days_of} if found and self.days_of else {})


@dataclass(frozen=True, slots=True)
class RemoveCalendar:
    """A calendar goes. Raises, applied: CalendarInUse; NothingThere."""

    key: str

    def apply(self, source: str) -> str:
        document = parse(source)
        if uses_of(document, self.key):
            name = calendar_name(document, self.key)
            raise CalendarInUse(name=name, uses=uses_words(document, self.key))
        return removed(source, "calendars", self.key)

    def about(self, document: AgreementDocument) -> str:
        return calendar_name(document, self.key)

    def facts(self, document: AgreementDocument) -> dict[str, Any]:
        return _calendar_facts(document, self.key)


@dataclass(frozen=True, slots=True)
class RunOn:
    """What shall run on a calendar from now on: promises, channels, what other areas owe us, and
    the published hours.

    Edges: what runs on it already, and is not named, stays: something must run it.
    Raises, applied: NothingThere.
    """

    calendar: str
    promises: tuple[Promise, ...] = ()
    channels: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    published: bool = False

    def apply(self, source: str) -> str:
        document = read(source)
        table_of(document, "calendars", self.calendar)
        targets = {
            (str(policy["key"]), str(target["metric"]), str(target.get("severity", ""))): target
            for policy in document.get("policies", ())
            for target in policy.get("targets", ())
        }
        channels = {str(channel["key"]): channel for channel in document.get("channels", ())}
        tables = [_there(targets, promise) for promise in self.promises]
        tables += [_there(channels, channel) for channel in self.channels]
        owed = {str(key): area.get("target") for key, area in document["areas"].items()}
        tables += [_there({k: t for k, t in owed.items() if t}, area) for area in self.areas]
        for table in tables:
            if table["calendar"] != self.calendar:
                table["calendar"] = self.calendar
        if self.published and document["support_calendar"] != self.calendar:
            document["support_calendar"] = self.calendar
        return tomlkit.dumps(document)

    def about(self, document: AgreementDocument) -> str:
        return calendar_name(document, self.calendar)

    def facts(self, document: AgreementDocument) -> dict[str, Any]:
        return {"uses": [key for key, _words in uses_of(document, self.calendar)]}


def _there(tables: dict[Any, Any], key: Any) -> Any:
    if key not in tables:
        raise NothingThere(what=" ".join(key) if isinstance(key, tuple) else key)
    return tables[key]


@dataclass(frozen=True, slots=True)
class AddService:
    """A further service, offered from the next version on. Raises, applied: KeyTaken."""

    key: str
    icon: str
    name: tuple[str, str]
    hint: tuple[str, str]
    clients: tuple[str, str]
    asked: Asked

    def apply(self, source: str) -> str:
        if self.key in parse(source).services:
            raise KeyTaken(key=self.key)
        texts = (("name", self.name), ("hint", self.hint), ("clients", self.clients))
        lines = [f"[services.{self.key}]", f"icon = {inline(self.icon)}"]
        lines += [f"{name} = {inline({'es': es, 'en': en})}" for name, (es, en) in texts]
        return self.asked.apply(added(source, "services", "\n".join(lines)))

    def about(self, document: AgreementDocument) -> str:
        return self.name[0]

    def facts(self, document: AgreementDocument) -> dict[str, Any]:
        found = service_facts(document, self.key)
        return found | self.asked.facts(document) if found else {}


@dataclass(frozen=True, slots=True)
class RetireService:
    """No new case is about a service any more, or (`retired` false) new ones are again.

    Edges: cases that are open keep their version, and every list its name.
    Raises, applied: LastService; NothingThere.
    """

    key: str
    retired: bool = True

    def apply(self, source: str) -> str:
        known = parse(source)
        if self.retired and list(known.offered) == [self.key]:
            raise LastService(name=known.service_name(self.key, "es"))
        document = read(source)
        set_value(table_of(document, "services", self.key), "retired", self.retired, False)
        return tomlkit.dumps(document)

    def about(self, document: AgreementDocument) -> str:
        return document.service_name(self.key, "es")

    def facts(self, document: AgreementDocument) -> dict[str, Any]:
        return {"retired": document.services[self.key].retired}


@dataclass(frozen=True, slots=True)
class RemoveService:
    """A service goes, and out of what is asked for it; a draft refuses it of a published one.

    Raises, applied: OnlyForThis; LastService; NothingThere.
    """

    key: str

    def apply(self, source: str) -> str:
        known = parse(source)
        if list(known.offered) == [self.key]:
            raise LastService(name=known.service_name(self.key, "es"))
        return removed(Asked(self.key, (), "").apply(source), "services", self.key)

    def about(self, document: AgreementDocument) -> str:
        return document.service_name(self.key, "es")

    def facts(self, document: AgreementDocument) -> dict[str, Any]:
        return service_facts(document, self.key)


@dataclass(frozen=True, slots=True)
class Move:
    """A service or a question goes right before another one, or right after it.

    Raises, applied: NothingThere; WrittenOtherwise.
    """

    table: Literal["services", "fields"]
    key: str
    beside: str
    after: bool

    def apply(self, source: str) -> str:
        return moved(source, self.table, self.key, self.beside, after=self.after)

    def about(self, document: AgreementDocument) -> str:
        if self.table == "fields":
            return field_name(document, self.key)
        return document.service_name(self.key, "es")

    def facts(self, document: AgreementDocument) -> dict[str, Any]:
        return {"ordering": order_of(document, self.table)}


def order_of(document: AgreementDocument, table: str) -> Sequence[str]:
    """Return the names of the services or of the questions, in their order."""
    if table == "fields":
        return [field.label.es for field in document.fields]
    return [service.name.es for service in document.services.values()]


def _calendar_facts(document: AgreementDocument, key: str) -> dict[str, Any]:
    entry = document.calendars.get(key)
    if entry is None:
        return {}
    found = {"zone": entry.zone, "name": entry.name.model_dump()}
    return found | SetWeek(key, ()).facts(document)
