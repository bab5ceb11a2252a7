"""Keeping the job queue clean: what a dead worker leaves, and what failed long ago."""

import threading
from typing import Final

from django.db import close_old_connections, connection

from plazo.core import storing

CLEAN_EVERY_SECONDS: Final = 30.0

# A worker that died leaves its jobs in `doing`; when its row is pruned they belong to nobody, and
# no sweep of the queue's own finds them again. A job is only a nudge: the row that it was about is
# nudged again by its reconciler, so the job itself may fail.
FAIL_ORPHANED_JOBS: Final = """
UPDATE procrastinate_jobs SET status = 'failed'
WHERE status = 'doing' AND worker_id IS NULL
"""
# Failed jobs say something for a week; then only the domain's rows do.
DELETE_OLD_JOBS: Final = """
DELETE FROM procrastinate_jobs AS job
WHERE status IN ('failed', 'cancelled', 'aborted')
    AND NOT EXISTS (SELECT FROM procrastinate_periodic_defers WHERE job_id = job.id)
    AND (SELECT max(at) FROM procrastinate_events WHERE job_id = job.id) < now() - interval '7 days'
"""


def clean_jobs() -> int:
    """Fail the jobs whose worker is gone and delete the old failed ones; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(FAIL_ORPHANED_JOBS)
        orphaned = cursor.rowcount
        cursor.execute(DELETE_OLD_JOBS)
        return int(orphaned + cursor.rowcount)


def clean_for_ever(stop: threading.Event) -> None:
    """Clean the job queue, and what half-written files left, now and every half minute."""
    while not stop.is_set():
        close_old_connections()
        clean_jobs()
        storing.clear_unfinished()
        stop.wait(CLEAN_EVERY_SECONDS)
