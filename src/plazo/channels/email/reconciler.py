"""Whatever waits in the ledger and is in nobody's hands is woken again."""

import logging
import threading
from datetime import datetime, timedelta

from django.db import close_old_connections
from django.utils import timezone

from plazo.channels.email.models import IntakeRecord
from plazo.channels.email.tasks import nudge, take_in
from plazo.core.nudging import wake

logger = logging.getLogger(__name__)

PERIOD = 5.0
GRACE = timedelta(seconds=3)
BATCH = 500


def reconcile_once(now: datetime) -> int:
    """Defer a job for each mail that waits without one; return how many."""
    due = list(
        IntakeRecord.objects.waiting()
        .filter(next_attempt_at__lte=now - GRACE)
        .order_by("next_attempt_at")
        .values_list("pk", flat=True)[:BATCH]
    )
    woken = wake(due, task=take_in.name, argument="record_id", nudge=nudge, now=now)
    if woken:
        logger.info("woke %s mails that nobody was reading", woken)
    return woken


def run_forever(stop: threading.Event) -> None:
    """Reconcile at once, then every five seconds, until `stop`."""
    while not stop.is_set():
        reconcile_once(timezone.now())
        close_old_connections()
        stop.wait(PERIOD)
