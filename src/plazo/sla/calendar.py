"""Calendars: when time counts.

A calendar is a monotone function from instants to open time: F(t) is how long it has been open
until t. Measuring is F(b) - F(a); promising is the inverse of F at F(start) + target. The weekly
windows, holidays and extra openings of a zone are compiled into sorted UTC windows with running
totals, so each question is one binary search. docs/algorithms/business-time.md has the rules
(BT-1 …) that the docstrings name.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Self
from zoneinfo import ZoneInfo

from plazo.sla.errors import InvalidCalendar, InvalidInstant, NoOpenTime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZERO = timedelta(0)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
MICROSECOND = timedelta(microseconds=1)
DEFAULT_HORIZON = timedelta(days=5 * 366)
LONGEST_SPAN = timedelta(days=100 * 366)

_DAY_MICROS = 86_400_000_000
_CHUNK = timedelta(days=400)
_CIVIL_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a civil time, and the core's only one


def micros_of(instant: datetime) -> int:
    """Return the microseconds from 1970 to `instant`, exactly.

    Raises: InvalidInstant if `instant` is naive or not in UTC: two aware instants of one zone
        subtract as wall clocks do, which is wrong on the nights when the clocks change.
    """
    if instant.tzinfo is not UTC:
        instant = in_utc(instant)
    past = instant - EPOCH
    return past.days * _DAY_MICROS + past.seconds * 1_000_000 + past.microseconds


def in_utc(instant: datetime) -> datetime:
    """Accept other spellings of UTC, such as ZoneInfo("UTC"); refuse everything else.

    Raises: InvalidInstant. Two aware instants of one zone subtract as wall clocks do, which is
        wrong on the nights when the clocks change.
    """
    if instant.tzinfo is UTC:
        return instant
    if instant.tzinfo is None:
        raise InvalidInstant(f"{instant!r} is naive: give instants in UTC")
    if instant.utcoffset() != ZERO or str(instant.tzinfo) not in {"UTC", "Etc/UTC"}:
        raise InvalidInstant(f"{instant!r} is not in UTC: convert it first")
    return instant.replace(tzinfo=UTC)


def _instant_of(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


@dataclass(frozen=True, slots=True)
class Window:
    """One open span `[start, end)`, in UTC."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class WeeklyWindow:
    """An open span of every such weekday, in civil time.

    Units: `weekday` is 0 for Monday; `opens` and `closes` are counted from civil midnight of
        the day on which the window starts, to which it belongs.
    Edges: `closes` may be 24 hours (midnight) or more, for a night shift, but the window is no
        longer than a day.
    Raises: InvalidCalendar.
    """

    weekday: int
    opens: timedelta
    closes: timedelta

    def __post_init__(self) -> None:
        if not 0 <= self.weekday <= 6:
            raise InvalidCalendar(f"weekday {self.weekday} is not between 0 (Monday) and 6")
        _check_span(self.opens, self.closes)


@dataclass(frozen=True, slots=True)
class Holiday:
    """A civil date whose weekly windows do not hold. With `windows`, those hold instead."""

    date: date
    name: str
    windows: tuple[tuple[timedelta, timedelta], ...] = ()

    def __post_init__(self) -> None:
        for opens, closes in self.windows:
            _check_span(opens, closes)
        _check_apart(sorted(self.windows), f"holiday {self.date}")


@dataclass(frozen=True, slots=True)
class Opening:
    """One extra open span that starts on a civil date, holiday or not."""

    date: date
    opens: timedelta
    closes: timedelta
    name: str = ""

    def __post_init__(self) -> None:
        _check_span(self.opens, self.closes)


def _check_span(opens: timedelta, closes: timedelta) -> None:
    if not ZERO <= opens < DAY:
        raise InvalidCalendar(f"a window opens between 0 and 24 hours, not at {opens}")
    if not opens < closes <= opens + DAY:
        raise InvalidCalendar(
            f"a window from {opens} must close after it opens and within a day, not at {closes}"
        )


def _check_apart(spans: Sequence[tuple[timedelta, timedelta]], where: str) -> None:
    for (_, closes), (opens, _) in pairwise(spans):
        if opens < closes:
            raise InvalidCalendar(f"{where}: two windows overlap at {opens} from the week's start")


@dataclass(frozen=True, slots=True)
class _Compiled:
    """Sorted, disjoint, never touching windows between two instants, with running totals.

    `totals[i]` is the open time before window i. `zeros[i]` is the instant at which F would have
    been nought had it always been open until window i, so within it F(t) is `t - zeros[i]`: one
    bisect and one subtraction, and the inverse one of each as well.
    """

    first_day: int
    end_day: int
    start: datetime
    end: datetime
    starts: list[datetime]
    ends: list[datetime]
    totals: list[timedelta]
    zeros: list[datetime]
    total: timedelta

    def measure(self, at: datetime) -> timedelta:
        """F(at): the open time from the compiled start until `at`."""
        i = bisect_right(self.starts, at) - 1
        if i < 0:
            return ZERO
        end = self.ends[i]
        return (at if at < end else end) - self.zeros[i]  # noqa: FURB136 - twice as fast


@dataclass(frozen=True, slots=True)
class Calendar:
    """When time counts: weekly windows in a zone, holidays, and one-off openings.

    Units: `zone` is an IANA key; every instant given or returned is UTC; open time is exact to
        the microsecond.
    Edges: windows are half-open, `[opens, closes)`; touching windows are one (BT-1, BT-2). Civil
        times that do not exist or exist twice mean the first instant at which the local clock
        shows them or later (BT-7, BT-8). `horizon` bounds every search into the future.
    Raises: InvalidCalendar for an unknown zone, overlapping windows, a holiday given twice.
    Source: agreement §5; docs/algorithms/business-time.md.
    """

    name: str
    zone: str
    weekly: tuple[WeeklyWindow, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    openings: tuple[Opening, ...] = ()
    always_open: bool = False
    horizon: timedelta = DEFAULT_HORIZON
    _compiled: _Compiled | None = field(
        default=None, init=False, repr=False, compare=False, hash=False
    )

    def __post_init__(self) -> None:
        weekly = tuple(sorted(self.weekly, key=lambda w: (w.weekday, w.opens)))
        object.__setattr__(self, "weekly", weekly)
        object.__setattr__(self, "holidays", tuple(sorted(self.holidays, key=lambda h: h.date)))
        object.__setattr__(self, "openings", tuple(self.openings))
        _zone(self.zone)
        if self.horizon < DAY:
            raise InvalidCalendar(f"{self.name}: a horizon of {self.horizon} is under a day")
        if self.always_open:
            if weekly or self.holidays or self.openings:
                raise InvalidCalendar(f"{self.name}: an always-open calendar has no windows")
            return
        _check_week(self.name, weekly)
        for one, other in pairwise(self.holidays):
            if one.date == other.date:
                raise InvalidCalendar(f"{self.name}: {one.date} is a holiday twice")

    @classmethod
    def always(cls, name: str, zone: str = "UTC") -> Self:
        """Return a calendar that never closes: adding and measuring are plain arithmetic."""
        return cls(name, zone, always_open=True)

    # — questions ————————————————————————————————————————————————————————————————

    def is_open(self, at: datetime) -> bool:
        """Say whether `at` counts. The opening instant does, the closing instant does not."""
        at = in_utc(at)
        if self.always_open:
            return True
        compiled = self._covering(at, at + MICROSECOND)
        i = bisect_right(compiled.starts, at) - 1
        return i >= 0 and at < compiled.ends[i]

    def next_open(self, at: datetime) -> datetime:
        """Return `at` if it is open then, else the next opening instant.

        Raises: NoOpenTime if nothing opens within the horizon.
        """
        if self.always_open or self.is_open(at):
            return at
        window = self._next_window(in_utc(at))
        if window is None:
            raise NoOpenTime(f"{self.name!r} does not open within {self.horizon} of {at}")
        return window.start

    def next_close(self, at: datetime) -> datetime | None:
        """Return the first closing instant after `at`, or None if it never closes.

        Edges: open at `at`, it is the end of that window; closed, the end of the next one. None
            also for a week without a gap, since touching windows are one.
        Raises: NoOpenTime if it is closed and nothing opens within the horizon.
        """
        at = in_utc(at)
        if self.always_open:
            return None
        window = self._next_window(at)
        if window is None:
            raise NoOpenTime(f"{self.name!r} does not open within {self.horizon} of {at}")
        return None if window.end > at + self.horizon else window.end

    def add(self, start: datetime, open_time: timedelta) -> datetime:
        """Return the first instant by which `open_time` has passed since `start`.

        Units: `open_time` counts open time only.
        Edges: a target used up exactly at closing time falls due then, not at the next opening
            (BT-3); no open time at all returns `start` itself, open or not.
        Raises: NoOpenTime if the calendar opens too little before its horizon; InvalidInstant
            if `open_time` is negative.
        Source: agreement §4; rules BT-3 to BT-6.
        """
        if start.tzinfo is not UTC:
            start = in_utc(start)
        if open_time <= ZERO:
            if open_time < ZERO:
                raise InvalidInstant(f"cannot promise a negative time: {open_time}")
            return start
        if self.always_open:
            return start + open_time
        compiled = self._compiled
        if compiled is None or not compiled.start <= start < compiled.end:
            compiled = self._covering(start, start + MICROSECOND)
        goal = compiled.measure(start) + open_time
        while goal > compiled.total:
            limit = start + self.horizon
            if compiled.end >= limit:
                raise self._unserved(start, open_time)
            compiled = self._covering(start, min(compiled.end + 2 * _CHUNK, limit))
            goal = compiled.measure(start) + open_time
        due = compiled.zeros[bisect_left(compiled.totals, goal) - 1] + goal
        if due - start > self.horizon:  # compiled further than this question may look
            raise self._unserved(start, open_time)
        return due

    def between(self, a: datetime, b: datetime) -> timedelta:
        """Return the open time in `[a, b)`.

        Raises: InvalidInstant if `b` is before `a`, or more than a century after it.
        """
        if a.tzinfo is not UTC:
            a = in_utc(a)
        if b.tzinfo is not UTC:
            b = in_utc(b)
        if b < a:
            raise InvalidInstant(f"{b} is before {a}")
        if self.always_open:
            return b - a
        compiled = self._compiled
        if compiled is None or a < compiled.start or b > compiled.end:
            compiled = self._covering(a, b)
        return compiled.measure(b) - compiled.measure(a)

    def windows(self, a: datetime, b: datetime) -> tuple[Window, ...]:
        """Return the open windows in `[a, b)`, in order, disjoint, cut at both ends."""
        a, b = in_utc(a), in_utc(b)
        if b < a:
            raise InvalidInstant(f"{b} is before {a}")
        if self.always_open:
            return (Window(a, b),) if a < b else ()
        compiled = self._covering(a, b)
        found = []
        i = max(bisect_right(compiled.starts, a) - 1, 0)
        while i < len(compiled.starts) and compiled.starts[i] < b:
            opens, closes = max(compiled.starts[i], a), min(compiled.ends[i], b)
            if opens < closes:
                found.append(Window(opens, closes))
            i += 1
        return tuple(found)

    def civil_date(self, at: datetime) -> date:
        """Return the civil date in this calendar's zone at `at`."""
        return in_utc(at).astimezone(_zone(self.zone)).date()

    def holiday_on(self, at: datetime) -> Holiday | None:
        """Return the holiday of the civil date of `at`, if that date is one."""
        day = self.civil_date(at)
        return next((holiday for holiday in self.holidays if holiday.date == day), None)

    # — compiling ————————————————————————————————————————————————————————————————

    def _next_window(self, at: datetime) -> Window | None:
        """Return the window that holds `at`, else the next one that opens within the horizon.

        Edges: searched year by year, so a calendar that opens soon never pays for its horizon; a
            window still open at the horizon is returned as reaching past it.
        """
        limit = at + self.horizon
        reach = at + _CHUNK
        while True:
            reach = min(reach, limit + MICROSECOND)
            compiled = self._covering(at, reach + MICROSECOND)
            i = max(bisect_right(compiled.starts, at) - 1, 0)
            if i < len(compiled.starts) and compiled.ends[i] <= at:
                i += 1
            if i < len(compiled.starts) and compiled.starts[i] <= limit:
                if compiled.ends[i] < compiled.end or reach > limit:
                    return Window(compiled.starts[i], compiled.ends[i])
            elif reach > limit:
                return None
            reach += _CHUNK

    def _covering(self, start: datetime, end: datetime) -> _Compiled:
        """Return compiled windows that cover `[start, end)`, compiling what is missing.

        Edges: the result is stored as one value, so threads never see half of it; two that
            compile at once do the same work twice and agree.
        """
        compiled = self._compiled
        if compiled is not None and compiled.start <= start and end <= compiled.end:
            return compiled
        if end - start > LONGEST_SPAN:
            raise InvalidInstant("a span of over a century: check the dates")
        first, last = (start - EPOCH).days - 3, (end - EPOCH).days + 4
        chunk = _CHUNK.days
        if compiled is None:
            first, last = first - 30, max(last, first + chunk)
        else:
            if max(compiled.first_day - first, last - compiled.end_day) > LONGEST_SPAN.days:
                raise InvalidInstant("an instant over a century from the others: check the dates")
            first = min(first - chunk if first < compiled.first_day else first, compiled.first_day)
            last = max(last + chunk if last > compiled.end_day else last, compiled.end_day)
        fresh = self._compile(first, last)
        object.__setattr__(self, "_compiled", fresh)
        return fresh

    def _unserved(self, start: datetime, open_time: timedelta) -> NoOpenTime:
        left = open_time - self.between(start, start + self.horizon)
        return NoOpenTime(
            f"{self.name!r} leaves {left} of {open_time} unserved within {self.horizon} of {start}"
        )

    def _compile(self, first_day: int, end_day: int) -> _Compiled:
        """Turn the civil days `[first_day, end_day)`, counted from 1970, into UTC windows."""
        by_weekday: list[list[tuple[timedelta, timedelta]]] = [[] for _ in range(7)]
        for window in self.weekly:
            by_weekday[window.weekday].append((window.opens, window.closes))
        holidays = {holiday.date.toordinal(): holiday for holiday in self.holidays}
        extra: dict[int, list[tuple[timedelta, timedelta]]] = {}
        for opening in self.openings:
            spans = extra.setdefault(opening.date.toordinal(), [])
            spans.append((opening.opens, opening.closes))
        civil = _CivilClock(self.zone)
        spans_utc: list[tuple[int, int]] = []
        epoch_ordinal = EPOCH.toordinal()
        for day in range(first_day, end_day):
            ordinal = day + epoch_ordinal
            if holidays and ordinal in holidays:
                spans = [*holidays[ordinal].windows]
            else:
                spans = by_weekday[(ordinal - 1) % 7]
            if extra and ordinal in extra:
                spans = [*spans, *extra[ordinal]]
            if not spans:
                continue
            midnight = datetime.fromordinal(ordinal)
            for opens, closes in spans:
                a, b = civil.micros(midnight + opens), civil.micros(midnight + closes)
                if a < b:  # a window inside the hour that does not exist is empty
                    spans_utc.append((a, b))
        # A day more at each end than is answered for: night shifts and offsets reach over.
        return _joined(spans_utc, first_day, end_day)


def _joined(spans: list[tuple[int, int]], first_day: int, end_day: int) -> _Compiled:
    """Sort the spans, join what overlaps or touches, and add up the running totals."""
    spans.sort()
    starts: list[int] = []
    ends: list[int] = []
    for start, end in spans:
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            starts.append(start)
            ends.append(end)
    totals, zeros, total = [], [], 0
    for start, end in zip(starts, ends, strict=True):
        totals.append(timedelta(microseconds=total))
        zeros.append(_instant_of(start - total))
        total += end - start
    return _Compiled(
        first_day=first_day,
        end_day=end_day,
        start=EPOCH + (first_day + 2) * DAY,
        end=EPOCH + (end_day - 2) * DAY,
        starts=[_instant_of(start) for start in starts],
        ends=[_instant_of(end) for end in ends],
        totals=totals,
        zeros=zeros,
        total=timedelta(microseconds=total),
    )


class _CivilClock:
    """Turns civil times of one zone into instants: the first at which the clock shows them.

    The rule is monotone, so a window never turns inside out: a civil time inside the hour that
    is skipped means the instant of the change; one that comes twice means its first coming.
    """

    def __init__(self, zone: str) -> None:
        self._zone = _zone(zone)

    def micros(self, civil: datetime) -> int:
        offset = self._zone.utcoffset(civil) or ZERO
        later = self._zone.utcoffset(civil.replace(fold=1)) or ZERO
        instant = (civil - offset - _CIVIL_EPOCH) // MICROSECOND
        if later > offset:  # only inside a gap is the second reading further east
            return self._change(instant - (later - offset) // MICROSECOND, instant)
        return instant

    def _change(self, before: int, after: int) -> int:
        """Return the instant, to the second, at which the offset changes in `(before, after]`."""
        low, high = before // 1_000_000, -(-after // 1_000_000)
        old = self._offset(low)
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset(middle) == old:
                low = middle
            else:
                high = middle
        return high * 1_000_000

    def _offset(self, seconds: int) -> timedelta | None:
        return (EPOCH + timedelta(seconds=seconds)).astimezone(self._zone).utcoffset()


@cache
def _zone(key: str) -> ZoneInfo:
    """Return the zone of an IANA key.

    Raises: InvalidCalendar. The pinned zone data also holds "EST" and its like; an abbreviation
        is refused all the same, since its readers do not agree on what it means.
    """
    if "/" not in key and key != "UTC":
        raise InvalidCalendar(
            f"{key!r} is an abbreviation, not a place: name an IANA zone such as America/Panama"
        )
    try:
        return ZoneInfo(key)
    except (LookupError, ValueError, OSError) as error:
        raise InvalidCalendar(f"{key!r} is not a time zone") from error


def _check_week(name: str, weekly: Iterable[WeeklyWindow]) -> None:
    """Refuse windows that overlap within the week, Sunday night into Monday included."""
    spans = [(DAY * w.weekday + w.opens, DAY * w.weekday + w.closes) for w in weekly]
    _check_apart(spans, name)
    if spans and spans[-1][1] - WEEK > spans[0][0]:
        raise InvalidCalendar(f"{name}: the last window of the week runs into the first")
