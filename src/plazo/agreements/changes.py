"""What a draft changes, in words: for whoever must decide whether to publish it."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.utils.translation import gettext as _

from plazo.agreements.convert import to_calendar
from plazo.agreements.document import AgreementDocument, CalendarEntry, FormField
from plazo.agreements.labels import runs
from plazo.agreements.page import weekday_names
from plazo.core import localtime
from plazo.sla import Calendar

NBSP = "\u00a0"
Spans = tuple[tuple[timedelta, timedelta], ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One change: where, what of it, from what to what. Nothing stands for what is not there."""

    where: str
    what: str
    before: str = ""
    after: str = ""
    note: str = ""


def spans_words(spans: Spans) -> str:
    """Return the hours of a day: "6:00–22:00", "8:00–12:00, 13:00–17:00", "cerrado"."""
    if not spans:
        return _("closed")
    return ", ".join(f"{_hour(opens)}–{_hour(closes)}" for opens, closes in spans)


def _hour(since_midnight: timedelta) -> str:
    minutes = int(since_midnight / timedelta(minutes=1))
    hours = minutes // 60
    return f"{hours if hours <= 24 and minutes <= 1440 else hours - 24}:{minutes % 60:02}"


def week_of(entry: CalendarEntry) -> tuple[Spans, ...]:
    """Return the open spans of each weekday, Monday first, in order."""
    return tuple(
        tuple(sorted(span for hours in entry.hours if day in hours.days for span in hours.open))
        for day in range(7)
    )


def open_hours(week: tuple[Spans, ...]) -> timedelta:
    """Return how long a week is open."""
    return sum((b - a for spans in week for a, b in spans), timedelta())


def open_on(calendar: Calendar, day: date) -> timedelta:
    """Return how long a calendar is open on a civil date of its zone."""
    start = localtime.utc(datetime.combine(day, time.min), calendar.zone)
    end = localtime.utc(datetime.combine(day + timedelta(days=1), time.min), calendar.zone)
    return calendar.between(start, end)


def changes(old: AgreementDocument, new: AgreementDocument, language: str) -> list[Change]:
    """Return every change between two documents; what has no words of its own is named at least."""
    found: list[Change] = []
    for key in {**old.calendars, **new.calendars}:
        before, after = old.calendars.get(key), new.calendars.get(key)
        if before is not None and after is not None and before != after:
            found += _calendar(before, after, language)
        elif before is None and after is not None:
            hours = _("24 hours") if after.always else localtime.exact_duration(
                open_hours(week_of(after))
            )  # fmt: skip
            words = f"{after.zone} · " + _("%(hours)s a week") % {"hours": hours}
            found.append(Change(after.name.in_language(language), _("New calendar"), "", words))
        elif before is not None and after is None:
            found.append(Change(before.name.in_language(language), _("Calendar removed")))
    found += _services(old, new, language)
    found += _fields(old, new, language)
    found += _orders(old, new, language)
    found += _running(old, new, language)
    found += _policies(old, new, language)
    spoken = {"calendars", "services", "fields", "policies", "channels", "support_calendar"}
    for name in type(new).model_fields:
        if name not in spoken and getattr(old, name) != getattr(new, name):
            found.append(Change(name, _("Changed in the document")))
    return found


def text_difference(old: str, new: str) -> list[tuple[str, str]]:
    """Return the lines that differ, with some around them: each with "+", "-", "@" or " "."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), n=2, lineterm="")
    return [(line[0], line[1:]) for line in lines if not line.startswith(("---", "+++"))]


def _calendar(before: CalendarEntry, after: CalendarEntry, language: str) -> Iterator[Change]:
    where = after.name.in_language(language)
    if before.name != after.name:
        yield Change(where, _("Name"), before.name.in_language(language), where)
    if before.zone != after.zone:
        yield Change(where, _("Time zone"), before.zone, after.zone)
    yield from _week(where, before, after)
    for kind, new_words, gone_words in (
        ("holidays", _("Special day"), _("Special day removed")),
        ("openings", _("Extra opening"), _("Extra opening removed")),
    ):
        was = {(d.date, d.open if kind == "openings" else ()): d for d in getattr(before, kind)}
        now = {(d.date, d.open if kind == "openings" else ()): d for d in getattr(after, kind)}
        for key in sorted({**was, **now}):
            one, other = was.get(key), now.get(key)
            day = localtime.full_day(key[0])
            if other is None and one is not None:
                words = f"{one.name.in_language(language)}: {spans_words(one.open)}"
                yield Change(where, f"{gone_words}: {day}", words)
            elif other is not None and one != other:
                was_words = (
                    f"{one.name.in_language(language)}: {spans_words(one.open)}" if one else ""
                )
                words = f"{other.name.in_language(language)}: {spans_words(other.open)}"
                note = _lost(before, after, key[0])
                yield Change(where, f"{new_words}: {day}", was_words, words, note)


def _week(where: str, before: CalendarEntry, after: CalendarEntry) -> Iterator[Change]:
    was, now = week_of(before), week_of(after)
    names = weekday_names()
    for day in range(7):
        if was[day] != now[day]:
            name = names[day][:1].upper() + names[day][1:]
            yield Change(where, name, spans_words(was[day]), spans_words(now[day]))
    if open_hours(was) != open_hours(now):
        yield Change(
            where,
            _("Hours a week"),
            localtime.exact_duration(open_hours(was)),
            localtime.exact_duration(open_hours(now)),
        )


def _lost(before: CalendarEntry, after: CalendarEntry, day: date) -> str:
    """Say how much less, or more, a date is open: "16 h menos"."""
    if before.always or after.always:
        return ""
    moved = open_on(to_calendar("after", after), day) - open_on(to_calendar("before", before), day)
    return moved_words(moved)


def moved_words(moved: timedelta) -> str:
    """Return "16 h menos", "3 h más", or that nothing changes."""
    if not moved:
        return _("no change of hours")
    span = localtime.exact_duration(abs(moved))
    return (_("%(span)s less") if moved < timedelta() else _("%(span)s more")) % {"span": span}


def _services(old: AgreementDocument, new: AgreementDocument, language: str) -> Iterator[Change]:
    for key in {**old.services, **new.services}:
        before, after = old.services.get(key), new.services.get(key)
        if before == after:
            continue
        named = after or before
        where = _("Service “%(name)s”") % {
            "name": named.name.in_language(language) if named else ""
        }
        if before is None or after is None:
            what = _("New service") if before is None else _("Service removed")
            yield Change(where, what, "", after.hint.in_language(language) if after else "")
            continue
        if before.retired != after.retired:
            yield Change(where, _("Retired") if after.retired else _("Offered again"))
        for what, was, now in (
            (_("Name in Spanish"), before.name.es, after.name.es),
            (_("Name in English"), before.name.en, after.name.en),
            (_("Hint in Spanish"), before.hint.es, after.hint.es),
            (_("Hint in English"), before.hint.en, after.hint.en),
            (_("Who is attended, in Spanish"), before.clients.es, after.clients.es),
            (_("Who is attended, in English"), before.clients.en, after.clients.en),
            (_("Icon"), before.icon, after.icon),
        ):
            if was != now:
                yield Change(where, what, was, now)


def _orders(old: AgreementDocument, new: AgreementDocument, language: str) -> Iterator[Change]:
    """What is in both, and in another order than before."""
    for where, was, now in (
        (
            _("Services"),
            {key: each.name.in_language(language) for key, each in old.services.items()},
            {key: each.name.in_language(language) for key, each in new.services.items()},
        ),
        (
            _("Form fields"),
            {each.key: each.label.in_language(language) for each in old.fields},
            {each.key: each.label.in_language(language) for each in new.fields},
        ),
    ):
        if [key for key in was if key in now] != [key for key in now if key in was]:
            yield Change(where, _("Order"), ", ".join(was.values()), ", ".join(now.values()))


def _running(old: AgreementDocument, new: AgreementDocument, language: str) -> Iterator[Change]:
    """What runs on another calendar than before."""
    was = {key: on for key, _words, on in runs(old, language)}
    for key, words, on in runs(new, language):
        before = was.get(key, on)
        if before != on:
            names = (
                d.calendars[each].name.in_language(language)
                for d, each in ((old, before), (new, on))
            )
            yield Change(words, _("Calendar it runs on"), *names)


def _policies(old: AgreementDocument, new: AgreementDocument, language: str) -> Iterator[Change]:
    """For which services a policy is; what else of it, or of a channel, is another is named."""
    known = {policy.key: policy for policy in old.policies}
    for policy in new.policies:
        before = known.get(policy.key)
        if before is not None and before.services != policy.services:
            names = (
                ", ".join(d.service_name(key, language) for key in each.services)
                for d, each in ((old, before), (new, policy))
            )
            yield Change(_("Promises “%(name)s”") % {"name": policy.key}, _("Services"), *names)
    for name in ("policies", "channels"):
        if _without_words(old, name) != _without_words(new, name):
            yield Change(name, _("Changed in the document"))


def _without_words(document: AgreementDocument, name: str) -> Any:
    """Return policies or channels without what is told in words: calendars and services."""
    rows = [entry.model_dump(exclude={"calendar", "services"}) for entry in getattr(document, name)]
    for row in rows:
        for target in row.get("targets", ()):
            target.pop("calendar")
    return rows


def _fields(old: AgreementDocument, new: AgreementDocument, language: str) -> Iterator[Change]:
    was, now = ({field.key: field for field in d.fields} for d in (old, new))
    for key in {**was, **now}:
        before, after = was.get(key), now.get(key)
        if before == after:
            continue
        named = after or before
        where = _("Field “%(name)s”") % {"name": named.label.in_language(language) if named else ""}
        if before is None or after is None:
            what = _("New field") if before is None else _("Field removed")
            yield Change(where, what, "", kind_words(after.kind) if after else "")
            continue
        yield from _field(where, before, after, new, language)


def _field(
    where: str, before: FormField, after: FormField, document: AgreementDocument, language: str
) -> Iterator[Change]:
    def listed(keys: tuple[str, ...], table: str) -> str:
        choices = getattr(document, table)
        names = [choices[k].name.in_language(language) if k in choices else k for k in keys]
        return ", ".join(names) or _("all of them")

    yes, no = _("yes"), _("no")
    for what, old, new in (
        (_("Label in Spanish"), before.label.es, after.label.es),
        (_("Label in English"), before.label.en, after.label.en),
        (
            _("Hint in Spanish"),
            before.hint.es if before.hint else "",
            after.hint.es if after.hint else "",
        ),
        (
            _("Hint in English"),
            before.hint.en if before.hint else "",
            after.hint.en if after.hint else "",
        ),
        (_("Kind"), kind_words(before.kind), kind_words(after.kind)),
        (_("Options"), options_words(before, language), options_words(after, language)),
        (_("Required"), yes if before.required else no, yes if after.required else no),
        (_("Services"), listed(before.services, "services"), listed(after.services, "services")),
        (
            _("Types of request"),
            listed(before.request_types, "request_types"),
            listed(after.request_types, "request_types"),
        ),
        (_("Pattern"), before.pattern or "", after.pattern or ""),
    ):
        if old != new:
            yield Change(where, what, old, new)


def kind_words(kind: str) -> str:
    """Return what a field takes: one line, several, or one of its options."""
    match kind:
        case "lines":
            return _("Several lines")
        case "choice":
            return _("One of some options")
        case _:
            return _("One line")


def options_words(field: FormField, language: str) -> str:
    """Return what one can choose: "Sí, No"; nothing where the answer is free."""
    return ", ".join(option.in_language(language) for option in field.options)
