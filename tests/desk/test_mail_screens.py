"""The mail screens: who may see what, what they cost, and what an agent can do on them."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from plazo.accounts.models import Role
from plazo.channels.email import intake
from plazo.channels.email.ledger import park_too_large
from plazo.channels.email.models import Fate, IntakeRecord
from plazo.mailboxes import tokens
from plazo.mailboxes.models import Mailbox
from plazo.notifications import sending
from plazo.notifications.models import MailKind, OutboundMail
from plazo.tickets import commands
from plazo.tickets.models import Delivery, InternalNote, PublicMessage
from tests.database import queries_of
from tests.factory import TUESDAY, a_case, an_agent, as_agent, publish_iws
from tests.mails import a_mail, a_mailbox, arrive

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 30


@pytest.fixture(autouse=True)
def world(db):
    """The real agreement is in force, and it is Tuesday at 14:52."""
    publish_iws()
    with time_machine.travel(TUESDAY, tick=False):
        yield


@pytest.fixture
def desk() -> Client:
    client = Client()
    client.force_login(an_agent().user)
    return client


@pytest.fixture
def administration() -> Client:
    agent = an_agent(2)
    agent.role = Role.ADMINISTRATOR
    agent.save()
    client = Client()
    client.force_login(agent.user)
    return client


def take(raw: bytes) -> IntakeRecord:
    record = arrive(raw)
    intake.process(record.pk, now=TUESDAY)
    record.refresh_from_db()
    return record


def test_mail_that_does_not_leave_is_seen_where_one_looks(desk, administration, settings):
    """Without a server, and while one refuses: how many wait, since when, and what it said."""
    pages = ("/desk/mail/", "/desk/settings/mailboxes/", "/desk/settings/")
    for page in pages:
        assert "Ningún correo sale de esta instalación" in administration.get(page).content.decode()
    assert "Ningún correo sale" not in desk.get("/desk/settings/").content.decode()
    settings.PLAZO = settings.PLAZO.model_copy(update={"mail_leaves": True})
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert "Ningún correo sale" not in desk.get("/desk/mail/").content.decode()
    a_case(now=TUESDAY)
    (mail,) = OutboundMail.objects.filter(kind=MailKind.ACKNOWLEDGEMENT)
    sending.send(mail.pk, now=TUESDAY)
    text = desk.get("/desk/mail/").content.decode()
    assert "1 correo espera para salir" in text
    assert "Connection refused" in text


def test_the_ledger_costs_the_same_for_one_mail_and_for_many(desk):
    """A page of the ledger is a fixed number of queries."""
    take(a_mail())
    one = queries_of(desk, "/desk/mail/")
    for number in range(30):
        take(a_mail(f"otro {number}", sender=f"c{number}@x.example"))
    assert queries_of(desk, "/desk/mail/") == one <= 11


@pytest.mark.parametrize(
    ("fate", "shown"), [("ticket", "caso nuevo 1"), ("parked", "boletín"), ("waiting", "sin leer")]
)
def test_the_ledger_is_filtered_by_fate(desk, fate, shown):
    """Each filter shows its own mails and no others."""
    take(a_mail(subject="caso nuevo 1"))
    take(a_mail(subject="boletín", List_Id="<x.example>"))
    waiting = arrive(a_mail())
    IntakeRecord.objects.filter(pk=waiting.pk).update(subject="sin leer")
    page = desk.get(f"/desk/mail/?fate={fate}").content.decode()
    for subject in ("caso nuevo 1", "boletín", "sin leer"):
        assert (subject in page) is (subject == shown)


def test_a_mail_shows_its_source_as_text_and_hands_it_out_as_a_file(desk):
    """What is in a mail never runs on our pages."""
    record = take(a_mail(html="<script>alert(1)</script><p>hola</p>"))
    page = desk.get(f"/desk/mail/{record.pk}/").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    answer = desk.get(f"/desk/mail/{record.pk}/source/")
    assert answer.content == record.raw.data
    assert answer["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer["Content-Security-Policy"]


def test_a_parked_mail_becomes_a_case_when_somebody_says_so(desk):
    """Run again from its page; any other mail has its fate for good."""
    parked = take(a_mail(List_Id="<x.example>"))
    desk.post(f"/desk/mail/{parked.pk}/again/")
    intake.process(parked.pk, now=TUESDAY)
    parked.refresh_from_db()
    assert parked.fate == Fate.NEW_TICKET
    answer = desk.post(f"/desk/mail/{parked.pk}/again/", follow=True)
    assert "apartado" in answer.content.decode()


def test_mailboxes_are_an_administrators_business(desk, administration):
    """They hold sign-ins; for other agents their pages do not exist."""
    a_mailbox()
    for path in ("/desk/settings/mailboxes/new/", "/desk/settings/mailboxes/soporte/"):
        assert desk.get(path).status_code == 404
        assert administration.get(path).status_code == 200
    assert desk.post("/desk/settings/mailboxes/soporte/doctor/").status_code == 404


def filled(**changes: str) -> dict[str, str]:
    return {
        "key": "ventas", "name": "Ventas", "address": "Ventas@IWS.example", "source": "imap",
        "imap_host": "imap.example", "imap_user": "ventas", "imap_password": "muy secreta",
        "language": "es", "is_active": "on",
    } | changes  # fmt: skip


def test_a_mailbox_is_made_and_its_password_never_shown(administration):
    """Sealed in the database, absent from the page, kept when the field is left empty."""
    assert administration.post("/desk/settings/mailboxes/new/", filled()).status_code == 302
    box = Mailbox.objects.get(key="ventas")
    assert (box.address, box.imap_port, box.after_fetch) == ("ventas@iws.example", 993, "seen")
    assert "muy secreta" not in box.sealed
    page = administration.get("/desk/settings/mailboxes/ventas/").content.decode()
    assert "muy secreta" not in page
    administration.post("/desk/settings/mailboxes/ventas/", filled(name="Otra", imap_password=""))
    box.refresh_from_db()
    assert box.name == "Otra"
    assert box.secrets["imap_password"] == "muy secreta"


@pytest.mark.parametrize(
    "wrong",
    [
        {"imap_password": ""},
        {"imap_host": ""},
        {"aliases": "esto no"},
        {"agreement": "no-hay"},
        {"archive_folder": "inbox", "after_fetch": "move"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_cannot_work_is_refused_with_what_was_typed(administration, wrong):
    """The form says what is missing, and keeps the rest."""
    answer = administration.post("/desk/settings/mailboxes/new/", filled(**wrong))
    assert answer.status_code == 422
    assert "imap.example" in answer.content.decode() or "imap_host" in wrong
    assert not Mailbox.objects.exists()


def test_copies_go_to_whom_the_agent_left_ticked(desk):
    """The composer shows who is in copy before anything is sent."""
    ticket = take(a_mail(Cc="Bodega <bodega@x.example>, Legal <legal@x.example>")).ticket
    page = desk.get(f"/desk/tickets/{ticket.number}/").content.decode()
    assert "bodega@x.example" in page
    keep = ticket.participants.get(requester__email="legal@x.example").requester_id
    sent = {"kind": "reply", "body": "Va.", "copies_shown": "on", "copies": [str(keep), "99999"]}
    desk.post(f"/desk/tickets/{ticket.number}/write/", sent)
    copies = OutboundMail.objects.filter(kind=MailKind.COPY).values_list("recipient", flat=True)
    assert list(copies) == ["legal@x.example"]


def test_a_reply_that_came_back_is_sent_again_from_its_ticket(desk):
    """The ticket says that it did not arrive, and offers to try once more."""
    ticket = take(a_mail()).ticket
    commands.reply_to_ticket(ticket_id=ticket.pk, body="Va.", actor=as_agent(), now=TUESDAY)
    message = PublicMessage.objects.get(author_agent__isnull=False)
    commands.record_delivery_failure(
        ticket_id=ticket.pk, message_id=message.pk, reason="550", state=Delivery.BOUNCED,
        actor=as_agent(), now=TUESDAY,
    )  # fmt: skip
    page = desk.get(f"/desk/tickets/{ticket.number}/").content.decode()
    assert f"/messages/{message.pk}/again/" in page
    desk.post(f"/desk/tickets/{ticket.number}/messages/{message.pk}/again/")
    assert OutboundMail.objects.filter(kind=MailKind.REPLY).count() == 2
    message.refresh_from_db()
    assert message.delivery == Delivery.QUEUED


def test_images_of_a_mail_are_shown_from_our_own_files(desk):
    """By its cid to the file that came with it; an image from elsewhere is never loaded."""
    raw = (
        b"From: compras@andina.example\r\nTo: soporte@iws.example\r\nSubject: x\r\n"
        b"Message-ID: <img@andina.example>\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
        b'<p>Vea <img src="cid:i1"><img src="https://otro.example/x.gif"></p>\r\n--b\r\n'
        b"Content-Type: image/png; name=a.png\r\nContent-ID: <i1>\r\n\r\n" + PNG + b"\r\n--b--\r\n"
    )
    record = take(raw)
    file = record.public_message.attachments.get()
    page = desk.get(f"/desk/tickets/{record.ticket.number}/").content.decode()
    assert f'<img src="/desk/files/{file.public_id}/"' in page
    assert "otro.example" not in page
    shown = desk.get(f"/desk/files/{file.public_id}/")
    assert shown["Content-Type"] == "image/png"
    assert b"".join(shown.streaming_content) == PNG


@pytest.mark.parametrize("query", ["mailbox=%00", "fate=%00", "before=%00", "before=9" + "9" * 40])
def test_what_nobody_types_into_a_filter_is_no_error(desk, query):
    """A program that tries characters gets a page, and no trace of ours."""
    assert desk.get(f"/desk/mail/?{query}").status_code == 200


def test_a_header_alone_offers_no_case_and_says_where_the_mail_is(desk):
    """Nobody is led to believe that the mail is here."""
    header = b"From: x@y.example\r\nSubject: grande\r\n"
    record = park_too_large(
        header, mailbox=a_mailbox(), source_key="imap:1:x:INBOX:1:1", size=10**9, now=TUESDAY
    )
    page = desk.get(f"/desk/mail/{record.pk}/").content.decode()
    assert "/again/" not in page
    assert "PLAZO_MAX_MAIL_BYTES" in page
    answer = desk.post(f"/desk/mail/{record.pk}/again/", follow=True).content.decode()
    assert "PLAZO_MAX_MAIL_BYTES" in answer


def test_a_mail_in_an_agents_name_leads_from_its_case_to_the_ledger_and_back(desk):
    """Whoever works the case sees that somebody may have answered, and can keep it as a note."""
    ticket = take(a_mail()).ticket
    to = tokens.plus_address("soporte@iws.example", tokens.make(tokens.AGENT, ticket.pk))
    record = take(a_mail("Ya quedó.", sender="agente1@demo.example", to=to))
    page = desk.get(f"/desk/tickets/{ticket.number}/").content.decode()
    assert f"/desk/mail/{record.pk}/" in page
    assert "a nombre de un agente, sin comprobar" in page
    parked = desk.get(f"/desk/mail/{record.pk}/").content.decode()
    assert "Guardar como nota" in parked
    assert f"/desk/tickets/{ticket.number}/" in parked
    desk.post(f"/desk/mail/{record.pk}/again/")
    intake.process(record.pk, now=TUESDAY)
    note = InternalNote.objects.get(ticket=ticket)
    assert note.author_agent == an_agent()
    assert "Ya quedó." in note.body_text


def test_whom_a_form_of_ours_wants_answered_is_shown(desk):
    """A parked mail from our own address says who is meant."""
    record = take(a_mail(sender="soporte@iws.example", Reply_To="ana@andina.example"))
    assert "ana@andina.example" in desk.get(f"/desk/mail/{record.pk}/").content.decode()


@pytest.mark.parametrize("copies", ["", "Bodega <bodega@x.example>"])
def test_the_composer_says_which_address_a_reply_goes_to(desk, copies):
    """A name can be anybody's; the address is where the words arrive."""
    ticket = take(a_mail(Cc=copies)).ticket
    page = desk.get(f"/desk/tickets/{ticket.number}/").content.decode()
    composer = page.partition('id="composer"')[2].partition("</form>")[0]
    assert "Compras Andina" in composer
    assert "&lt;compras@andina.example&gt;" in composer
