"""Keeping what rings: the reader that turns the ladder's events into rows, in their transaction."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from django.db.models import Case, Q, Value, When

from plazo.escalation.models import Bell, Ring, RingState
from plazo.escalation.people import mailed_besides, setup
from plazo.sla import silence_ends_at
from plazo.tickets import projection, readers, ringing
from plazo.tickets.models import Ticket, TicketEvent

RANG: Final = "ladder.rang"
ENDS: Final = {"ladder.answered": RingState.ANSWERED, "ladder.settled": RingState.SETTLED}

Pages = Sequence[tuple[Ticket, Sequence[TicketEvent]]]


def register() -> None:
    """Let the ladder's events become rows."""
    readers.register_for_pages(keep, name="ladder", many=keep_many)


def keep(ticket: Ticket, appended: Sequence[TicketEvent]) -> None:
    """Write down what one action did to the ladder."""
    keep_many([(ticket, appended)])


def keep_many(pages: Pages) -> None:
    """Write down what actions on many tickets did to the ladder.

    Costs nothing where they did nothing, and four queries however many they are.
    """
    said = [
        (ticket, event)
        for ticket, appended in pages
        for event in appended
        if event.kind == RANG or event.kind in ENDS
    ]
    if not said:
        return
    _end(said)
    rings = [_ring_of(ticket, event) for ticket, event in said if event.kind == RANG]
    Ring.objects.bulk_create(rings)
    Bell.objects.bulk_create([bell for ring in rings for bell in _bells_of(ring)])


def _end(said: Sequence[tuple[Ticket, TicketEvent]]) -> None:
    """End what rang until now: its bells are silent from here on, and an endpoint that was told of
    it hears once more how it ended. Two queries for all alike.

    Edges: in the one statement that also waits for whoever tells an endpoint right now.
    """
    alike: dict[tuple[RingState, datetime, int | None, str], list[int]] = {}
    for ticket, event in said:
        state = ENDS.get(event.kind, RingState.PASSED)
        answered = state == RingState.ANSWERED
        who = (event.payload["agent"], event.actor_name) if answered else (None, "")
        alike.setdefault((state, event.recorded_at, *who), []).append(ticket.pk)
    for (state, at, agent, name), tickets in alike.items():
        ringing = Ring.objects.filter(ticket__in=tickets, state=RingState.RINGING)
        bells = Bell.objects.filter(ring__in=ringing.values("pk"))
        told = When(endpoint__isnull=False, times__gt=0, then=Value(at))
        heard = [] if state == RingState.PASSED else [told]
        bells.filter(Q(next_at__isnull=False) | Q(endpoint__isnull=False)).update(
            next_at=Case(*heard, default=Value(None), output_field=Bell.next_at.field)
        )
        ringing.update(state=state, ended_at=at, answered_by=agent, answered_name=name)


def _ring_of(ticket: Ticket, event: TicketEvent) -> Ring:
    severity = ringing.severity_of(ticket)
    ladder = ticket.agreement_version.sla.ladder
    return Ring(
        ticket=ticket,
        sequence=event.sequence,
        step=event.payload["step"],
        cause=event.payload["cause"],
        severity=severity,
        instant=event.payload["instant"],
        rang_at=event.recorded_at,
        next_at=silence_ends_at(ladder, projection.ringing(ticket), severity),
        agents=event.payload["agents"],
    )


def _bells_of(ring: Ring) -> Iterator[Bell]:
    at, document = ring.rang_at, ring.ticket.agreement_version.document
    for agent in ring.agents:
        yield Bell(ring=ring, agent_id=agent, next_at=at)
    for contact in mailed_besides(document, ring.step):
        yield Bell(ring=ring, contact_id=contact, next_at=at)
    for endpoint in setup().endpoints:
        if endpoint.from_step <= ring.step:
            yield Bell(ring=ring, endpoint=endpoint, next_at=at)
