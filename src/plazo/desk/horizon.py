"""The horizon: the live deadlines of a page on one line of time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from plazo.core import localtime
from plazo.core.drawing import Span, Tick, percent
from plazo.sla import Calendar

BEFORE = timedelta(hours=1)
AFTER = timedelta(hours=7)


@dataclass(frozen=True, slots=True)
class Flag:
    """One deadline: where it stands, how high, and its shape by state."""

    x: str
    y: int
    state: str


@dataclass(frozen=True, slots=True)
class Horizon:
    open: tuple[Span, ...]
    ticks: tuple[Tick, ...]
    flags: tuple[Flag, ...]
    now: Tick
    label: str


def horizon(rows: list[dict[str, Any]], calendar: Calendar, now: datetime, zone: str) -> Horizon:
    """Draw the deadlines from an hour ago to seven hours on; earlier ones stand at the edge.

    Units: hours are written in `zone`, as in the rows below; which of them count is the calendar's.
    """
    start = localtime.floor_to(now - BEFORE, zone, minutes=60)
    end = start + BEFORE + AFTER
    whole = end - start
    flags, counted = [], {"late": 0, "risk": 0, "ok": 0}
    taken: dict[int, int] = {}
    for row in rows:
        clock = row["clock"]
        if clock is None or clock.due_at is None or clock.sla not in counted:
            continue
        if clock.due_at > end:
            continue
        counted[clock.sla] += 1
        at = max(clock.due_at, start)
        place = int((at - start) / whole * 118)
        height = taken.get(place, 0)
        taken[place] = height + 1
        flags.append(Flag(percent(at - start, whole), 34 - min(height, 2) * 10, clock.sla))
    hours = int(whole / timedelta(hours=1))
    ticks = tuple(
        Tick(
            percent(timedelta(hours=hour), whole),
            localtime.clock_time(start + timedelta(hours=hour), zone),
            "start" if hour == 0 else "end" if hour == hours else "middle",
        )
        for hour in range(hours + 1)
    )
    label = _("Horizon: %(late)s overdue, %(risk)s at risk, %(ok)s on track until %(end)s") % {
        **counted,
        "end": localtime.clock_time(end, zone),
    }
    return Horizon(
        open=tuple(
            Span(percent(w.start - start, whole), percent(w.end - w.start, whole))
            for w in calendar.windows(start, end)
        ),
        ticks=ticks,
        flags=tuple(flags),
        now=Tick(percent(now - start, whole), localtime.clock_time(now, zone)),
        label=label,
    )
