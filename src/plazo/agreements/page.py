"""The facts of the public page: worked out from what the engine runs, never typed twice."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import groupby

from django.utils.translation import gettext as _

from plazo.agreements.document import AgreementDocument
from plazo.agreements.models import AgreementVersion
from plazo.core import localtime
from plazo.sla import Calendar, Metric

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SeverityRow:
    letter: str
    name: str
    description: str
    duration: timedelta | None
    manages_escalation: bool
    calendar: str
    always_open: bool


@dataclass(frozen=True, slots=True)
class LadderRow:
    level: int
    role: str
    contacts: tuple[str, ...]

    @property
    def contact(self) -> str:
        """Return the contacts as the client's document does: "one or the other"."""
        return _(" or ").join(self.contacts)


@dataclass(frozen=True, slots=True)
class HoursRow:
    """Days of the week with the same hours. `weekday` is one of them, to draw it.

    Units: `days` as they stand alone ("Lunes a viernes"), `days_inside` as within a sentence.
    """

    days: str
    days_inside: str
    weekday: int
    words: str


@dataclass(frozen=True, slots=True)
class ScopeRow:
    topic: str
    text: str
    route: str
    area: str
    email: str | None


@dataclass(frozen=True, slots=True)
class ChannelRow:
    name: str
    text: str
    always: bool


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A day that the calendar treats apart, within the coming weeks."""

    at: datetime
    name: str
    words: str


@dataclass(frozen=True, slots=True)
class SlaPage:
    number: int
    effective_at: datetime
    zone: str
    zone_label: str
    texts: dict[str, str]
    services: tuple[str, ...]
    first_reply: timedelta | None
    severities: tuple[SeverityRow, ...]
    ladder: tuple[LadderRow, ...]
    hours: tuple[HoursRow, ...]
    scope: tuple[ScopeRow, ...]
    channels: tuple[ChannelRow, ...]
    special: tuple[SpecialDay, ...]


def sla_page(version: AgreementVersion, language: str, now: datetime) -> SlaPage:
    """Return what the page of a version shows in a language, seen from `now`."""
    document, agreement = version.document, version.sla
    support = agreement.calendars[document.support_calendar]
    first = document.target(Metric.FIRST_REPLY)
    return SlaPage(
        number=version.number,
        effective_at=version.effective_at,
        zone=support.zone,
        zone_label=localtime.zone_label(now, support.zone),
        texts={
            name: getattr(document.page, name).in_language(language)
            for name in type(document.page).model_fields
        },
        services=tuple(s.clients.in_language(language) for s in document.offered.values()),
        first_reply=first.duration if first else None,
        severities=tuple(_severities(document, language)),
        ladder=tuple(
            LadderRow(step.level, step.role.in_language(language), step.contacts)
            for step in document.ladder
        ),
        hours=hours_rows(support),
        scope=tuple(_scope(document, language)),
        channels=tuple(
            ChannelRow(
                channel.name.in_language(language),
                channel.text.in_language(language),
                agreement.calendars[channel.calendar].always_open,
            )
            for channel in document.channels
        ),
        special=special_days(support, now),
    )


def _severities(document: AgreementDocument, language: str) -> list[SeverityRow]:
    rows = []
    for severity in document.severities:
        target = document.target(Metric.ESCALATED_REPLY, severity.key)
        calendar = document.calendars[target.calendar] if target else None
        rows.append(
            SeverityRow(
                severity.key,
                severity.name.in_language(language),
                severity.description.in_language(language),
                target.duration if target else None,
                target.manages_escalation if target else False,
                calendar.name.in_language(language) if calendar else "",
                calendar.always if calendar else False,
            )
        )
    return rows


def _scope(document: AgreementDocument, language: str) -> list[ScopeRow]:
    return [
        ScopeRow(
            clause.topic.in_language(language),
            clause.text.in_language(language),
            clause.route.in_language(language),
            document.areas[clause.area].name.in_language(language),
            document.areas[clause.area].email,
        )
        for clause in document.clauses
    ]


def _span_words(opens: timedelta, closes: timedelta) -> tuple[str, str]:
    def words(span: timedelta) -> str:
        minutes = int(span / timedelta(minutes=1))
        if minutes == 24 * 60:
            return "24:00"
        return f"{minutes // 60 % 24}:{minutes % 60:02}"

    return words(opens), words(closes)


def hours_rows(calendar: Calendar) -> tuple[HoursRow, ...]:
    """Return the weekly hours, days in a row with the same hours joined, closed days left out."""
    by_day: list[tuple[tuple[str, str], ...]] = [
        tuple(_span_words(w.opens, w.closes) for w in calendar.weekly if w.weekday == day)
        for day in range(7)
    ]
    rows = []
    for spans, group in groupby(enumerate(by_day), key=lambda pair: pair[1]):
        days = [day for day, _spans in group]
        if spans:
            inside = _days_words(days)
            alone = inside[:1].upper() + inside[1:]
            rows.append(HoursRow(alone, inside, days[0], _hours_words(spans)))
    return tuple(rows)


def _hours_words(spans: Iterable[tuple[str, str]]) -> str:
    return _(" and ").join(
        _("from %(opens)s to %(closes)s") % {"opens": opens, "closes": closes}
        for opens, closes in spans
    )


def weekday_names() -> tuple[str, ...]:
    """Return the names of the weekdays, Monday first, as they stand within a sentence."""
    return (
        _("Monday"),
        _("Tuesday"),
        _("Wednesday"),
        _("Thursday"),
        _("Friday"),
        _("Saturday"),
        _("Sunday"),
    )


def _days_words(days: list[int]) -> str:
    names = weekday_names()
    first, last = names[days[0]], names[days[-1]]
    if len(days) == 1:
        return first
    if len(days) == 2:
        return _("%(first)s and %(last)s") % {"first": first, "last": last}
    return _("%(first)s to %(last)s") % {"first": first, "last": last}


def special_days(calendar: Calendar, now: datetime, *, days: int = 60) -> tuple[SpecialDay, ...]:
    """Return the holidays of the coming days with what is open on them."""
    today = calendar.civil_date(now)
    found = []
    for holiday in calendar.holidays:
        if not today <= holiday.date <= today + timedelta(days=days):
            continue
        at = localtime.utc(datetime.combine(holiday.date, time.min), calendar.zone)
        words = _hours_words(_span_words(*span) for span in holiday.windows)
        found.append(SpecialDay(at, holiday.name, words or _("closed")))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether support attends now, until when, or from when again."""

    is_open: bool
    changes_at: datetime | None
    zone: str


def opening_now(calendar: Calendar, now: datetime) -> Opening:
    """Return what the open badge says. `changes_at` is None for hours without an end."""
    if calendar.is_open(now):
        return Opening(True, calendar.next_close(now), calendar.zone)
    return Opening(False, calendar.next_open(now), calendar.zone)


def promised_first_reply(version: AgreementVersion, at: datetime) -> datetime | None:
    """Return by when a case opened at `at` gets its first reply."""
    target = version.document.target(Metric.FIRST_REPLY)
    if target is None or target.duration is None:
        return None
    return version.sla.calendars[target.calendar].add(at, target.duration)
