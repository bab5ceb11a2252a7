"""Taking the ticket that is due first and that nobody has."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from plazo.accounts.models import Agent
from plazo.core.actor import Actor
from plazo.tickets.access import next_for_agent
from plazo.tickets.commands.handling import assign_ticket
from plazo.tickets.models import Ticket


@transaction.atomic
def take_next(
    *, agent_id: int, besides: Collection[int] = (), actor: Actor, now: datetime
) -> Ticket | None:
    """Give an agent the ticket that is due first and that nobody has; None if there is none.

    Units: `besides` are tickets to pass over, such as those that somebody else is reading.
    Edges: a row that another agent is taking at this moment is skipped, not waited for: two who
        ask at once get two tickets.
    Raises: UnknownAgent.
    """
    agent = Agent.objects.get(pk=agent_id)
    found = next_for_agent(agent, besides=besides).select_for_update(skip_locked=True).first()
    if found is not None:
        assign_ticket(ticket_id=found.pk, assignee_id=agent_id, actor=actor, now=now)
    return found
