"""When the ladder rings: from what calls for it and what rang, the next ring.

Nothing here counts open time: a ladder is about people who do not answer, and silence is silence at
any hour. docs/ladder.md has the rules, L-1 to L-9.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from plazo.sla.calendar import micros_of
from plazo.sla.targets import EscalationLadder, SlaPolicy

# So often a step is rung again at the ladder's pace; from then on once an hour (L-8).
QUICK_REPEATS: Final = 12
SLOW_REPEAT: Final = timedelta(hours=1)


class Cause(StrEnum):
    """Why a step is rung."""

    AT_RISK = "at_risk"
    BREACHED = "breached"
    CLIMBED = "climbed"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Call:
    """Something that calls for the ladder: a moment of a clock, or the requester's own climbing.

    Units: `level` is the one at which the ticket was worked at that instant.
    """

    cause: Cause
    at: datetime
    level: int

    def __post_init__(self) -> None:
        micros_of(self.at)
        if self.cause is Cause.SILENCE:
            raise ValueError("silence calls for nothing by itself: it follows a ring")


@dataclass(frozen=True, slots=True)
class Rung:
    """The highest step that rings now, and when it was rung. Nobody has said "I have it" yet."""

    step: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Ring:
    """A ring to be made: which step, at which instant, and why."""

    step: int
    at: datetime
    cause: Cause


def rings_by_itself(policy: SlaPolicy, severity: str) -> bool:
    """Say whether clocks of a severity ring the ladder without anybody's doing (L-1)."""
    return any(
        target.manages_escalation and target.severity in (None, severity)
        for target in policy.targets
    )


def step_of(ladder: EscalationLadder, call: Call, ringing: Rung | None) -> int:
    """Return the step that a call is for; 0 where the ladder has none.

    Edges: a warning is for the level that has the ticket, a miss for the one above (L-2). Who
        climbs is heard above whoever is being rung already (L-3). Nothing goes over the top.
    """
    top = len(ladder.steps)
    if call.cause is Cause.AT_RISK:
        return min(call.level, top)
    above = call.level
    if call.cause is Cause.CLIMBED and ringing is not None:
        above = max(above, ringing.step)
    return min(above + 1, top)


def silence_ends_at(
    ladder: EscalationLadder, ringing: Rung | None, severity: str
) -> datetime | None:
    """Return when the silence after a ring has lasted long enough for the next step (L-5).

    Edges: None where nothing rings, on the top step, and at a severity that names no silence.
    """
    silence = ladder.silence.get(severity)
    if ringing is None or silence is None or ringing.step >= len(ladder.steps):
        return None
    return ringing.at + silence


def next_ring(
    ladder: EscalationLadder,
    calls: Iterable[Call],
    ringing: Rung | None,
    severity: str,
    now: datetime,
) -> Ring | None:
    """Return the ring to be made at `now`, else the next one to come by itself, else None.

    Units: `calls` are those since the last ring; `severity` is what the silence is chosen by. The
        ring is due where its `at` is not after `now`.
    Edges: of several that are due, the highest step is rung, and once (L-4): whoever looks late
        rings nobody in the place of somebody above. A step that rings already, or one below it, is
        not rung again by another call.
    Source: decision 10; docs/ladder.md.
    """
    due = [
        Ring(step, call.at, call.cause)
        for call in calls
        if call.at <= now and (step := step_of(ladder, call, ringing)) > _step(ringing)
    ]
    silent = silence_ends_at(ladder, ringing, severity)
    upcoming = None
    if silent is not None and ringing is not None:
        upcoming = Ring(ringing.step + 1, silent, Cause.SILENCE)
        if silent <= now:
            due.append(upcoming)
    if due:
        return max(due, key=lambda ring: (ring.step, -micros_of(ring.at)))
    return upcoming


def repeat_at(ladder: EscalationLadder, rang_at: datetime, times: int) -> datetime:
    """Return when a step that is not answered is rung again, after it rang so many times (L-8)."""
    return rang_at + (ladder.repeat if times < QUICK_REPEATS else max(ladder.repeat, SLOW_REPEAT))


def _step(ringing: Rung | None) -> int:
    return ringing.step if ringing is not None else 0
