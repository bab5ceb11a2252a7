"""The command that silences the ladder: somebody says "I have it"."""

from datetime import datetime
from typing import Literal

from plazo.core.actor import Actor
from plazo.tickets import events, timeline
from plazo.tickets.commands.steps import author_of
from plazo.tickets.errors import NothingRings
from plazo.tickets.models import TicketEvent


def answer_ladder(
    *,
    ticket_id: int,
    by: Literal["desk", "link"],
    contact_id: int | None = None,
    actor: Actor,
    now: datetime,
) -> TicketEvent:
    """Say "I have it": nobody is rung any more, until something calls for the ladder anew.

    Units: `contact_id` is the contact of the agreement who speaks, where it is none of our agents.
    Edges: any agent may, also one whom it did not ring. It gives the case to nobody: who has it is
        on record, and who works it is decided where it always is.
    Raises: NothingRings where somebody was faster, with who; UnknownAgent.
    Source: decision 56.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        ticket = page.ticket
        if not ticket.ladder:
            kinds = (events.LadderAnswered.kind, events.LadderSettled.kind)
            last = next((e for e in reversed(page.chain) if e.kind in kinds), None)
            answered = last is not None and last.kind == events.LadderAnswered.kind
            raise NothingRings(
                number=ticket.number, who=last.actor_name if last and answered else ""
            )
        agent = author_of(actor) if contact_id is None else None
        return page.append(
            events.LadderAnswered(
                step=ticket.ladder["step"],
                by=by,
                agent=agent.pk if agent else None,
                contact=contact_id,
            )
        )
