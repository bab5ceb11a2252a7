"""What is wrong with one calendar of an agreement."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import pairwise

from plazo.agreements.convert import to_calendar
from plazo.agreements.document import DAYS, CalendarEntry, Span
from plazo.agreements.sentences import Fault, Path, Sentence, quoted, says
from plazo.agreements.sentences import marked as _
from plazo.sla import Calendar, NoOpenTime, SlaError

SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)  # any other would do: nothing here depends on today
DAY = timedelta(days=1)

# Abbreviations that people write for a zone, with the places they may mean.
_PANAMA = says(_("America/Panama (UTC−5 all year)"))
_NEW_YORK = says(_("America/New_York (eastern United States)"))
ABBREVIATIONS = {
    "EST": (_PANAMA, _NEW_YORK),
    "EDT": (_NEW_YORK,),
    "ET": (_NEW_YORK, _PANAMA),
    "CST": (
        says("America/Chicago"),
        says(_("America/Costa_Rica (UTC−6 all year)")),
        says("America/Mexico_City"),
    ),
    "MST": (says("America/Denver"), says(_("America/Phoenix (UTC−7 all year)"))),
    "PST": (says("America/Los_Angeles"),),
    "COT": (says("America/Bogota"),),
    "ART": (says("America/Argentina/Buenos_Aires"),),
    "BRT": (says("America/Sao_Paulo"),),
    "CET": (says("Europe/Madrid"),),
    "GMT": (says("UTC"), says("Europe/London")),
}


def calendar_faults(key: str, entry: CalendarEntry) -> Iterator[Fault]:
    """Yield the path, the gravity, the code and the sentence of each fault."""
    path: Path = ("calendars", key)
    zone = list(_zone(entry, path))
    yield from zone
    if zone:
        return
    if entry.always:
        if entry.hours or entry.holidays or entry.openings:
            words = _("calendars.%(key)s is always open: its hours say nothing (remove them)")
            yield path, "error", "always-with-hours", says(words, key=key)
        return
    yield from _dates(entry, path)
    yield from _holiday_hours(entry, path)
    try:
        calendar = to_calendar(key, entry.model_copy(update={"holidays": ()}))
    except SlaError:
        yield (*path, "hours"), "error", "overlapping-windows", _overlap(key, entry)
        return
    try:
        calendar.next_open(SOME_DAY)
        opens = bool(entry.hours)
    except NoOpenTime:
        opens = False
    if not opens:
        words = _("calendars.%(key)s never opens (write its hours, or always = true)")
        yield path, "error", "never-opens", says(words, key=key)


def _zone(entry: CalendarEntry, path: Path) -> Iterator[Fault]:
    means = ABBREVIATIONS.get(entry.zone.upper())
    if means:
        words = _("'%(zone)s' is an abbreviation, and readers differ on it (write %(means)s)")
        message = says(words, zone=entry.zone, means=reduce(_or, means))
        yield (*path, "zone"), "error", "zone-abbreviation", message
        return
    try:
        Calendar.always("any", entry.zone)
    except SlaError:
        words = _("'%(zone)s' is not a time zone (write an IANA zone such as America/Panama)")
        yield (*path, "zone"), "error", "unknown-zone", says(words, zone=quoted(entry.zone))


def _or(one: Sentence, other: Sentence) -> Sentence:
    return says(_("%(one)s or %(other)s"), one=one, other=other)


def _dates(entry: CalendarEntry, path: Path) -> Iterator[Fault]:
    dates = [holiday.date for holiday in entry.holidays]
    for number, day in enumerate(dates):
        if day in dates[:number]:
            message = says(_("%(date)s is a holiday twice (remove one)"), date=day.isoformat())
            yield (*path, "holidays", number, "date"), "error", "holiday-twice", message
    for number, opening in enumerate(entry.openings):
        if not opening.open:
            words = _('the opening on %(date)s has no hours (write open = ["09:00-12:00"])')
            message = says(words, date=opening.date.isoformat())
            yield (*path, "openings", number), "error", "opening-without-hours", message


def _holiday_hours(entry: CalendarEntry, path: Path) -> Iterator[Fault]:
    for number, holiday in enumerate(entry.holidays):
        if _first_overlap(sorted(holiday.open)) is not None:
            words = _("two windows of %(date)s overlap (make them apart, or join them)")
            message = says(words, date=holiday.date.isoformat())
            yield (*path, "holidays", number), "error", "overlapping-windows", message


def _overlap(key: str, entry: CalendarEntry) -> Sentence:
    """Say where in the week a window opens before the last one has closed."""
    week = sorted(
        (DAY * day + opens, DAY * day + closes)
        for hours in entry.hours
        for day in hours.days
        for opens, closes in hours.open
    )
    # Sunday's night may run into Monday.
    at = _first_overlap([*week, *((DAY * 7 + opens, DAY * 7 + closes) for opens, closes in week)])
    day, time = divmod(at or timedelta(), DAY)
    words = _(
        "two windows of calendars.%(key)s overlap on %(day)s at %(time)s"
        " (make them apart, or join them)"
    )
    clock = f"{time // timedelta(hours=1):02}:{time // timedelta(minutes=1) % 60:02}"
    return says(words, key=key, day=DAYS[day % 7], time=clock)


def _first_overlap(spans: Sequence[Span]) -> timedelta | None:
    return next((opens for (_o, closes), (opens, _c) in pairwise(spans) if opens < closes), None)
