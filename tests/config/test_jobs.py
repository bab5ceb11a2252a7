"""The job queue, cleaned."""

import pytest
from django.db import connection

from plazo.config.jobs import clean_jobs

INSERT_JOB = """
INSERT INTO procrastinate_jobs (task_name, queue_name, args, status, worker_id)
VALUES ('send', 'default', '{}', %s, %s) RETURNING id
"""


def job(status: str, worker: int | None = None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(INSERT_JOB, [status, worker])
        return int(cursor.fetchone()[0])


def status_of(number: int) -> str | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT status::text FROM procrastinate_jobs WHERE id = %s", [number])
        row = cursor.fetchone()
    return row[0] if row else None


@pytest.mark.django_db
def test_a_job_whose_worker_was_forgotten_fails() -> None:
    """A job that no worker holds and no sweep finds must not stand in `doing` for ever."""
    orphaned = job("doing")

    assert clean_jobs() == 1
    assert status_of(orphaned) == "failed"


@pytest.mark.django_db
def test_a_job_in_good_hands_is_left_alone() -> None:
    """Cleaning takes no job from a living worker, nor one that waits."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
        worker = cursor.fetchone()[0]
    held, waiting = job("doing", worker), job("todo")

    assert clean_jobs() == 0
    assert (status_of(held), status_of(waiting)) == ("doing", "todo")


@pytest.mark.django_db
def test_failed_jobs_are_kept_for_a_week() -> None:
    """What failed lately can be looked at; what failed long ago is deleted."""
    recent, old = job("failed"), job("failed")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_events (job_id, type, at) "
            "VALUES (%s, 'failed', now()), (%s, 'failed', now() - interval '8 days')",
            [recent, old],
        )
        cursor.execute(
            "DELETE FROM procrastinate_events WHERE job_id = %s AND at > now() - interval '1 day'",
            [old],
        )

    clean_jobs()

    assert status_of(recent) == "failed"
    assert status_of(old) is None
