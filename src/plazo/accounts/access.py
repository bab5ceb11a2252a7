"""Who is who: the only doors from a signed-in user to an agent or a requester."""

from copy import copy
from typing import TYPE_CHECKING

from django.db import models

from plazo.accounts import queries
from plazo.accounts.models import Absence, Agent, Invitation, Organization, Requester
from plazo.core.actor import Actor, ActorKind
from plazo.core.errors import NotVisible
from plazo.core.kept import kept

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from plazo.accounts.models import User


def agent_of(user: "User | AnonymousUser") -> Agent | None:
    """Return the active agent that signed in as `user`, or None: requesters are no agents."""
    found = _agent_of(user.pk) if user.is_authenticated else None
    return copy(found)


@kept(queries.TEAM)
def _agent_of(user_id: int) -> Agent | None:
    return Agent.objects.select_related("user").filter(user_id=user_id, is_active=True).first()


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


def people_named(agent: Agent, words: str, *, limit: int) -> list[Requester]:
    """Return the requesters an agent may see whose name or address has some words."""
    return queries.people_named(words, limit=limit) if agent.is_active else []


def organizations_named(agent: Agent, words: str, *, limit: int) -> list[Organization]:
    """Return the companies an agent may see whose name has some words."""
    return queries.organizations_named(words, limit=limit) if agent.is_active else []


def requester_for_agent(agent: Agent, pk: int) -> Requester:
    """Return somebody who asks, by their key; who was erased is nobody. Raises: NotVisible."""
    people = Requester.objects.select_related("organization", "user")
    found = people.filter(pk=pk, erased_at=None).first() if agent.is_active else None
    if found is None:
        raise NotVisible
    return found


def organization_for_agent(agent: Agent, slug: str) -> Organization:
    """Return a company by its short name. Raises: NotVisible."""
    found = Organization.objects.filter(slug=slug).first() if agent.is_active else None
    if found is None:
        raise NotVisible
    return found


MOST_PEOPLE = 50


def people_of(agent: Agent, organization: Organization) -> list[Requester]:
    """Return a company's people, those who manage first; so many at most. One query."""
    if not agent.is_active:
        return []
    people = Requester.objects.filter(organization=organization, erased_at=None)
    return list(people.order_by("role", "name", "pk")[:MOST_PEOPLE])


def absence_for(agent: Agent, pk: int) -> Absence:
    """Return an absence that an agent may change: their own, or for coordinators anyone's.

    Raises: NotVisible.
    """
    found = Absence.objects.select_related("agent__user", "substitute").filter(pk=pk).first()
    if found is None or not (found.agent_id == agent.pk or agent.coordinates):
        raise NotVisible
    return found
