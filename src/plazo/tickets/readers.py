"""Readers of the timeline.

A reader hears of every event of the kinds it asked for, inside the command's transaction and
after the projection. It may only write rows and defer jobs: whatever leaves the house does so
after the commit. `config.wiring` registers them.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from plazo.sla import Evaluation
from plazo.tickets.models import Ticket, TicketEvent

Reader = Callable[[Ticket, TicketEvent, Evaluation], None]


@dataclass(frozen=True, slots=True)
class Registration:
    """One reader, by its name, with the kinds it hears."""

    name: str
    kinds: frozenset[str]
    reader: Reader


_registered: dict[str, Registration] = {}


def register(reader: Reader, *, kinds: Collection[str], name: str) -> None:
    """Let `reader` hear events of `kinds`. Registering a name again replaces it."""
    _registered[name] = Registration(name, frozenset(kinds), reader)


def run(ticket: Ticket, event: TicketEvent, evaluation: Evaluation) -> None:
    """Tell every reader that asked for this kind, in the order in which they registered."""
    for registration in _registered.values():
        if event.kind in registration.kinds:
            registration.reader(ticket, event, evaluation)
