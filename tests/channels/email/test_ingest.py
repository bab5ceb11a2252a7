"""`plazo mail`: taking mail in from pipes and files, and making mailboxes."""

import io
import mailbox as archives
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from plazo.channels.email.models import IntakeRaw, IntakeRecord
from plazo.config.cli import main
from plazo.mailboxes.models import Mailbox, Source
from tests.database import database_url
from tests.mails import a_mail, a_mailbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_database(transactional_db, monkeypatch):
    """The command finds the database by its address: it must be the test's own."""
    monkeypatch.setenv("DATABASE_URL", database_url())


class Input:
    """What a pipe brings, as bytes."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)

    def readline(self) -> str:
        return self.buffer.readline().decode()

    def isatty(self) -> bool:
        return False


def ingest(*arguments: str, pipe: bytes = b"", patch: pytest.MonkeyPatch) -> int:
    """Run the command in this process."""
    patch.setattr(sys, "stdin", Input(pipe))
    return main(["mail", "ingest", *arguments])


def kept() -> list[bytes]:
    return [raw.data for raw in IntakeRaw.objects.order_by("pk")]


def test_a_pipe_brings_a_mail_with_its_envelope(monkeypatch, capsys):
    """What a mail server pipes in is stored byte for byte; the recipient finds the mailbox."""
    box = a_mailbox("soporte@iws.example")
    raw = b"From: x@y.example\r\n\r\nhola \xff\n"
    to = "soporte+r1@iws.example"
    assert ingest("--from", "x@y.example", "--to", to, pipe=raw, patch=monkeypatch) == 0
    record = IntakeRecord.objects.get()
    assert (record.source, record.mailbox, record.raw.data) == (Source.PIPE, box, raw)
    assert (record.envelope_from, record.envelope_to) == ("x@y.example", [to])
    assert capsys.readouterr().out == f"-: mail {record.pk}\n"


def test_an_mbox_line_before_a_piped_mail_is_no_part_of_it(monkeypatch):
    """Postfix adds one when its flags say F."""
    raw = a_mail()
    ingest(pipe=b"From x@y.example  Tue Nov 24 03:00:00 2026\n" + raw, patch=monkeypatch)
    assert kept() == [raw]


def test_the_null_sender_is_told_from_none(monkeypatch):
    """An empty --from is a report's; without it nothing is known."""
    a_mailbox()
    ingest("--from", "", pipe=a_mail("uno"), patch=monkeypatch)
    ingest(pipe=a_mail("dos"), patch=monkeypatch)
    assert [r.envelope_from for r in IntakeRecord.objects.order_by("pk")] == ["", None]


def test_files_mboxes_and_maildirs(tmp_path: Path, monkeypatch, capsys):
    """Whatever holds mails is read, once; the rest is named."""
    raws = [a_mail(f"número {n}") for n in range(6)]
    (tmp_path / "uno.eml").write_bytes(raws[0])
    mbox = archives.mbox(tmp_path / "viejo.mbox")
    for raw in raws[1:3]:
        mbox.add(raw)
    mbox.close()
    maildir = archives.Maildir(tmp_path / "Maildir")
    maildir.add(raws[3])
    maildir.add_folder("Pedidos").add(raws[4])
    folder = tmp_path / "carpeta"
    folder.mkdir()
    (folder / "b.EML").write_bytes(raws[5])
    (folder / "leame.txt").write_text("no")
    (folder / "c.eml").write_bytes(b"\n")
    a_mailbox()
    places = [str(tmp_path / name) for name in ("uno.eml", "viejo.mbox", "Maildir", "carpeta")]
    for _time in range(2):
        assert ingest("--mailbox", "soporte", *places, patch=monkeypatch) == 0
    assert sorted(raw.strip() for raw in kept()) == sorted(raw.strip() for raw in raws)
    told = capsys.readouterr().out
    assert "leame.txt: skipped, its name does not end in .eml" in told
    assert "c.eml: skipped, it is empty" in told


def test_a_folder_is_read_to_its_end(tmp_path: Path, monkeypatch, capsys):
    """Folders in it too, whatever one file is like: nobody looks for what was left out."""
    raws = [a_mail(f"número {n}") for n in range(4)]
    below = tmp_path / "2026" / "noviembre"
    below.mkdir(parents=True)
    (tmp_path / "a.eml").write_bytes(raws[0])
    (tmp_path / "b.eml").symlink_to("/nowhere/x.eml")
    (tmp_path / "c.eml").mkdir()
    (tmp_path / "c.eml" / "d.EML").write_bytes(raws[1])
    (below / "e.eml").write_bytes(raws[2])
    maildir = archives.Maildir(below / "Maildir")
    maildir.add(raws[3])
    unreadable = below / "f.eml"
    unreadable.write_bytes(raws[0])
    monkeypatch.setattr(Path, "read_bytes", refusing(Path.read_bytes, unreadable))
    a_mailbox()
    assert ingest("--mailbox", "soporte", str(tmp_path), patch=monkeypatch) == 66
    assert sorted(raw.strip() for raw in kept()) == sorted(raw.strip() for raw in raws)
    assert "f.eml: Permission denied" in capsys.readouterr().err


def refusing(read, refused: Path):
    """Return what reads a file, and refuses one as a system does for whom it may not be read."""

    def guarded(path: Path) -> bytes:
        if path == refused:
            raise PermissionError(13, "Permission denied")
        return read(path)

    return guarded


def test_a_mail_that_cannot_be_stored_is_to_be_tried_again(monkeypatch, capsys):
    """75 is what a mail server takes for "later"; anything else would bounce the mail."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {IntakeRaw._meta.db_table} RENAME TO away")
    try:
        assert ingest(pipe=a_mail(), patch=monkeypatch) == 75
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE away RENAME TO {IntakeRaw._meta.db_table}")
    assert "try again" in capsys.readouterr().err


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}, id="no database"),
        pytest.param({"PLAZO_PORT": "eight"}, id="a wrong setting"),
    ],
)
def test_when_plazo_itself_cannot_start_the_mail_is_kept_by_who_has_it(environment):
    """75 as well: a mistake of the operator must not bounce people's mail."""
    ended = subprocess.run(
        [sys.executable, "-m", "plazo.config.cli", "mail", "ingest"],
        input=a_mail(),
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 75, ended.stderr.decode()


def test_what_is_not_there_is_said(monkeypatch, capsys):
    """A file that does not exist is 66, a mailbox that does not exist 75; the others go on."""
    a_mailbox()
    assert ingest("/nowhere/x.eml", "-", pipe=a_mail(), patch=monkeypatch) == 66
    assert IntakeRecord.objects.count() == 1
    assert ingest("--mailbox", "nadie", pipe=a_mail(), patch=monkeypatch) == 75
    assert "there is no mailbox" in capsys.readouterr().err


def test_too_large_a_mail_goes_back_to_its_sender(monkeypatch, settings, capsys):
    """65 is for good; it would not become smaller by waiting."""
    settings.PLAZO = settings.PLAZO.model_copy(update={"max_mail_bytes": 1000})
    assert ingest(pipe=a_mail("x" * 2000), patch=monkeypatch) == 65
    assert not IntakeRecord.objects.exists()


def test_a_mailbox_is_made_with_passwords_from_a_pipe(monkeypatch, capsys):
    """One line for each; they are sealed, and in no list of processes."""
    monkeypatch.setattr(sys, "stdin", Input(b"clave de entrada\nclave de salida\n"))
    arguments = ["mail", "add", "ventas", "--address", "Ventas@IWS.example"]
    arguments += ["--imap-host", "imap.iws.example", "--imap-user", "ventas"]
    arguments += ["--smtp-host", "smtp.iws.example", "--smtp-user", "ventas"]
    assert main(arguments) == 0
    box = Mailbox.objects.get(key="ventas")
    assert box.secrets == {"imap_password": "clave de entrada", "smtp_password": "clave de salida"}
    assert "clave" not in box.sealed
    assert main(["mail", "list"]) == 0
    assert "ventas@iws.example" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(
            ["soporte", "--address", "otra@iws.example"], "already", id="the key is taken"
        ),
        pytest.param(["otro", "--address", "soporte@iws.example"], "address", id="or the address"),
        pytest.param(["otro", "--address", "nada"], "address", id="no address at all"),
        pytest.param(["dos palabras", "--address", "a@iws.example"], "key", id="a bad key"),
        pytest.param(
            ["otro", "--address", "a@iws.example", "--group", "x"], "group", id="nobody's group"
        ),
        pytest.param(
            [
                "otro",
                "--address",
                "a@iws.example",
                "--after-fetch",
                "move",
                "--archive-folder",
                "inbox",
            ],
            "archive_folder",
            id="moved to where it is fetched",
        ),
    ],
)
def test_a_wrong_mailbox_is_refused_in_a_sentence(arguments, words, capsys):
    """No traceback, and nothing half made."""
    a_mailbox("soporte@iws.example")
    assert main(["mail", "add", *arguments]) == 1
    assert words in capsys.readouterr().err
    assert Mailbox.objects.count() == 1
