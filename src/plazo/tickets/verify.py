"""Verify a whole database: every chain unbroken, every projection the fold of its events."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from plazo.tickets import projection, timeline
from plazo.tickets.models import Ticket, TicketEvent

BATCH = 500


@dataclass(frozen=True, slots=True)
class Fault:
    """One ticket whose history or projection does not hold."""

    number: str
    sequence: int | None
    what: str

    def __str__(self) -> str:
        where = f" event {self.sequence}" if self.sequence is not None else ""
        return f"{self.number}{where}: {self.what}"


@dataclass(slots=True)
class Tally:
    """How much was verified."""

    tickets: int = 0
    events: int = 0


def verify(tally: Tally) -> Iterator[Fault]:
    """Yield every fault, ticket by ticket, in batches by key: memory does not grow."""
    after = 0
    while True:
        tickets = list(
            Ticket.objects.filter(pk__gt=after)
            .select_related("agreement_version")
            .order_by("pk")[:BATCH]
        )
        if not tickets:
            return
        events = TicketEvent.objects.filter(
            ticket_id__gte=tickets[0].pk, ticket_id__lte=tickets[-1].pk
        ).order_by("ticket_id", "sequence")
        chains = {
            ticket_id: list(chain)
            for ticket_id, chain in groupby(events.iterator(5000), lambda e: e.ticket_id)
        }
        for ticket in tickets:
            chain = chains.get(ticket.pk, [])
            tally.tickets += 1
            tally.events += len(chain)
            yield from faults_of(ticket, chain)
        after = tickets[-1].pk


def faults_of(ticket: Ticket, chain: list[TicketEvent]) -> Iterator[Fault]:
    """Yield what does not hold for one ticket."""
    broken = timeline.first_break(chain, ticket.public_id)
    if broken is not None:
        yield Fault(ticket.number, broken, "the chain is broken here")
        return
    if not chain:
        yield Fault(ticket.number, None, "it has no events")
        return
    rebuilt = projection.rebuild(ticket, chain, timeline.facts_of(chain))
    for name, (stored, folded) in projection.differences(ticket, rebuilt).items():
        yield Fault(ticket.number, None, f"{name} is {stored!r}, its events say {folded!r}")
