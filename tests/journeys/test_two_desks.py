"""Two whole Plazo installations, each the other's correspondent: they fall silent by themselves."""

import contextlib
import os
import shutil
import signal
import smtplib
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from plazo.core.postgres import EmbeddedPostgres
from tests.factory import IWS
from tests.mails import a_mail
from tests.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.journey]


class Desk:
    """One installation, with its own database, its own address and its own SMTP door."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.address = folder, address
        self.data, self.door = folder / "data", free_port()
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PLAZO_", "DJANGO_")) and name != "DATABASE_URL"
        }
        self.environment = kept | {
            "PLAZO_DATA": str(self.data),
            "PORT": str(free_port()),
            "PLAZO_SMTP_LISTEN": f"127.0.0.1:{self.door}",
        }
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "plazo.config.cli", "run"],
            env=self.environment, stdout=self.log, stderr=self.log,
        )  # fmt: skip

    def plazo(self, *arguments: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "plazo.config.cli", *arguments],
            env=self.environment, check=True, timeout=120, capture_output=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def configure(self, other: "Desk") -> None:
        """Publish the agreement, and make the mailbox whose mail goes out to the other desk."""
        until(self.is_up, 90)
        self.plazo(
            "agreement",
            "publish",
            str(IWS),
            "--effective",
            "2026-01-01T00:00:00+00:00",
            "--backdate",
        )
        self.plazo(
            "mail", "add", "soporte", "--address", self.address, "--smtp-host", "127.0.0.1",
            "--smtp-port", str(other.door), "--smtp-security", "plain",
        )  # fmt: skip

    def is_up(self) -> bool:
        """Say whether it answers: then its schema is whole."""
        address = f"http://127.0.0.1:{self.environment['PORT']}/livez"
        request = urllib.request.Request(address, headers={"Host": "localhost"})
        with contextlib.suppress(OSError):
            return bool(urllib.request.urlopen(request, timeout=5).status == 200)  # noqa: S310 - ours
        return False

    def ask(self, query: str) -> list[tuple[object, ...]] | None:
        """Return rows; None while the database or the table is not there yet."""
        try:
            with psycopg.connect(EmbeddedPostgres(self.data).url) as connection:
                return connection.execute(query).fetchall()
        except (psycopg.Error, FileNotFoundError):
            return None

    def fates(self) -> list[tuple[object, ...]]:
        return self.ask("SELECT fate, reason FROM mail_intakerecord ORDER BY id") or []

    def listens(self) -> bool:
        with contextlib.suppress(OSError), smtplib.SMTP("127.0.0.1", self.door, timeout=2) as door:
            return door.noop()[0] == 250
        return False

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        self.process.kill()
        self.process.wait()
        self.log.close()
        EmbeddedPostgres(self.data).destroy()


def until(condition, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.3)


@pytest.fixture
def desks() -> Iterator[tuple[Desk, Desk]]:
    folder = Path(tempfile.mkdtemp(prefix="plazo-desks-"))
    folder.chmod(0o711)
    made = []
    for name in ("a", "b"):
        (folder / name).mkdir(mode=0o711)
        made.append(Desk(folder / name, f"soporte@{name}.example"))
    try:
        yield made[0], made[1]
    finally:
        for desk in made:
            desk.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_two_desks_that_acknowledge_each_other_fall_silent(desks):
    """One's mailbox writes to the other's: one case, one receipt, and then nothing more."""
    one, other = desks
    one.configure(other)
    other.configure(one)
    until(lambda: one.listens() and other.listens(), 60)
    raw = a_mail("¿Nos ayudan?", sender=other.address, to=one.address)
    with smtplib.SMTP("127.0.0.1", one.door) as client:
        client.sendmail(other.address, [one.address], raw)
    until(lambda: one.fates() == [("ticket", "")], 60)
    until(lambda: len(other.fates()) == 1 and other.fates()[0][0] != "", 60)
    assert other.fates() == [("parked", "auto_reply")]
    time.sleep(6)  # longer than any reconciler sleeps
    assert one.fates() == [("ticket", "")]
    assert other.fates() == [("parked", "auto_reply")]
    sent = "SELECT kind, state FROM notifications_outboundmail"
    assert one.ask(sent) == [("acknowledgement", "sent")]
    assert other.ask(sent) == []
