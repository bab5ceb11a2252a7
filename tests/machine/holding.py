"""What must hold of a case after every step: DESIGN §6 by its numbers, and the ladder's L-1 to L-9.

Where something can be counted in another way than the desk counts it, it is counted so.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from plazo.sla import AppliedTarget, Evaluation, Metric, State, evaluate, explain_applied
from plazo.tickets import projection, timeline
from plazo.tickets.models import Ticket, TicketEvent
from tests.machine.model import Case, Rung
from tests.machine.world import LAST, Minutes, World, counts

REPLIES = {"ticket.opened", "ticket.replied", "requester.replied", "ticket.answered"}
# What may give a verdict back: all of them say so on the timeline.
TAKES_BACK = {"reply.delivery_failed", "ticket.unmerged", "ticket.released"}
DURATIONS = {"A": (60, "always"), "B": (120, "always"), "C": (240, "working")}
SILENCE = {"A": timedelta(minutes=15), "B": timedelta(minutes=30)}
CALLS = {
    "clock.at_risk": "at_risk",
    "clock.breached": "breached",
    "escalation.requested": "climbed",
}
ENDS = {"ladder.answered", "ladder.settled"}
ANSWERS = {"ticket.replied", "reply.sent_again"}
TOP = 3
OLA = {"credit", "integrations", "sales"}


def check(world: World, case: Case, ticket: Ticket, chain: Sequence[TicketEvent]) -> None:
    """Hold everything to one case whose timeline has grown."""
    new = chain[case.seen :]
    _one_timeline(case, ticket, chain, new)
    facts = timeline.facts_of(chain)
    _is_what_its_events_say(ticket, chain, facts)
    evaluation = evaluate(ticket.agreement_version.sla, facts, ticket.evaluated_at)
    for applied in evaluation.applied:
        _adds_up(ticket, evaluation, facts, applied)
    _verdicts_stay(case, evaluation, new)
    _moments_are_true(case, ticket, evaluation, new)
    _is_what_was_done(case, ticket, chain)
    _level_one(case, ticket, evaluation)
    _level_two(case, ticket, evaluation)
    _owed(case, evaluation, new)
    _ladder(world, case, ticket, evaluation, new)
    case.seen, case.head = len(chain), ticket.last_hash


def _one_timeline(
    case: Case, ticket: Ticket, chain: Sequence[TicketEvent], new: Sequence[TicketEvent]
) -> None:
    """(2) Only longer, in one order, each event chained to the one before."""
    assert [event.sequence for event in chain] == list(range(1, len(chain) + 1))
    assert case.seen == 0 or chain[case.seen - 1].hash == case.head, "history was rewritten"
    assert all(a.at <= b.at and a.recorded_at >= a.at for a, b in pairwise(chain))
    before = case.head
    for event in new:
        assert event.previous_hash == before
        assert event.hash == timeline.event_hash(event, ticket.public_id)
        before = event.hash
    assert (ticket.last_sequence, ticket.last_hash) == (len(chain), before)


def _is_what_its_events_say(ticket: Ticket, chain: Sequence[TicketEvent], facts: list) -> None:
    """(2) The projection is the fold of the events."""
    assert projection.differences(ticket, projection.rebuild(ticket, chain, facts)) == {}


def _adds_up(ticket: Ticket, evaluation: Evaluation, facts: list, applied: AppliedTarget) -> None:
    """(3) Segments without a gap sum to what has elapsed, by our own count of minutes as well."""
    now, agreement = ticket.evaluated_at, ticket.agreement_version.sla
    told = explain_applied(agreement, evaluation, facts, applied.key, now)
    assert told.counted == applied.elapsed, (ticket.number, applied)
    assert all(a.end == b.start for a, b in pairwise(told.segments)), (ticket.number, told)
    assert not told.segments or told.segments[0].start == applied.started_at
    is_promise = applied.metric is Metric.PROMISED_UPDATE
    minutes = counts()["always" if is_promise else applied.calendar]
    end = applied.ended_at or now
    assert _counted(minutes, applied, end) == applied.elapsed, (ticket.number, applied)
    if applied.due_at is None:
        assert applied.state is State.PAUSED
        return
    assert (applied.breached_at is not None) == (applied.due_at < end), (ticket.number, applied)
    assert applied.breached_at in (None, applied.due_at)
    if applied.due_at < LAST + timedelta(days=15):
        assert _counted(minutes, applied, applied.due_at) == applied.duration, applied
        assert minutes.just_counted(applied.due_at), ("due while closed", applied)
        assert not any(
            pause.start
            < applied.due_at
            <= (pause.end or applied.ended_at or max(end, applied.due_at))
            for pause in applied.pauses
        ), ("due within a pause", applied)


def _counted(minutes: Minutes, applied: AppliedTarget, end: datetime) -> timedelta:
    """Count open time from a clock's start to an instant, without its pauses. What is done within a
    pause ends it, for the clock.
    """
    if end <= applied.started_at:
        return timedelta()
    total = minutes.between(applied.started_at, end)
    at = applied.started_at
    for pause in applied.pauses:
        begins, over = max(pause.start, at), min(pause.end or applied.ended_at or end, end)
        if begins < over:
            total -= minutes.between(begins, over)
            at = over
    return total


def _verdicts_stay(case: Case, evaluation: Evaluation, new: Sequence[TicketEvent]) -> None:
    """(3) A verdict never changes, but for what a bounce, the undoing of a merge, or an answer that
    was none takes back by its rule. A merge may hand over an earlier beginning.
    """
    kinds = {event.kind for event in new}
    for applied in evaluation.applied:
        before = case.sealed.get(applied.key)
        if before is None or kinds & TAKES_BACK:
            continue
        if applied.metric is Metric.AREA_REPLY and "area.answer_set_aside" in kinds:
            continue
        state, done_at, breached_at = before
        if state is State.MET:
            assert (applied.state, applied.done_at) == (state, done_at), (case.number, applied)
        if breached_at is not None:
            same = applied.breached_at == breached_at
            assert same or "ticket.absorbed" in kinds, (case.number, before, applied)
            assert applied.breached_at is not None, (case.number, before, applied)
            assert done_at in (None, applied.done_at), (case.number, before, applied)
    case.sealed = {a.key: (a.state, a.done_at, a.breached_at) for a in evaluation.applied}
    case.was_met = case.met
    case.met = {(a.metric.value, a.started_at) for a in evaluation.applied if a.done_at}


def _moments_are_true(
    case: Case, ticket: Ticket, evaluation: Evaluation, new: Sequence[TicketEvent]
) -> None:
    """(3) A breach is told once, at the due instant, and never of a paused clock; what another area
    owes us is told to no requester.
    """
    for event in new:
        if not event.kind.startswith("clock."):
            continue
        said = event.payload
        name = (said["key"].partition("#")[0], event.kind, said["instant"])
        assert name not in case.told, (case.number, "told twice", name)
        case.told.add(name)
        applied = evaluation.get(said["key"])
        assert applied is not None, (case.number, said)
        instant = datetime.fromisoformat(said["instant"])
        assert instant <= event.at
        if event.kind == "clock.breached":
            assert instant == applied.breached_at, (case.number, said, applied)
        if said["metric"] == Metric.AREA_REPLY:
            assert event.audience == "internal"
    for event in new:
        if event.kind.startswith("area.") or event.kind in ("note.added", "ladder.rang"):
            assert event.audience == "internal"


def _is_what_was_done(case: Case, ticket: Ticket, chain: Sequence[TicketEvent]) -> None:
    """The columns are what the machine did, by its own account."""
    theirs = (
        ticket.status, ticket.waiting_for, ticket.level, ticket.severity, ticket.assignee_id,
        ticket.group_id, set(ticket.tags), ticket.verdict, ticket.solved_at if case.over else None,
        ticket.merged_into_id, (ticket.service, ticket.environment, ticket.request_type),
    )  # fmt: skip
    ours = (
        case.status, case.waiting_for, case.level, case.severity, case.assignee, case.group,
        case.tags, case.verdict, case.solved_at if case.over else None,
        case.into.pk if case.into else None, case.details,
    )  # fmt: skip
    assert theirs == ours, (case.number, theirs, ours)
    seen = [e.payload["message"] for e in chain if e.kind in REPLIES]
    assert seen == case.public, (case.number, "messages that a requester sees")


def _level_one(case: Case, ticket: Ticket, evaluation: Evaluation) -> None:
    """Level 1's hour is an hour of support, from the opening, ended by what was really done."""
    if case.joined or case.solves:
        return
    due = counts()["support"].after(case.opened_at, 60)
    for key, done in (("first_reply", case.answered_at), ("scope_verdict", case.verdict_at)):
        applied = evaluation.get(key)
        assert applied is not None
        assert (applied.due_at, applied.done_at) == (due, done), (case.number, applied)
        late = due < (done or ticket.evaluated_at)
        expected = State.BREACHED if late else State.MET if done else State.RUNNING
        assert applied.state is expected, (case.number, applied)


def _level_two(case: Case, ticket: Ticket, evaluation: Evaluation) -> None:
    """What is owed at level 2 is what the severity promises, and waits while we wait for them."""
    if case.joined or case.over:
        return
    for applied in evaluation.applied:
        if applied.metric is not Metric.ESCALATED_REPLY or applied.ended_at is not None:
            continue
        assert case.level >= 2
        if applied.breached_at is None:
            minutes, calendar = DURATIONS[case.severity]
            wanted = (timedelta(minutes=minutes), calendar)
            assert (applied.duration, applied.calendar) == wanted, (case.number, applied)
            paused = case.is_paused(ticket.evaluated_at)
            assert (applied.state is State.PAUSED) == paused, (case.number, applied)


def _owed(case: Case, evaluation: Evaluation, new: Sequence[TicketEvent]) -> None:
    """Open promises are those that stand; each area that owes us a word has a clock of its own."""
    owed = {
        applied.key.partition(":")[2]
        for applied in evaluation.applied
        if applied.metric is Metric.PROMISED_UPDATE and applied.ended_at is None
    }
    assert owed == set(case.owed), (case.number, owed, case.promises)
    for kind in ("solution", "update"):
        open_ones = [p for key, p in case.promises.items() if case.owed.get(key) == kind]
        came_back = any(promise.came_back for promise in open_ones)
        assert len(open_ones) <= 1 or came_back, (case.number, case.promises)
    for key in owed:
        applied = evaluation.get(f"promised_update:{key}")
        assert applied is not None
        assert applied.due_at == case.promises[key].by
    clocks = {
        applied.key.partition(":")[2]: applied
        for applied in evaluation.applied
        if applied.metric is Metric.AREA_REPLY
    }
    assert set(clocks) == {key for key, ask in case.asks.items() if ask.area in OLA}
    for key, applied in clocks.items():
        if not case.over:
            runs = applied.ended_at is None
            assert runs == case.asks[key].awaited, (case.number, applied, case.asks[key])


# — the ladder ———————————————————————————————————————————————————————————————————————


def _ladder(
    world: World, case: Case, ticket: Ticket, evaluation: Evaluation, new: Sequence[TicketEvent]
) -> None:
    """Follow the ladder by its events, one action after the other, and by our own rules."""
    for _action, group in groupby(new, key=lambda event: event.correlation):
        _follow(world, case, ticket, evaluation, list(group))
    rung = case.rung
    assert (ticket.ladder.get("step") if ticket.ladder else None) == (rung.step if rung else None)
    if rung is None:
        return
    assert not case.over, (case.number, "what is over rings nobody")
    calls = [evaluation.get(key) for key in rung.keys]
    owed = any(clock is not None and clock.ended_at is None for clock in calls)
    for_itself = case.severity in SILENCE and owed
    assert for_itself or (rung.climbed and not rung.answered), (case.number, "L-7", rung)


def _follow(
    world: World,
    case: Case,
    ticket: Ticket,
    evaluation: Evaluation,
    action: Sequence[TicketEvent],
) -> None:
    """Hold one action's rings to the rules; a call that is owed must be rung."""
    rung, calls = case.rung, [event for event in action if event.kind in CALLS]
    rang = [event for event in action if event.kind == "ladder.rang"]
    assert len(rang) <= 1, "L-4: once"
    steps = [_step(case, evaluation, call) for call in calls]
    steps += [min(case.level + 1, TOP) for _key in _bounced(case, evaluation, action)]
    wanted = max(steps, default=0)
    ended = any(event.kind in ENDS for event in action)
    if not rang:
        silent = wanted <= (rung.step if rung else 0) or case.over or ended
        assert silent, (case.number, "called and not rung", [e.payload for e in calls])
    for event in rang:
        _rang(world, case, event, wanted)
    if ended:
        case.rung = None
    elif case.rung is not None and any(event.kind in ANSWERS for event in action):
        case.rung.answered = True


def _bounced(case: Case, evaluation: Evaluation, action: Sequence[TicketEvent]) -> list[str]:
    """Return the late clocks that a reply had met which never arrived: they call anew."""
    if case.severity not in SILENCE or all(e.kind != "reply.delivery_failed" for e in action):
        return []
    return [
        applied.key
        for applied in evaluation.applied
        if applied.breached_at is not None
        and applied.ended_at is None
        and (applied.metric.value, applied.started_at) in case.was_met
    ]


def _step(case: Case, evaluation: Evaluation, call: TicketEvent) -> int:
    """Return the step that a call is for, by L-1 to L-3; 0 where it rings nobody."""
    if call.kind == "escalation.requested":
        return min(max(1, case.rung.step if case.rung else 0) + 1, TOP)
    applied = evaluation.get(call.payload["key"])
    assert applied is not None
    nobody_waits = applied.metric in (Metric.AREA_REPLY, Metric.SCOPE_VERDICT)
    if case.severity not in SILENCE or nobody_waits or applied.ended_at:
        return 0
    if call.kind == "clock.at_risk":
        warns = not applied.breached_at and applied.metric is not Metric.PROMISED_UPDATE
        return min(case.level, TOP) if warns else 0
    return min(case.level + 1, TOP)


def _rang(world: World, case: Case, event: TicketEvent, wanted: int) -> None:
    before, said = case.rung, event.payload
    step, cause = said["step"], said["cause"]
    assert 1 <= step <= TOP
    assert step > (before.step if before else 0), "L-4: a step that rings is not rung again"
    if cause == "silence":
        assert before is not None, "L-5: silence follows a ring"
        silence = SILENCE[case.severity or case.requested]
        assert step == before.step + 1, "L-5: silence rings the next step and skips none"
        assert event.recorded_at >= before.at + silence
        assert datetime.fromisoformat(said["instant"]) == before.at + silence
    else:
        assert step == wanted, (case.number, said)
    owner = case.assignee if cause == "at_risk" else None
    assert sorted(said["agents"]) == ([owner] if owner else world.level(step)), (case.number, said)
    climbs = cause == "climbed"
    case.rung = Rung(
        step,
        event.recorded_at,
        climbed=climbs or bool(before and before.climbed),
        answered=not climbs and bool(before and before.answered),
        keys={*said["keys"], *(before.keys if before else ())},
    )


def written(at: datetime) -> str:
    """Return an instant as timelines write it."""
    return at.isoformat().replace("+00:00", "Z")
