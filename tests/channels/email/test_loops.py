"""Two desks that acknowledge each other, and answering machines that never give up, fall silent."""

from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage

import pytest

from plazo.channels.email import intake
from plazo.channels.email.models import IntakeRecord
from plazo.notifications import brake, digest
from plazo.notifications.models import MailKind, MailState, OutboundMail, Spent
from plazo.notifications.sending import build, send
from plazo.tickets.models import Ticket
from tests.factory import TUESDAY, an_agent, publish_iws
from tests.mails import a_mail, arrive

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def agreement():
    publish_iws()
    agent = an_agent()
    group = agent.groups.get()
    group.email = "equipo@iws.example"
    group.save()


def take(raw: bytes, now) -> IntakeRecord:
    record = arrive(raw)
    intake.process(record.pk, now=now)
    record.refresh_from_db()
    return record


def sent_now(now) -> list[bytes]:
    """Send all that waits; return the bytes as they left."""
    left = []
    for mail in OutboundMail.objects.filter(state=MailState.QUEUED).order_by("pk"):
        assert send(mail.pk, now=now) == MailState.SENT
        mail.refresh_from_db()
        left.append(build(mail).message().as_bytes())
    return left


def test_another_desk_that_acknowledges_everything_is_not_answered():
    """Another Plazo's receipt says that it is automatic: it never gets one of ours."""
    now = TUESDAY
    # The other desk's agent writes to us first, from the other desk's address.
    take(a_mail("¿Nos ayudan?", sender="mesa@otra.example"), now)
    (receipt,) = sent_now(now)
    seen = message_from_bytes(receipt)
    # The other desk makes a ticket of our receipt if it reads no headers, and acknowledges it.
    answer = EmailMessage()
    answer["From"], answer["To"] = "mesa@otra.example", seen["Reply-To"]
    answer["Subject"] = f"[OTRA-1] Recibimos su caso: {seen['Subject']}"
    answer["In-Reply-To"], answer["Auto-Submitted"] = seen["Message-ID"], "auto-replied"
    answer["Message-ID"] = "<acuse@otra.example>"
    answer.set_content("Recibimos su caso.")
    record = take(answer.as_bytes(), now + SECOND)
    assert (record.fate, record.reason) == ("appended", "machine")
    assert sent_now(now + SECOND) == []
    assert Ticket.objects.count() == 1


def test_a_desk_that_hides_that_it_is_automatic_falls_silent_too():
    """Without any header it looks like a person; an answer in a thread gets no receipt."""
    now = TUESDAY
    take(a_mail("¿Nos ayudan?", sender="mesa@otra.example"), now)
    rounds = 0
    while (left := sent_now(now)) and rounds < 50:
        rounds += 1
        now += SECOND
        for raw in left:
            seen = message_from_bytes(raw)
            answer = a_mail(
                f"Recibimos su mensaje número {rounds}.",
                sender="mesa@otra.example",
                to=seen["Reply-To"],
                subject=f"Recibido: {seen['Subject']}",
                In_Reply_To=seen["Message-ID"],
            )
            take(answer, now)
    assert rounds == 1
    assert Ticket.objects.count() == 1


@pytest.mark.parametrize("refers", [True, False], ids=["in the thread", "without references"])
def test_an_answering_machine_that_changes_its_address_falls_silent(refers):
    """It is a stranger each time; what its answers belong to, or say, is what runs out."""
    now = TUESDAY
    take(a_mail("¿Nos ayudan?", sender="bot0@maquina.example"), now)
    rounds = 0
    while (left := sent_now(now)) and rounds < 100:
        rounds += 1
        now += SECOND
        for raw in left:
            seen = message_from_bytes(raw)
            answer = a_mail(
                f"Gracias por su mensaje {rounds * 7919}. Le responderemos pronto.",
                sender=f"bot{rounds}@maquina{rounds}.example",
                subject="Gracias",
                In_Reply_To=seen["Message-ID"] if refers else "",
            )
            take(answer, now)
    assert rounds <= 1 + brake.PER_HOUR["thread" if refers else "likeness"]
    assert Ticket.objects.count() == rounds + 1  # nothing that came in was lost


def test_the_team_hears_of_it_once():
    """One digest for the hour, however many receipts were refused, and not before it is over."""
    for number in range(12):
        take(a_mail(f"caso {'abcdefghijkl'[number] * 6}", subject=str(number)), TUESDAY)
    sent_now(TUESDAY)
    assert digest.tell_once(TUESDAY) == 0
    later = TUESDAY + timedelta(hours=1)
    assert digest.tell_once(later) == 1
    assert digest.tell_once(later) == 0
    mail = OutboundMail.objects.get(kind=MailKind.DIGEST)
    (raw,) = sent_now(later)
    text = message_from_bytes(raw).get_payload()[0].get_payload(decode=True).decode()
    assert mail.recipient == "equipo@iws.example"
    assert "compras@andina.example" in text
    assert "6 ·" in text
    assert Spent.objects.get(refused__gt=0).told_at == later


def test_two_mails_at_once_spend_two(transactional_db):
    """A budget is charged under the row's lock: concurrency gives nobody a receipt too many."""
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connection, transaction

    charges = brake.charges(address="uno@andina.example")

    def spend(_number: int) -> str:
        try:
            with transaction.atomic():
                return brake.spend(charges, now=TUESDAY)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(spend, range(12)))
    assert results.count("") == brake.PER_HOUR["address"]
