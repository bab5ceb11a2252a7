"""The reconciler: whatever is due and was not done is woken again.

It looks at the domain's rows alone and never at jobs or workers, so it does not matter which
process died at which line, or whose heartbeat is gone.
"""

import logging
import threading
from datetime import datetime, timedelta

from django.db import close_old_connections
from django.utils import timezone

from plazo.core import limits
from plazo.core.nudging import wake
from plazo.notifications import brake
from plazo.notifications.bundling import deliver_due, forget
from plazo.notifications.digest import tell_once
from plazo.notifications.models import WAITING, OutboundMail
from plazo.notifications.tasks import nudge, send_outbound_mail

logger = logging.getLogger(__name__)

PERIOD = 10.0
GRACE = timedelta(seconds=5)
BATCH = 500
FORGET_EVERY = timedelta(hours=1)


def reconcile_once(now: datetime) -> int:
    """Defer a job for each due mail without a waiting one; return how many."""
    due = list(
        OutboundMail.objects.filter(state__in=WAITING, next_attempt_at__lte=now - GRACE)
        .order_by("next_attempt_at")
        .values_list("pk", flat=True)[:BATCH]
    )
    woken = wake(due, task=send_outbound_mail.name, argument="mail_id", nudge=nudge, now=now)
    if woken:
        logger.info("woke %s mails that nobody was sending", woken)
    return woken


def run_forever(stop: threading.Event) -> None:
    """Reconcile, tell what budgets refused and what waited, every ten seconds until `stop`.

    Edges: once an hour, what no budget needs any more is deleted.
    """
    forgotten_at: datetime | None = None
    while not stop.is_set():
        now = timezone.now()
        reconcile_once(now)
        tell_once(now)
        deliver_due(now)
        if forgotten_at is None or now - forgotten_at >= FORGET_EVERY:
            brake.forget(now=now)
            limits.forget(now=now)
            forget(now=now)
            forgotten_at = now
        close_old_connections()
        stop.wait(PERIOD)
