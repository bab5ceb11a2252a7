"""Readers of the timeline.

A reader hears of every event of the kinds it asked for, inside the command's transaction and
after the projection. It may only write rows and defer jobs: whatever leaves the house does so
after the commit. `config.wiring` registers them.
"""

from collections.abc import Callable, Collection, Sequence
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


PageReader = Callable[[Ticket, Sequence[TicketEvent]], None]

_registered: dict[str, Registration] = {}
_of_pages: dict[str, PageReader] = {}


def register(reader: Reader, *, kinds: Collection[str], name: str) -> None:
    """Let `reader` hear events of `kinds`. Registering a name again replaces it."""
    _registered[name] = Registration(name, frozenset(kinds), reader)


def register_for_pages(reader: PageReader, *, name: str) -> None:
    """Let `reader` hear all events of an action at once, after the readers of single events."""
    _of_pages[name] = reader


def run(ticket: Ticket, appended: Sequence[TicketEvent], evaluation: Evaluation) -> None:
    """Tell every reader what it asked for, in the order in which they registered."""
    for event in appended:
        for registration in _registered.values():
            if event.kind in registration.kinds:
                registration.reader(ticket, event, evaluation)
    for reader in _of_pages.values():
        reader(ticket, appended)
