"""Duties: the small mutable clocks that facts start, stop, pause and cancel, and their arithmetic.

What a clock says at the end is worked out from its own start, its pauses, its end and its target,
by the calendar alone; nothing is counted along the way, so there is no running sum to go wrong.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from plazo.sla.calendar import MICROSECOND, ZERO, Calendar
from plazo.sla.clocks import AppliedTarget, Pause, Retarget, State
from plazo.sla.targets import Agreement, Metric, Target


@dataclass(slots=True)
class Duty:
    """One thing owed, while the facts are read.

    `severity` is what its target was chosen by; `waits` says whether it pauses with the ticket.
    """

    key: str
    metric: Metric
    target: Target | None
    severity: str | None
    started_at: datetime
    waits: bool = False
    by: datetime | None = None
    kind: str = ""
    done_at: datetime | None = None
    cancelled_at: datetime | None = None
    stopped_by_solving: bool = False
    pauses: list[Pause] = field(default_factory=list)
    retargets: list[Retarget] = field(default_factory=list)

    @property
    def live(self) -> bool:
        return self.done_at is None and self.cancelled_at is None

    @property
    def ended_at(self) -> datetime | None:
        return self.done_at or self.cancelled_at

    @property
    def duration(self) -> timedelta:
        """Return what is promised; a promise's own span for a promise."""
        if self.by is not None:
            return max(self.by - self.started_at, MICROSECOND)
        duration = self.target.duration if self.target else None
        return duration if duration is not None else MICROSECOND

    def calendar(self, agreement: Agreement) -> Calendar | None:
        """Return what it counts on; None where all time counts, as it does for a promise."""
        if self.by is not None or self.target is None:
            return None
        calendar = agreement.calendars[self.target.calendar]
        return None if calendar.always_open else calendar

    def end_pause(self, at: datetime) -> None:
        """End the pause it is in, if any; one that it outlived ends with it."""
        if not self.pauses or self.pauses[-1].end is not None:
            return
        last = self.pauses.pop()
        end = min(at, self.ended_at or at)
        if end > last.start:
            self.pauses.append(Pause(last.start, end, last.reason, last.waiting_for))


class Course(NamedTuple):
    """How a duty runs: when its time is used up, when its warning share is, and what it has spent.

    Edges: an instant is None while a pause without an end holds it back.
    """

    due_at: datetime | None
    risk_at: datetime | None
    elapsed: timedelta


def course_of(
    duty: Duty, agreement: Agreement, duration: timedelta, warn_share: float, end: datetime
) -> Course:
    """Follow a duty from its start through its pauses, once; `elapsed` counts to `end`.

    Edges: a pause without an end is over at the end of a duty that has one.
    Raises: NoOpenTime if its time is not used up within the calendar's horizon.
    """
    calendar = duty.calendar(agreement)
    warning = duration * warn_share
    due_at = risk_at = None
    at, spent = duty.started_at, ZERO
    for pause in duty.pauses:
        if pause.start > at:
            ran = pause.start - at if calendar is None else calendar.between(at, pause.start)
            reached = spent + ran
            if reached >= warning and risk_at is None:
                risk_at = _after(calendar, at, warning - spent)
            if reached >= duration and due_at is None:
                due_at = _after(calendar, at, duration - spent)
            spent = reached
        if pause.end is not None:
            at = max(at, pause.end)
        elif duty.live:
            return Course(due_at, risk_at, spent)
        else:
            at = max(at, end)
    if risk_at is None:
        risk_at = _after(calendar, at, warning - spent)
    if due_at is None:
        due_at = _after(calendar, at, duration - spent)
    if end > at:
        spent += end - at if calendar is None else calendar.between(at, end)
    return Course(due_at, risk_at, spent)


def _after(calendar: Calendar | None, at: datetime, open_time: timedelta) -> datetime:
    return at + open_time if calendar is None else calendar.add(at, open_time)


def is_late(duty: Duty, agreement: Agreement, at: datetime) -> bool:
    """Say whether a duty's time was used up before `at`. Without a target nothing is late."""
    if duty.target is None:
        return False
    due_at = course_of(duty, agreement, duty.duration, 1, at).due_at
    return due_at is not None and due_at < at


def applied_of(duty: Duty, target: Target, agreement: Agreement, now: datetime) -> AppliedTarget:
    """Work out where one duty stands at the end of the facts."""
    duration, end = duty.duration, duty.ended_at or now
    due_at, risk_at, elapsed = course_of(duty, agreement, duration, target.warn_share, end)
    state, paused_since = State.RUNNING, None
    if due_at is None:
        state, paused_since = State.PAUSED, duty.pauses[-1].start
    elif due_at < end:
        state = State.BREACHED
    elif duty.done_at is not None:
        state = State.MET
    elif duty.cancelled_at is not None:
        state = State.CANCELLED
    return AppliedTarget(
        key=duty.key,
        metric=duty.metric,
        severity=target.severity,
        calendar=target.calendar,
        duration=duration,
        warn_share=target.warn_share,
        started_at=duty.started_at,
        state=state,
        due_at=due_at,
        at_risk_at=risk_at if due_at is not None else None,
        met_at=duty.done_at if state is State.MET else None,
        breached_at=due_at if state is State.BREACHED else None,
        cancelled_at=duty.cancelled_at,
        done_at=duty.done_at,
        paused_since=paused_since,
        elapsed=elapsed,
        remaining=max(duration - elapsed, ZERO),
        pauses=tuple(duty.pauses),
        retargets=tuple(duty.retargets),
    )
