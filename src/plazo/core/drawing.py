"""Drawings as data: where things stand on a strip of time. Templates turn them into SVG.

Positions are percentages, as text with a point, so that a template can put them into SVG
attributes: a page under a strict policy carries no style attribute.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from plazo.core import localtime
from plazo.sla import Calendar, Explanation, Segment, SegmentKind, Window

DAY = timedelta(days=1)


def percent(part: timedelta, whole: timedelta) -> str:
    """Return a share as an SVG percentage: "61.944%"."""
    if whole <= timedelta():
        return "0%"
    return f"{max(min(part / whole, 1.0), 0.0) * 100:.3f}%"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch on a strip: where it begins and how long it is, both in percent."""

    x: str
    width: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis, with its words and how they are set."""

    x: str
    label: str = ""
    anchor: str = "middle"
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Ruler:
    """One civil day: hours that count, hours that do not, and now."""

    open: tuple[Span, ...]
    closed: tuple[Span, ...]
    done: tuple[Span, ...]
    hours: tuple[str, ...]
    axis: tuple[Tick, ...]
    now: Tick | None
    label: str


def _span(start: datetime, end: datetime, a: datetime, b: datetime, kind: str = "") -> Span:
    start, end = max(start, a), min(end, b)
    return Span(percent(start - a, b - a), percent(end - start, b - a), kind)


def day_ruler(calendar: Calendar, day: datetime, *, now: datetime | None, label: str) -> Ruler:
    """Draw the civil day that holds `day` in the calendar's zone."""
    zone = calendar.zone
    there = localtime.local(day, zone)
    midnight = there.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    start = localtime.utc(midnight)
    end = localtime.utc(midnight.replace(tzinfo=None) + DAY, zone)
    windows = calendar.windows(start, end)
    closed, at = [], start
    for window in windows:
        if window.start > at:
            closed.append(_span(at, window.start, start, end))
        at = window.end
    if at < end:
        closed.append(_span(at, end, start, end))
    done = (
        tuple(_span(w.start, min(w.end, now), start, end) for w in windows if w.start < now)
        if now
        else ()
    )
    needle = (
        Tick(percent(now - start, end - start), localtime.clock_time(now, zone))
        if now and start <= now < end
        else None
    )
    hours = tuple(f"{hour / 24 * 100:.3f}%" for hour in range(25))
    open_spans = tuple(_span(w.start, w.end, start, end) for w in windows)
    axis = _day_axis(calendar, windows, start, end)
    return Ruler(open_spans, tuple(closed), done, hours, axis, needle, label)


def _day_axis(
    calendar: Calendar, windows: Sequence[Window], start: datetime, end: datetime
) -> tuple[Tick, ...]:
    """Return the hours to write: where it opens and closes, the day's ends, and the quarters.

    Edges: a quarter is left out beside another hour; an end beside one is marked "crowded", for
        a narrow screen to leave out.
    """
    edges = {edge for w in windows for edge in (w.start, w.end)} - {start, end}
    for hour in (6, 12, 18):
        quarter = start + timedelta(hours=hour)
        if all(abs(quarter - edge) >= timedelta(hours=3) for edge in edges):
            edges.add(quarter)

    def tick(at: datetime, anchor: str, *, crowded: bool = False) -> Tick:
        label = "24:00" if at == end else localtime.clock_time(at, calendar.zone)
        return Tick(percent(at - start, end - start), label, anchor, "crowded" if crowded else "")

    def beside(at: datetime) -> bool:
        return any(abs(at - edge) < timedelta(hours=3) for edge in edges)

    return (
        tick(start, "start", crowded=beside(start)),
        *(tick(edge, "middle") for edge in sorted(edges)),
        tick(end, "end", crowded=beside(end)),
    )


# — Why this deadline? ——————————————————————————————————————————————————————————————

LEFT, RIGHT = 142.0, 1120.0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the explanation's time axis, in its own units."""

    x: float
    width: float
    kind: str = ""
    label: str = ""

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 1)

    @property
    def end(self) -> float:
        return round(self.x + self.width, 1)


@dataclass(frozen=True, slots=True)
class Picture:
    """An explanation, drawn: support hours, the state of the case, the time that counts."""

    days: tuple[Box, ...]
    ticks: tuple[Box, ...]
    open: tuple[Box, ...]
    closed: tuple[Box, ...]
    alive: tuple[Box, ...]
    paused: tuple[Box, ...]
    counted: tuple[Box, ...]
    start: Box
    now: Box | None
    due: Box | None
    state: str


def explanation_picture(explanation: Explanation, now: datetime) -> Picture:
    """Draw an explanation between the hour before its start and the hour after its end.

    Edges: everything is in the calendar's own zone.
    """
    applied, zone = explanation.applied, explanation.calendar.zone
    segments = explanation.segments
    last = max([s.end for s in segments] + [applied.due_at or applied.started_at])
    start, end = _frame(applied.started_at, last)

    def x(instant: datetime) -> float:
        share = (min(max(instant, start), end) - start) / (end - start)
        return round(LEFT + share * (RIGHT - LEFT), 1)

    def box(a: datetime, b: datetime, kind: str = "", label: str = "") -> Box:
        return Box(x(a), round(max(x(b) - x(a), 0.0), 1), kind, label)

    windows = explanation.calendar.windows(start, end)
    closed = [box(a, b) for a, b in _gaps([(w.start, w.end) for w in windows], start, end)]
    past_end = applied.ended_at or now
    return Picture(
        days=tuple(
            box(a, b, label=localtime.day_label(a, zone)) for a, b in _days(start, end, zone)
        ),
        ticks=tuple(_ticks(start, end, zone, x)),
        open=tuple(box(w.start, w.end) for w in windows),
        closed=tuple(closed),
        alive=tuple(_alive(segments, box)),
        paused=tuple(
            box(s.start, s.end, label=s.waiting_for or s.reason)
            for s in segments
            if s.kind is SegmentKind.PAUSED
        ),
        counted=tuple(_counted(segments, box)),
        start=box(
            applied.started_at,
            applied.started_at,
            label=localtime.clock_time(applied.started_at, zone),
        ),
        now=box(past_end, past_end, label=localtime.clock_time(past_end, zone)),
        due=box(applied.due_at, applied.due_at, label=localtime.clock_time(applied.due_at, zone))
        if applied.due_at
        else None,
        state=applied.state.value,
    )


def _frame(first: datetime, last: datetime) -> tuple[datetime, datetime]:
    length = max(last - first, timedelta(minutes=20))
    margin = max(length * 0.06, timedelta(minutes=5))
    return first - margin, first + length + margin


def _gaps(
    spans: Sequence[tuple[datetime, datetime]], start: datetime, end: datetime
) -> Iterable[tuple[datetime, datetime]]:
    at = start
    for a, b in spans:
        if a > at:
            yield at, a
        at = b
    if at < end:
        yield at, end


def _days(start: datetime, end: datetime, zone: str) -> Iterable[tuple[datetime, datetime]]:
    at = start
    while at < end:
        midnight = localtime.next_midnight(at, zone)
        yield at, min(midnight, end)
        at = midnight


def _ticks(
    start: datetime, end: datetime, zone: str, x: Callable[[datetime], float]
) -> Iterable[Box]:
    length = end - start
    for step in (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080):
        if length / timedelta(minutes=step) <= 12:
            break
    at = localtime.floor_to(start, zone, minutes=min(step, 1440))
    while at <= end:
        if at >= start:
            yield Box(x(at), 0.0, label=localtime.clock_time(at, zone))
        at += timedelta(minutes=step)


def _alive(segments: Sequence[Segment], box: Callable[..., Box]) -> Iterable[Box]:
    for segment in segments:
        if segment.kind is not SegmentKind.PAUSED and not segment.future:
            yield box(segment.start, segment.end)


def _counted(segments: Sequence[Segment], box: Callable[..., Box]) -> Iterable[Box]:
    for segment in segments:
        if segment.kind is SegmentKind.COUNTED:
            kind = "late" if segment.late else "count"
            label = localtime.duration(segment.counted)
            yield box(segment.start, segment.end, kind, label)
        elif segment.kind is SegmentKind.REMAINING:
            label = localtime.duration(segment.length)
            yield box(segment.start, segment.end, "remain", label)
