"""What verifying finds, what it does not take for a fault, and how the command says it."""

import argparse
import json
import threading
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.db import connection, transaction

from plazo.accounts.access import actor_of_requester
from plazo.config import cli
from plazo.tickets import cli as tickets_cli
from plazo.tickets import commands, timeline
from plazo.tickets import verify as verifying
from plazo.tickets.bodies import store_upload
from plazo.tickets.models import PublicMessage, Ticket
from plazo.tickets.verify import Tally, verify
from tests.database import database_url
from tests.factory import TUESDAY, a_case, a_requester, as_agent

MINUTE = timedelta(minutes=1)


def behind_our_back(statement: str, *values: object) -> None:
    """Run a statement as only a superuser can, with the triggers held off."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values or None)


def a_worked_case() -> Ticket:
    """A case with a file, an answer and a note."""
    file = ContentFile(b"PlaceOrder 504", name="log.txt")
    upload = store_upload(file, name="log.txt", content_type="text/plain")
    ticket = a_case(now=TUESDAY, attachments=[upload])
    by = as_agent()
    commands.reply_to_ticket(ticket_id=ticket.pk, body="Hola", actor=by, now=TUESDAY + MINUTE)
    commands.add_internal_note(ticket_id=ticket.pk, body="x", actor=by, now=TUESDAY + 2 * MINUTE)
    return ticket


@pytest.mark.django_db
@pytest.mark.corrupts
@pytest.mark.parametrize(
    ("statement", "found"),
    [
        pytest.param("UPDATE tickets_publicmessage SET body_text = 'Adiós' WHERE author_agent_id IS NOT NULL", "event 2: message", id="what an agent wrote"),
        pytest.param("UPDATE tickets_internalnote SET body_text = 'y'", "event 4: note", id="a note"),
        pytest.param("UPDATE tickets_attachment SET name = 'otro.txt'", "event 1: message", id="the name of a file"),
        pytest.param("DELETE FROM tickets_attachment", "event 1: message", id="a file taken away"),
        pytest.param("DELETE FROM tickets_internalnote", "is missing", id="a note taken away"),
        pytest.param("INSERT INTO tickets_internalnote (ticket_id, author_agent_id, author_name, body_text, body_html, digest, at) SELECT ticket_id, author_agent_id, author_name, 'z', '', '', at FROM tickets_internalnote", "is in no event", id="a note that nobody wrote"),
        pytest.param("UPDATE tickets_ticketevent SET actor_name = 'Otra persona' WHERE sequence = 2", "event 2: the chain is broken", id="who did it"),
        pytest.param("UPDATE tickets_ticketevent SET audience = 'public' WHERE kind = 'note.added'", "event 4: the chain is broken", id="who may see it"),
        pytest.param("DELETE FROM tickets_ticketevent WHERE sequence = 3", "event 3: the chain is broken", id="an event in the middle"),
        pytest.param("DELETE FROM notifications_outboundmail; DELETE FROM tickets_ticketevent", "it has no events", id="the whole timeline"),
        pytest.param("UPDATE tickets_publicmessage SET body_html = '<p>Adiós</p>' WHERE author_agent_id IS NOT NULL", "event 2: message", id="the HTML that is shown"),
        pytest.param("UPDATE tickets_publicmessage SET author_name = 'Otra persona' WHERE author_agent_id IS NOT NULL", "event 2: message", id="who wrote a message"),
        pytest.param("UPDATE tickets_internalnote SET author_name = 'Otra persona'", "event 4: note", id="who wrote a note"),
        pytest.param("UPDATE tickets_ticket SET subject = 'Otro asunto'", "event 1: message", id="the subject"),
        pytest.param("UPDATE tickets_ticket SET number = 'IWS-1'", "event 1: message", id="the case number"),
        pytest.param("INSERT INTO accounts_requester (email, name, language, time_zone, role, wants_copies, created_at) VALUES ('x@x.example', '', 'es', '', 'member', true, now()); UPDATE tickets_ticket SET requester_id = (SELECT max(id) FROM accounts_requester)", "event 1: requester is", id="who asked"),
        pytest.param("INSERT INTO accounts_organization (name, slug, stage, services, representative_name, representative_email) VALUES ('Otra', 'otra', 'production', '{}', '', ''); UPDATE tickets_ticket SET organization_id = (SELECT max(id) FROM accounts_organization)", "event 1: organization is 'otra'", id="for which company"),
        pytest.param("UPDATE tickets_ticket SET service = 'catalog'", "service is 'catalog', its events say 'esd'", id="about which service"),
        pytest.param("UPDATE tickets_ticket SET channel = 'email'", "event 1: channel is 'email'", id="the channel"),
        pytest.param("INSERT INTO agreements_agreementversion (key, number, effective_at, published_at, published_by, source, sha256) SELECT key, 2, effective_at, published_at, published_by, source, '' FROM agreements_agreementversion; UPDATE tickets_ticket SET agreement_version_id = (SELECT max(id) FROM agreements_agreementversion)", "event 1: agreement_version is 2", id="under which agreement"),
        pytest.param("UPDATE tickets_ticket SET clocks = '[]'", "clocks is []", id="the chips of the lists"),
        pytest.param("UPDATE tickets_ticket SET agreement_version_id = agreement_version_id, level = 3", "level is 3", id="the level"),
    ],
)  # fmt: skip
def test_whatever_is_changed_behind_our_back_is_found(statement, found):
    """Events, texts, files and projected columns: each change is named with its ticket."""
    ticket = a_worked_case()
    assert list(verify(Tally())) == []
    behind_our_back(statement)
    faults = [str(fault) for fault in verify(Tally())]
    number = Ticket.objects.get(pk=ticket.pk).number
    assert any(number in fault and found in fault for fault in faults), faults


@pytest.mark.django_db
@pytest.mark.corrupts
def test_what_was_written_before_there_were_seals_still_verifies():
    """An event without a seal covers words and files, as it always did, and is no fault."""
    ticket = a_worked_case()
    before = ""
    for event in ticket.events.order_by("sequence"):
        event.payload.pop("seal", None)
        event.previous_hash = before
        event.hash = before = timeline.event_hash(event, ticket.public_id)
        behind_our_back(
            "UPDATE tickets_ticketevent SET payload = %s, previous_hash = %s, hash = %s WHERE id = %s",
            json.dumps(event.payload),
            event.previous_hash,
            event.hash,
            event.pk,
        )
    behind_our_back("UPDATE tickets_ticket SET last_hash = %s", before)
    assert list(verify(Tally())) == []
    behind_our_back("UPDATE tickets_publicmessage SET body_text = 'Adiós'")
    assert len(list(verify(Tally()))) == 2


@pytest.mark.django_db
@pytest.mark.corrupts
def test_the_files_are_verified_too(capsys, settings, tmp_path):
    """`plazo verify --files` reads the bytes: a file that is gone, or another, is named with its
    case; without the option nobody reads gigabytes."""
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        },
    }
    ticket = a_worked_case()
    run = lambda files: tickets_cli._verify(argparse.Namespace(files=files))  # noqa: E731
    assert run(files=True) == 0
    assert "1 files, 0 faults" in capsys.readouterr().out
    (place,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    place.write_bytes(b"otra cosa 5000")
    assert run(files=False) == 0
    assert run(files=True) == 1
    assert f"{ticket.number}: the file “log.txt”" in capsys.readouterr().out


@pytest.mark.django_db
@pytest.mark.corrupts
def test_an_event_of_a_newer_version_is_named_and_stops_nothing():
    """A kind that this code does not know is a fault of that ticket; the others are verified."""
    unknown, _sound = a_case(), a_case()
    event = unknown.events.get()
    event.kind = "ticket.teleported"
    hashed = timeline.event_hash(event, unknown.public_id)
    behind_our_back(
        "UPDATE tickets_ticketevent SET kind = %s, hash = %s WHERE id = %s",
        event.kind,
        hashed,
        event.pk,
    )
    tally = Tally()
    (fault,) = [str(fault) for fault in verify(tally)]
    assert fault.startswith(f"{unknown.number} event 1: ")
    assert "does not know the kind 'ticket.teleported'" in fault
    assert tally.tickets == 2


@pytest.mark.django_db
def test_a_text_erased_by_law_is_no_fault():
    """Its event says that it was erased; the digest of what it was stays sealed."""
    ticket = a_worked_case()
    message = PublicMessage.objects.filter(ticket=ticket, author_requester__isnull=False).get()
    commands.redact_message(message_id=message.pk, actor=as_agent(), now=TUESDAY + 3 * MINUTE)
    assert list(verify(Tally())) == []


@pytest.mark.django_db(transaction=True)
def test_people_who_work_meanwhile_are_no_faults():
    """A command may land between reading a ticket and reading its events."""
    tickets = [a_case(now=TUESDAY) for _ in range(3)]
    requester = actor_of_requester(a_requester())
    done, passes = threading.Event(), 0

    def talk() -> None:
        try:
            for n in range(60):
                commands.reply_as_requester(
                    ticket_id=tickets[n % 3].pk,
                    body=f"mensaje {n}",
                    actor=requester,
                    now=TUESDAY + n * MINUTE,
                )
        finally:
            connection.close()
            done.set()

    talker = threading.Thread(target=talk)
    talker.start()
    while not done.is_set():
        assert [str(fault) for fault in verify(Tally())] == []
        passes += 1
    talker.join()
    assert passes > 1


@pytest.mark.django_db
def test_more_tickets_than_one_batch_are_all_verified(monkeypatch):
    """The batches follow each other by key, without a gap and without a double."""
    monkeypatch.setattr(verifying, "BATCH", 3)
    for _ in range(7):
        a_case()
    tally = Tally()
    assert list(verify(tally)) == []
    assert (tally.tickets, tally.events) == (7, 7)


@pytest.mark.django_db(transaction=True)
@pytest.mark.corrupts
def test_the_command_names_the_fault_and_exits_with_one(capsys, monkeypatch):
    """`plazo verify` says its speed and exits 0; after tampering it names the place and exits 1;
    `plazo rebuild` mends a projection, and never a chain."""
    monkeypatch.setenv("DATABASE_URL", database_url())
    ticket = a_worked_case()
    assert cli.main(["verify"]) == 0
    assert "1 tickets, 4 events, 0 faults" in capsys.readouterr().out
    behind_our_back("UPDATE tickets_ticket SET severity = 'A', next_due_at = NULL")
    assert cli.main(["verify"]) == 1
    assert f"{ticket.number}: severity is 'A'" in capsys.readouterr().out
    assert cli.main(["rebuild"]) == 0
    assert cli.main(["verify"]) == 0
    behind_our_back("UPDATE tickets_ticketevent SET payload = '{}' WHERE sequence = 2")
    capsys.readouterr()
    assert cli.main(["rebuild"]) == 1
    assert cli.main(["verify"]) == 1
    said = capsys.readouterr()
    assert f"{ticket.number} event 2: the chain is broken here" in said.out
