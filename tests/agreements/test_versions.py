"""Versions: published once, never changed, in force from their instant; and the command line."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import translation

from plazo.agreements.commands import publish_agreement
from plazo.agreements.errors import AgreementRefused, AlreadyPublished, NoAgreementInForce
from plazo.agreements.models import AgreementVersion
from plazo.agreements.queries import key_in_use, newest_version, version_in_force, versions
from plazo.config import cli
from plazo.core.actor import Actor
from tests.database import database_url
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
def test_a_companys_own_agreement_is_the_one_in_use(settings):
    """Whoever publishes their own file, and only that, has an open desk without another setting;
    a key that was never published is named, with what to do."""
    with pytest.raises(NoAgreementInForce) as refused:
        version_in_force(TUESDAY)
    assert "plazo agreement publish" in refused.value.user_message()
    publish(SOURCE.replace('key = "iws"', 'key = "andina"', 1))
    publish(SOURCE)
    assert (version_in_force(TUESDAY).key, newest_version().key) == ("andina", "andina")
    assert [version.key for version in versions()] == ["andina"]
    settings.PLAZO = settings.PLAZO.model_copy(update={"agreement": "iws"})
    assert (version_in_force(TUESDAY).key, key_in_use()) == ("iws", "iws")
    settings.PLAZO = settings.PLAZO.model_copy(update={"agreement": "other"})
    with pytest.raises(NoAgreementInForce) as refused:
        newest_version()
    assert "other" in refused.value.user_message()
    assert "PLAZO_AGREEMENT" in refused.value.user_message()


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
    assert {"zone-abbreviation"} == {finding.code for finding in refused.value.data["findings"]}
    with translation.override("es"):
        assert re.search(r"línea \d+: «EST» es una abreviatura", refused.value.user_message())
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
        capture_output=True, text=True, check=False, timeout=180,
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


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["--severity", "Z"], 1, "no tiene severidad «Z»", id="a severity that the agreement lacks"),
        pytest.param(["--service", "esdd"], 1, "no tiene servicio «esdd»", id="a service that it lacks"),
        pytest.param(["--now", "2026-11-20"], 1, "antes de abrirse", id="looked at before it is opened"),
        pytest.param(["--replied", "2026-11-20"], 1, "antes de que se abra", id="answered before it is opened"),
        pytest.param(["--now", "2150-01-01"], 1, "over a century", id="a century on"),
        pytest.param(["--opened", "9999-12-31", "--severity", "B"], 1, "too far away", id="the end of all calendars"),
        pytest.param(["--opened", "0001-01-01T00:00+14:00"], 2, "too far away", id="before them"),
    ],
)  # fmt: skip
def test_explain_refuses_in_a_sentence(arguments, code, said):
    """What cannot be explained is said in one sentence; a traceback tells an operator nothing."""
    done = plazo("agreement", "explain", str(IWS), "--opened", "2026-11-21 16:40", *arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.django_db(transaction=True)
def test_publishing_reads_its_time_in_the_agreements_zone(capsys, monkeypatch):
    """Midnight of the new year is midnight where the agreement holds, as for every other time of
    the command; read as UTC it took effect at seven in the evening before."""
    monkeypatch.setenv("DATABASE_URL", database_url())
    assert cli.main(["agreement", "publish", str(IWS), "--effective", "2999-01-01 00:00"]) == 0
    assert "in force from 2999-01-01T00:00:00-05:00" in capsys.readouterr().out
    assert AgreementVersion.objects.get().effective_at == datetime(2999, 1, 1, 5, tzinfo=UTC)


@pytest.mark.django_db(transaction=True)
def test_publishing_into_the_past_must_be_meant(capsys, monkeypatch, tmp_path):
    """A slip of the year must not rewrite what was in force; who means it says so."""
    monkeypatch.setenv("DATABASE_URL", database_url())
    late = ["agreement", "publish", str(IWS), "--effective", "2020-01-01 00:00"]
    assert cli.main(late) == 1
    assert "add --backdate" in capsys.readouterr().err
    assert not AgreementVersion.objects.exists()
    assert cli.main([*late, "--backdate"]) == 0
    assert AgreementVersion.objects.get().effective_at == datetime(2020, 1, 1, 5, tzinfo=UTC)


def test_explain_refuses_a_time_that_is_none():
    """A wrong time is said in one sentence, with how to write it."""
    done = plazo("agreement", "explain", str(IWS), "--opened", "mañana")
    assert done.returncode == 2
    assert "2026-11-21 16:40" in done.stderr
