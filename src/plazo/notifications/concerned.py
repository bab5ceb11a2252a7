"""Whom an event concerns among our own people, and as which news."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet

from plazo.accounts.models import Agent, Group
from plazo.accounts.queries import all_groups
from plazo.core.actor import ActorKind
from plazo.notifications.news import BY_KEY, News
from plazo.notifications.news import Concern as Nearness
from plazo.sla import Evaluation, Metric, State
from plazo.tickets.models import PublicMessage, Ticket, TicketEvent
from plazo.tickets.promises import lacks_promise

# Who climbs over level 1 is heard by the level above.
CLIMBED_TO: Final = 2

Substitutes = Callable[[Sequence[Agent], datetime], Mapping[int, int]]
_substitutes: list[Substitutes] = []


def register_substitutes(find: Substitutes) -> None:
    """Let `find` say which of some agents are absent at an instant, and who stands in for each.

    Units: it returns their keys, each with its substitute's. Whoever has none is not in it: what is
        meant for them must reach somebody. It must cost the same for any number of agents.
    Edges: registering again replaces it.
    """
    _substitutes[:] = [find]


@dataclass(slots=True)
class Concern:
    """What an event is news of: to some people as theirs, and to a group's members as the group's.

    `mail_group` is the group whose address is told as well.
    """

    own: dict[int, str] = field(default_factory=dict)
    group_id: int | None = None
    group_news: str = ""
    mail_group: Group | None = None

    def tell(self, agent_id: int | None, news: str) -> None:
        """Make it news of a person's own; the first news of a person stays."""
        if agent_id is not None:
            self.own.setdefault(agent_id, news)

    def tell_group(self, group_id: int | None, news: str) -> None:
        """Make it the news of a group's members."""
        if group_id is not None:
            self.group_id, self.group_news = group_id, news

    @property
    def is_nobodys(self) -> bool:
        return not self.own and self.group_id is None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is told, of what, and in whose place.

    Units: `in_mail_group` says that they are of the group whose address is told as well.
    Edges: whoever is absent keeps what is theirs at the desk, and is told by no other way.
    """

    agent: Agent
    news: News
    in_mail_group: bool = False
    in_place_of: Agent | None = None
    absent: bool = False


def concern_of(ticket: Ticket, event: TicketEvent, evaluation: Evaluation) -> Concern:
    """Return whom an event concerns, by keys. At most one query."""
    if event.kind in AREA_NEWS:
        if not event.payload["ask"]:
            return Concern()  # a mail that was kept back of the requester's side
        return _of_an_area(ticket, event)
    if event.payload.get("metric") == Metric.AREA_REPLY:
        return Concern()  # not ours to be late with: the area is reminded, and that is told
    return _of_our_own(ticket, event, evaluation)


def _of_our_own(  # noqa: C901 - one case for each kind of event
    ticket: Ticket, event: TicketEvent, evaluation: Evaluation
) -> Concern:
    concern = Concern()
    payload = event.payload
    match event.kind:
        case "ticket.opened":
            concern.tell_group(ticket.group_id, "group_opened")
        case "level.entered":
            concern.tell_group(payload["group"], "group_raised")
        case "ticket.assigned":
            _assigned(concern, event)
        case "requester.replied":
            concern.tell(ticket.assignee_id, "requester_wrote")
        case "ticket.replied" | "note.added":
            for mentioned in payload.get("mentions") or []:
                concern.tell(mentioned, "mentioned")
            concern.tell(ticket.assignee_id, "agent_wrote")
            _said_or_promised(concern, ticket, event)
        case "promise.made" | "promise.handed" | "help.still_needed" | "ticket.reopened":
            _said_or_promised(concern, ticket, event)
        case "reply.delivery_failed" | "reply.refused":
            _not_there(concern, ticket, event)
        case "clock.at_risk":
            _at_risk(concern, ticket, event, evaluation)
        case "clock.breached":
            concern.tell(_owner_of(ticket, event), "breached")
            concern.tell(ticket.assignee_id, "breached")
            concern.tell_group(ticket.group_id, "group_breached")
            concern.mail_group = _group(ticket.group_id)
        case "ladder.rang":
            concern.own.update(dict.fromkeys(payload["agents"], "rung"))
        case "escalation.requested":
            _climbed(concern, ticket)
    return concern


def _assigned(concern: Concern, event: TicketEvent) -> None:
    concern.tell(event.payload["agent"], "assigned")
    if event.payload["agent"] is None and _came_to_group(event):
        concern.tell_group(event.payload["group"], "group_opened")


def _climbed(concern: Concern, ticket: Ticket) -> None:
    """Who climbs is heard by whoever has the case, and by the level above."""
    concern.tell(ticket.assignee_id, "climbed")
    above = Group.objects.filter(level=CLIMBED_TO).order_by("pk").first()
    concern.tell_group(above.pk if above else None, "group_climbed")
    concern.mail_group = above


def _said_or_promised(concern: Concern, ticket: Ticket, event: TicketEvent) -> None:
    """A promise is its owner's news, one that is missing the group's; a requester who is not
    helped yet, whoever's has the case.
    """
    match event.kind:
        case "promise.made" | "promise.handed":
            concern.tell(event.payload.get("owner"), "promise_handed")
        case "ticket.replied" if lacks_promise(ticket):
            concern.tell_group(ticket.group_id, "promise_missing")
        case "help.still_needed":
            concern.tell(ticket.assignee_id, "help_needed")
        case "ticket.reopened" if event.payload["by_requester"]:
            concern.tell(ticket.assignee_id, "help_needed")


def _not_there(concern: Concern, ticket: Ticket, event: TicketEvent) -> None:
    """A reply that did not arrive, or was not sent, is its author's and the assignee's news."""
    news, author = "not_sent", event.payload.get("agent")
    if event.kind == "reply.delivery_failed":
        news, author = "undelivered", _author_of(event.payload["message"])
    concern.tell(author, news)
    concern.tell(ticket.assignee_id, news)


AREA_NEWS: Final = {
    "area.answered": "area_answered",
    "area.reminded": "area_silent",
    "area.undelivered": "area_unreached",
    "mail.parked": "area_parked",
}


def _of_an_area(ticket: Ticket, event: TicketEvent) -> Concern:
    """What comes back from an area is news of whoever has the case, and of whoever asked."""
    concern, news = Concern(), AREA_NEWS[event.kind]
    concern.tell(ticket.assignee_id, news)
    asked = TicketEvent.objects.filter(
        ticket_id=event.ticket_id, kind="area.asked", payload__ask=event.payload["ask"]
    )
    concern.tell(asked.values_list("actor_id", flat=True).first(), news)
    return concern


def _at_risk(concern: Concern, ticket: Ticket, event: TicketEvent, evaluation: Evaluation) -> None:
    """A warning is for whoever has the case, and for the group where nobody has it.

    Edges: one for a clock that has breached meanwhile is nobody's: the breach says more.
    """
    applied = evaluation.get(event.payload["key"])
    if applied is None or applied.state is not State.RUNNING:
        return
    promised = event.payload["metric"] == Metric.PROMISED_UPDATE
    owner = _owner_of(ticket, event)
    concern.tell(owner, "promise_at_risk")
    concern.tell(ticket.assignee_id, "promise_at_risk" if promised else "at_risk")
    if event.payload["metric"] == Metric.ESCALATED_REPLY and lacks_promise(ticket):
        concern.tell_group(ticket.group_id, "promise_missing")
    if ticket.assignee_id is None and owner is None:
        concern.tell_group(ticket.group_id, "group_at_risk")
        concern.mail_group = _group(ticket.group_id)


def _group(key: int | None) -> Group | None:
    return next((group for group in all_groups() if group.pk == key), None) if key else None


def _owner_of(ticket: Ticket, event: TicketEvent) -> int | None:
    """Return who answers for the promise whose clock an event tells of; nobody for other clocks."""
    promise = (ticket.promises or {}).get(event.payload["key"].partition(":")[2])
    owner: int | None = promise["owner"] if promise else None
    return owner


def _author_of(message: int) -> int | None:
    authors = PublicMessage.objects.filter(pk=message).values_list("author_agent_id", flat=True)
    return authors.first()


def _came_to_group(event: TicketEvent) -> bool:
    """Say whether an assignment to nobody moved the case to another group."""
    before = (
        TicketEvent.objects.filter(
            ticket_id=event.ticket_id,
            sequence__lt=event.sequence,
            kind__in=("ticket.opened", "ticket.assigned", "level.entered"),
            payload__group__isnull=False,
        )
        .order_by("-sequence")
        .values_list("payload__group", flat=True)
        .first()
    )
    return bool(before != event.payload["group"])


def people_of(concern: Concern, event: TicketEvent) -> list[Person]:
    """Return who is told: active people, without whoever did it themselves. One query for all.

    Edges: where agents are absent, whoever stands in for them is told in their place, in one more
        query. What is somebody's own comes before what is their group's.
    """
    return people_of_many([(concern, event)])[0]


def people_of_many(said: Sequence[tuple[Concern, TicketEvent]]) -> list[list[Person]]:
    """Return who is told of each of several events: one query for all of them."""
    members = Agent.groups.through.objects
    own = {key for concern, _event in said for key in concern.own}
    groups = {concern.group_id for concern, _event in said if concern.group_id is not None}
    wanted = Q(pk__in=own)
    if groups:
        wanted |= Q(pk__in=members.filter(group_id__in=groups).values("agent_id"))
    theirs = members.filter(agent_id=OuterRef("pk")).values("group_id")
    agents = list(_active().filter(wanted).annotate(in_groups=ArraySubquery(theirs)).order_by("pk"))
    return [_told(agents, concern, event) for concern, event in said]


def _told(agents: Sequence[Agent], concern: Concern, event: TicketEvent) -> list[Person]:
    """Choose those whom an event concerns."""
    doer = event.actor_id if event.actor_kind == ActorKind.AGENT else None
    mailed = concern.mail_group.pk if concern.mail_group else 0
    found = []
    for agent in agents:
        in_groups: list[int] = agent.in_groups  # type: ignore[attr-defined]
        news = concern.own.get(agent.pk)
        if news is None and concern.group_id in in_groups and _hears(agent, concern.group_news):
            news = concern.group_news
        if news is not None and agent.pk != doer:
            found.append(Person(agent, BY_KEY[news], mailed in in_groups))
    return _with_substitutes(found, doer, event.recorded_at)


def _hears(agent: Agent, news: str) -> bool:
    """Say whether a member hears of a group's news: told by no way, only who chose it does."""
    preference = getattr(agent, "notice_preference", None)
    chosen = preference is not None and news in preference.choices
    return chosen or not BY_KEY[news].ways.is_nothing


def _active() -> QuerySet[Agent]:
    return Agent.objects.filter(is_active=True, user__is_active=True).select_related(
        "user", "notice_preference"
    )


def _with_substitutes(found: list[Person], doer: int | None, at: datetime) -> list[Person]:
    if not found or not _substitutes:
        return found
    away = _substitutes[0]([person.agent for person in found], at)
    if not away:
        return found
    told = {person.agent.pk: replace(person, absent=person.agent.pk in away) for person in found}
    missing = set(away.values()) - set(told) - {doer}
    substitutes = {agent.pk: agent for agent in _active().filter(pk__in=missing)} if missing else {}
    substitutes |= {pk: person.agent for pk, person in told.items()}
    for person in found:
        substitute = substitutes.get(away.get(person.agent.pk, 0))
        if substitute is None:
            continue
        already, own = told.get(substitute.pk), person.news.concern is Nearness.OWN
        if already is None or (own and already.news.concern is Nearness.GROUP):
            told[substitute.pk] = Person(substitute, person.news, in_place_of=person.agent)
    return list(told.values())
