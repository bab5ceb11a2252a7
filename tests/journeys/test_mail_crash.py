"""Mails keep arriving while web, worker and fetcher are killed at random: nothing is lost.

The suite takes in 150 mails through 10 kills. The whole journey, a thousand through thirty:

    PLAZO_TEST_CRASH=1000,30 .venv/bin/python -m pytest tests/journeys/test_mail_crash.py -s
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from email import message_from_bytes

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings
from django.utils import timezone

from plazo.channels.email import intake
from plazo.channels.email.models import Fate, IntakeRecord
from plazo.mailboxes.models import Mailbox, Security, Source
from plazo.notifications import sending
from plazo.notifications.models import WAITING, MailKind, MailState, OutboundMail
from plazo.tickets.models import Ticket
from plazo.tickets.verify import Tally, verify
from tests.database import database_url
from tests.factory import an_agent, publish_iws
from tests.mails import a_mail, a_mailbox
from tests.mailservers import PASSWORD, Dovecot, dovecot_server
from tests.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.journey, pytest.mark.django_db(transaction=True)]
__all__ = ["dovecot_server"]

MAILS, KILLS = map(int, os.environ.get("PLAZO_TEST_CRASH", "60,5").split(","))
PARTS = {"web": ("web",), "worker": ("worker",), "fetcher": ("mail", "run")}


class Server:
    """A real mail server for receipts, which counts what it said yes to."""

    def __init__(self) -> None:
        self.taken: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        message = message_from_bytes(envelope.content or b"")
        with self._lock:
            self.taken[(envelope.rcpt_tos[0], str(message["Message-ID"]))] += 1
        return "250 taken"


class Parts:
    """Plazo's processes, each apart, started again as an operator's supervisor would."""

    def __init__(self) -> None:
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("PLAZO_", "DJANGO_"))}
        self.environment = kept | {
            "DATABASE_URL": database_url(),
            "PLAZO_DATA": str(settings.PLAZO.data_dir),
            "PLAZO_SECRET_KEY": settings.SECRET_KEY,
            "PORT": str(free_port()),
        }
        self.running = {name: self._begin(name) for name in PARTS}

    def _begin(self, name: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "plazo.config.cli", *PARTS[name]],
            env=self.environment, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def kill(self, name: str) -> None:
        os.killpg(self.running[name].pid, signal.SIGKILL)
        self.running[name].wait()
        self.running[name] = self._begin(name)

    def close(self) -> None:
        for process in self.running.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def receipts() -> Iterator[tuple[Server, int]]:
    server, port = Server(), free_port()
    controller = Controller(server, hostname="127.0.0.1", port=port)
    controller.start()
    yield server, port
    controller.stop()


def a_live_mailbox(dovecot: Dovecot, smtp_port: int) -> Mailbox:
    box = a_mailbox(
        source=Source.IMAP, imap_host="127.0.0.1", imap_port=dovecot.imap_port,
        imap_security=Security.PLAIN, imap_user="choque", smtp_host="127.0.0.1",
        smtp_port=smtp_port, smtp_security=Security.PLAIN, per_minute=0, fetch_existing=True,
    )  # fmt: skip
    box.keep_secrets(imap_password=PASSWORD)
    box.save()
    return box


def letters(number: int) -> str:
    return "".join("abcdefghij"[int(digit)] for digit in str(number)) * 3


def deliver_all(dovecot: Dovecot) -> None:
    for number in range(MAILS):
        raw = a_mail(
            f"La orden {letters(number)} no llega.",
            sender=f"cliente{number}@c{number % 97}.example",
            subject=f"caso {number}",
            Message_ID=f"<choque-{number}@c.example>",
        )
        dovecot.deliver(raw, "choque")


def test_nothing_is_lost_while_everything_is_killed(dovecot_server, receipts):
    """As many records and fates as mails, no ticket twice, no receipt twice without a reason."""
    publish_iws()
    an_agent()
    server, port = receipts
    a_live_mailbox(dovecot_server, port)
    dice = random.Random(MAILS)
    with closing(Parts()) as parts:
        delivering = threading.Thread(target=deliver_all, args=(dovecot_server,))
        delivering.start()
        for number in range(KILLS):
            wanted = MAILS * (number + 1) // (KILLS + 1)
            until(lambda wanted=wanted: IntakeRecord.objects.count() >= wanted, 90)
            time.sleep(dice.uniform(0, 0.4))
            parts.kill(dice.choice(list(PARTS)))
        delivering.join()
        until(lambda: IntakeRecord.objects.count() >= MAILS, 120)
        until(all_is_done, 240 + MAILS / 4)
    check(server)


def all_is_done() -> bool:
    """Say whether everything has its end.

    The claims of the dead end by themselves after a minute or two; here they end at once, as soon
    as nothing else is left to do.
    """
    now = timezone.now()
    waiting = IntakeRecord.objects.filter(fate=Fate.WAITING)
    unsent = OutboundMail.objects.filter(state__in=WAITING)
    if not waiting.filter(attempts=0).exists() and not unsent.filter(attempts=0).exists():
        over = now - timedelta(seconds=10)
        # Whoever claimed it has had twenty seconds: they are dead.
        claimed = now + intake.CLAIM - timedelta(seconds=20)
        waiting.filter(next_attempt_at__range=(now, claimed)).update(next_attempt_at=over)
        claimed = now + sending.CLAIM - timedelta(seconds=20)
        unsent.filter(next_attempt_at__range=(now, claimed)).update(next_attempt_at=over)
    return not waiting.exists() and not unsent.exists()


def until(condition, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)


def check(server: Server) -> None:
    fates = Counter(IntakeRecord.objects.values_list("fate", flat=True))
    assert fates == {Fate.NEW_TICKET: MAILS}
    assert IntakeRecord.objects.values("message_id").distinct().count() == MAILS
    assert Ticket.objects.count() == MAILS
    mails = {m.message_id: m for m in OutboundMail.objects.filter(kind=MailKind.ACKNOWLEDGEMENT)}
    assert len(mails) == MAILS
    assert {m.state for m in mails.values()} == {MailState.SENT}
    got = Counter(recipient for recipient, _id in server.taken)
    assert len(got) == MAILS  # everybody got a receipt
    assert set(got.values()) == {1}  # and nobody two different ones
    twice = [mid for (_to, mid), times in server.taken.items() if times > 1]
    # The server had said yes and we died before we wrote it down: only then, and with one identity.
    assert all(mails[mid].attempts > 1 for mid in twice)
    assert list(verify(Tally())) == []
    sys.stdout.write(f"\n{MAILS} mails, {KILLS} kills, {len(twice)} receipts twice\n")
