"""The reconciler: whatever is due and was not done is woken again.

It looks at the domain's rows alone and never at jobs or workers, so it does not matter which
process died at which line, or whose heartbeat is gone.
"""

import logging
import threading
from datetime import datetime, timedelta

from django.db import close_old_connections, connection
from django.utils import timezone

from plazo.notifications.digest import tell_once
from plazo.notifications.models import WAITING, OutboundMail
from plazo.notifications.tasks import nudge

logger = logging.getLogger(__name__)

PERIOD = 10.0
GRACE = timedelta(seconds=5)
BATCH = 500

# Jobs of ours that wait or are being worked on, so that a long queue is not doubled each time.
_WAITING_JOBS = """
SELECT DISTINCT (args->>'mail_id')::bigint FROM procrastinate_jobs
WHERE task_name = 'plazo.notifications.send_outbound_mail' AND status = 'todo'
"""
# A job that has been `doing` for longer than any attempt lasts has lost its worker. It is only a
# nudge: it is marked as failed, and the row is woken anew.
_PRUNE = """
UPDATE procrastinate_jobs SET status = 'failed'
WHERE status = 'doing' AND queue_name = 'mail' AND id IN (
    SELECT job_id FROM procrastinate_events
    WHERE type = 'started' GROUP BY job_id HAVING max(at) < %s
)
"""


def reconcile_once(now: datetime) -> int:
    """Defer a job for each due mail without a waiting one; return how many."""
    due = list(
        OutboundMail.objects.filter(state__in=WAITING, next_attempt_at__lte=now - GRACE)
        .order_by("next_attempt_at")
        .values_list("pk", flat=True)[:BATCH]
    )
    if not due:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE, [now - timedelta(minutes=10)])
        cursor.execute(_WAITING_JOBS)
        waiting = {row[0] for row in cursor.fetchall()}
    woken = [pk for pk in due if pk not in waiting]
    for pk in woken:
        nudge(pk)
    if woken:
        logger.info("woke %s mails that nobody was sending", len(woken))
    return len(woken)


def run_forever(stop: threading.Event) -> None:
    """Reconcile, and tell what budgets refused, every ten seconds until `stop`."""
    while not stop.is_set():
        now = timezone.now()
        reconcile_once(now)
        tell_once(now)
        close_old_connections()
        stop.wait(PERIOD)
