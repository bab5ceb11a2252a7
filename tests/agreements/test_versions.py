"""Versions: published once, never changed, in force from their instant; and the command line."""

import subprocess
import sys
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from plazo.agreements.commands import publish_agreement
from plazo.agreements.errors import AgreementRefused, AlreadyPublished, NoAgreementInForce
from plazo.agreements.models import AgreementVersion
from plazo.agreements.queries import version_in_force
from plazo.core.actor import Actor
from tests.factory import IWS, TUESDAY, a_case, publish_iws

SOURCE = IWS.read_text(encoding="utf-8")
DAY = timedelta(days=1)
db = pytest.mark.django_db


def publish(source, effective_at=TUESDAY):
    return publish_agreement(
        source=source, effective_at=effective_at, actor=Actor.system("tests"), now=TUESDAY
    )


@db
def test_the_newest_effective_version_is_in_force():
    """A version holds from its instant on; before the first one, none does."""
    publish(SOURCE, TUESDAY)
    publish(SOURCE + "\n# dos\n", TUESDAY + DAY)
    assert version_in_force(TUESDAY).number == 1
    assert version_in_force(TUESDAY + DAY).number == 2
    with pytest.raises(NoAgreementInForce):
        version_in_force(TUESDAY - timedelta(microseconds=1))


@db
def test_the_same_text_is_published_once():
    """Publishing what is there already says so, and makes no second version."""
    publish(SOURCE)
    with pytest.raises(AlreadyPublished):
        publish(SOURCE)
    assert AgreementVersion.objects.count() == 1


@db
def test_a_text_with_errors_is_not_published():
    """The linter's errors stand in the way, each with its line."""
    with pytest.raises(AgreementRefused) as refused:
        publish(SOURCE.replace("America/Panama", "EST"))
    assert any("zone-abbreviation" in finding for finding in refused.value.data["findings"])
    assert AgreementVersion.objects.count() == 0


@db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE agreements_agreementversion SET source = ''",
        "DELETE FROM agreements_agreementversion",
        "TRUNCATE agreements_agreementversion CASCADE",
    ],
)
def test_a_version_never_changes(statement):
    """Neither the queryset nor the database lets one be changed or removed."""
    publish(SOURCE)
    for forbidden in (
        lambda: AgreementVersion.objects.update(source=""),
        lambda: AgreementVersion.objects.all().delete(),
    ):
        with pytest.raises(TypeError):
            forbidden()
    with pytest.raises(DatabaseError, match="never changes"), transaction.atomic():
        connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")
        connection.cursor().execute(statement)


@db
def test_a_ticket_keeps_the_version_it_was_opened_under():
    """Editing the agreement changes no past promise and no running clock."""
    publish_iws()
    ticket = a_case(now=TUESDAY)
    due = ticket.next_due_at
    publish(SOURCE.replace('duration = "1 h"', 'duration = "3 h"'), TUESDAY)
    ticket.refresh_from_db()
    from plazo.tickets import commands

    commands.announce_alarms(ticket_id=ticket.pk, actor=Actor.system("x"), now=TUESDAY)
    ticket.refresh_from_db()
    assert ticket.next_due_at == due
    assert a_case(now=TUESDAY).next_due_at == TUESDAY + timedelta(hours=3)


def plazo(*arguments):
    """Run the command as an operator does, without any database."""
    return subprocess.run(
        [sys.executable, "-m", "plazo.config.cli", *arguments],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_check_says_sound_or_names_every_fault(tmp_path):
    """The command exits 0 for a sound file, 1 for one with errors, with file and line."""
    done = plazo("agreement", "check", str(IWS))
    assert (done.returncode, done.stderr) == (0, "")
    bad = tmp_path / "bad.toml"
    bad.write_text(SOURCE.replace("America/Panama", "EST"), encoding="utf-8")
    done = plazo("agreement", "check", str(bad))
    assert done.returncode == 1
    assert f"{bad}:" in done.stdout
    assert "error zone-abbreviation" in done.stdout


def test_explain_shows_every_deadline_with_its_segments():
    """Saturday 16:40, severity C: the arithmetic on the terminal, in the agreement's zone."""
    done = plazo(
        "agreement", "explain", str(IWS), "--opened", "2026-11-21 16:40", "--severity", "C",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Primera respuesta" in done.stdout
    assert "domingo 22 de noviembre de 2026, 9:40 EST" in done.stdout
    assert "domingo 22 de noviembre de 2026, 12:40 EST" in done.stdout
    english = plazo(
        "agreement", "explain", str(IWS), "--opened", "2026-11-21 16:40", "--severity", "B", "--language", "en",
    )  # fmt: skip
    assert "Saturday 21 November 2026, 18:40 EST" in english.stdout


def test_explain_refuses_a_time_that_is_none():
    """A wrong time is said in one sentence, with how to write it."""
    done = plazo("agreement", "explain", str(IWS), "--opened", "mañana")
    assert done.returncode == 2
    assert "2026-11-21 16:40" in done.stderr
