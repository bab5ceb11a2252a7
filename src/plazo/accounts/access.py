"""Who is who: the only doors from a signed-in user to an agent or a requester."""

from typing import TYPE_CHECKING

from plazo.accounts.models import Agent, Requester
from plazo.core.actor import Actor, ActorKind

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from plazo.accounts.models import User


def agent_of(user: "User | AnonymousUser") -> Agent | None:
    """Return the active agent that signed in as `user`, or None: requesters are no agents."""
    if not user.is_authenticated:
        return None
    return Agent.objects.select_related("user").filter(user_id=user.pk, is_active=True).first()


def requester_of(user: "User | AnonymousUser") -> Requester | None:
    """Return the requester that signed in as `user`, or None."""
    if not user.is_authenticated:
        return None
    return Requester.objects.select_related("organization").filter(user_id=user.pk).first()


def actor_of_agent(agent: Agent) -> Actor:
    """Return the actor under which an agent's commands are recorded."""
    return Actor(ActorKind.AGENT, agent.pk, str(agent))


def actor_of_requester(requester: Requester) -> Actor:
    """Return the actor under which a requester's commands are recorded."""
    return Actor(ActorKind.REQUESTER, requester.pk, str(requester))
