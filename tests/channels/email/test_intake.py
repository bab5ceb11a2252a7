"""What becomes of a mail: one fate each, by proof, and never an answer to a machine."""

from datetime import timedelta
from email import message_from_bytes
from email.message import Message

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.db import connection

from plazo.accounts.commands import find_or_create_requester
from plazo.accounts.models import Organization, Requester
from plazo.accounts.queries import requesters_by_email
from plazo.channels.email import intake
from plazo.channels.email.ledger import accept, park_too_large
from plazo.channels.email.models import Fate, IntakeRecord, Reason
from plazo.channels.email.parsing import LONGEST_TEXT
from plazo.channels.email.tasks import take_in
from plazo.mailboxes import tokens
from plazo.mailboxes.models import Source
from plazo.notifications import brake
from plazo.notifications.models import MailKind, MailState, OutboundMail
from plazo.notifications.sending import build, send
from plazo.sla import Metric, State
from plazo.tickets import commands, queries
from plazo.tickets.bodies import LONGEST_BODY, storage_path
from plazo.tickets.models import Authenticity, Delivery, InternalNote, PublicMessage, Ticket
from tests.factory import TUESDAY, a_case, a_requester, an_agent, as_agent, publish_iws
from tests.mails import CLIENT, a_mail, a_mailbox, arrive

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def agreement():
    publish_iws()
    an_agent()


def take(raw: bytes, *, now=TUESDAY, **envelope) -> IntakeRecord:
    """Bring a mail to its fate."""
    record = arrive(raw, **envelope)
    intake.process(record.pk, now=now)
    record.refresh_from_db()
    return record


def acknowledgements() -> int:
    return OutboundMail.objects.filter(kind=MailKind.ACKNOWLEDGEMENT).count()


def sent_as_bytes(mail: OutboundMail) -> Message:
    """Render a planned mail as it would leave."""
    assert send(mail.pk, now=TUESDAY + MINUTE) == MailState.SENT
    mail.refresh_from_db()
    return message_from_bytes(build(mail).message().as_bytes())


def test_a_mail_becomes_a_ticket_with_its_receipt():
    """One ticket per mail received, acknowledged at once with a case number (agreement §3)."""
    record = take(a_mail())
    assert (record.fate, record.reason) == (Fate.NEW_TICKET, "")
    ticket = record.ticket
    assert (ticket.subject, ticket.channel) == ("La orden no llega", "email")
    assert ticket.requester.email == "compras@andina.example"
    assert ticket.mailbox.address == "soporte@iws.example"
    assert record.public_message.body_text.startswith("La orden 4512")
    mail = OutboundMail.objects.get(kind=MailKind.ACKNOWLEDGEMENT)
    assert (mail.recipient, mail.mailbox) == ("compras@andina.example", ticket.mailbox)


def test_a_case_by_mail_begins_at_a_whole_second():
    """As one by the form does: its explanations say “1 min 37 s”, and never 37,684778."""
    record = arrive(a_mail())
    with time_machine.travel(TUESDAY + timedelta(minutes=1, microseconds=684778), tick=False):
        take_in.func(record.pk)
    record.refresh_from_db()
    assert record.ticket.opened_at == TUESDAY + MINUTE


def test_a_receipt_ties_itself_to_the_mail_and_proves_where_an_answer_belongs():
    """In-Reply-To names what came, Reply-To carries the proof, and machines are told so."""
    record = take(a_mail(Message_ID="<origen@andina.example>"))
    mail = OutboundMail.objects.get(kind=MailKind.ACKNOWLEDGEMENT)
    sent = sent_as_bytes(mail)
    assert sent["In-Reply-To"] == "<origen@andina.example>"
    assert sent["References"] == "<origen@andina.example>"
    assert sent["Auto-Submitted"] == "auto-replied"
    reply_to = sent["Reply-To"]
    assert list(tokens.in_addresses([reply_to])) == [tokens.Token("r", record.ticket.pk)]
    assert sent["Thread-Index"]
    envelope = build(mail).from_email
    assert list(tokens.in_addresses([envelope])) == [tokens.Token("b", mail.pk)]


@pytest.mark.parametrize(
    ("message_id", "named"),
    [("<a.b-1@otra.example>", True), ("<http://malo.example/oferta@x>", False)],
)
def test_a_receipt_names_what_it_answers_only_by_a_real_message_id(message_id, named):
    """A Message-ID is the sender's text too: no words and no links of theirs go out with us."""
    take(a_mail(sender="v@otra.example", Message_ID=message_id))
    sent = sent_as_bytes(OutboundMail.objects.get(kind=MailKind.ACKNOWLEDGEMENT))
    assert (sent["In-Reply-To"] == message_id) is named
    assert (message_id in sent.as_string()) is named


@pytest.mark.parametrize("proven", [True, False])
def test_a_receipt_echoes_only_what_a_proven_sender_wrote(proven):
    """Whoever forges an address must not make us send their words to it."""
    take(
        a_mail(
            "Compre barato",
            subject="Gane dinero ya",
            sender="Oferta <v@otra.example>",
            proven=proven,
        )
    )
    mail = OutboundMail.objects.get(kind=MailKind.ACKNOWLEDGEMENT)
    sent = sent_as_bytes(mail)
    whole = (
        "\n".join(
            part.get_payload(decode=True).decode()
            for part in sent.walk()
            if not part.is_multipart()
        )
        + str(sent["Subject"])
        + str(sent["Thread-Topic"])
    )
    assert ("Gane dinero" in whole) is proven
    assert ("Oferta" in whole + str(sent["To"])) is proven
    assert "Compre barato" not in whole


def test_the_same_mail_again_is_one_ticket():
    """A source that was not told in time delivers the same bytes, or the same mail by another way."""
    raw = a_mail()
    first, again = take(raw), take(raw)
    assert again == first
    other = a_mailbox("ventas@iws.example")
    twin = take(
        b"Received: from elsewhere\r\nDelivered-To: ventas@iws.example\r\n" + raw, mailbox=other
    )
    assert (twin.fate, twin.reason, twin.ticket) == (Fate.REJECTED, Reason.DUPLICATE, first.ticket)
    assert Ticket.objects.count() == acknowledgements() == 1


def test_a_message_id_used_again_for_another_mail_is_another_mail():
    """Broken programs use one Message-ID for all; nothing of theirs is lost."""
    same = {"Message_ID": "<fijo@andina.example>"}
    one, two = take(a_mail("uno", **same)), take(a_mail("dos", **same))
    assert {one.fate, two.fate} <= {Fate.NEW_TICKET, Fate.APPENDED}
    assert PublicMessage.objects.count() == 2


def answered_ticket() -> Ticket:
    """Return a ticket that came by mail and was answered."""
    ticket = take(a_mail(Message_ID="<a@andina.example>")).ticket
    commands.reply_to_ticket(
        ticket_id=ticket.pk, body="¿Qué orden?", actor=as_agent(), now=TUESDAY + MINUTE
    )
    return ticket


def proofs(ticket: Ticket) -> dict[str, dict[str, str]]:
    sent = OutboundMail.objects.get(ticket=ticket, kind=MailKind.REPLY)
    token = tokens.make(tokens.REPLY, ticket.pk)
    return {
        "our address": {"to": tokens.plus_address("soporte@iws.example", token)},
        "in copy": {
            "to": "otra@andina.example",
            "Cc": tokens.plus_address("soporte@iws.example", token),
        },
        "In-Reply-To": {"In_Reply_To": sent.message_id},
        "References": {"References": f"<x@y> {sent.message_id}"},
        "their own first mail": {"In_Reply_To": "<a@andina.example>"},
        "body": {"body": f"Es la 4512.\n\n> antes\n> [plazo:{token}]"},
    }


@pytest.mark.parametrize(
    "how", ["our address", "in copy", "In-Reply-To", "References", "their own first mail", "body"]
)
def test_each_proof_brings_an_answer_to_its_ticket(how):
    """A token of ours, or a Message-ID that we sent or received."""
    ticket = answered_ticket()
    wanted = {"body": "Es la 4512.", "subject": "otra cosa"} | proofs(ticket)[how]
    record = take(a_mail(wanted.pop("body"), **wanted), now=TUESDAY + 2 * MINUTE)
    assert (record.fate, record.ticket) == (Fate.APPENDED, ticket)
    assert acknowledgements() == 1
    kinds = [event.kind for event in queries.chain_of(ticket)]
    assert kinds[-1] in {"requester.replied", "participant.added"}


@pytest.mark.parametrize("how", ["our address", "In-Reply-To", "body"])
def test_a_proof_in_a_strangers_hands_opens_another_ticket(how):
    """A mail that was passed on lets nobody into the conversation: they get their own."""
    ticket = answered_ticket()
    wanted = {"body": "Soy otra persona.", "sender": "x@ajeno.example"} | proofs(ticket)[how]
    record = take(a_mail(wanted.pop("body"), **wanted), now=TUESDAY + 2 * MINUTE)
    assert record.fate == Fate.NEW_TICKET
    assert record.ticket != ticket
    related = [e.payload for e in queries.chain_of(record.ticket) if e.kind == "ticket.related"]
    assert related == [
        {"ticket": ticket.pk, "number": ticket.number, "why": "stranger", "message": None}
    ]


@pytest.mark.parametrize("sender", [CLIENT, "x@ajeno.example"])
def test_a_number_in_the_subject_only_suggests(sender):
    """Knowing a case's number gives no right to it, not even to its requester."""
    ticket = answered_ticket()
    record = take(a_mail("hola", sender=sender, subject=f"RE: [{ticket.number}] algo"))
    assert record.fate == Fate.NEW_TICKET
    related = [
        e.payload["why"] for e in queries.chain_of(record.ticket) if e.kind == "ticket.related"
    ]
    assert related == ["subject"]


def test_a_forged_token_proves_nothing():
    """A token carries a MAC; another number in it is no token."""
    ticket = answered_ticket()
    token = tokens.make(tokens.REPLY, ticket.pk + 1)
    forged = (
        "r" + tokens.make(tokens.REPLY, ticket.pk)[1:].split("-")[0] + "-" + token.split("-")[1]
    )
    assert tokens.read(forged) is None
    record = take(a_mail("hola", to=f"soporte+{forged}@iws.example"))
    assert record.fate == Fate.NEW_TICKET


def test_answers_that_arrive_before_what_they_answer_come_to_the_same_ticket():
    """Mail overtakes mail: the thread is one whichever is read first."""
    answer = take(a_mail("sigue igual", In_Reply_To="<primero@andina.example>"))
    first = take(a_mail("no llega", Message_ID="<primero@andina.example>"))
    assert answer.fate == Fate.NEW_TICKET
    assert (first.fate, first.ticket) == (Fate.APPENDED, answer.ticket)


def test_people_in_copy_take_part_and_get_copies():
    """Who was in Cc is shown before sending, gets the answer, and may answer themselves."""
    ticket = take(a_mail(Cc="Bodega <bodega@andina.example>, soporte@iws.example")).ticket
    assert [str(p.requester.email) for p in ticket.participants.all()] == ["bodega@andina.example"]
    commands.reply_to_ticket(
        ticket_id=ticket.pk, body="Lo vemos.", actor=as_agent(), now=TUESDAY + MINUTE
    )
    copy = OutboundMail.objects.get(kind=MailKind.COPY)
    sent = sent_as_bytes(copy)
    assert copy.recipient == "bodega@andina.example"
    assert "compras@andina.example" in sent["To"]
    assert "bodega@andina.example" in sent["Cc"]
    assert "/requests/" not in str(sent.get_payload()[0])  # the requester's own link is theirs
    record = take(
        a_mail("Yo lo tengo.", sender="bodega@andina.example", In_Reply_To=copy.message_id),
        now=TUESDAY + 2 * MINUTE,
    )
    assert (record.fate, record.ticket) == (Fate.APPENDED, ticket)


def test_nobody_of_a_copy_list_is_written_to_whom_the_agent_left_out():
    """The agent decides who gets a reply, name by name."""
    ticket = take(a_mail(Cc="bodega@andina.example, legal@andina.example")).ticket
    keep = ticket.participants.get(requester__email="legal@andina.example").requester_id
    commands.reply_to_ticket(
        ticket_id=ticket.pk, body="x", copies=[keep], actor=as_agent(), now=TUESDAY + MINUTE
    )
    copies = OutboundMail.objects.filter(kind=MailKind.COPY).values_list("recipient", flat=True)
    assert list(copies) == ["legal@andina.example"]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Auto_Submitted": "auto-replied"}, Reason.AUTO_REPLY),
        ({"Precedence": "auto_reply"}, Reason.AUTO_REPLY),
        ({"X_Autoreply": "yes"}, Reason.AUTO_REPLY),
        ({"Auto_Submitted": "auto-generated"}, Reason.AUTO_GENERATED),
        ({"List_Id": "<lista.andina.example>"}, Reason.LIST),
        ({"Precedence": "bulk"}, Reason.LIST),
        (
            {"sender": "MAILER-DAEMON@mx.example", "Return_Path": "<>", "subject": "Undelivered"},
            Reason.BOUNCE,
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_machines_are_parked_and_never_answered(headers, reason):
    """RFC 3834: an automatic answer to an automatic mail is a loop."""
    record = take(a_mail(**headers))
    assert (record.fate, record.reason) == (Fate.PARKED, reason)
    assert record.evidence
    assert not Ticket.objects.exists()
    assert not OutboundMail.objects.exists()


def test_a_null_sender_in_the_envelope_is_a_machine():
    """RFC 3834 §2: what has no return address wants no answer."""
    record = take(a_mail(), envelope_from="")
    assert (record.fate, record.reason) == (Fate.PARKED, Reason.AUTO_REPLY)


def test_a_known_clients_own_alarm_is_a_case_without_receipt():
    """Their monitoring may open a case; nobody reads a receipt there."""
    client = a_requester()
    client.organization = Organization.objects.create(name="Andina", slug="andina")
    client.save()
    record = take(a_mail(Auto_Submitted="auto-generated"))
    assert record.fate == Fate.NEW_TICKET
    assert acknowledgements() == 0


def test_an_out_of_office_note_moves_no_clock():
    """It stands on the ticket, and the requester has said nothing."""
    ticket = answered_ticket()
    before = ticket.messages.count()
    sent = OutboundMail.objects.get(kind=MailKind.REPLY)
    record = take(
        a_mail("Estoy de vacaciones", In_Reply_To=sent.message_id, Auto_Submitted="auto-replied"),
        now=TUESDAY + 2 * MINUTE,
    )
    assert (record.fate, record.reason, record.ticket) == (Fate.APPENDED, Reason.MACHINE, ticket)
    assert ticket.messages.count() == before
    assert queries.chain_of(ticket)[-1].kind == "machine.wrote"


def a_report(sent: OutboundMail, *, status: str, action: str) -> bytes:
    """Return a delivery report about a mail of ours (RFC 3464)."""
    return (
        "From: MAILER-DAEMON@mx.example\r\nTo: soporte@iws.example\r\nSubject: Undelivered Mail\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nNo se pudo.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        f"Final-Recipient: rfc822; {sent.recipient}\r\nAction: {action}\r\nStatus: {status}\r\n"
        "Diagnostic-Code: smtp; no such user here\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {sent.message_id}\r\n\r\n--b--\r\n"
    ).encode()


def first_reply(ticket: Ticket, now) -> State:
    ticket.refresh_from_db()
    chain = queries.chain_of(ticket)
    return queries.evaluation_of(ticket, chain, now=now).get(Metric.FIRST_REPLY.value).state


def test_a_bounce_puts_the_clock_back_as_if_the_reply_had_not_been_sent():
    """A reply that came back was none; it can be sent again, and counts from then."""
    ticket = answered_ticket()
    sent = OutboundMail.objects.get(kind=MailKind.REPLY)
    assert first_reply(ticket, TUESDAY + 2 * MINUTE) is State.MET
    record = take(a_report(sent, status="5.1.1", action="failed"), now=TUESDAY + 2 * MINUTE)
    assert (record.fate, record.reason, record.ticket) == (Fate.APPENDED, Reason.BOUNCED, ticket)
    message = PublicMessage.objects.get(author_agent__isnull=False)
    assert message.delivery == Delivery.BOUNCED
    assert first_reply(ticket, TUESDAY + 2 * MINUTE) is State.RUNNING
    commands.send_reply_again(
        ticket_id=ticket.pk, message_id=message.pk, actor=as_agent(), now=TUESDAY + 3 * MINUTE
    )
    assert first_reply(ticket, TUESDAY + 4 * MINUTE) is State.MET
    again = OutboundMail.objects.filter(kind=MailKind.REPLY).latest("pk")
    assert again.pk != sent.pk
    take(a_report(again, status="5.2.2", action="failed"), now=TUESDAY + 5 * MINUTE)
    assert first_reply(ticket, TUESDAY + 5 * MINUTE) is State.RUNNING


def test_a_delay_is_no_failure():
    """Class 4 may still arrive: it is shown, and no clock moves."""
    ticket = answered_ticket()
    sent = OutboundMail.objects.get(kind=MailKind.REPLY)
    record = take(a_report(sent, status="4.4.1", action="delayed"), now=TUESDAY + 2 * MINUTE)
    assert (record.fate, record.reason) == (Fate.APPENDED, Reason.DELAYED)
    assert first_reply(ticket, TUESDAY + 2 * MINUTE) is State.MET


def test_a_bounce_is_found_by_the_address_it_came_to():
    """Reports that quote nothing still come to the address that names the mail."""
    ticket = answered_ticket()
    sent = OutboundMail.objects.get(kind=MailKind.REPLY)
    back = tokens.plus_address("soporte@iws.example", tokens.make(tokens.BOUNCE, sent.pk))
    raw = a_mail(
        "550 user unknown", sender="MAILER-DAEMON@mx.example", to=back, subject="failure notice"
    )
    record = take(b"Return-Path: <>\r\n" + raw, now=TUESDAY + 2 * MINUTE)
    assert (record.fate, record.ticket) == (Fate.APPENDED, ticket)


def test_our_own_mail_that_comes_back_is_rejected():
    """A mailbox that is in copy of itself, or forwards to itself, makes no case."""
    ticket = answered_ticket()
    sent = OutboundMail.objects.get(kind=MailKind.REPLY)
    raw = build(sent).message().as_bytes()
    record = take(raw, now=TUESDAY + 2 * MINUTE)
    assert (record.fate, record.reason) == (Fate.REJECTED, Reason.OWN)
    assert record.ticket == ticket
    assert ticket.messages.count() == 2


@pytest.mark.parametrize(
    ("proven", "text", "fate", "reason"),
    [
        (True, "Ya quedó.", Fate.APPENDED, Reason.REPLY),
        (True, "#note\nNo decirle aún.", Fate.APPENDED, Reason.NOTE),
        (False, "Ya quedó.", Fate.PARKED, Reason.AGENT_UNPROVEN),
    ],
)
def test_an_agent_answers_a_notice_from_their_own_mail(proven, text, fate, reason):
    """Only with proof: whoever forges an agent would speak in our name."""
    ticket = answered_ticket()
    agent = an_agent()
    commands.assign_ticket(
        ticket_id=ticket.pk, assignee_id=agent.pk, actor=as_agent(2), now=TUESDAY + MINUTE
    )
    notice = OutboundMail.objects.get(kind=MailKind.ASSIGNED)
    raw = a_mail(text, sender=agent.user.email, In_Reply_To=notice.message_id, proven=proven)
    record = take(raw, now=TUESDAY + 2 * MINUTE)
    assert (record.fate, record.reason) == (fate, reason)
    assert PublicMessage.objects.filter(body_text="Ya quedó.").exists() is (
        proven and "#" not in text
    )
    notes = list(InternalNote.objects.values_list("body_text", flat=True))
    assert notes == (["No decirle aún."] if reason == Reason.NOTE else [])


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ("mx.iws.example; dmarc=pass header.from=andina.example", Authenticity.PASSED),
        ("mx.iws.example; dmarc=fail header.from=andina.example", Authenticity.FAILED),
        ("mx.iws.example; dkim=pass header.d=andina.example", Authenticity.PASSED),
        ("mx.iws.example; dkim=pass header.d=otra.example", Authenticity.UNKNOWN),
        (
            "mx.iws.example; spf=fail smtp.mailfrom=andina.example; dkim=fail header.d=andina.example",
            Authenticity.FAILED,
        ),
        ("mx.ajeno.example; dmarc=pass header.from=andina.example", Authenticity.UNKNOWN),
        ("", Authenticity.UNKNOWN),
    ],
)
def test_only_servers_that_we_trust_say_who_a_sender_is(results, expected):
    """Anybody can write the header; only our own receiving server's counts."""
    raw = a_mail()
    if results:
        raw = f"Authentication-Results: {results}\r\n".encode() + raw
    record = take(raw)
    assert record.authenticity == expected == record.public_message.authenticity
    assert acknowledgements() == (0 if expected == Authenticity.FAILED else 1)


def test_a_forged_result_below_our_servers_own_counts_for_nothing():
    """Whoever writes our server's name into their mail proves nothing with it."""
    forged = b"Authentication-Results: mx.iws.example; dmarc=pass header.from=andina.example\r\n"
    real = b"Authentication-Results: mx.iws.example; spf=fail smtp.mailfrom=andina.example\r\n"
    record = take(real + forged + a_mail())
    assert record.authenticity == Authenticity.FAILED


def test_erasing_a_message_erases_the_mail_that_it_came_by():
    """What the law may ask for leaves no copy in the ledger; the fact and its digest stay."""
    record = take(a_mail("mi número es 4111"))
    digest = record.digest
    commands.redact_message(message_id=record.public_message_id, actor=as_agent(), now=TUESDAY)
    record = IntakeRecord.objects.get(pk=record.pk)
    assert record.raw.data == b""
    assert (record.digest, record.fate) == (digest, Fate.NEW_TICKET)
    assert PublicMessage.objects.get(pk=record.public_message_id).body_text == ""


def test_over_a_budget_the_case_is_opened_in_silence():
    """Nobody is answered without end; nothing is lost for it, and the team hears of it once."""
    for number in range(9):
        take(a_mail(f"Caso distinto {'abcdefghi'[number] * 5}", subject=f"caso {number}"))
    assert Ticket.objects.count() == 9
    assert acknowledgements() == 6
    quiet = [queries.chain_of(t)[0].payload["quiet"] for t in Ticket.objects.order_by("pk")]
    assert quiet == [""] * 6 + ["budget:address"] * 3


def test_a_closed_ticket_is_followed_up_by_a_new_one():
    """What comes too late for the old case is a new one that points to it."""
    ticket = answered_ticket()
    for status in ("solved", "closed"):
        commands.set_status(
            ticket_id=ticket.pk, status=status, actor=as_agent(), now=TUESDAY + 2 * MINUTE
        )
    record = take(a_mail("Otra vez", In_Reply_To="<a@andina.example>"), now=TUESDAY + 3 * MINUTE)
    assert record.fate == Fate.NEW_TICKET
    related = [
        e.payload["why"] for e in queries.chain_of(record.ticket) if e.kind == "ticket.related"
    ]
    assert related == ["follow_up"]


def test_files_and_history_come_along():
    """Files are kept with the message; what is quoted is folded, not lost."""
    body = (
        "Adjunto la captura.\n\nEl lun, 23 nov 2026 a las 10:14, Soporte escribió:\n> ¿Qué orden?\n"
    )
    record = take(a_mail(body, files={"captura.bin": b"\x00\x01"}))
    message = record.public_message
    assert message.body_text == "Adjunto la captura."
    assert "¿Qué orden?" in message.quoted_text
    assert [a.name for a in message.attachments.all()] == ["captura.bin"]


def test_a_mail_without_words_or_sender_is_not_lost():
    """An empty mail is a case that says so; one without a sender waits for a person."""
    empty = take(a_mail("", subject=""))
    assert empty.fate == Fate.NEW_TICKET
    assert empty.public_message.body_text
    nobody = take(a_mail(sender=""))
    assert (nobody.fate, nobody.reason) == (Fate.PARKED, Reason.NO_SENDER)


def test_a_person_can_insist_on_a_parked_mail():
    """Run again from the ledger: the rules step back, the mail becomes a case."""
    record = take(a_mail(List_Id="<lista.andina.example>"))
    intake.run_again(record.pk, actor=as_agent(), now=TUESDAY)
    intake.process(record.pk, now=TUESDAY)
    record.refresh_from_db()
    assert record.fate == Fate.NEW_TICKET
    assert acknowledgements() == 0


def test_who_wrote_is_found_without_reading_everybody():
    """A mail must not cost more with every person who has ever written."""
    rows = (Requester(email=f"p{n}@x.example", created_at=TUESDAY) for n in range(2000))
    Requester.objects.bulk_create(rows)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE accounts_requester")
    plan = requesters_by_email("P7@X.example").explain()
    assert "requester_email_unique" in plan
    assert "Seq Scan" not in plan


def test_a_requester_is_one_person_however_they_spell_their_address():
    """Addresses are compared without regard to case."""
    take(a_mail(sender="COMPRAS@Andina.Example"))
    take(a_mail("otra", sender="compras@andina.example"))
    assert Requester.objects.count() == 1


def test_a_case_of_the_form_is_answered_by_mail_and_continues_there():
    """One conversation whatever the door: an answer by mail joins the case of the form."""
    a_mailbox(is_default=True)
    ticket = a_case()
    token = tokens.make(tokens.REPLY, ticket.pk)
    record = take(a_mail("Más datos.", to=f"soporte+{token}@iws.example"))
    assert (record.fate, record.ticket) == (Fate.APPENDED, ticket)


FORGED = {"Authentication_Results": "mx.iws.example; dmarc=fail header.from=andina.example"}
AWAY = {"Auto_Submitted": "auto-replied"}


@pytest.mark.parametrize(
    ("to", "mail", "confirmed"),
    [
        ("", {"proven": True}, True),
        ("", {}, False),
        ("own", {}, True),
        ("own", FORGED, False),
        ("own", AWAY, False),
        ("another's", {}, False),
        ("notice", {}, False),
    ],
)
def test_a_mail_that_shows_its_sender_confirms_their_address(to, mail, confirmed):
    """From then on our answers go to them whole: they have shown that they read what goes there."""
    a_mailbox(is_default=True)
    person = find_or_create_requester(email="compras@andina.example", name="Ana", now=TUESDAY)
    own, other = a_case(requester=person), a_case(requester=a_requester("otra@andina.example"))
    token = {
        "": "",
        "own": "+" + tokens.make(tokens.REPLY, own.pk),
        "another's": "+" + tokens.make(tokens.REPLY, other.pk),
        "notice": "+" + tokens.make(tokens.AGENT, own.pk),
    }[to]
    take(a_mail("Más datos.", to=f"soporte{token}@iws.example", **mail))
    person.refresh_from_db()
    assert (person.email_confirmed_at == TUESDAY) is confirmed


# — found by an audit ——————————————————————————————————————————————————————————————————————


def test_the_same_bytes_for_no_mailbox_and_then_again_are_one_mail():
    """A pipe names no mailbox; that one was found for the first delivery changes nothing."""
    raw = a_mail()
    a_mailbox()
    first = accept(raw, source=Source.PIPE, now=TUESDAY)
    intake.process(first.pk, now=TUESDAY)
    again = accept(raw, source=Source.PIPE, now=TUESDAY + MINUTE)
    assert again == first
    assert Ticket.objects.count() == 1
    named = arrive(raw)  # another source says for whom it is: another record, the same mail
    intake.process(named.pk, now=TUESDAY + MINUTE)
    named.refresh_from_db()
    assert (named.fate, named.reason) == (Fate.REJECTED, Reason.DUPLICATE)


ALARM = {"subject": "UPS en batería", "Message_ID": "", "sender": "UPS <ups@andina.example>"}


@pytest.mark.parametrize(
    ("date", "later", "cases"),
    [
        pytest.param("", MINUTE, 1, id="delivered again at once"),
        pytest.param("", timedelta(hours=5), 2, id="the next alarm"),
        pytest.param("Thu, 01 Jan 1970 00:00:00 +0000", timedelta(hours=5), 2, id="no clock"),
        pytest.param("Tue, 24 Nov 2026 14:50:00 -0500", timedelta(hours=5), 1, id="a true date"),
    ],
)
def test_a_device_may_say_the_same_thing_again(date, later, cases):
    """Without Message-ID and Date two alarms are the same bytes, and each is one."""
    raw = a_mail("UPS en batería", Date=date, **ALARM)
    box = a_mailbox()
    for at in (TUESDAY, TUESDAY + later):
        record = accept(raw, source=Source.SMTP, mailbox=box, now=at)
        intake.process(record.pk, now=at)
    assert Ticket.objects.count() == cases


def test_an_alarm_that_goes_on_is_heard_again_and_again():
    """Each one comes soon after another that was the same; that one was not taken in either."""
    other = a_mailbox("ventas@iws.example")
    fates = []
    for number in range(5):
        raw = b"X-Path: %d\r\n" % number + a_mail("UPS en batería", Date="", **ALARM)
        at = TUESDAY + number * timedelta(minutes=6)
        record = accept(raw, source=Source.SMTP, mailbox=other, now=at)
        fates.append(intake.process(record.pk, now=at))
    assert fates == ["ticket", "rejected", "ticket", "rejected", "ticket"]


def test_an_address_that_is_too_long_is_nobodys():
    """Cut where its column ends, it would be the address of somebody else."""
    sender = "a@" + ".".join(["b" * 60] * 5) + ".example"
    record = take(a_mail(sender=sender))
    assert (record.fate, record.reason) == (Fate.PARKED, Reason.NO_SENDER)


def test_two_people_may_say_the_same_within_a_minute():
    """Who confirms in the same words as somebody else has said so too."""
    ticket = take(a_mail(Cc="bodega@andina.example")).ticket
    to = tokens.plus_address("soporte@iws.example", tokens.make(tokens.REPLY, ticket.pk))
    for sender in (CLIENT, "bodega@andina.example", CLIENT):
        record = take(a_mail("Confirmado, gracias.", sender=sender, to=to), now=TUESDAY + MINUTE)
        assert record.public_message.body_text == "Confirmado, gracias."
    authors = ticket.messages.order_by("pk").values_list("author_requester__email", flat=True)
    assert list(authors)[1:] == [
        "compras@andina.example",
        "bodega@andina.example",
        "compras@andina.example",
    ]


def back_to(mail: OutboundMail) -> str:
    return tokens.plus_address("soporte@iws.example", tokens.make(tokens.BOUNCE, mail.pk))


def test_whoever_answers_the_envelopes_sender_is_a_machine():
    """People answer where we ask them to; each round of such a loop would get a receipt."""
    ticket = take(a_mail()).ticket
    receipt = OutboundMail.objects.get(kind=MailKind.ACKNOWLEDGEMENT)
    record = take(
        a_mail("Estoy fuera.", sender="x@fuera.example", subject="hola", to=back_to(receipt)),
        now=TUESDAY + MINUTE,
    )
    assert (record.fate, record.reason, record.ticket) == (Fate.APPENDED, Reason.MACHINE, ticket)
    assert acknowledgements() == 1
    assert Ticket.objects.count() == 1


def test_a_note_of_absence_that_answers_us_reopens_nothing():
    """It says of itself only in its subject that it is one; that, and that it answers us, is enough."""
    ticket = answered_ticket()
    commands.set_status(ticket_id=ticket.pk, status="solved", actor=as_agent(), now=TUESDAY)
    to = tokens.plus_address("soporte@iws.example", tokens.make(tokens.REPLY, ticket.pk))
    record = take(
        a_mail("Vuelvo el lunes.", to=to, subject=f"Respuesta automática: [{ticket.number}] Re: x"),
        now=TUESDAY + 2 * MINUTE,
    )
    assert (record.fate, record.reason, record.ticket) == (Fate.APPENDED, Reason.MACHINE, ticket)
    ticket.refresh_from_db()
    assert ticket.status == "solved"


def test_a_subject_about_absence_in_a_new_mail_is_a_case():
    """Who is away, and asks about it, is no machine."""
    record = take(
        a_mail(subject="Fuera de oficina: ¿quién atiende?", X_Auto_Response_Suppress="All")
    )
    assert record.fate == Fate.NEW_TICKET
    assert acknowledgements() == 1


def test_a_strangers_word_that_a_mail_came_back_undoes_nothing():
    """Anybody who was sent our mail knows its Message-ID; a report has a form, or no sender."""
    ticket = answered_ticket()
    sent = OutboundMail.objects.get(kind=MailKind.REPLY)
    forged = a_mail(
        "rebota",
        sender="x@malo.example",
        subject="Delivery failure",
        X_Failed_Recipients="y@z.example",
        In_Reply_To=sent.message_id,
    )
    record = take(forged, now=TUESDAY + 2 * MINUTE, envelope_from="x@malo.example")
    assert (record.fate, record.reason) == (Fate.PARKED, Reason.BOUNCE)
    assert first_reply(ticket, TUESDAY + 2 * MINUTE) is State.MET
    true = take(b"Return-Path: <>\r\n" + forged, now=TUESDAY + 2 * MINUTE, envelope_from="")
    assert (true.fate, true.reason) == (Fate.APPENDED, Reason.BOUNCED)
    assert first_reply(ticket, TUESDAY + 2 * MINUTE) is State.RUNNING


def test_a_late_report_about_the_first_sending_says_nothing_of_the_second():
    """Mail that is retried for days reports its end long after somebody sent it again."""
    ticket = answered_ticket()
    first = OutboundMail.objects.get(kind=MailKind.REPLY)
    take(a_report(first, status="5.1.1", action="failed"), now=TUESDAY + 2 * MINUTE)
    message = PublicMessage.objects.get(author_agent__isnull=False)
    commands.send_reply_again(
        ticket_id=ticket.pk, message_id=message.pk, actor=as_agent(), now=TUESDAY + 3 * MINUTE
    )
    second = OutboundMail.objects.filter(kind=MailKind.REPLY).latest("pk")
    assert send(second.pk, now=TUESDAY + 4 * MINUTE) == MailState.SENT
    for action, status in (("delayed", "4.4.1"), ("failed", "5.1.2")):
        take(a_report(first, status=status, action=action), now=TUESDAY + 5 * MINUTE)
        message.refresh_from_db()
        assert message.delivery == Delivery.SENT
        assert first_reply(ticket, TUESDAY + 5 * MINUTE) is State.MET
    take(a_report(second, status="4.2.2", action="failed"), now=TUESDAY + 6 * MINUTE)
    message.refresh_from_db()
    assert message.delivery == Delivery.BOUNCED
    assert first_reply(ticket, TUESDAY + 6 * MINUTE) is State.RUNNING


OURS = "Formulario <soporte@iws.example>"


@pytest.mark.parametrize(
    ("proven", "reply_to", "fate"),
    [
        pytest.param(True, "Ana <ana@andina.example>", Fate.NEW_TICKET, id="our own form"),
        pytest.param(False, "Ana <ana@andina.example>", Fate.PARKED, id="somebody as us"),
        pytest.param(True, "", Fate.PARKED, id="nobody to answer"),
        pytest.param(True, "soporte+x@iws.example", Fate.PARKED, id="to ourselves"),
    ],
)
def test_a_form_of_ours_writes_for_the_person_that_it_names(proven, reply_to, fate):
    """A mail from our own address is not thrown away; who is meant is believed where it is ours."""
    record = take(a_mail(sender=OURS, Reply_To=reply_to, proven=proven))
    assert (record.fate, record.reason == Reason.OWN_ADDRESS) == (fate, fate == Fate.PARKED)
    if fate == Fate.NEW_TICKET:
        assert record.ticket.requester.email == "ana@andina.example"
        assert record.reply_to == "ana@andina.example"
        assert record.authenticity == Authenticity.UNKNOWN  # the person themself is not proven


def insisted(record: IntakeRecord, *, now=TUESDAY + MINUTE) -> IntakeRecord:
    """Have an agent of level 2 overrule the parking."""
    assert intake.run_again(record.pk, actor=as_agent(2), now=now)
    intake.process(record.pk, now=now)
    record.refresh_from_db()
    return record


def test_whoever_insists_on_a_mail_without_a_sender_carries_it():
    """It becomes a case of theirs; there is nobody else who could be told."""
    parked = take(a_mail("La orden no llega.", sender=""))
    assert (parked.fate, parked.reason) == (Fate.PARKED, Reason.NO_SENDER)
    record = insisted(parked)
    assert record.fate == Fate.NEW_TICKET
    assert record.ticket.requester.email == "agente2@demo.example"
    assert "La orden no llega." in record.public_message.body_text
    assert acknowledgements() == 0


def test_a_mail_without_a_sender_that_names_a_case_becomes_a_note_there():
    """What it says belongs to the case, and nobody knows whose word it is."""
    ticket = answered_ticket()
    to = tokens.plus_address("soporte@iws.example", tokens.make(tokens.REPLY, ticket.pk))
    record = insisted(take(a_mail("Es la 4512.", sender="", to=to)))
    assert (record.fate, record.reason, record.ticket) == (Fate.APPENDED, Reason.NOTE, ticket)
    assert InternalNote.objects.get().body_text.endswith("Es la 4512.")


@pytest.mark.parametrize(
    ("reason", "overruled"),
    [
        (Reason.LIST, True),
        (Reason.AUTO_REPLY, True),
        (Reason.FAULT, False),
        (Reason.PARSER_SLOW, False),
    ],
)
def test_only_a_rule_can_be_overruled(reason, overruled):
    """What we could not read was never judged: when it can be read, the rules hold."""
    record = arrive(a_mail(List_Id="<lista.andina.example>"))
    IntakeRecord.objects.filter(pk=record.pk).update(fate=Fate.PARKED, reason=reason)
    assert insisted(record).fate == (Fate.NEW_TICKET if overruled else Fate.PARKED)


def test_a_header_alone_is_never_taken_for_a_mail():
    """Of a mail that was too large we have the first lines; a case of them would lose the rest."""
    record = park_too_large(
        b"From: x@y.example\r\nSubject: grande\r\n",
        mailbox=a_mailbox(),
        source_key="imap:1:x:INBOX:1:1",
        size=10**9,
        now=TUESDAY,
    )
    with pytest.raises(intake.OnlyTheHeader):
        intake.run_again(record.pk, actor=as_agent(), now=TUESDAY)
    assert intake.process(record.pk, now=TUESDAY) == ""
    record.refresh_from_db()
    assert (record.fate, record.partial) == (Fate.PARKED, True)


@pytest.mark.parametrize("mark", ["abc", "", "abc.def", tokens.doctor_mark("abc") + "x"])
def test_anybody_can_write_the_doctors_header(mark):
    """Only its own mark makes a mail a test; else it would be a way to write to nobody."""
    record = take(a_mail(X_Plazo_Doctor=mark))
    assert record.fate == Fate.NEW_TICKET
    test = take(a_mail("otra", X_Plazo_Doctor=tokens.doctor_mark("abc")))
    assert (test.fate, test.reason) == (Fate.REJECTED, Reason.DOCTOR)


@pytest.mark.parametrize("html", [False, True])
def test_a_very_long_text_is_cut_aloud_and_kept_whole(html):
    """A log that somebody pastes arrives whole: the message says which file it is in."""
    lines = [f"línea {number} del registro" for number in range(9000)]
    long = "\n".join(lines)
    more = {"html": "<br>".join(lines)} if html else {}
    record = take(a_mail("corto" if html else long, **more))
    message = record.public_message
    (file,) = message.attachments.all()
    assert file.name in message.body_text.split("\n")[0]
    assert file.name in message.body_html
    assert file.name == ("message.html" if html else "message.txt")
    with default_storage.open(storage_path(file.sha256)) as stored:
        assert "línea 8999" in stored.read().decode()
    assert LONGEST_BODY <= len(message.body_text) <= LONGEST_BODY + 200


def test_the_reader_and_the_heart_agree_on_the_longest_text():
    """Two limits would cut twice, the second time in silence."""
    assert LONGEST_TEXT == LONGEST_BODY


NETWORKS = [
    pytest.param("127.0.0.1", ["8.8.4.4"], 3, id="behind a relay on this machine"),
    pytest.param("10.0.0.7", ["8.8.4.4"], 3, id="inside"),
    pytest.param("1.1.1.1", ["8.8.4.4"], 3, id="a relay that is named"),
    pytest.param(None, ["10.0.0.9", "8.8.4.4"], 3, id="fetched"),
    pytest.param(None, ["2603:10a6::13", "8.8.4.4"], 3, id="fetched from Microsoft 365"),
    pytest.param("8.8.4.4", ["9.9.9.9"], 3, id="straight from outside"),
    pytest.param("127.0.0.1", ["209.85.219.41"], 9, id="from a shared provider"),
    pytest.param("127.0.0.1", [], 9, id="from nowhere"),
]


@pytest.mark.parametrize(("peer", "hops", "given"), NETWORKS)
def test_a_network_has_a_budget_whatever_hands_its_mail_over(
    peer, hops, given, monkeypatch, settings
):
    """A flood from one network under many names runs out; our own relay is nobody's network."""
    settings.PLAZO = settings.PLAZO.model_copy(update={"mail_relays": ("1.1.1.0/24",)})
    monkeypatch.setitem(brake.PER_HOUR, "network", 3)
    monkeypatch.setitem(brake.PER_HOUR, "likeness", 100)
    lines = b"".join(b"Received: from x (x [%s]) by y; z\r\n" % ip.encode() for ip in hops)
    for number in range(9):
        raw = a_mail(sender=f"p@d{number}.example", Message_ID=f"<{number}@x.example>")
        take(lines + raw, remote_ip=peer)
    assert Ticket.objects.count() == 9
    assert acknowledgements() == given
