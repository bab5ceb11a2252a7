"""The ladder on a ticket: what calls for it, whom it rings, when it is silent again.

It is followed at the end of every action, in its transaction: a breach and the ring that it calls
for are there together or not at all, and whoever does what the ladder rings for silences it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from plazo.core.localtime import iso
from plazo.sla import Call, Cause, Evaluation, Metric, next_ring, rings_by_itself
from plazo.tickets import events, projection
from plazo.tickets.models import Status, Ticket, TicketEvent

# Which agents a step of the ladder rings, for a ticket, at an instant: by their keys.
People = Callable[[Ticket, int, Cause, datetime], list[int]]
_people: list[People] = []

OVER: Final = frozenset({Status.SOLVED, Status.CLOSED})
CALLS: Final = {
    events.ClockAtRisk.kind: Cause.AT_RISK,
    events.ClockBreached.kind: Cause.BREACHED,
    events.EscalationRequested.kind: Cause.CLIMBED,
}
# Whom nobody outside waits for: what areas owe us, and what we owe ourselves (decision 62).
OURS: Final = frozenset({Metric.AREA_REPLY, Metric.SCOPE_VERDICT})


def register_people(find: People) -> None:
    """Let `find` say whom a step rings; it is asked in the command's transaction.

    Edges: registering again replaces it.
    """
    _people[:] = [find]


def follow(
    ticket: Ticket,
    appended: Sequence[TicketEvent],
    evaluation: Evaluation,
    now: datetime,
    before: Sequence[Mapping[str, Any]] = (),
) -> events.Payload | None:
    """Return the event that the ladder adds to an action, if any. Costs nothing by itself.

    Units: `before` are the ticket's clocks as they were stored before the action.
    """
    if ticket.ladder and _is_settled(ticket, evaluation):
        return events.LadderSettled(step=ticket.ladder["step"])
    if ticket.status in OVER:
        return None
    calling = [event for event in appended if _calls(ticket, event, evaluation)]
    given_back = _given_back(ticket, appended, evaluation, before)
    if not (calling or given_back or ticket.ladder):
        return None
    calls = [
        Call(CALLS[event.kind], _instant_of(event), _level_of(ticket, event)) for event in calling
    ]
    calls += [Call(Cause.BREACHED, late_at, ticket.level) for late_at in given_back.values()]
    ladder, severity = ticket.agreement_version.sla.ladder, severity_of(ticket)
    ring = next_ring(ladder, calls, projection.ringing(ticket), severity, max(now, ticket.last_at))
    if ring is None or ring.at > max(now, ticket.last_at):
        return None
    return events.LadderRang(
        step=ring.step,
        cause=ring.cause.value,
        instant=ring.at,
        level=ticket.level,
        keys=[*(e.payload["key"] for e in calling if "key" in e.payload), *given_back],
        agents=_people[0](ticket, ring.step, ring.cause, now) if _people else [],
    )


def severity_of(ticket: Ticket) -> str:
    """Return the severity by which silence is measured: judged, else as the requester sees it."""
    return ticket.severity or ticket.requested_severity


def _calls(ticket: Ticket, event: TicketEvent, evaluation: Evaluation) -> bool:
    """Say whether an event calls for the ladder.

    Edges: what no requester waits for rings nobody here. Of clocks only those of a ticket that was
        judged to be of a severity that rings by itself, and only while they are still owed. A
        warning whose deadline has passed meanwhile says nothing: its breach does. That a promise is
        at risk is told to its owner alone, who gave it.
    """
    if event.kind == events.EscalationRequested.kind:
        return True
    if event.kind not in CALLS or event.payload["metric"] in OURS:
        return False
    warns = event.kind == events.ClockAtRisk.kind
    if warns and event.payload["metric"] == Metric.PROMISED_UPDATE:
        return False
    if not _rings_by_itself(ticket, evaluation):
        return False
    applied = evaluation.get(event.payload["key"])
    if applied is None or applied.ended_at is not None:
        return False
    late = applied.breached_at is not None
    return late != warns


def _instant_of(event: TicketEvent) -> datetime:
    if "instant" in event.payload:
        return datetime.fromisoformat(event.payload["instant"])
    return event.at


def _level_of(ticket: Ticket, event: TicketEvent) -> int:
    """Return the level that somebody climbs over, or at which a clock's ticket is worked.

    Edges: the requester climbs over level 1, whose clocks are late, wherever the ticket is now.
    """
    return ticket.level if event.kind != events.EscalationRequested.kind else 1


def _rings_by_itself(ticket: Ticket, evaluation: Evaluation) -> bool:
    policy = ticket.agreement_version.sla.policy_named(evaluation.policy)
    return rings_by_itself(policy, ticket.severity)


def _given_back(
    ticket: Ticket,
    appended: Sequence[TicketEvent],
    evaluation: Evaluation,
    before: Sequence[Mapping[str, Any]],
) -> dict[str, datetime]:
    """Return the late clocks, with their deadlines, whose reply turns out never to have arrived.

    Edges: they were told to be late before, or had been met, and so no moment of theirs will call.
    """
    bounced = any(event.kind == events.ReplyDeliveryFailed.kind for event in appended)
    if not bounced or not _rings_by_itself(ticket, evaluation):
        return {}
    met = {(clock["metric"], clock["started_at"]) for clock in before if clock["done_at"]}
    return {
        applied.key: applied.breached_at
        for applied in evaluation.applied
        if applied.breached_at is not None
        and applied.ended_at is None
        and (applied.metric.value, iso(applied.started_at)) in met
    }


def _is_settled(ticket: Ticket, evaluation: Evaluation) -> bool:
    """Say whether nothing is left of what the ladder rings for.

    Edges: a case that is judged anew, to be of a severity that rings nobody, has clocks that call
        for nobody; whoever climbed is still to be answered.
    """
    if ticket.status in OVER:
        return True
    owed = [evaluation.get(key) for key in ticket.ladder["keys"]]
    calling = any(applied is not None and applied.ended_at is None for applied in owed)
    if calling and _rings_by_itself(ticket, evaluation):
        return False
    return not ticket.ladder["climbed"] or ticket.ladder.get("answered", False)
