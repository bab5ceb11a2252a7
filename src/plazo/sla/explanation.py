"""Explanations: why a deadline stands where it stands, as data and never as text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from plazo.sla import facts as f
from plazo.sla.calendar import ZERO, Calendar, Holiday
from plazo.sla.clocks import AppliedTarget, Evaluation, Pause, State
from plazo.sla.errors import UnknownTarget
from plazo.sla.fold import evaluate
from plazo.sla.targets import Agreement, Metric


class SegmentKind(StrEnum):
    """What one stretch of time meant for a clock."""

    COUNTED = "counted"
    CLOSED = "closed"
    HOLIDAY = "holiday"
    PAUSED = "paused"
    REMAINING = "remaining"


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of a clock's life.

    Units: `counted` is what it adds to the clock; `total` is the running sum after it, over
        the stretches that have passed. A stretch that is still to come counts nothing yet.
    Edges: `late` marks counted time after the deadline.
    """

    start: datetime
    end: datetime
    kind: SegmentKind
    counted: timedelta
    total: timedelta
    late: bool = False
    future: bool = False
    reason: str = ""
    waiting_for: str = ""
    holiday: str = ""

    @property
    def length(self) -> timedelta:
        """Return its clock time, counted or not."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Explanation:
    """One applied target, taken apart.

    Edges: segments follow each other without a gap, from the start of the clock to its end or
        to now, then on to the deadline if that is still to come. What they count adds up to
        `applied.elapsed` exactly, and with what remains to `applied.duration`.
    """

    policy: str
    applied: AppliedTarget
    calendar: Calendar
    segments: tuple[Segment, ...]
    taken_back: tuple[datetime, ...] = ()

    @property
    def counted(self) -> timedelta:
        return sum((s.counted for s in self.segments), ZERO)


def explain(agreement: Agreement, facts: Sequence[f.Fact], key: str, now: datetime) -> Explanation:
    """Take one clock of a ticket apart at `now`.

    Raises: UnknownTarget if no applied target has this key.
    """
    evaluation = evaluate(agreement, facts, now)
    return explain_applied(agreement, evaluation, facts, key, now)


def explain_applied(
    agreement: Agreement,
    evaluation: Evaluation,
    facts: Sequence[f.Fact],
    key: str,
    now: datetime,
) -> Explanation:
    """Take apart one clock of an evaluation made at the same `now`."""
    applied = evaluation.get(key)
    if applied is None:
        raise UnknownTarget(f"this ticket has no applied target {key!r}")
    calendar = agreement.calendars[applied.calendar]
    if applied.metric is Metric.PROMISED_UPDATE and not calendar.always_open:
        calendar = Calendar.always(calendar.name, calendar.zone)
    segments = tuple(_segments(applied, calendar, now))
    return Explanation(
        evaluation.policy, applied, calendar, segments, _taken_back(applied, facts, now)
    )


def _taken_back(
    applied: AppliedTarget, facts: Sequence[f.Fact], now: datetime
) -> tuple[datetime, ...]:
    """Return when replies were sent that never arrived, since the clock started."""
    if applied.metric not in (Metric.FIRST_REPLY, Metric.ESCALATED_REPLY, Metric.NEXT_REPLY):
        return ()
    failed = {x.reply for x in facts if isinstance(x, f.DeliveryFailed) and x.at <= now}
    return tuple(
        x.at
        for x in facts
        if isinstance(x, f.RepliedPublicly)
        and x.reply in failed
        and applied.started_at <= x.at <= now
    )


def _segments(applied: AppliedTarget, calendar: Calendar, now: datetime) -> Iterator[Segment]:
    end = applied.ended_at or now
    total = ZERO
    for start, stop, pause in _spans(applied, end):
        if pause is not None:
            yield Segment(
                start,
                stop,
                SegmentKind.PAUSED,
                ZERO,
                total,
                reason=pause.reason,
                waiting_for=pause.waiting_for,
            )
            continue
        for segment in _by_calendar(calendar, start, stop, applied.due_at, total):
            total = segment.total
            yield segment
    if applied.state is State.RUNNING and applied.due_at is not None and applied.due_at > end:
        yield from _to_come(calendar, end, applied.due_at, total)


def _spans(
    applied: AppliedTarget, end: datetime
) -> Iterator[tuple[datetime, datetime, Pause | None]]:
    """Yield the spans from the clock's start to `end`, each running or paused."""
    at = applied.started_at
    for pause in applied.pauses:
        start = min(max(pause.start, at), end)
        if at < start:
            yield at, start, None
        stop = end if pause.end is None else min(pause.end, end)
        if start < stop:
            yield start, stop, pause
        at = max(at, stop)
    if at < end:
        yield at, end, None


def _by_calendar(
    calendar: Calendar, start: datetime, end: datetime, due: datetime | None, total: timedelta
) -> Iterator[Segment]:
    """Yield open and closed stretches, cut at the deadline so that late time stands apart."""
    at = start
    for window in calendar.windows(start, end):
        if at < window.start:
            yield _closed(calendar, at, window.start, total)
        cuts = [window.start, window.end]
        if due is not None and window.start < due < window.end:
            cuts.insert(1, due)
        for a, b in pairwise(cuts):
            total += b - a
            late = due is not None and a >= due
            yield Segment(a, b, SegmentKind.COUNTED, b - a, total, late=late)
        at = window.end
    if at < end:
        yield _closed(calendar, at, end, total)


def _closed(
    calendar: Calendar, start: datetime, end: datetime, total: timedelta, *, future: bool = False
) -> Segment:
    """Return a closed stretch; a holiday's name is given when one begins or holds within it."""
    holiday = _holiday_within(calendar, start, end)
    kind = SegmentKind.HOLIDAY if holiday else SegmentKind.CLOSED
    name = holiday.name if holiday else ""
    return Segment(start, end, kind, ZERO, total, future=future, holiday=name)


def _holiday_within(calendar: Calendar, start: datetime, end: datetime) -> Holiday | None:
    first, last = calendar.civil_date(start), calendar.civil_date(end)
    return next((h for h in calendar.holidays if first <= h.date <= last), None)


def _to_come(
    calendar: Calendar, now: datetime, due: datetime, total: timedelta
) -> Iterator[Segment]:
    at = now
    for window in calendar.windows(now, due):
        if at < window.start:
            yield _closed(calendar, at, window.start, total, future=True)
        yield Segment(window.start, window.end, SegmentKind.REMAINING, ZERO, total, future=True)
        at = window.end
    if at < due:
        yield _closed(calendar, at, due, total, future=True)
