"""Reminding areas by their own targets, until they answer.

A reminder is one transaction: the event, the mail's row and the moment of the next one are there
together or not at all, so a loop that dies at any line leaves either everything to do or nothing.
It reads one partial index: its cost follows what is due.
"""

import logging
import threading
from datetime import datetime, timedelta
from typing import Final

from django.db import close_old_connections, transaction
from django.utils import timezone

from plazo.agreements.queries import version
from plazo.core.actor import Actor
from plazo.sla import State
from plazo.tickets import commands, queries
from plazo.tickets.areas import asks_of, next_reminder
from plazo.tickets.models import AreaAsk, Ticket

logger = logging.getLogger(__name__)

ACTOR: Final = Actor.system("areas")
PERIOD_SECONDS: Final = 5.0
BATCH: Final = 200
BACK_OFF: Final = timedelta(minutes=5)


def run_forever(stop: threading.Event) -> None:
    """Look every few seconds, until `stop`."""
    while not stop.is_set():
        remind_once(timezone.now())
        close_old_connections()
        stop.wait(PERIOD_SECONDS)


def remind_once(now: datetime, *, batch: int = BATCH) -> int:
    """Remind the areas that are due; return how many were.

    Edges: one whose ticket somebody else holds is left for the next look. One that fails is
        logged and tried again after five minutes; the others go on.
    """
    due = AreaAsk.objects.filter(remind_at__lte=now).order_by("remind_at", "pk")
    reminded = 0
    for pk, ticket_id in list(due.values_list("pk", "ticket_id")[:batch]):
        try:
            reminded += _remind(pk, ticket_id, now)
        except Exception:
            logger.exception("the reminder of asking %s failed", pk)
            AreaAsk.objects.filter(pk=pk).update(remind_at=now + BACK_OFF)
    return reminded


@transaction.atomic
def _remind(pk: int, ticket_id: int, now: datetime) -> int:
    """Remind one area, under its ticket's lock.

    Edges: nobody is reminded outside the hours of the area's calendar: that waits for the next
        opening. A warning that comes after the deadline says that it has passed.
    """
    ticket = Ticket.objects.select_for_update(skip_locked=True).filter(pk=ticket_id).first()
    ask = AreaAsk.objects.filter(pk=pk, remind_at__lte=now).first()
    if ticket is None or ask is None:
        return 0
    ticket.agreement_version = version(ticket.agreement_version_id)
    document, agreement = ticket.agreement_version.document, ticket.agreement_version.sla
    target = document.areas[ask.area].target
    calendar = agreement.calendars[target.calendar] if target else None
    chain = queries.chain_of(ticket)
    evaluation = queries.evaluation_of(ticket, chain, now=now)
    standing = asks_of(chain)[ask.key]
    reminder = next_reminder(standing, target, calendar, evaluation)
    if reminder is None or calendar is None or reminder.at > now:
        AreaAsk.objects.filter(pk=pk).update(remind_at=reminder.at if reminder else None)
        return 0
    if not calendar.is_open(now):
        AreaAsk.objects.filter(pk=pk).update(remind_at=calendar.next_open(now))
        return 0
    clock = evaluation.get(standing.clock_key)
    late = clock is not None and clock.state is State.BREACHED
    commands.remind_area(ask_id=pk, why="late" if late else reminder.why, actor=ACTOR, now=now)
    return 1
