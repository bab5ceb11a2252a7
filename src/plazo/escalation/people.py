"""Whom a step rings: who is on call, else whom the agreement names, else the level."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from plazo.accounts.models import Agent, Role
from plazo.accounts.queries import TEAM, absences_at, standing_in
from plazo.agreements.document import AgreementDocument
from plazo.core.kept import kept
from plazo.escalation.models import Contact, Endpoint, Rota
from plazo.escalation.rota import Turn, Turns
from plazo.sla import Cause
from plazo.tickets import ringing
from plazo.tickets.models import Ticket

# The stamp of rotas, contacts and endpoints.
LADDER = "ladder"
# Whose role stands for a step that no group and no level stands for.
ROLES = {1: Role.AGENT, 2: Role.COORDINATOR, 3: Role.MANAGER}


@dataclass(frozen=True, slots=True)
class Setup:
    """All that decides whom a step rings. `levels` holds each agent's keys by the group's level."""

    agents: Mapping[int, Agent]
    levels: Mapping[int, Sequence[int]]
    turns: Mapping[int, Turns]
    contacts: Mapping[str, Contact]
    endpoints: Sequence[Endpoint]


def register() -> None:
    """Let the ladder ask whom its steps ring."""
    ringing.register_people(rung_by)


@kept(TEAM, LADDER)
def setup() -> Setup:
    """Return whom the ladder could ring. Six queries, and none while nothing of it changed."""
    agents = {a.pk: a for a in Agent.objects.select_related("user").filter(is_active=True)}
    members = Agent.groups.through.objects.filter(agent__is_active=True, group__level__isnull=False)
    levels: dict[int, list[int]] = {}
    for agent, level in members.order_by("agent").values_list("agent", "group__level"):
        levels.setdefault(level or 0, []).append(agent)
    return Setup(
        agents,
        levels,
        {rota.step: _turns(rota, agents) for rota in Rota.objects.prefetch_related("members")},
        {contact.name: contact for contact in Contact.objects.all()},
        list(Endpoint.objects.filter(is_active=True)),
    )


def _turns(rota: Rota, present: Collection[int]) -> Turns:
    members = [member.agent_id for member in rota.members.all()]
    gone = frozenset(members).difference(present)
    return Turns(rota.zone, rota.begins_on, rota.hands_over_at, members, gone)


def rung_by(ticket: Ticket, step: int, cause: Cause, at: datetime) -> list[int]:
    """Return the agents whom a step rings for a ticket, by their keys.

    Edges: a warning is for whoever has the ticket, where somebody has. Whoever is away is replaced
        by who stands in.
    """
    found = setup()
    owner = ticket.assignee_id if cause is Cause.AT_RISK else None
    if owner is not None and owner in found.agents:
        keys = [owner]
    else:
        keys = on_step(ticket.agreement_version.document, step, at)
    away = absences_at(at)
    present = (standing_in(found.agents[key], away).pk for key in keys)
    return list(dict.fromkeys(present))


def on_step(document: AgreementDocument, step: int, at: datetime) -> list[int]:
    """Return who answers for a step at an instant, whether they are away or not.

    Edges: who is on call, else the agents behind the agreement's names, else those of the level's
        groups, else those of the level, else those of its role. Where there is nobody at all, those
        who coordinate are rung: silence that nobody hears is the worst answer.
    """
    found = setup()
    turn = turn_at(step, at)
    if turn is not None:
        return [turn.agent]
    named = [contact.agent_id for contact in contacts_of(document, step) if contact.agent_id]
    everyone = found.agents.values()
    for keys in (
        [key for key in named if key in found.agents],
        found.levels.get(step, []),
        [agent.pk for agent in everyone if agent.level == step],
        [agent.pk for agent in everyone if agent.role == ROLES.get(step)],
        [agent.pk for agent in everyone if agent.coordinates],
    ):
        if keys:
            return list(keys)
    return []


def turn_at(step: int, at: datetime) -> Turn | None:
    """Return whose turn runs on a step's rota, if it has one."""
    turns = setup().turns.get(step)
    return turns.turn_at(at) if turns is not None else None


def contacts_of(document: AgreementDocument, step: int) -> list[Contact]:
    """Return what is known of those whom the agreement names on a step."""
    known = setup().contacts
    named = next((entry.contacts for entry in document.ladder if entry.level == step), ())
    return [known[name] for name in named if name in known]


def mailed_besides(document: AgreementDocument, step: int) -> list[int]:
    """Return the contacts of a step that are none of our agents and have an address: by key."""
    return [
        contact.pk
        for contact in contacts_of(document, step)
        if contact.agent_id is None and contact.email
    ]
