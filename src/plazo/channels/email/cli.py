"""Sub-commands of `plazo mail`: mailboxes, taking mail in, and the doctor."""

import argparse
import getpass
import mailbox as archives
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from plazo.mailboxes.models import Mailbox

# What a mail server's pipe takes for "try again later" and "it cannot be done" (sysexits.h).
TRY_AGAIN: Final = 75
TOO_LARGE: Final = 65
NO_INPUT: Final = 66


def add_commands(commands: Any, *, run_process: Callable[[argparse.Namespace], int]) -> None:
    """Add `plazo mail …`. Units: `run_process` is the mail process, which only its caller knows."""
    mail = commands.add_parser("mail", help="mailboxes: add, list, ingest, doctor")
    parts = mail.add_subparsers(title="commands", metavar="COMMAND", required=True)

    run = parts.add_parser("run", help="fetch mail and listen for it, as `plazo run` does")
    run.set_defaults(run=run_process, needs="database")

    listed = parts.add_parser("list", help="the mailboxes, and how they are")
    listed.set_defaults(run=_list, needs="database")

    add = parts.add_parser("add", help="make a mailbox; passwords are asked for, never arguments")
    add.add_argument("key", help="a short name without blanks, such as soporte")
    add.add_argument("--address", required=True)
    add.add_argument("--name", default="")
    add.add_argument("--language", choices=["es", "en"], default="es")
    add.add_argument("--group", default="", help="key of the group that gets its cases")
    add.add_argument("--imap-host", default="")
    add.add_argument("--imap-port", type=int, default=993)
    add.add_argument("--imap-security", choices=["tls", "starttls", "plain"], default="tls")
    add.add_argument("--imap-user", default="")
    add.add_argument("--smtp-host", default="")
    add.add_argument("--smtp-port", type=int, default=587)
    add.add_argument("--smtp-security", choices=["tls", "starttls", "plain"], default="starttls")
    add.add_argument("--smtp-user", default="")
    add.add_argument("--after-fetch", choices=["seen", "move", "delete", "nothing"], default="seen")
    add.add_argument("--archive-folder", default="", help="where `move` moves to; else Plazo")
    add.add_argument("--folder", default="INBOX", help="the folder to fetch")
    add.add_argument("--fetch-existing", action="store_true", help="also what was there before")
    add.add_argument("--no-plus", action="store_true", help="name+x@… does not arrive here")
    add.add_argument("--trust", action="append", default=[], metavar="HOST",
                     help="a server whose Authentication-Results are believed")  # fmt: skip
    add.set_defaults(run=_add, needs="database")

    ingest = parts.add_parser("ingest", help="take mails in from files, an mbox, a Maildir or `-`")
    ingest.add_argument("files", nargs="*", default=["-"], metavar="FILE")
    ingest.add_argument("--mailbox", default="", help="key of the mailbox; else by its recipients")
    ingest.add_argument("--from", dest="sender", default=None, help="the envelope's sender")
    ingest.add_argument("--to", action="append", default=[], help="a recipient of the envelope")
    ingest.set_defaults(run=_ingest, needs="database", failure=TRY_AGAIN)

    doctor = parts.add_parser("doctor", help="test a mailbox: receive, send, loop, sender")
    doctor.add_argument("key", nargs="?", default="")
    doctor.set_defaults(run=_doctor, needs="database")


def _list(arguments: argparse.Namespace) -> int:
    from plazo.channels.email import imap
    from plazo.channels.email.models import IntakeRecord
    from plazo.mailboxes.models import Mailbox

    for box in Mailbox.objects.all():
        waiting = IntakeRecord.objects.waiting().filter(mailbox=box).count()
        state = "in use" if box.is_active else "not in use"
        print(f"{box.key:<16} {box.address:<36} {box.source:<8} {state}")
        if box.on_server is not None:
            print(f"{'':<16} {box.on_server} on the server, {box.missing} missing here")
        if waiting:
            print(f"{'':<16} {waiting} waiting to be read")
        if box.fetch_error:
            print(
                f"{'':<16} trouble since {box.failing_since:%Y-%m-%d %H:%M}: {imap.trouble_of(box)}"
            )
        if box.held_until:
            print(f"{'':<16} sending held until {box.held_until:%H:%M} UTC: {box.held_reason}")
    return 0


def _add(arguments: argparse.Namespace) -> int:
    from django.core.exceptions import ValidationError

    from plazo.accounts.models import Group
    from plazo.core.actor import Actor
    from plazo.core.clock import read_clock
    from plazo.mailboxes.commands import save_mailbox
    from plazo.mailboxes.models import Mailbox, Source

    group = Group.objects.filter(key=arguments.group).first() if arguments.group else None
    if arguments.group and group is None:
        print(f"plazo: there is no group “{arguments.group}”.", file=sys.stderr)
        return 1
    if Mailbox.objects.filter(key=arguments.key).exists():
        print(f"plazo: there is a mailbox “{arguments.key}” already.", file=sys.stderr)
        return 1
    box = Mailbox(
        key=arguments.key,
        name=arguments.name or arguments.address,
        address=arguments.address.lower(),
        language=arguments.language,
        group=group,
        source=Source.IMAP if arguments.imap_host else Source.PIPE,
        imap_host=arguments.imap_host,
        imap_port=arguments.imap_port,
        imap_security=arguments.imap_security,
        imap_user=arguments.imap_user,
        imap_folder=arguments.folder,
        after_fetch=arguments.after_fetch,
        archive_folder=arguments.archive_folder,
        fetch_existing=arguments.fetch_existing,
        smtp_host=arguments.smtp_host,
        smtp_port=arguments.smtp_port,
        smtp_security=arguments.smtp_security,
        smtp_user=arguments.smtp_user,
        plus_addressing=not arguments.no_plus,
        trusted_hosts=arguments.trust,
        is_default=not Mailbox.objects.filter(is_default=True).exists(),
    )
    secrets = {}
    if box.imap_host:
        secrets["imap_password"] = _secret("IMAP password")
    if box.smtp_user:
        secrets["smtp_password"] = _secret("SMTP password")
    kept_by_us = [field.name for field in Mailbox._meta.fields if field.null and not field.blank]
    try:
        box.full_clean(exclude=kept_by_us)
    except ValidationError as error:
        for name, sentences in error.message_dict.items():
            print(f"plazo: {name}: {' '.join(sentences)}", file=sys.stderr)
        return 1
    save_mailbox(
        mailbox=box, secrets=secrets, actor=Actor.system("plazo mail add"), now=read_clock()
    )
    print(f"{box} is there. Test it with: plazo mail doctor {box.key}")
    return 0


def _secret(what: str) -> str:
    """Ask for a password; from a pipe, read one line for each."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{what}: ")
    return sys.stdin.readline().rstrip("\n")


def _ingest(arguments: argparse.Namespace) -> int:
    """Take mails in.

    Edges: whatever cannot be stored now makes the exit code 75, so that a mail server tries again;
        too large a mail makes it 65, so that it goes back to its sender. A file that cannot be
        read is named and makes it 66; the others go on.
    """
    from plazo.mailboxes import queries
    from plazo.mailboxes.models import Mailbox

    box = Mailbox.objects.filter(key=arguments.mailbox).first() if arguments.mailbox else None
    if arguments.mailbox and box is None:
        print(f"plazo: there is no mailbox “{arguments.mailbox}”.", file=sys.stderr)
        return TRY_AGAIN
    box = box or queries.by_address(arguments.to)
    code = 0
    for name in arguments.files:
        try:
            for place, read in _mails_in(name):
                code = _take_in(place, read, box, arguments) or code
        except OSError as error:
            print(f"plazo: {name}: {error.strerror or error}", file=sys.stderr)
            code = code or NO_INPUT
        except Exception as error:  # noqa: BLE001 - whoever pipes must keep the mail
            print(f"plazo: {name}: not stored, try again: {error}", file=sys.stderr)
            code = TRY_AGAIN
    return code


def _take_in(
    place: str, read: Callable[[], bytes], box: "Mailbox | None", arguments: argparse.Namespace
) -> int:
    """Take one mail in; return the exit code that it asks for."""
    from django.conf import settings

    from plazo.channels.email import ledger
    from plazo.core.clock import read_clock
    from plazo.mailboxes.models import Source

    try:
        raw = read()
    except OSError as error:
        print(f"plazo: {place}: {error.strerror or error}", file=sys.stderr)
        return NO_INPUT
    if not raw.strip():
        print(f"{place}: skipped, it is empty")
        return 0
    if len(raw) > settings.PLAZO.max_mail_bytes:
        print(f"{place}: skipped, it is larger than PLAZO_MAX_MAIL_BYTES")
        return TOO_LARGE
    record = ledger.accept(
        raw,
        source=Source.PIPE,
        mailbox=box,
        envelope_from=arguments.sender,
        envelope_to=arguments.to,
        now=read_clock(),
    )
    print(f"{place}: mail {record.pk}")
    return 0


def _mails_in(name: str) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield each mail of a file, an mbox, a Maildir, a folder of files, or the standard input: its
    place, and what reads it.
    """
    if name == "-":
        raw = sys.stdin.buffer.read()
        # Some mail servers put an mbox's dividing line before what they pipe.
        piped = raw.partition(b"\n")[2] if raw.startswith(b"From ") else raw
        yield "-", lambda: piped
        return
    path = Path(name)
    if path.is_dir():
        yield from ((str(entry), entry.read_bytes) for entry in _files_in(path))
        return
    with path.open("rb") as file:
        is_mbox = file.read(5) == b"From "
    if not is_mbox:
        yield name, path.read_bytes
        return
    with closing(archives.mbox(os.fspath(path), create=False)) as box:
        for number, key in enumerate(box.iterkeys(), start=1):
            yield f"{name}#{number}", partial(box.get_bytes, key)


def _files_in(folder: Path) -> Iterator[Path]:
    """Yield the mails in a folder and all that are in it: those of Maildirs, and files that end
    in .eml.
    """
    maildirs = {new.parent for new in folder.glob("**/new") if (new.parent / "cur").is_dir()}
    for maildir in sorted(maildirs):
        entries = [*(maildir / "new").iterdir(), *(maildir / "cur").iterdir()]
        yield from sorted(entry for entry in entries if entry.is_file())
    for entry in sorted(folder.rglob("*")):
        if not entry.is_file() or any(above in maildirs for above in entry.parents):
            continue
        if entry.suffix.lower() == ".eml":
            yield entry
        else:
            print(f"{entry}: skipped, its name does not end in .eml")


def _doctor(arguments: argparse.Namespace) -> int:
    from plazo.channels.email import doctor
    from plazo.mailboxes.models import Mailbox

    boxes = Mailbox.objects.filter(is_active=True)
    if arguments.key:
        boxes = boxes.filter(key=arguments.key)
    if not boxes:
        print("plazo: no such mailbox is in use; see `plazo mail list`.", file=sys.stderr)
        return 1
    good = True
    for box in boxes:
        print(f"\n{box}")
        for step in doctor.examine(box):
            good = good and step.state != "failed"
            print(f"  {doctor.MARKS[step.state]} {step.title}: {step.words}")
            if step.advice:
                print(f"      {step.advice}")
    return 0 if good else 1
