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
    many: "ManyReader | None" = None


# What happened to one ticket in one action.
Happened = tuple[Ticket, Sequence[TicketEvent], Evaluation]
Heard = tuple[Ticket, TicketEvent, Evaluation]
ManyReader = Callable[[Sequence[Heard]], None]
PageReader = Callable[[Ticket, Sequence[TicketEvent]], None]
ManyPages = Callable[[Sequence[tuple[Ticket, Sequence[TicketEvent]]]], None]

_registered: dict[str, Registration] = {}
_of_pages: dict[str, tuple[PageReader, ManyPages | None]] = {}


def register(
    reader: Reader, *, kinds: Collection[str], name: str, many: ManyReader | None = None
) -> None:
    """Let `reader` hear events of `kinds`. Registering a name again replaces it.

    Units: `many` does the same for what happened to many tickets at once, in fewer statements.
    """
    _registered[name] = Registration(name, frozenset(kinds), reader, many)


def register_for_pages(reader: PageReader, *, name: str, many: ManyPages | None = None) -> None:
    """Let `reader` hear all events of an action at once, after the readers of single events."""
    _of_pages[name] = (reader, many)


def run(ticket: Ticket, appended: Sequence[TicketEvent], evaluation: Evaluation) -> None:
    """Tell every reader what it asked for, in the order in which they registered."""
    run_many([(ticket, appended, evaluation)])


def run_many(happened: Sequence[Happened]) -> None:
    """Tell every reader what it asked for of many tickets, in the order in which they registered.

    Edges: a reader that can take many at once hears of them once.
    """
    for registration in _registered.values():
        heard = [
            (ticket, event, evaluation)
            for ticket, appended, evaluation in happened
            for event in appended
            if event.kind in registration.kinds
        ]
        if heard and registration.many is not None:
            registration.many(heard)
        else:
            for ticket, event, evaluation in heard:
                registration.reader(ticket, event, evaluation)
    pages = [(ticket, appended) for ticket, appended, _evaluation in happened if appended]
    for reader, many in _of_pages.values():
        if pages and many is not None:
            many(pages)
        else:
            for ticket, appended in pages:
                reader(ticket, appended)
