"""Who is who: the only doors from a signed-in user to an agent or a requester."""

from typing import TYPE_CHECKING

from django.db import models

from plazo.accounts.models import Absence, Agent, Invitation, Organization, Requester
from plazo.core.actor import Actor, ActorKind
from plazo.core.errors import NotVisible

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
    return Requester.objects.select_related("organization", "user").filter(user_id=user.pk).first()


def actor_of_agent(agent: Agent) -> Actor:
    """Return the actor under which an agent's commands are recorded."""
    return Actor(ActorKind.AGENT, agent.pk, str(agent))


def actor_of_requester(requester: Requester) -> Actor:
    """Return the actor under which a requester's commands are recorded.

    Edges: without a name. Timelines cannot be changed, and a requester may ask to be erased: the
        key says who it was for as long as there is somebody to name.
    """
    return Actor(ActorKind.REQUESTER, requester.pk, "")


def managed_organization(requester: Requester) -> Organization:
    """Return the company whose cases and people somebody answers for. Raises: NotVisible."""
    if not requester.manages or requester.organization is None:
        raise NotVisible
    return requester.organization


def colleagues_for(requester: Requester) -> models.QuerySet[Requester]:
    """Return the people of a manager's company, themselves included. Raises: NotVisible."""
    return Requester.objects.filter(organization=managed_organization(requester), erased_at=None)


def invitations_for(requester: Requester) -> models.QuerySet[Invitation]:
    """Return the open invitations into a manager's company. Raises: NotVisible."""
    return Invitation.objects.filter(
        organization=managed_organization(requester), accepted_at=None, withdrawn_at=None
    )


def absence_for(agent: Agent, pk: int) -> Absence:
    """Return an absence that an agent may change: their own, or for coordinators anyone's.

    Raises: NotVisible.
    """
    found = Absence.objects.select_related("agent__user", "substitute").filter(pk=pk).first()
    if found is None or not (found.agent_id == agent.pk or agent.coordinates):
        raise NotVisible
    return found
