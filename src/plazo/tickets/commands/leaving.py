"""An agent leaves the team: their access ends, and their cases go to somebody."""

from datetime import datetime

from django.db import transaction

from plazo.accounts.models import Agent
from plazo.accounts.staff import deactivate_agent
from plazo.core.actor import Actor
from plazo.tickets.commands.handling import assign_ticket
from plazo.tickets.errors import UnknownAgent
from plazo.tickets.models import Status, Ticket


@transaction.atomic
def let_agent_go(*, agent_id: int, cases_to: int | None, actor: Actor, now: datetime) -> int:
    """End an agent's access, and give every case of theirs that is not closed to another.

    Edges: without `cases_to` they stand unassigned in their groups' queue; solved ones too, since
        whoever opens one again must reach somebody. Returns how many changed hands.
    Raises: LastAdministrator; UnknownAgent if nobody active is `cases_to`.
    """
    if cases_to is not None and (
        cases_to == agent_id or not Agent.objects.filter(pk=cases_to, is_active=True).exists()
    ):
        raise UnknownAgent
    deactivate_agent(agent_id=agent_id, actor=actor, now=now)
    theirs = Ticket.objects.filter(assignee_id=agent_id).exclude(status=Status.CLOSED)
    numbers = list(theirs.order_by("pk").values_list("pk", flat=True))
    for pk in numbers:
        assign_ticket(ticket_id=pk, assignee_id=cases_to, actor=actor, now=now)
    return len(numbers)
