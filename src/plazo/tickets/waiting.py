"""Waits and solved cases by themselves: rows that say when somebody must look, and who looks.

A reader of the timeline keeps a row for every wait. A loop of the worker reminds requesters, solves
what nobody answered and closes what was solved, each by one command: killed at any line, a step was
either taken whole, with its mail, or is still to be taken.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import close_old_connections
from django.utils import timezone

from plazo.core.actor import Actor, ActorKind
from plazo.sla import Evaluation
from plazo.tickets import commands, events, readers
from plazo.tickets.commands.waiting import steps_of
from plazo.tickets.models import Status, Ticket, TicketEvent, WaitingFor
from plazo.tickets.wait_models import EndedBy, Wait

logger = logging.getLogger(__name__)

ACTOR: Final = Actor.system("agreement")
PERIOD_SECONDS: Final = 5.0
BATCH: Final = 100
BACK_OFF: Final = timedelta(minutes=5)
_ENDED_BY: Final = {
    ActorKind.REQUESTER: EndedBy.REQUESTER,
    ActorKind.AGENT: EndedBy.AGENT,
    ActorKind.TRIGGER: EndedBy.AGENT,
    ActorKind.SYSTEM: EndedBy.SYSTEM,
}


def register() -> None:
    """Let rows follow the waits that timelines tell of."""
    kinds = {
        events.StatusChanged.kind,
        events.TicketMerged.kind,
        events.TicketUnmerged.kind,
    }
    readers.register(follow, kinds=kinds, name="waits")


def follow(ticket: Ticket, event: TicketEvent, evaluation: Evaluation) -> None:
    """Write down that a wait began, or is over."""
    payload = event.payload
    if payload.get("previous") == Status.PENDING or event.kind == events.TicketMerged.kind:
        Wait.objects.filter(ticket=ticket, ended_at=None).update(
            ended_at=event.at, ended_by=_ENDED_BY[ActorKind(event.actor_kind)], next_at=None
        )
    if payload.get("status") == Status.PENDING:
        Wait.objects.create(
            ticket=ticket,
            sequence=event.sequence,
            waiting_for=payload["waiting_for"],
            reason=payload["reason"],
            agent_id=event.actor_id if event.actor_kind == ActorKind.AGENT else None,
            started_at=event.at,
            next_at=_first_step(ticket, payload["waiting_for"], event.at),
        )


def _first_step(ticket: Ticket, waiting_for: str, at: datetime) -> datetime | None:
    """Return when something happens first in a wait that begins now.

    Edges: nobody reminds a machine, or an erased person: their cases are left to the team.
    """
    steps = steps_of(ticket.agreement_version.document.pauses)
    if waiting_for != WaitingFor.REQUESTER or not steps:
        return None
    opening = TicketEvent.objects.filter(ticket=ticket, sequence=1).first()
    if ticket.requester.erased_at is not None or (opening and opening.payload.get("quiet")):
        return None
    return at + steps[0]


def work_once(now: datetime) -> int:
    """Take every step that is due at `now`; return how many were taken.

    Edges: what fails is logged and looked at again after five minutes; the others go on.
    """
    waits = Wait.objects.filter(next_at__lte=now).order_by("next_at")
    solved = (
        Ticket.objects.filter(closes_at__lt=now).exclude(sweep_after__gt=now).order_by("closes_at")
    )

    def later(pk: int) -> None:
        Wait.objects.filter(ticket=pk, next_at__isnull=False).update(next_at=now + BACK_OFF)

    def later_closed(pk: int) -> None:
        Ticket.objects.filter(pk=pk).update(sweep_after=now + BACK_OFF)

    due = list(waits.values_list("ticket_id", flat=True)[:BATCH])
    done = _each(due, commands.tend_wait, later, now)
    over = list(solved.values_list("pk", flat=True)[:BATCH])
    return done + _each(over, commands.close_solved, later_closed, now)


def _each(
    tickets: Iterable[int],
    command: Callable[..., TicketEvent | None],
    later: Callable[[int], None],
    now: datetime,
) -> int:
    done = 0
    for pk in tickets:
        try:
            done += command(ticket_id=pk, actor=ACTOR, now=now) is not None
        except Exception:
            logger.exception("what is due on ticket %s failed", pk)
            later(pk)
    return done


def run_forever(stop: threading.Event) -> None:
    """Look every few seconds until `stop`; at once again while there is more than a batch."""
    while not stop.is_set():
        done = work_once(timezone.now())
        close_old_connections()
        if done < BATCH:
            stop.wait(PERIOD_SECONDS)
