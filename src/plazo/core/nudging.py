"""Waking what waits: a job is only a nudge, and whatever is due without one gets another.

Only the domain's rows are believed, never jobs or workers: it does not matter which process died
at which line, or whose heartbeat is gone.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

# Longer than any attempt lasts: a job that has been `doing` for so long has lost its worker.
LOST_AFTER: Final = timedelta(minutes=10)

# Jobs that wait, so that a long queue is not doubled each time.
_WAITING_JOBS: Final = """
SELECT DISTINCT (args->>%s)::bigint FROM procrastinate_jobs
WHERE task_name = %s AND status = 'todo'
"""
_PRUNE: Final = """
UPDATE procrastinate_jobs SET status = 'failed'
WHERE status = 'doing' AND task_name = %s AND id IN (
    SELECT job_id FROM procrastinate_events
    WHERE type = 'started' GROUP BY job_id HAVING max(at) < %s
)
"""


def wake(
    due: Sequence[int],
    *,
    task: str,
    argument: str,
    nudge: Callable[[int], None],
    now: datetime,
) -> int:
    """Defer a job for each due row that no job waits for; return how many.

    Units: `task` is the job's name, `argument` the one that holds the row's key.
    """
    if not due:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE, [task, now - LOST_AFTER])
        cursor.execute(_WAITING_JOBS, [argument, task])
        waiting = {row[0] for row in cursor.fetchall()}
    woken = [pk for pk in due if pk not in waiting]
    for pk in woken:
        nudge(pk)
    return len(woken)
