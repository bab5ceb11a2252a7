"""Clocks: facts folded into applied targets.

`evaluate` reads the facts once, in order, and keeps one small mutable clock for each duty that
they start. What a clock says at the end is worked out from its own start, its pauses, its end and
its target, by the calendar alone; nothing is counted along the way, so there is no running sum
to go wrong. docs/metrics.md defines every metric, rule by rule (M-1 …).
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from plazo.sla import facts as f
from plazo.sla.calendar import MICROSECOND, ZERO, Calendar
from plazo.sla.errors import FactsOutOfOrder
from plazo.sla.targets import Agreement, Metric, SlaPolicy, Subject, Target


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
    """A moment of a clock that must be told once: it is at risk, or it breached."""

    key: str
    kind: Literal["at_risk", "breached"]
    at: datetime


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All clocks of a ticket at one moment."""

    policy: str
    applied: tuple[AppliedTarget, ...]
    pause_ends_at: datetime | None = None

    @property
    def next_due_at(self) -> datetime | None:
        """Return the earliest deadline among the running clocks."""
        return min(
            (a.due_at for a in self.applied if a.state is State.RUNNING and a.due_at),
            default=None,
        )

    def get(self, key: str) -> AppliedTarget | None:
        """Return the applied target of this key, or None."""
        return next((a for a in self.applied if a.key == key), None)

    def alarms_due(
        self, now: datetime, announced: Collection[tuple[str, str]] = ()
    ) -> tuple[Alarm, ...]:
        """Return the moments that have passed by `now` and are not in `announced`, in order."""
        alarms = [alarm for alarm, looked_for in self._moments(announced) if looked_for <= now]
        return tuple(sorted(alarms, key=lambda alarm: (alarm.at, alarm.key, alarm.kind)))

    def next_alarm_at(self, announced: Collection[tuple[str, str]] = ()) -> datetime | None:
        """Return when somebody must look again: an alarm's moment, or the end of a long pause.

        Edges: a deadline is breached only once it has passed, so one looks a microsecond later.
        """
        moments = [looked_for for _, looked_for in self._moments(announced)]
        if self.pause_ends_at is not None:
            moments.append(self.pause_ends_at)
        return min(moments, default=None)

    def _moments(self, announced: Collection[tuple[str, str]]) -> list[tuple[Alarm, datetime]]:
        found: list[tuple[Alarm, datetime]] = []
        for a in self.applied:
            if a.state not in (State.RUNNING, State.BREACHED) or a.due_at is None:
                continue
            if a.at_risk_at is not None and (a.key, "at_risk") not in announced:
                found.append((Alarm(a.key, "at_risk", a.at_risk_at), a.at_risk_at))
            if (a.key, "breached") not in announced:
                found.append((Alarm(a.key, "breached", a.due_at), a.due_at + MICROSECOND))
        return found


@dataclass(slots=True)
class _Clock:
    """A duty in the making, while the facts are read."""

    key: str
    metric: Metric
    target: Target | None
    started_at: datetime
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


class _Fold:
    """Reads facts in order and keeps the clocks they start, stop, pause and cancel."""

    def __init__(self, agreement: Agreement, opened: f.Opened, now: datetime) -> None:
        self.agreement = agreement
        self.policy: SlaPolicy = agreement.policy_for(
            Subject(opened.service, opened.stage, opened.organization)
        )
        self.now = now
        self.clocks: list[_Clock] = []
        self.counts: dict[Metric, int] = {}
        self.severity = opened.severity
        self.level = 1
        self.replied = False
        self.solved_at: datetime | None = None
        self.spoke_while_solved: datetime | None = None
        self.over = False
        self.pause: Pause | None = None
        self.start(Metric.FIRST_REPLY, opened.at)
        self.start(Metric.SCOPE_VERDICT, opened.at)
        self.start(Metric.RESOLUTION, opened.at)
        if opened.level > 1:
            self.enter_level(opened.level, opened.at)

    # — starting and stopping ———————————————————————————————————————————————————

    def running(self, metric: Metric) -> list[_Clock]:
        return [c for c in self.clocks if c.metric is metric and c.live]

    def start(self, metric: Metric, at: datetime) -> None:
        """Start a clock, if the policy has such a metric at all."""
        if metric not in self.policy.metrics:
            return
        number = self.counts[metric] = self.counts.get(metric, 0) + 1
        key = metric.value if number == 1 else f"{metric.value}#{number}"
        clock = _Clock(key, metric, self.policy.target_for(metric, self.severity), at)
        if self.pause is not None and metric in self.agreement.pausing:
            clock.pauses.append(Pause(at, None, self.pause.reason, self.pause.waiting_for))
        self.clocks.append(clock)

    def stop(self, metric: Metric, at: datetime) -> None:
        """Record the deed. Done while the ticket is solved, it still counts (M-42)."""
        for clock in self.clocks:
            if clock.metric is not metric:
                continue
            if clock.stopped_by_solving and clock.cancelled_at is not None:
                clock.pauses.append(Pause(clock.cancelled_at, at, "solved", ""))
                clock.cancelled_at, clock.stopped_by_solving = None, False
                clock.done_at = at
            elif clock.live:
                clock.done_at = at

    # — what each fact does —————————————————————————————————————————————————————

    def replied_publicly(self, at: datetime) -> None:
        self.replied = True
        for metric in (Metric.FIRST_REPLY, Metric.ESCALATED_REPLY, Metric.NEXT_REPLY):
            self.stop(metric, at)
        if self.level > 1 and self.solved_at is None:
            self.stop(Metric.PERIODIC_UPDATE, at)
            self.start(Metric.PERIODIC_UPDATE, at)

    def requester_spoke(self, at: datetime) -> None:
        self.resume(at)
        self.await_reply(at)

    def await_reply(self, since: datetime) -> None:
        """Start owing an answer, unless one is owed already; the earliest duty is kept."""
        metric = Metric.NEXT_REPLY if self.replied else Metric.FIRST_REPLY
        owed = self.running(metric)
        if owed:
            for clock in owed:
                clock.started_at = min(clock.started_at, since)
        elif self.solved_at is not None:
            self.spoke_while_solved = self.spoke_while_solved or since
        elif self.replied:
            self.start(Metric.NEXT_REPLY, since)

    def enter_level(self, level: int, at: datetime) -> None:
        if level > 1 and level > self.level and not self.running(Metric.ESCALATED_REPLY):
            self.start(Metric.ESCALATED_REPLY, at)
        if level > 1 and not self.running(Metric.PERIODIC_UPDATE):
            self.start(Metric.PERIODIC_UPDATE, at)
        self.level = level

    def set_severity(self, severity: str, at: datetime) -> None:
        """Re-target what runs from its own start; what is met or late by then stays so."""
        before, self.severity = self.severity, severity
        if before == severity:
            return
        for clock in self.clocks:
            if not clock.live or clock.metric is Metric.PROMISED_UPDATE:
                continue
            target = self.policy.target_for(clock.metric, severity)
            if target == clock.target or self.late_at(clock, at):
                continue
            if clock.target is not None:
                clock.retargets.append(Retarget(at, before, severity))
            clock.target = target

    def late_at(self, clock: _Clock, at: datetime) -> bool:
        if clock.target is None:
            return False
        due = _due(self.agreement, clock, _duration(clock), at)
        return due is not None and due < at

    def pause_clocks(self, fact: f.Paused) -> None:
        self.resume(fact.at)
        if self.over or self.solved_at is not None:
            return
        self.pause = Pause(fact.at, None, fact.reason, fact.waiting_for)
        for clock in self.clocks:
            if clock.live and clock.metric in self.agreement.pausing:
                clock.pauses.append(self.pause)

    def resume(self, at: datetime) -> None:
        if self.pause is None:
            return
        self.pause = None
        for clock in self.clocks:
            _end_pause(clock, at)

    def expire_pause(self, at: datetime) -> None:
        """End a pause that has lasted as long as the agreement lets it."""
        ends = self.pause_ends_at
        if ends is not None and ends <= at:
            self.resume(ends)

    @property
    def pause_ends_at(self) -> datetime | None:
        if self.pause is None or self.agreement.longest_pause is None:
            return None
        return self.pause.start + self.agreement.longest_pause

    def promise(self, fact: f.PromiseMade) -> None:
        target = self.policy.target_for(Metric.PROMISED_UPDATE, self.severity) or Target(
            Metric.PROMISED_UPDATE, self.agreement.support_calendar
        )
        key = f"{Metric.PROMISED_UPDATE.value}:{fact.promise}"
        if any(clock.key == key for clock in self.clocks):
            raise FactsOutOfOrder(f"the promise {fact.promise!r} is made twice: move it instead")
        clock = _Clock(key, Metric.PROMISED_UPDATE, target, fact.at, by=fact.by, kind=fact.kind)
        self.clocks.append(clock)

    def promised(self, promise: str) -> _Clock | None:
        key = f"{Metric.PROMISED_UPDATE.value}:{promise}"
        return next((c for c in self.clocks if c.key == key and c.live), None)

    def solve(self, at: datetime) -> None:
        """Meet the resolution and the promises; set aside every other duty (M-40)."""
        if self.over or self.solved_at is not None:
            return
        self.resume(at)
        self.solved_at = at
        for clock in self.clocks:
            if not clock.live:
                continue
            clock.stopped_by_solving = True
            if clock.metric in (Metric.RESOLUTION, Metric.PROMISED_UPDATE):
                clock.done_at = at
            else:
                clock.cancelled_at = at

    def reopen(self, at: datetime) -> None:
        """Take up what solving had set aside; the time in between does not count (M-41)."""
        if self.over or self.solved_at is None:
            return
        since, self.solved_at = self.solved_at, None
        for clock in self.clocks:
            if not clock.stopped_by_solving:
                continue
            clock.stopped_by_solving = False
            if clock.metric is Metric.PROMISED_UPDATE:
                continue
            clock.done_at = clock.cancelled_at = None
            clock.pauses.append(Pause(since, at, "solved", ""))
        spoke, self.spoke_while_solved = self.spoke_while_solved, None
        if spoke is not None:
            self.await_reply(spoke)

    def end(self, at: datetime) -> None:
        """Close or merge away: every duty that still lives is cancelled, for good."""
        self.resume(at)
        self.over = True
        for clock in self.clocks:
            if clock.live:
                clock.cancelled_at = at

    def absorb(self, fact: f.Absorbed) -> None:
        if fact.waiting_since is not None and not self.over:
            self.await_reply(fact.waiting_since)

    def read(self, fact: f.Fact) -> None:
        """Let one fact do what it does."""
        if self.pause is not None:
            self.expire_pause(fact.at)
        does = _DOES.get(type(fact))
        if does is not None:
            does(self, fact)

    def move_promise(self, fact: f.PromiseMoved) -> None:
        """Give a promise another instant, unless it is broken already."""
        clock = self.promised(fact.promise)
        if clock is not None and clock.by is not None and fact.at <= clock.by:
            clock.by = fact.by

    def keep_promise(self, fact: f.PromiseKept) -> None:
        clock = self.promised(fact.promise)
        if clock is not None:
            clock.done_at = fact.at


def _refuse(fold: _Fold, fact: f.Fact) -> None:
    raise FactsOutOfOrder("a ticket is opened once, and first")


# What each fact does. Acknowledged and DeliveryFailed start and stop nothing by themselves; a
# test checks that every other fact is here.
_DOES: dict[type[f.Fact], Callable[[_Fold, Any], None]] = {
    f.Opened: _refuse,
    f.RepliedPublicly: lambda fold, fact: fold.replied_publicly(fact.at),
    f.RequesterSpoke: lambda fold, fact: fold.requester_spoke(fact.at),
    f.Paused: _Fold.pause_clocks,
    f.Resumed: lambda fold, fact: fold.resume(fact.at),
    f.SeveritySet: lambda fold, fact: fold.set_severity(fact.severity, fact.at),
    f.LevelEntered: lambda fold, fact: fold.enter_level(fact.level, fact.at),
    f.VerdictGiven: lambda fold, fact: fold.stop(Metric.SCOPE_VERDICT, fact.at),
    f.PromiseMade: _Fold.promise,
    f.PromiseMoved: _Fold.move_promise,
    f.PromiseKept: _Fold.keep_promise,
    f.Solved: lambda fold, fact: fold.solve(fact.at),
    f.Reopened: lambda fold, fact: fold.reopen(fact.at),
    f.Closed: lambda fold, fact: fold.end(fact.at),
    f.Merged: lambda fold, fact: fold.end(fact.at),
    f.Absorbed: _Fold.absorb,
}


def evaluate(agreement: Agreement, facts: Sequence[f.Fact], now: datetime) -> Evaluation:
    """Fold a ticket's facts into its applied targets, as they stand at `now`.

    Edges: facts after `now` are not known yet. A reply whose delivery has failed by `now` is
        read as if it had not been sent. The result depends on the facts and `now` alone.
    Raises: FactsOutOfOrder if the first fact is no opening or an instant goes back.
    Source: agreement §4; docs/metrics.md.
    """
    fold = _fold(agreement, facts, now)
    applied = tuple(
        _applied(fold, clock, clock.target) for clock in fold.clocks if clock.target is not None
    )
    return Evaluation(fold.policy.key, applied, fold.pause_ends_at)


def _fold(agreement: Agreement, facts: Sequence[f.Fact], now: datetime) -> _Fold:
    if not facts or not isinstance(facts[0], f.Opened):
        raise FactsOutOfOrder("the first fact of a ticket is its opening")
    failed = {fact.reply for fact in facts if isinstance(fact, f.DeliveryFailed) and fact.at <= now}
    fold = _Fold(agreement, facts[0], now)
    last = facts[0].at
    for fact in facts[1:]:
        if fact.at < last:
            raise FactsOutOfOrder(f"{type(fact).__name__} at {fact.at} comes after {last}")
        last = fact.at
        if fact.at > now:
            break
        if failed and isinstance(fact, f.RepliedPublicly) and fact.reply in failed:
            continue
        fold.read(fact)
    fold.expire_pause(now)
    return fold


def _end_pause(clock: _Clock, at: datetime) -> None:
    if not clock.pauses or clock.pauses[-1].end is not None:
        return
    last = clock.pauses.pop()
    end = min(at, clock.done_at or clock.cancelled_at or at)
    if end > last.start:
        clock.pauses.append(Pause(last.start, end, last.reason, last.waiting_for))


def _duration(clock: _Clock) -> timedelta:
    if clock.by is not None:
        return max(clock.by - clock.started_at, MICROSECOND)
    duration = clock.target.duration if clock.target else None
    return duration if duration is not None else MICROSECOND


def _calendar(agreement: Agreement, clock: _Clock) -> Calendar | None:
    """Return the calendar a clock counts on; None for a promise, which counts all time."""
    if clock.by is not None or clock.target is None:
        return None
    calendar = agreement.calendars[clock.target.calendar]
    return None if calendar.always_open else calendar


def _pieces(clock: _Clock, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return the spans between a clock's start and `end` in which it was not paused."""
    if not clock.pauses:
        return [(clock.started_at, end)] if end > clock.started_at else []
    pieces, at = [], clock.started_at
    for pause in clock.pauses:
        stop = min(pause.start, end)
        if stop > at:
            pieces.append((at, stop))
        at = max(at, end if pause.end is None else pause.end)
    if end > at:
        pieces.append((at, end))
    return pieces


def _elapsed(agreement: Agreement, clock: _Clock, end: datetime) -> timedelta:
    calendar = _calendar(agreement, clock)
    total = ZERO
    for a, b in _pieces(clock, end):
        total += b - a if calendar is None else calendar.between(a, b)
    return total


def _due(
    agreement: Agreement, clock: _Clock, duration: timedelta, until: datetime | None
) -> datetime | None:
    """Return the instant by which `duration` is used up, or None while a pause holds it back.

    `until` is the end of the clock, if it has one: a pause that lasted to the end is over then.
    """
    calendar = _calendar(agreement, clock)
    left, at = duration, clock.started_at
    for pause in clock.pauses:
        if pause.start > at:
            used = pause.start - at if calendar is None else calendar.between(at, pause.start)
            if used >= left:
                break
            left -= used
        if pause.end is None:
            if until is None:
                return None
            at = max(at, until)
            break
        at = max(at, pause.end)
    return at + left if calendar is None else calendar.add(at, left)


def _applied(fold: _Fold, clock: _Clock, target: Target) -> AppliedTarget:
    """Work out where one clock stands at the end of the facts."""
    agreement, now = fold.agreement, fold.now
    duration = _duration(clock)
    ended = clock.done_at or clock.cancelled_at
    due = _due(agreement, clock, duration, ended)
    warn = _due(agreement, clock, duration * target.warn_share, ended)
    paused = clock.pauses[-1].start if clock.pauses and clock.pauses[-1].end is None else None
    state, met, breached = State.RUNNING, None, None
    end = ended or now
    if due is not None and due < end:
        state, breached = State.BREACHED, due
    elif clock.done_at is not None:
        state, met = State.MET, clock.done_at
    elif clock.cancelled_at is not None:
        state = State.CANCELLED
    elif paused is not None and due is None:
        state = State.PAUSED
    elapsed = _elapsed(agreement, clock, end)
    return AppliedTarget(
        key=clock.key,
        metric=clock.metric,
        severity=target.severity,
        calendar=target.calendar,
        duration=duration,
        warn_share=target.warn_share,
        started_at=clock.started_at,
        state=state,
        due_at=due,
        at_risk_at=warn if due is not None else None,
        met_at=met,
        breached_at=breached,
        cancelled_at=clock.cancelled_at,
        done_at=clock.done_at,
        paused_since=paused if state is State.PAUSED else None,
        elapsed=elapsed,
        remaining=max(duration - elapsed, ZERO),
        pauses=tuple(clock.pauses),
        retargets=tuple(clock.retargets),
    )
