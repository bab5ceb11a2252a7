"""What a case was about, once it is solved: keys of the team's own lists."""

from datetime import datetime
from typing import NamedTuple

from plazo.core.actor import Actor
from plazo.tickets import events, timeline
from plazo.tickets.errors import NotSolved, UnknownOutcome
from plazo.tickets.models import TicketEvent
from plazo.tickets.outcome_models import Outcome, OutcomeKind


class Outcomes(NamedTuple):
    """Why it happened and how it was solved, as keys; each may be empty."""

    cause: str = ""
    solution: str = ""


def set_outcome(
    *, ticket_id: int, cause: str, solution: str, actor: Actor, now: datetime
) -> TicketEvent | None:
    """Say afterwards what a solved or closed case was about, or put it right.

    Edges: None where nothing changes. Raises: NotSolved; UnknownOutcome.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        if not page.ticket.is_ended:
            raise NotSolved(number=page.ticket.number)
        return settle(page, Outcomes(cause, solution))


def settle(page: timeline.Page, outcome: Outcomes) -> TicketEvent | None:
    """Append what a case was about, as a part of a command; None where nothing changes."""
    ticket = page.ticket
    if outcome == (ticket.cause, ticket.solution):
        return None
    kept = {(OutcomeKind.CAUSE, ticket.cause), (OutcomeKind.SOLUTION, ticket.solution)}
    chosen = {(OutcomeKind.CAUSE, outcome.cause), (OutcomeKind.SOLUTION, outcome.solution)}
    for kind, key in chosen - kept:
        if key and not Outcome.objects.filter(kind=kind, key=key, retired_at=None).exists():
            raise UnknownOutcome
    return page.append(events.OutcomeSet(cause=outcome.cause, solution=outcome.solution))
