"""Clocks as values: what an evaluation says of each target, and the moments that must be told."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from plazo.sla.calendar import MICROSECOND
from plazo.sla.targets import Metric

# What names a moment for good: whose it is, what it is, and when.
MomentName = tuple[str, str, datetime]


class State(StrEnum):
    """Where an applied target stands."""

    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    BREACHED = "breached"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Pause:
    """A span in which a clock did not run. `end` is None while it lasts."""

    start: datetime
    end: datetime | None
    reason: str
    waiting_for: str


@dataclass(frozen=True, slots=True)
class Retarget:
    """A change of severity that gave a running clock another target."""

    at: datetime
    from_severity: str | None
    to_severity: str | None


@dataclass(frozen=True, slots=True)
class AppliedTarget:
    """One target as it runs on one ticket.

    Units: instants are UTC; `duration`, `elapsed` and `remaining` are open time of `calendar`.
    Edges: `due_at` is None only while paused. `breached_at` is `due_at`, whenever somebody
        looked. A thing done late has both `breached_at` and `done_at`; one set aside when it
        was late already is breached and has its `cancelled_at`. `elapsed` counts to `now`, or
        to the end of the clock.
    """

    key: str
    metric: Metric
    severity: str | None
    calendar: str
    duration: timedelta
    warn_share: float
    started_at: datetime
    state: State
    due_at: datetime | None
    at_risk_at: datetime | None
    met_at: datetime | None
    breached_at: datetime | None
    cancelled_at: datetime | None
    done_at: datetime | None
    paused_since: datetime | None
    elapsed: timedelta
    remaining: timedelta
    pauses: tuple[Pause, ...] = ()
    retargets: tuple[Retarget, ...] = ()

    def is_at_risk(self, now: datetime) -> bool:
        """Say whether it runs and has spent its warning share at `now`."""
        return (
            self.state is State.RUNNING and self.at_risk_at is not None and self.at_risk_at <= now
        )

    @property
    def ended_at(self) -> datetime | None:
        """Return when the clock stopped for good: done or cancelled."""
        return self.done_at or self.cancelled_at


@dataclass(frozen=True, slots=True)
class Alarm:
    """A moment of a clock that must be told once: it is at risk, or it breached.

    Edges: a clock that is given another target, or a promise another instant, has new moments. A
        late delivery failure numbers the clocks of a metric anew, so a moment is named by its
        metric, or its promise, and its instant, and never by the number in its key.
    """

    key: str
    kind: Literal["at_risk", "breached"]
    at: datetime

    @property
    def name(self) -> MomentName:
        return moment_name(self.key, self.kind, self.at)


def moment_name(key: str, kind: str, at: datetime) -> MomentName:
    """Return what names a moment, whichever number its clock has by now."""
    return key.partition("#")[0], kind, at


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All clocks of a ticket at one moment."""

    policy: str
    applied: tuple[AppliedTarget, ...]
    pause_ends_at: datetime | None = None

    @property
    def next_due_at(self) -> datetime | None:
        """Return the earliest deadline among the running clocks of our own.

        Edges: what another area owes us is none of them (M-98).
        """
        return min(
            (
                a.due_at
                for a in self.applied
                if a.state is State.RUNNING and a.due_at and a.metric is not Metric.AREA_REPLY
            ),
            default=None,
        )

    def get(self, key: str) -> AppliedTarget | None:
        """Return the applied target of this key, or None."""
        return next((a for a in self.applied if a.key == key), None)

    def alarms_due(
        self, now: datetime, announced: Collection[MomentName] = ()
    ) -> tuple[Alarm, ...]:
        """Return the moments that have passed by `now` and are not in `announced`, in order."""
        alarms = [alarm for alarm, looked_for in self._moments(announced) if looked_for <= now]
        return tuple(sorted(alarms, key=lambda alarm: (alarm.at, alarm.key, alarm.kind)))

    def next_alarm_at(self, announced: Collection[MomentName] = ()) -> datetime | None:
        """Return when somebody must look again: an alarm's moment, or the end of a long pause.

        Edges: a deadline is breached only once it has passed, so one looks a microsecond later.
        """
        moments = [looked_for for _, looked_for in self._moments(announced)]
        if self.pause_ends_at is not None:
            moments.append(self.pause_ends_at)
        return min(moments, default=None)

    def _moments(self, announced: Collection[MomentName]) -> list[tuple[Alarm, datetime]]:
        found: list[tuple[Alarm, datetime]] = []
        for a in self.applied:
            if a.state not in (State.RUNNING, State.BREACHED) or a.due_at is None:
                continue
            moments = [(Alarm(a.key, "breached", a.due_at), a.due_at + MICROSECOND)]
            if a.at_risk_at is not None:
                moments.append((Alarm(a.key, "at_risk", a.at_risk_at), a.at_risk_at))
            found += [moment for moment in moments if moment[0].name not in announced]
        return found
