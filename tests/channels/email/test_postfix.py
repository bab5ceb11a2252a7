"""A real mail server in front of our own doors: what it got no yes for, it keeps."""

import time
from collections.abc import Callable

import pytest
from django.db import connection

from plazo.channels.email.listener import Way, open_door
from plazo.channels.email.models import IntakeRaw, IntakeRecord
from tests.mails import a_mail, a_mailbox
from tests.ports import free_port

pytestmark = pytest.mark.django_db(transaction=True)


def until(condition: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.parametrize("lmtp", [False, True])
def test_postfix_keeps_a_mail_until_it_is_stored(postfix_server, lmtp):
    """451 makes it try again; once it hears 250 its queue is empty and our ledger is not."""
    a_mailbox("soporte@iws.example")
    door = open_door(Way(f"127.0.0.1:{free_port()}", lmtp=lmtp))
    try:
        place = f"[127.0.0.1]:{door.port}"
        postfix_server.route(f"lmtp:inet:{place}" if lmtp else f"smtp:{place}")
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {IntakeRaw._meta.db_table} RENAME TO away")
        try:
            postfix_server.send(a_mail("hola ñ"), "soporte+algo@iws.example")
            until(lambda: "451 4.3.0" in postfix_server.log)
        finally:
            with connection.cursor() as cursor:
                cursor.execute(f"ALTER TABLE away RENAME TO {IntakeRaw._meta.db_table}")
        assert postfix_server.waiting() == 1
        until(lambda: postfix_server.waiting() == 0)
    finally:
        door.stop()
    record = IntakeRecord.objects.get()
    assert record.envelope_to == ["soporte+algo@iws.example"]
    assert b"hola" in record.raw.data


def test_postfix_bounces_what_is_not_ours(postfix_server):
    """550 is for good: the sender hears of it from their own server."""
    door = open_door(Way(f"127.0.0.1:{free_port()}"))
    try:
        postfix_server.route(f"smtp:[127.0.0.1]:{door.port}")
        postfix_server.send(a_mail(), "otro@iws.example")
        until(lambda: "550 5.1.1 No such mailbox here" in postfix_server.log)
        until(lambda: postfix_server.waiting() == 0)
    finally:
        door.stop()
    assert not IntakeRecord.objects.exists()
