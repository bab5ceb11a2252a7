"""Reads on what rings, what rang, and who is on call."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Q, QuerySet

from plazo.accounts.models import Absence, Agent
from plazo.accounts.queries import absences_at, standing_in
from plazo.agreements.models import AgreementVersion
from plazo.agreements.queries import version
from plazo.escalation import people
from plazo.escalation.models import Bell, Contact, Endpoint, HookCall, Ring, RingState, Rota
from plazo.escalation.rota import Turn
from plazo.notifications.models import OutboundMail
from plazo.tickets import access
from plazo.tickets.models import Status

MOST_ON_A_STEP: Final = 30
MOST_IN_HAND: Final = 10
IN_HAND_FOR: Final = timedelta(hours=24)
PAGE_SIZE: Final = 30


def ringing_for(agent: Agent) -> QuerySet[Ring]:
    """Return what rings now, of the tickets that an agent may see. One partial index."""
    found = Ring.objects.filter(state=RingState.RINGING)
    return found if agent.is_active else found.none()


def bells_of(agent: Agent) -> QuerySet[Bell]:
    """Return the bells that ring for an agent themselves: of steps that were not passed over."""
    found = Bell.objects.filter(agent=agent, next_at__isnull=False)
    return found if agent.is_active else found.none()


def tickets_ringing_for(agent: Agent, *, limit: int) -> list[int]:
    """Return the tickets that ring for an agent themselves, the longest first: by key."""
    due = bells_of(agent).order_by("ring__rang_at", "pk")
    return list(due.values_list("ring__ticket_id", flat=True)[:limit])


def rings_of_mail(mail: OutboundMail, *, limit: int) -> list[Ring]:
    """Return those rings of a mail that ring still, or were the last of their case: one query.

    Edges: where the next step was rung meanwhile, whoever got the mail may still take it.
    """
    tickets = Ring.objects.filter(pk__in=mail.about["rings"]).values("ticket")
    found = Ring.objects.filter(ticket__in=tickets, state=RingState.RINGING)
    return _with_versions(
        found.select_related("ticket__organization").order_by("severity", "instant", "pk")[:limit]
    )


def last_ring(mail: OutboundMail) -> Ring | None:
    """Return the latest of the rings of a mail's tickets, whatever became of it."""
    tickets = Ring.objects.filter(pk__in=mail.about["rings"]).values("ticket")
    found = Ring.objects.filter(ticket__in=tickets).select_related("ticket", "answered_by__user")
    return found.order_by("-rang_at", "-pk").first()


@dataclass(frozen=True, slots=True)
class Lane:
    """One step of the ladder as the board shows it: what rings there, and what somebody has.

    Units: `count` is how many ring, also those that are not listed.
    """

    step: int
    ringing: Sequence[Ring]
    in_hand: Sequence[Ring]
    count: int


def lanes(agent: Agent, steps: Sequence[int], *, now: datetime) -> list[Lane]:
    """Return the board: three queries, whatever rings."""
    counts: dict[int, int] = dict(
        ringing_for(agent).order_by().values_list("step").annotate(Count("pk"))
    )
    listed = _listed(ringing_for(agent), steps)
    taken = Ring.objects.filter(
        state=RingState.ANSWERED,
        ended_at__gt=now - IN_HAND_FOR,
        ticket__in=access.tickets_for_agent(agent)
        .filter(ladder={})
        .exclude(status__in=(Status.SOLVED, Status.CLOSED)),
    )
    in_hand: dict[int, dict[int, Ring]] = {}
    for ring in _with_versions(
        taken.select_related(
            "ticket__organization", "ticket__requester", "answered_by__user"
        ).order_by("-ended_at", "-pk")[: MOST_IN_HAND * len(steps)]
    ):
        in_hand.setdefault(ring.step, {}).setdefault(ring.ticket_id, ring)
    return [
        Lane(
            step,
            listed.get(step, []),
            list(in_hand.get(step, {}).values())[:MOST_IN_HAND],
            counts.get(step, 0),
        )
        for step in steps
    ]


def _listed(found: QuerySet[Ring], steps: Sequence[int]) -> dict[int, list[Ring]]:
    """Return the first that ring on each step, in one query."""
    parts = [
        found.filter(step=step).order_by("rang_at", "pk").values("pk")[:MOST_ON_A_STEP]
        for step in steps
    ]
    wanted = Q()
    for part in parts:
        wanted |= Q(pk__in=part)
    listed: dict[int, list[Ring]] = {}
    if not steps:
        return listed
    for ring in _with_versions(
        found.filter(wanted)
        .select_related("ticket__organization", "ticket__requester", "ticket__assignee__user")
        .order_by("step", "rang_at", "pk")
    ):
        listed.setdefault(ring.step, []).append(ring)
    return listed


def _with_versions(rings: QuerySet[Ring]) -> list[Ring]:
    found = list(rings)
    for ring in found:
        ring.ticket.agreement_version = version(ring.ticket.agreement_version_id)
    return found


def history(agent: Agent, *, before: str = "") -> tuple[list[Ring], str]:
    """Return a page of what rang, the newest first, and where the older ones begin.

    Units: `before` is what the page before this one gave; anything else begins at the newest. Costs
        one query, by index.
    """
    found = Ring.objects.filter(~Q(state=RingState.RINGING))
    if not agent.is_active:
        found = found.none()
    instant, _sep, key = before.partition("~")
    try:
        place = (datetime.fromisoformat(instant), int(key[:18])) if before else None
    except ValueError:
        place = None
    if place is not None and place[0].tzinfo is not None:
        at, pk = place
        found = found.filter(Q(rang_at__lt=at) | Q(rang_at=at, pk__lt=pk), rang_at__lte=at)
    rows = _with_versions(
        found.select_related("ticket__organization", "answered_by__user").order_by(
            "-rang_at", "-pk"
        )[: PAGE_SIZE + 1]
    )
    if len(rows) <= PAGE_SIZE:
        return rows, ""
    last = rows[PAGE_SIZE - 1]
    return rows[:PAGE_SIZE], f"{last.rang_at.isoformat()}~{last.pk}"


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who answers for one step now, and this week.

    Units: `present` are those who would be rung at this moment, `away` who of them is away with
        their absence. `turns` are those of the week, where the step has a rota.
    """

    step: int
    present: Sequence[Agent]
    away: Mapping[int, Absence]
    turn: Turn | None
    turns: Sequence[Turn]
    by_mail: int

    @property
    def is_nobody(self) -> bool:
        return not self.present and not self.by_mail


def on_call(
    agreement: AgreementVersion, *, now: datetime, begins_at: datetime, ends_at: datetime
) -> list[OnCall]:
    """Return who is on call for each step: no query while nothing of it changed."""
    found, away = people.setup(), absences_at(now)
    calls = []
    for entry in agreement.document.ladder:
        keys = people.on_step(agreement.document, entry.level, now)
        present = {standing_in(found.agents[key], away).pk: None for key in keys}
        turns = found.turns.get(entry.level)
        calls.append(
            OnCall(
                step=entry.level,
                present=[found.agents[key] for key in present if key in found.agents],
                away={key: away[key] for key in keys if key in away},
                turn=people.turn_at(entry.level, now),
                turns=turns.turns_between(begins_at, ends_at) if turns else [],
                by_mail=len(people.mailed_besides(agreement.document, entry.level)),
            )
        )
    return calls


def names_of(keys: Collection[int]) -> dict[int, str]:
    """Return the names of active agents by key: no query while nothing changed."""
    agents = people.setup().agents
    return {key: str(agents[key]) for key in keys if key in agents}


def endpoints() -> list[Endpoint]:
    """Return every endpoint. One query."""
    return list(Endpoint.objects.all())


def calls_of(endpoint: Endpoint, *, limit: int) -> list[HookCall]:
    """Return the latest calls to an endpoint. One query, by index."""
    return list(endpoint.calls.order_by("-created_at", "-pk")[:limit])


def contact_by_key(pk: int) -> Contact | None:
    """Return a contact of the agreement that is none of our agents, if there still is one."""
    return Contact.objects.filter(pk=pk, agent=None).first()


def contacts() -> dict[str, Contact]:
    """Return whom we know of those that the agreement names, by that name. One query."""
    found = Contact.objects.select_related("agent__user")
    return {contact.name: contact for contact in found}


def rota_of(step: int) -> Rota | None:
    """Return the rota of a step with its turns, if it has one. Two queries at most."""
    return Rota.objects.prefetch_related("members").filter(step=step).first()


def endpoint_by_key(pk: int) -> Endpoint | None:
    """Return a webhook by its key."""
    return Endpoint.objects.filter(pk=pk).first()
