"""Macros: words for the composer and actions on the ticket, applied by an agent's own hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Max, Q, QuerySet

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Agent
from plazo.accounts.queries import TEAM
from plazo.automation import actions as doing
from plazo.automation.refusals import NameNeeded, NothingToDo
from plazo.automation.rule_models import Macro
from plazo.automation.trail import record_change
from plazo.core.actor import Actor
from plazo.core.errors import NotVisible
from plazo.core.kept import kept
from plazo.core.search import fold
from plazo.tickets import variables
from plazo.tickets.models import Ticket

MOST_OFFERED: Final = 12


def macros_for(agent: Agent) -> QuerySet[Macro]:
    """Return the macros that an agent may apply: their own, their groups' and everybody's."""
    own = Q(owner=agent) | Q(group__in=agent.groups.all()) | Q(owner=None, group=None)
    return Macro.objects.filter(own).select_related("group").order_by("position", "pk")


def macro_for_agent(agent: Agent, pk: int) -> Macro:
    """Return a macro that an agent may apply. Raises: NotVisible."""
    macro = macros_for(agent).filter(pk=pk, active=True).first()
    if macro is None:
        raise NotVisible
    return macro


def may_change(agent: Agent, macro: Macro) -> bool:
    """Say whether an agent may change a macro: their own, and who coordinates the shared ones."""
    return macro.owner_id == agent.pk if macro.owner_id else agent.coordinates


def macro_for_editor(agent: Agent, pk: int) -> Macro:
    """Return a macro that an agent may change. Raises: NotVisible."""
    macro = Macro.objects.select_related("group").filter(pk=pk).first()
    if macro is None or not may_change(agent, macro):
        raise NotVisible
    return macro


def macros_for_settings(agent: Agent) -> list[Macro]:
    """Return what an agent sees in the settings: what they may apply, and what they may change."""
    shared = Q(owner=None) if agent.coordinates else Q(pk__in=macros_for(agent).values("pk"))
    return list(
        Macro.objects.filter(Q(owner=agent) | shared)
        .select_related("group", "owner")
        .order_by("position", "pk")
    )


def offered(agent: Agent, ticket: Ticket, text: str = "") -> list[Macro]:
    """Return the macros that an agent is offered for what they typed, by position. One query, and
    none for a page where neither macros nor the team have changed.

    Edges: every word must begin a word of the name, whatever its accents.
    """
    wanted = fold(text).split()
    found = []
    for macro in _active_for(agent.pk):
        words = fold(macro.name).split()
        if all(any(word.startswith(part) for word in words) for part in wanted):
            found.append(macro)
    return found[:MOST_OFFERED]


@kept("macros", TEAM)
def _active_for(agent_id: int) -> list[Macro]:
    return list(macros_for(Agent(pk=agent_id)).filter(active=True))


def text_of(macro: Macro, ticket: Ticket) -> str:
    """Return a macro's words in the requester's language; where it has none, the other ones."""
    if ticket.language == "en":
        return macro.text_en or macro.text_es
    return macro.text_es or macro.text_en


@dataclass(frozen=True, slots=True)
class Applied:
    """What a macro did: its words, filled in for the composer, and what became of each action."""

    text: str
    outcomes: list[dict[str, Any]]

    @property
    def refused(self) -> list[dict[str, Any]]:
        return [each for each in self.outcomes if each["result"] == "refused"]


def apply(macro: Macro, ticket: Ticket, agent: Agent, now: datetime) -> Applied:
    """Do a macro's actions on a ticket as the agent, and return its words for the composer.

    Edges: nothing is sent: the agent reads the words and sends them. What a command refuses is
        told, and the other actions are done.
    Raises: BadAction for a macro from another version.
    """
    acting = doing.Doing(ticket.pk, actor_of_agent(agent), now, agent=agent)
    with transaction.atomic():
        outcomes = doing.perform(doing.read(macro.actions, "macro"), acting)
    return Applied(words_for(macro, ticket, agent, now), outcomes)


def words_for(macro: Macro, ticket: Ticket, agent: Agent, now: datetime) -> str:
    """Return a macro's words with their variables filled in. Costs nothing where the ticket came
    with its people.
    """
    sla = ticket.agreement_version.sla
    return variables.fill(
        text_of(macro, ticket),
        ticket=ticket,
        agent=agent,
        language=ticket.language,
        zone=sla.calendars[sla.support_calendar].zone,
        now=now,
    )


@transaction.atomic
def save_macro(
    *,
    macro_id: int | None = None,
    name: str,
    owner_id: int | None = None,
    group_id: int | None = None,
    text_es: str = "",
    text_en: str = "",
    actions: Sequence[Any] = (),
    active: bool = True,
    actor: Actor,
    now: datetime,
) -> Macro:
    """Make a macro, last in the order, or change one.

    Raises: NameNeeded; NothingToDo; BadAction; NotVisible.
    """
    name = " ".join(name.split())[:80]
    if not name:
        raise NameNeeded
    todo = [action.to_json() for action in doing.read(actions, "macro")]
    texts = [text.replace("\x00", "").strip()[: doing.LONGEST_TEXT] for text in (text_es, text_en)]
    if not todo and not any(texts):
        raise NothingToDo
    before: dict[str, Any] = {}
    if macro_id is None:
        last = Macro.objects.aggregate(last=Max("position"))["last"] or 0
        macro = Macro(created_at=now, position=last + 1)
    else:
        macro = _locked(macro_id)
        before = _shown(macro)
    macro.name, macro.owner_id, macro.group_id = name, owner_id, group_id
    macro.text_es, macro.text_en = texts
    macro.actions, macro.active, macro.updated_at = todo, active, now
    macro.save()
    what = "macro.changed" if before else "macro.added"
    record_change(what, macro, before=before, after=_shown(macro), actor=actor, now=now)
    return macro


@transaction.atomic
def move_macro(
    *, macro_id: int, up: bool, among: Sequence[int], actor: Actor, now: datetime
) -> None:
    """Let a macro change places with its neighbour in a list that somebody sees.

    Units: `among` are the keys of that list, in its order. At its end a macro stays.
    Raises: NotVisible.
    """
    macro = _locked(macro_id)
    place = list(among).index(macro.pk) if macro.pk in among else -1
    other = place - 1 if up else place + 1
    if place < 0 or not 0 <= other < len(among):
        return
    neighbour = _locked(among[other])
    before = {"position": macro.position}
    macro.position, neighbour.position = neighbour.position, macro.position
    if macro.position == neighbour.position:
        macro.position = max(neighbour.position + (-1 if up else 1), 0)
    for each in (macro, neighbour):
        each.save(update_fields=["position"])
    after = {"position": macro.position}
    record_change("macro.moved", macro, before=before, after=after, actor=actor, now=now)


@transaction.atomic
def remove_macro(*, macro_id: int, actor: Actor, now: datetime) -> None:
    """Remove a macro for good. Raises: NotVisible."""
    macro = _locked(macro_id)
    record_change("macro.removed", macro, before=_shown(macro), after={}, actor=actor, now=now)
    macro.delete()


def _locked(macro_id: int) -> Macro:
    macro = Macro.objects.select_for_update().filter(pk=macro_id).first()
    if macro is None:
        raise NotVisible
    return macro


def _shown(macro: Macro) -> dict[str, Any]:
    shown = ("name", "owner_id", "group_id", "text_es", "text_en", "actions", "active")
    return {name: getattr(macro, name) for name in shown}
