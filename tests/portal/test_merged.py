"""A merged case in the portal: it leads on for whoever may see where, and says nothing else."""

from collections.abc import Iterator

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from plazo.tickets import access, commands
from plazo.tickets.bodies import store_upload
from plazo.tickets.models import Attachment, PublicMessage, Ticket
from tests import factory
from tests.factory import TUESDAY, a_case, as_agent
from tests.people import a_person, signed_in

pytestmark = pytest.mark.django_db
ABSORBED, SURVIVOR = "Llave 7731 del absorbido", "Contrato 4711 del que sigue"


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[None]:
    """It is Tuesday at 14:52, and the real agreement is in force."""
    factory.publish_iws()
    with time_machine.travel(TUESDAY, tick=False):
        yield


def merged(*, people: bool) -> tuple[Ticket, Ticket]:
    """A case of one company merged into one of another; its requester is let in, or not."""
    theirs = a_person("ti@boreal.example", "TI Boreal", company="boreal")
    file = store_upload(
        SimpleUploadedFile("llave.txt", b"7731"), name="llave.txt", content_type="text/plain"
    )
    gone = a_case(requester=theirs, subject=ABSORBED, body=ABSORBED, attachments=[file])
    kept = a_case(requester=a_person(), subject=SURVIVOR, body=SURVIVOR)
    commands.merge_ticket(
        ticket_id=gone.pk,
        into_id=kept.pk,
        people=[theirs.pk] if people else [],
        actor=as_agent(),
        now=TUESDAY,
    )
    return gone, kept


def of(ticket: Ticket, view: str = "") -> str:
    """The address of a case by its number."""
    return f"/hc/es/requests/{ticket.number}/{view}"


def text_of(client: Client, path: str) -> tuple[int, str]:
    """What somebody reads at an address, wherever it leads."""
    answer = client.get(path, follow=True)
    return answer.status_code, answer.content.decode()


def test_who_was_not_let_in_sees_nothing_new() -> None:
    """The absorbed one's requester keeps their own page, with a sentence and no number."""
    gone, kept = merged(people=False)
    client = signed_in(gone.requester)
    status, page = text_of(client, of(gone))
    assert status == 200
    assert ABSORBED in page
    assert "se atiende junto con otro" in page
    assert SURVIVOR not in page
    assert kept.number not in page
    assert client.get(of(kept)).status_code == 404
    by_link = Client().get(f"/hc/es/requests/{access.link_token(gone)}/", follow=True)
    assert kept.number not in by_link.content.decode()
    assert SURVIVOR not in client.get("/hc/es/requests/?tab=solved").content.decode()


def test_the_survivors_requester_does_not_read_the_absorbed_one() -> None:
    """They asked something else: neither its words nor its files are theirs."""
    gone, kept = merged(people=True)
    file = Attachment.objects.get(public_message__ticket=gone)
    client = signed_in(kept.requester)
    _status, page = text_of(client, of(kept))
    assert SURVIVOR in page
    assert ABSORBED not in page
    assert gone.number not in page
    assert client.get(of(gone)).status_code == 404
    assert client.get(of(kept, f"files/{file.public_id}/")).status_code == 404


def test_who_was_let_in_is_led_on_and_reads_both() -> None:
    """By number and by a mailed link; their own words stand there with the number of their case."""
    gone, kept = merged(people=True)
    file = Attachment.objects.get(public_message__ticket=gone)
    client = signed_in(gone.requester)
    answer = client.get(of(gone))
    assert (answer.status_code, answer["Location"]) == (302, of(kept))
    _status, page = text_of(client, of(gone))
    assert SURVIVOR in page
    assert ABSORBED in page
    assert gone.number in page
    shown = client.get(of(gone, f"files/{file.public_id}/"), follow=True)
    assert b"".join(shown) == b"7731"  # type: ignore[arg-type]
    by_link = Client().get(f"/hc/es/requests/{access.link_token(gone, mailed=True)}/", follow=True)
    assert SURVIVOR in by_link.content.decode()


def test_an_answer_is_carried_on_and_nothing_else_is_done_by_surprise() -> None:
    """A form that was open during the merge: its words arrive; a button acts on nothing unseen."""
    gone, kept = merged(people=True)
    client = signed_in(gone.requester)
    client.post(of(gone, "reply/"), {"body": "Lo escribí antes"})
    assert PublicMessage.objects.filter(ticket=kept, body_text="Lo escribí antes").exists()
    answer = client.post(of(gone, "solve/"), follow=True)
    assert "sigue aquí" in answer.content.decode()
    kept.refresh_from_db()
    assert kept.status != "solved"
