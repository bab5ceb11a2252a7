"""Telling open screens that a ticket changed: one piece of news for each command."""

from collections.abc import Sequence
from typing import Final

from plazo.core.live import publish_each
from plazo.sla import Evaluation
from plazo.tickets import events, readers
from plazo.tickets.models import Ticket, TicketEvent

TOPIC: Final = "tickets"
PLACES: Final = "ticket:"


def place_of(ticket_id: int) -> str:
    """Return the topic, and the place, of one ticket: who looks at it and who writes there."""
    return f"{PLACES}{ticket_id}"


def register() -> None:
    """Let screens hear of every event."""
    readers.register(tell_screens, kinds=events.REGISTRY, name="live", many=tell_of_many)


def tell_screens(ticket: Ticket, event: TicketEvent, evaluation: Evaluation) -> None:
    """Tell which ticket changed and how far its timeline goes now: keys and numbers only.

    Edges: of the events of one command only the last one speaks, for all of them.
    """
    tell_of_many([(ticket, event, evaluation)])


def tell_of_many(heard: Sequence[readers.Heard]) -> None:
    """Tell of many tickets, in one query."""
    publish_each(
        TOPIC,
        [
            {
                "ticket": ticket.pk,
                "number": ticket.number,
                "sequence": event.sequence,
                "kind": event.kind,
                "by": f"{event.actor_kind}:{event.actor_id or ''}",
                "correlation": str(event.correlation),
            }
            for ticket, event, _evaluation in heard
            if event.sequence == ticket.last_sequence
        ],
    )
