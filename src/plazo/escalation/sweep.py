"""The sweep: moments of clocks become events, once each, with their own instants; and what rings
is rung.

It reads one partial index, so it costs what is due and not what exists. Any number of sweeps may
run at once: tickets are handled under their rows' locks, and what was announced is not announced
again. Many that are due at once are announced together, some dozens in a transaction; if one of
them cannot be, each is tried by itself.
"""

import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import close_old_connections
from django.utils import timezone

from plazo.core.actor import Actor
from plazo.core.kept import keeping
from plazo.escalation import calling, hooks
from plazo.tickets import commands, queries
from plazo.tickets.models import Ticket

logger = logging.getLogger(__name__)

ACTOR: Final = Actor.system("sweep")
BATCH: Final = 200
TOGETHER: Final = 100
LONGEST_SLEEP: Final = 1.0
BACK_OFF: Final = timedelta(minutes=5)
FORGET_EVERY: Final = timedelta(hours=1)


def sweep_once(now: datetime, *, batch: int = BATCH) -> int:
    """Announce what is due at `now`; return how many events were written.

    Edges: a ticket that another sweep holds is left to it. One that fails is logged and looked
        at again after five minutes; the others go on.
    """
    written = 0
    due = queries.alarms_waiting(now=now, limit=batch)
    with keeping():
        for begins in range(0, len(due), TOGETHER):
            written += _announce(due[begins : begins + TOGETHER], now)
    return written


def _announce(ticket_ids: Sequence[int], now: datetime) -> int:
    try:
        return commands.announce_many(ticket_ids=ticket_ids, actor=ACTOR, now=now)
    except Exception:
        if len(ticket_ids) > 1:
            return sum(_announce([pk], now) for pk in ticket_ids)
        (alone,) = ticket_ids
        logger.exception("the sweep failed on ticket %s", alone)
        Ticket.objects.filter(pk=alone).update(sweep_after=now + BACK_OFF)
        return 0


def run_forever(stop: threading.Event) -> None:
    """Sweep until `stop`: again at once while there is work, else at the next moment or in 1 s.

    Edges: what rings is rung once nothing more is about to be announced, so that one message
        holds it all. Calls that no job waits for are woken, and old ones forgotten.
    """
    forgotten_at: datetime | None = None
    while not stop.is_set():
        now = timezone.now()
        written = sweep_once(now)
        more = written >= BATCH
        calling.ring_due(now, gathering=more)
        hooks.reconcile(now)
        if forgotten_at is None or now - forgotten_at >= FORGET_EVERY:
            hooks.forget(now=now)
            forgotten_at = now
        close_old_connections()
        if more:
            continue
        upcoming = queries.next_alarm_at(now=now)
        wait = LONGEST_SLEEP
        if upcoming is not None:
            wait = min(max((upcoming - timezone.now()).total_seconds(), 0.05), LONGEST_SLEEP)
        stop.wait(wait)
