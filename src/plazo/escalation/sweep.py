"""The sweep: moments of clocks become events, once each, with their own instants.

It reads one partial index, so it costs what is due and not what exists. Any number of sweeps may
run at once: each ticket is handled under its row's lock, and what was announced is not announced
again.
"""

import logging
import threading
from datetime import datetime, timedelta

from django.db import close_old_connections, transaction
from django.utils import timezone

from plazo.core.actor import Actor
from plazo.tickets import commands, queries
from plazo.tickets.models import Ticket

logger = logging.getLogger(__name__)

ACTOR = Actor.system("sweep")
BATCH = 200
LONGEST_SLEEP = 1.0
BACK_OFF = timedelta(minutes=5)


def sweep_once(now: datetime, *, batch: int = BATCH) -> int:
    """Announce what is due at `now`; return how many events were written.

    Edges: a ticket that another sweep holds is left to it. One that fails is logged and looked
        at again after five minutes; the others go on.
    """
    written = 0
    for ticket_id in queries.alarms_waiting(now=now, limit=batch):
        try:
            with transaction.atomic():
                free = (
                    Ticket.objects.select_for_update(skip_locked=True)
                    .filter(pk=ticket_id, next_alarm_at__lte=now)
                    .exists()
                )
                if free:
                    written += len(
                        commands.announce_alarms(ticket_id=ticket_id, actor=ACTOR, now=now)
                    )
        except Exception:
            logger.exception("the sweep failed on ticket %s", ticket_id)
            Ticket.objects.filter(pk=ticket_id).update(sweep_after=now + BACK_OFF)
    return written


def run_forever(stop: threading.Event) -> None:
    """Sweep until `stop`: again at once while there is work, else at the next moment or in 1 s."""
    while not stop.is_set():
        now = timezone.now()
        written = sweep_once(now)
        close_old_connections()
        if written >= BATCH:
            continue
        upcoming = queries.next_alarm_at(now=now)
        wait = LONGEST_SLEEP
        if upcoming is not None:
            wait = min(max((upcoming - timezone.now()).total_seconds(), 0.05), LONGEST_SLEEP)
        stop.wait(wait)
