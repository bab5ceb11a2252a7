"""The fold: a ticket's facts become duties, and the duties applied targets.

`evaluate` reads the facts once, in order. docs/metrics.md defines every metric, rule by rule
(M-1 …).
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from plazo.sla import facts as f
from plazo.sla.calendar import ZERO
from plazo.sla.clocks import Evaluation, Pause, Retarget
from plazo.sla.duties import Duty, applied_of, is_late
from plazo.sla.errors import FactsOutOfOrder
from plazo.sla.standing import standing
from plazo.sla.targets import Agreement, Metric, SlaPolicy, Subject, Target

# One clock for each thing that was said, with a target that no severity chooses.
ONE_EACH: Final = (Metric.PROMISED_UPDATE, Metric.AREA_REPLY)


class Fold:
    """Reads facts in order and keeps the duties they start, stop, pause and cancel."""

    def __init__(self, agreement: Agreement, opened: f.Opened) -> None:
        self.agreement = agreement
        self.policy: SlaPolicy = agreement.policy_for(
            Subject(opened.service, opened.stage, opened.organization)
        )
        self.duties: list[Duty] = []
        self.counts: dict[Metric, int] = {}
        self.severity = opened.severity
        self.level = 1
        self.replied = False
        self.solved_at: datetime | None = None
        self.spoke_while_solved: datetime | None = None
        self.over = False
        self.pause: Pause | None = None
        # How long the requester has been awaited in pauses that are over, since they last acted.
        self.waited = ZERO
        self.start(Metric.FIRST_REPLY, opened.at)
        self.start(Metric.SCOPE_VERDICT, opened.at)
        self.start(Metric.RESOLUTION, opened.at)
        if opened.level > 1:
            self.enter_level(opened.level, opened.at)

    # — starting and stopping ———————————————————————————————————————————————————

    def running(self, metric: Metric) -> list[Duty]:
        return [duty for duty in self.duties if duty.metric is metric and duty.live]

    def start(self, metric: Metric, at: datetime) -> None:
        """Start a clock, if the policy has such a metric at all."""
        if metric not in self.policy.metrics:
            return
        number = self.counts[metric] = self.counts.get(metric, 0) + 1
        key = metric.value if number == 1 else f"{metric.value}#{number}"
        target = self.policy.target_for(metric, self.severity)
        waits = metric in self.agreement.pausing
        duty = Duty(key, metric, target, self.severity, at, waits)
        if self.pause is not None and waits:
            # What is owed since before the pause began was not waiting until then.
            since = max(at, self.pause.start)
            duty.pauses.append(Pause(since, None, self.pause.reason, self.pause.waiting_for))
        self.duties.append(duty)

    def stop(self, metric: Metric, at: datetime) -> None:
        """Record the deed. Done while the ticket is solved, it still counts (M-42)."""
        for duty in self.duties:
            if duty.metric is metric:
                self.do(duty, at)

    def do(self, duty: Duty, at: datetime) -> None:
        if duty.stopped_by_solving and duty.cancelled_at is not None:
            duty.pauses.append(Pause(duty.cancelled_at, at, "solved", ""))
            duty.cancelled_at, duty.stopped_by_solving = None, False
            duty.done_at = at
        elif duty.live:
            duty.done_at = at

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
        self.waited = ZERO
        self.await_reply(at)

    def await_reply(self, since: datetime) -> None:
        """Start owing an answer, unless one is owed already; the earliest duty is kept."""
        metric = Metric.NEXT_REPLY if self.replied else Metric.FIRST_REPLY
        owed = self.running(metric)
        if owed:
            for duty in owed:
                duty.started_at = min(duty.started_at, since)
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
        """Re-target what runs, and what solving has set aside (M-23, M-45)."""
        if self.severity == severity:
            return
        self.severity = severity
        for duty in self.duties:
            set_aside = duty.stopped_by_solving and duty.cancelled_at is not None
            if duty.live or (set_aside and not self.over):
                self.retarget(duty, at)

    def retarget(self, duty: Duty, at: datetime) -> None:
        """Give a duty the severity's target, from its own start; what is late stays so (M-24)."""
        if duty.severity == self.severity or duty.metric in ONE_EACH:
            return
        target = self.policy.target_for(duty.metric, self.severity)
        if target != duty.target:
            if is_late(duty, self.agreement, duty.cancelled_at or at):
                return
            if duty.target is not None:
                duty.retargets.append(Retarget(at, duty.severity, self.severity))
            duty.target = target
        duty.severity = self.severity

    def pause_duties(self, fact: f.Paused) -> None:
        """Let what pauses wait, unless waits have used up all that the agreement allows (M-35)."""
        self.resume(fact.at)
        if self.over or self.solved_at is not None:
            return
        longest = self.agreement.longest_pause
        if longest is not None and self.waited >= longest:
            return
        self.pause = Pause(fact.at, None, fact.reason, fact.waiting_for)
        for duty in self.duties:
            if duty.waits and duty.live:
                duty.pauses.append(self.pause)

    def resume(self, at: datetime) -> None:
        pause, self.pause = self.pause, None
        if pause is None:
            return
        self.waited += at - pause.start
        ended = Pause(pause.start, at, pause.reason, pause.waiting_for)
        for duty in self.duties:
            if not duty.waits or not duty.pauses:
                continue
            if duty.pauses[-1] is pause and at > pause.start and duty.live:
                duty.pauses[-1] = ended  # the usual case, and one value for them all
            else:
                duty.end_pause(at)

    def expire_pause(self, at: datetime) -> None:
        """End a pause that has lasted as long as the agreement lets it."""
        ends = self.pause_ends_at
        if ends is not None and ends <= at:
            self.resume(ends)

    @property
    def pause_ends_at(self) -> datetime | None:
        if self.pause is None or self.agreement.longest_pause is None:
            return None
        return self.pause.start + (self.agreement.longest_pause - self.waited)

    def promise(self, fact: f.PromiseMade) -> None:
        target = self.policy.target_for(Metric.PROMISED_UPDATE, self.severity) or Target(
            Metric.PROMISED_UPDATE, self.agreement.support_calendar
        )
        key = f"{Metric.PROMISED_UPDATE.value}:{fact.promise}"
        if any(duty.key == key for duty in self.duties):
            raise FactsOutOfOrder(f"the promise {fact.promise!r} is made twice: move it instead")
        self.duties.append(
            Duty(
                key,
                Metric.PROMISED_UPDATE,
                target,
                self.severity,
                fact.at,
                by=fact.by,
                kind=fact.kind,
            )
        )

    def promised(self, promise: str) -> Duty | None:
        key = f"{Metric.PROMISED_UPDATE.value}:{promise}"
        return next((duty for duty in self.duties if duty.key == key and duty.live), None)

    def move_promise(self, fact: f.PromiseMoved) -> None:
        """Give a promise another instant, unless it is broken already."""
        duty = self.promised(fact.promise)
        if duty is not None and duty.by is not None and fact.at <= duty.by:
            duty.by = fact.by

    def keep_promise(self, fact: f.PromiseKept) -> None:
        duty = self.promised(fact.promise)
        if duty is not None:
            duty.done_at = fact.at

    def ask_area(self, fact: f.AreaAsked) -> None:
        """Start an area's clock, if it has a target; each asking has its own (M-90, M-95)."""
        target = self.agreement.areas.get(fact.area)
        key = f"{Metric.AREA_REPLY.value}:{fact.ask}"
        if any(duty.key == key for duty in self.duties):
            raise FactsOutOfOrder(f"{fact.ask!r} is asked twice: ask anew under another name")
        if target is not None:
            self.duties.append(Duty(key, Metric.AREA_REPLY, target, None, fact.at))

    def end_ask(self, fact: f.AreaAnswered | f.AreaWithdrawn) -> None:
        """Meet an area's clock, or set it aside; answered while the ticket is solved counts."""
        key = f"{Metric.AREA_REPLY.value}:{fact.ask}"
        duty = next((duty for duty in self.duties if duty.key == key), None)
        if duty is None:
            return
        if isinstance(fact, f.AreaAnswered):
            self.do(duty, fact.at)
        elif duty.live:
            duty.cancelled_at = fact.at
        else:
            duty.stopped_by_solving = False  # withdrawn while solved: reopening asks nobody again

    def solve(self, at: datetime) -> None:
        """Meet the resolution and the promises; set aside every other duty (M-40)."""
        if self.over or self.solved_at is not None:
            return
        self.resume(at)
        self.solved_at = at
        for duty in self.duties:
            if not duty.live:
                continue
            duty.stopped_by_solving = True
            if duty.metric in (Metric.RESOLUTION, Metric.PROMISED_UPDATE):
                duty.done_at = at
            else:
                duty.cancelled_at = at

    def reopen(self, fact: f.Reopened) -> None:
        """Take up what solving had set aside; the time in between does not count (M-41)."""
        if self.over or self.solved_at is None:
            return
        since, self.solved_at = self.solved_at, None
        if fact.by_requester:
            self.waited = ZERO
        for duty in self.duties:
            if not duty.stopped_by_solving:
                continue
            duty.stopped_by_solving = False
            if duty.metric is Metric.PROMISED_UPDATE:
                continue
            duty.done_at = duty.cancelled_at = None
            duty.pauses.append(Pause(since, fact.at, "solved", ""))
            self.retarget(duty, fact.at)
        spoke, self.spoke_while_solved = self.spoke_while_solved, None
        if spoke is not None:
            self.await_reply(spoke)

    def end(self, at: datetime) -> None:
        """Close or merge away: every duty that still lives is cancelled, for good."""
        self.resume(at)
        self.over = True
        for duty in self.duties:
            if duty.live:
                duty.cancelled_at = at

    def absorb(self, fact: f.Absorbed) -> None:
        """Take over what the other owed its requester, from when it began (M-81 to M-83)."""
        if self.over:
            return
        if fact.escalated_since is not None and self.solved_at is None:
            self.owe(Metric.ESCALATED_REPLY, fact.escalated_since)
        if fact.waiting_since is None:
            return
        if fact.unanswered and self.solved_at is None:
            self.owe(Metric.FIRST_REPLY, fact.waiting_since)
        else:
            self.await_reply(fact.waiting_since)

    def owe(self, metric: Metric, since: datetime) -> None:
        """Owe something since an instant: what runs already is owed since the earlier one."""
        running = self.running(metric)
        for duty in running:
            duty.started_at = min(duty.started_at, since)
        if not running:
            self.start(metric, since)

    def stand_alone(self, fact: f.Unmerged) -> None:
        """Count what answered its requester on the other ticket (M-85)."""
        if fact.answered_at is not None:
            self.replied_publicly(fact.answered_at)


def _refuse(fold: Fold, fact: f.Fact) -> None:
    raise FactsOutOfOrder("a ticket is opened once, and first")


# What each fact does. Acknowledged, DeliveryFailed, Released and AreaAnswerSetAside start and stop
# nothing by themselves; a test checks that every other fact is here.
DOES: dict[type[f.Fact], Callable[[Fold, Any], None]] = {
    f.Opened: _refuse,
    f.RepliedPublicly: lambda fold, fact: fold.replied_publicly(fact.at),
    f.RequesterSpoke: lambda fold, fact: fold.requester_spoke(fact.at),
    f.Paused: Fold.pause_duties,
    f.Resumed: lambda fold, fact: fold.resume(fact.at),
    f.SeveritySet: lambda fold, fact: fold.set_severity(fact.severity, fact.at),
    f.LevelEntered: lambda fold, fact: fold.enter_level(fact.level, fact.at),
    f.VerdictGiven: lambda fold, fact: fold.stop(Metric.SCOPE_VERDICT, fact.at),
    f.PromiseMade: Fold.promise,
    f.PromiseMoved: Fold.move_promise,
    f.PromiseKept: Fold.keep_promise,
    f.AreaAsked: Fold.ask_area,
    f.AreaAnswered: Fold.end_ask,
    f.AreaWithdrawn: Fold.end_ask,
    f.Solved: lambda fold, fact: fold.solve(fact.at),
    f.Reopened: Fold.reopen,
    f.Closed: lambda fold, fact: fold.end(fact.at),
    f.Merged: lambda fold, fact: fold.end(fact.at),
    f.Absorbed: Fold.absorb,
    f.Unmerged: Fold.stand_alone,
}


def evaluate(agreement: Agreement, facts: Sequence[f.Fact], now: datetime) -> Evaluation:
    """Fold a ticket's facts into its applied targets, as they stand at `now`.

    Edges: facts after `now` are not known yet. A reply whose delivery has failed by `now` is
        read as if it had not been sent, and a merge that was undone by `now` as if it had not been
        made. The result depends on the facts and `now` alone.
    Raises: FactsOutOfOrder if the first fact is no opening or an instant goes back.
    Source: agreement §4; docs/metrics.md.
    """
    fold = _folded(agreement, facts, now)
    applied = tuple(
        applied_of(duty, duty.target, agreement, now)
        for duty in fold.duties
        if duty.target is not None
    )
    return Evaluation(fold.policy.key, applied, fold.pause_ends_at)


def _folded(agreement: Agreement, facts: Sequence[f.Fact], now: datetime) -> Fold:
    if not facts or not isinstance(facts[0], f.Opened):
        raise FactsOutOfOrder("the first fact of a ticket is its opening")
    fold = Fold(agreement, facts[0])
    last = facts[0].at
    for fact in standing(facts, now)[1:]:
        at = fact.at
        if at < last:
            raise FactsOutOfOrder(f"{type(fact).__name__} at {at} comes after {last}")
        last = at
        if at > now:
            break
        if fold.pause is not None:
            fold.expire_pause(at)
        does = DOES.get(type(fact))
        if does is not None:
            does(fold, fact)
    fold.expire_pause(now)
    return fold
