"""Our own SMTP and LMTP doors, with a real client: yes is said only to what is committed."""

import contextlib
import smtplib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from plazo.channels.email import ledger, process
from plazo.channels.email.listener import Door, Way, open_door
from plazo.channels.email.models import IntakeRaw, IntakeRecord
from plazo.config.worker import keep_running
from plazo.core.clock import read_clock
from plazo.mailboxes import tokens
from plazo.mailboxes.models import Mailbox, Source
from tests.mails import a_mail, a_mailbox
from tests.ports import free_port

pytestmark = pytest.mark.django_db(transaction=True)
CLIENT = "compras@andina.example"


@pytest.fixture
def smtp() -> Iterator[Door]:
    """An SMTP door, open."""
    with opened() as door:
        yield door


@pytest.fixture
def lmtp() -> Iterator[Door]:
    """An LMTP door, open."""
    with opened(lmtp=True) as door:
        yield door


@contextlib.contextmanager
def opened(*, lmtp: bool = False) -> Iterator[Door]:
    """Open a door on a port of its own."""
    door = open_door(Way(f"127.0.0.1:{free_port()}", lmtp=lmtp))
    assert door is not None
    try:
        yield door
    finally:
        door.stop()


def test_yes_means_committed(smtp):
    """The bytes, the envelope and the peer are in the ledger when the client hears 250."""
    a_mailbox("soporte@iws.example")
    raw = a_mail("hola ñ\n.con un punto").replace(b"\n", b"\r\n")
    with smtplib.SMTP("127.0.0.1", smtp.port) as client:
        client.sendmail(CLIENT, ["soporte@iws.example"], raw)
        record = IntakeRecord.objects.get()
    assert (record.source, record.mailbox.address) == (Source.SMTP, "soporte@iws.example")
    assert (record.envelope_from, record.envelope_to) == (CLIENT, ["soporte@iws.example"])
    assert record.remote_ip == "127.0.0.1"
    assert record.raw.data == raw


def test_the_null_sender_is_kept_as_such(smtp):
    """A delivery report says so by its envelope."""
    a_mailbox()
    with smtplib.SMTP("127.0.0.1", smtp.port) as client:
        client.sendmail("", ["soporte@iws.example"], a_mail())
    assert IntakeRecord.objects.get().envelope_from == ""


@pytest.mark.parametrize(
    ("address", "code"),
    [
        pytest.param("soporte@iws.example", 250, id="its address"),
        pytest.param("SOPORTE@IWS.Example", 250, id="in other letters"),
        pytest.param("ayuda@iws.example", 250, id="an alias"),
        pytest.param("soporte+r1-abc@iws.example", 250, id="with something after a plus"),
        pytest.param("ventas@iws.example", 550, id="nobody here"),
        pytest.param("alguien@otro.example", 550, id="elsewhere: nothing is relayed"),
        pytest.param("retirado@iws.example", 550, id="a mailbox out of use"),
    ],
)
def test_only_our_own_mailboxes_are_taken_in(smtp, address, code):
    """Whoever writes to an address that we have not hears so at once."""
    a_mailbox("soporte@iws.example", aliases=["ayuda@iws.example"])
    a_mailbox("retirado@iws.example", is_active=False)
    with smtplib.SMTP("127.0.0.1", smtp.port) as client:
        client.helo()
        client.mail(CLIENT)
        assert client.rcpt(address)[0] == code


def test_a_reply_token_reaches_its_mailbox(smtp):
    """The address that an answer is proven by is an address of the mailbox."""
    box = a_mailbox()
    address = tokens.plus_address(box.address, tokens.make(tokens.REPLY, 7))
    with smtplib.SMTP("127.0.0.1", smtp.port) as client:
        client.sendmail(CLIENT, [address], a_mail())
    record = IntakeRecord.objects.get()
    assert (record.mailbox, record.envelope_to) == (box, [address])


def test_a_mail_that_cannot_be_stored_is_put_off(smtp):
    """When the ledger refuses, the other side hears 451 and keeps its mail."""
    a_mailbox()
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {IntakeRaw._meta.db_table} RENAME TO away")
    try:
        with (
            smtplib.SMTP("127.0.0.1", smtp.port) as client,
            pytest.raises(smtplib.SMTPDataError) as refusal,
        ):
            client.sendmail(CLIENT, ["soporte@iws.example"], a_mail())
        assert refusal.value.smtp_code == 451
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE away RENAME TO {IntakeRaw._meta.db_table}")
    assert not IntakeRecord.objects.exists()


def test_while_the_mailboxes_cannot_be_read_nobody_is_refused_for_good(smtp):
    """451 and not 550: the mailbox may well be ours."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {Mailbox._meta.db_table} RENAME TO away")
    try:
        with smtplib.SMTP("127.0.0.1", smtp.port) as client:
            client.helo()
            client.mail(CLIENT)
            assert client.rcpt("soporte@iws.example")[0] == 451
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE away RENAME TO {Mailbox._meta.db_table}")


def test_a_mail_sent_twice_is_one_row(smtp):
    """Whoever did not hear our yes sends again; the ledger knows the bytes."""
    a_mailbox()
    raw = a_mail()
    for _time in range(2):
        with smtplib.SMTP("127.0.0.1", smtp.port) as client:
            client.sendmail(CLIENT, ["soporte@iws.example"], raw)
    assert IntakeRecord.objects.count() == 1


def test_a_line_of_a_megabyte_is_a_mail_too(smtp):
    """Programs write a body in one line; RFC 5321 would let us bounce it, and people would pay."""
    a_mailbox()
    raw = b"From: a@b.example\r\nSubject: x\r\n\r\n" + b"y" * 1_000_000 + b"\r\n"
    with smtplib.SMTP("127.0.0.1", smtp.port) as client:
        client.sendmail(CLIENT, ["soporte@iws.example"], raw)
    assert IntakeRecord.objects.get().raw.data == raw


@pytest.mark.parametrize("announced", [True, False])
def test_too_large_a_mail_is_refused_for_good(settings, announced):
    """552, whether its size was announced or not."""
    settings.PLAZO = settings.PLAZO.model_copy(update={"max_mail_bytes": 5000})
    a_mailbox()
    with opened() as door, smtplib.SMTP("127.0.0.1", door.port) as client:
        client.ehlo()
        if announced:
            assert client.mail(CLIENT, ["SIZE=6000"])[0] == 552
        else:
            client.mail(CLIENT)
            client.rcpt("soporte@iws.example")
            assert client.data(b"x\r\n" * 2000)[0] == 552
    assert not IntakeRecord.objects.exists()


def spoken(door: Door, *lines: bytes) -> list[bytes]:
    """Say some lines, and return the codes of all answers. Python's own LMTP client reads one."""
    with socket.create_connection(("127.0.0.1", door.port), 5) as line:
        stream = line.makefile("rwb")
        stream.write(b"".join(words + b"\r\n" for words in (b"LHLO x", *lines, b"QUIT")))
        stream.flush()
        return [answer[:3] for answer in stream.read().splitlines() if answer[3:4] == b" "]


ENVELOPE = (
    b"MAIL FROM:<a@b.example>",
    b"RCPT TO:<soporte@iws.example>",
    b"RCPT TO:<nadie@iws.example>",
    b"RCPT TO:<ayuda@iws.example>",
    b"DATA",
)


def test_lmtp_answers_for_each_recipient(lmtp):
    """Two recipients, two answers (RFC 2033 §4.2), and one row."""
    a_mailbox("soporte@iws.example", aliases=["ayuda@iws.example"])
    codes = spoken(lmtp, *ENVELOPE, *a_mail().splitlines(), b".")
    assert b" ".join(codes) == b"220 250 250 250 550 250 354 250 250 221"
    assert IntakeRecord.objects.get().envelope_to == ["soporte@iws.example", "ayuda@iws.example"]


def test_lmtp_refuses_too_large_a_mail_for_each_recipient(settings):
    """One answer too few would leave the other side waiting."""
    settings.PLAZO = settings.PLAZO.model_copy(update={"max_mail_bytes": 5000})
    a_mailbox("soporte@iws.example", aliases=["ayuda@iws.example"])
    with opened(lmtp=True) as door:
        codes = spoken(door, *ENVELOPE, *[b"x"] * 2000, b".")
        assert b" ".join(codes) == b"220 250 250 250 550 250 354 552 552 221"


def test_a_port_in_use_keeps_nothing_waiting(settings):
    """The door opens as soon as the port is free; the rest of the mail process goes on."""
    port = free_port()
    settings.PLAZO = settings.PLAZO.model_copy(update={"smtp_listen": f"127.0.0.1:{port}"})
    a_mailbox()
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", port)):
        at_work = threading.Thread(target=keep_running, args=("mail", process.run_forever, stop))
        at_work.start()
        time.sleep(0.5)
        assert at_work.is_alive()
    try:
        end = time.monotonic() + 60
        while not IntakeRecord.objects.exists():
            assert time.monotonic() < end
            try:
                with smtplib.SMTP("127.0.0.1", port, timeout=2) as client:
                    client.sendmail(CLIENT, ["soporte@iws.example"], a_mail())
            except OSError:
                time.sleep(0.1)
    finally:
        stop.set()
        at_work.join(60)
    assert not at_work.is_alive()


def test_the_ledger_refuses_to_take_mail_inside_a_transaction():
    """What is not committed when `accept` returns could still be lost."""
    box = a_mailbox()
    with pytest.raises(RuntimeError), transaction.atomic():
        ledger.accept(a_mail(), source=Source.SMTP, mailbox=box, now=read_clock())
