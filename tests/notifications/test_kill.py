"""Killed at any line, the worker loses no mail and leaves none waiting for ever.

A real worker process runs against the test's database and a real SMTP server. It is killed with
SIGKILL at chosen lines; another one then finishes. The only double that is allowed is the one that
mail cannot exclude: after the server's yes and before it is recorded.
"""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from plazo.notifications.models import MailState, OutboundMail
from tests.database import database_url
from tests.factory import a_case

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# Each victim runs the worker and dies by its own hand at one line.
VICTIMS = {
    "before the claim": "sending._claim = die",
    "after the claim": "sending._render = die",
    "after rendering": "sending._deliver = die",
    "after the server's yes": "sending._record_sent = die",
}
WORKER = """
import os, signal
import django; django.setup()
from datetime import timedelta
from plazo.notifications import reconciler, sending
def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)
sending.CLAIM = sending.FIRST_PAUSE = timedelta(seconds=1)
reconciler.PERIOD, reconciler.GRACE = 0.5, timedelta(0)
{victim}
from plazo.config.worker import work
work()
"""


def start_worker(settings, victim=""):
    """Start a worker process that sends through the test's SMTP server."""
    env = {
        "DATABASE_URL": database_url(),
        "PLAZO_DATA": str(django_settings.PLAZO.data_dir),
        "PLAZO_SMTP_URL": f"smtp://127.0.0.1:{settings.EMAIL_PORT}",
        "DJANGO_SETTINGS_MODULE": "plazo.config.settings",
        "PATH": os.environ["PATH"],
    }
    return subprocess.Popen(
        [sys.executable, "-c", WORKER.format(victim=victim)], env=env, stderr=subprocess.PIPE
    )


def wait_until(condition, seconds=90):
    """Wait for a condition, and fail when it does not come."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to pass")


def end(process):
    """End a worker; return what it had to say."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.communicate(timeout=180)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[1]


@pytest.mark.parametrize("place", VICTIMS)
@pytest.mark.parametrize("heartbeat", ["kept", "gone"])
def test_a_worker_killed_at_any_line_loses_no_mail(settings, smtp, place, heartbeat):
    """Kill -9 at a line, perhaps with the worker's own row gone: the next worker finishes."""
    ticket = a_case(now=timezone.now())
    victim = start_worker(settings, VICTIMS[place])
    _, err = victim.communicate(timeout=180)
    assert victim.returncode == -signal.SIGKILL, err.decode()
    if heartbeat == "gone":
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_workers")
    # What the victim had claimed is waited for no longer than its claim lasts.
    OutboundMail.objects.exclude(state=MailState.SENT).update(
        next_attempt_at=timezone.now() - timedelta(seconds=1)
    )
    second = start_worker(settings)
    try:
        wait_until(lambda: OutboundMail.objects.get().state == MailState.SENT)
    finally:
        said = end(second)
        sys.stderr.write(f"{OutboundMail.objects.values()}\n{said.decode()}\n")
    copies = [m for m in smtp.messages() if ticket.number in m["Subject"]]
    assert len(copies) == (2 if place == "after the server's yes" else 1)
    assert len({m["Message-ID"] for m in copies}) == 1
