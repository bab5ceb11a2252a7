"""Runs happen exactly once: with several workers at a time, and with one killed half-way."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from django.conf import settings as django_settings
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from plazo.automation import running, timing
from plazo.automation.rule_models import RuleRun, RunState
from plazo.tickets.models import InternalNote
from tests.automation.test_rules import MINUTE, NOW, a_rule, note, tag
from tests.database import database_url
from tests.factory import a_case

pytestmark = pytest.mark.django_db(transaction=True)

VICTIM = """
import os, signal, sys
import django; django.setup()
from datetime import datetime
from plazo.config.wiring import connect_readers
from plazo.automation import running
from plazo.tickets import commands
def die(**by):
    os.kill(os.getpid(), signal.SIGKILL)
commands.change_tags = die
running.work_on(int(sys.argv[1]), now=datetime.fromisoformat(sys.argv[2]))
"""


def test_workers_at_the_same_time_run_each_rule_once_and_in_order():
    """Four workers take up the same ticket: its three rules run once each, one after another."""
    for number in range(3):
        a_rule(f"Regla {number}", note(f"nota {number}"), tag(f"t{number}"))
    ticket = a_case()
    start = threading.Barrier(4)

    def work() -> None:
        try:
            start.wait()
            running.work_on(ticket.pk, now=NOW)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [n.body_text for n in InternalNote.objects.order_by("pk")] == [
        "nota 0",
        "nota 1",
        "nota 2",
    ]
    assert [run.state for run in RuleRun.objects.all()] == [RunState.DONE] * 3


def test_a_worker_killed_between_two_actions_leaves_nothing_half_done():
    """Killed after the note and before the tag, the run waits whole; the next worker does both."""
    a_rule("Dos cosas", note("una nota"), tag("una-etiqueta"))
    ticket = a_case()
    env = {
        "DATABASE_URL": database_url(),
        "PLAZO_DATA": str(django_settings.PLAZO.data_dir),
        "DJANGO_SETTINGS_MODULE": "plazo.config.settings",
        "PATH": os.environ["PATH"],
    }
    victim = subprocess.run(
        [sys.executable, "-c", VICTIM, str(ticket.pk), NOW.isoformat()],
        env=env,
        capture_output=True,
        timeout=180,
        check=False,
    )
    assert victim.returncode == -signal.SIGKILL, victim.stderr.decode()
    assert InternalNote.objects.count() == 0
    assert RuleRun.objects.get().state == RunState.WAITING
    running.work_on(ticket.pk, now=NOW + MINUTE)
    ticket.refresh_from_db()
    assert (InternalNote.objects.count(), ticket.tags) == (1, ["una-etiqueta"])


def test_a_lost_job_is_made_up_for():
    """The row is what counts: without its job, another one is deferred a little later."""
    a_rule("Una", tag("una"))
    ticket = a_case(now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    assert timing.reconcile_once(NOW) == 0
    assert timing.reconcile_once(NOW + MINUTE) == 1
    (job,) = ProcrastinateJob.objects.filter(task_name="plazo.automation.run_rules")
    assert job.args == {"ticket_id": ticket.pk}
    assert timing.reconcile_once(NOW + MINUTE) == 0
