"""Outgoing mail: planned with the command, sent once, and never forgotten."""

import html
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.core.files.base import ContentFile
from django.db import connection, transaction

from plazo.accounts.access import actor_of_requester
from plazo.accounts.commands import confirm_address, find_or_create_requester
from plazo.accounts.models import Group, Requester
from plazo.channels.email import intake
from plazo.channels.email.quoting import divide
from plazo.core.actor import Actor
from plazo.core.errors import NotVisible
from plazo.escalation.sweep import sweep_once
from plazo.mailboxes.models import Mailbox, Source
from plazo.notifications import reconciler, rendering, sending
from plazo.notifications.models import MailState, OutboundMail, OutboxMessage, Spent
from plazo.notifications.outbox import readable
from plazo.tickets import access, commands, queries
from plazo.tickets.bodies import StoredUpload, store_upload
from plazo.tickets.models import Attachment, Ticket
from tests.factory import TUESDAY, a_case, a_requester, an_agent, as_agent
from tests.mails import a_mail, a_mailbox, arrive

pytestmark = pytest.mark.django_db
NOW = TUESDAY
MINUTE = timedelta(minutes=1)


def jobs(status="todo"):
    """Return the mails that a job waits for."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (args->>'mail_id')::bigint FROM procrastinate_jobs WHERE status = %s", [status]
        )
        return [row[0] for row in cursor.fetchall()]


def test_the_acknowledgement_goes_out_with_number_and_promise(smtp):
    """The receipt: automatic, threaded, with the case number and the hour, in both languages."""
    for language, words in (
        ("es", "Primera respuesta, a más tardar"),
        ("en", "First reply, at the latest"),
    ):
        ticket = a_case(now=NOW, language=language)
        mail = OutboundMail.objects.get(ticket=ticket)
        assert sending.send(mail.pk, now=NOW) == MailState.SENT
        sent = smtp.messages()[-1]
        assert f"[{ticket.number}]" in sent["Subject"]
        assert sent["Auto-Submitted"] == "auto-replied"
        assert sent["Message-ID"] == mail.message_id
        text = sent.get_body(("plain",)).get_content()
        html = sent.get_body(("html",)).get_content()
        for body in (text, html):
            assert ticket.number in body
            assert words in body
            assert "15:52" in body
            assert "EST" in body
        kinds = [e.kind for e in queries.chain_of(ticket)]
        assert kinds == ["ticket.opened", "ticket.acknowledged"]


@pytest.mark.parametrize(
    ("severity", "language", "promised"),
    [
        pytest.param("B", "es", "+ 2 h", id="B runs round the clock"),
        pytest.param("C", "es", "+ 4 h hábiles", id="C counts working hours, and says so"),
        pytest.param("C", "en", "+ 4 h of working hours", id="in English too"),
    ],
)
def test_the_acknowledgement_promises_what_the_agreement_does(smtp, severity, language, promised):
    """A mail that says “+ 4 hours” to a client of severity C on a Saturday night promises what
    nobody will keep."""
    a_case(now=NOW, severity=severity, language=language)
    sending.send(OutboundMail.objects.get().pk, now=NOW)
    sent = smtp.messages()[-1]
    for kind in ("plain", "html"):
        body = sent.get_body((kind,)).get_content().replace("\xa0", " ")
        assert promised in body
        assert ("hábiles" in body or "of working hours" in body) == (severity == "C")


def test_the_acknowledgement_is_no_reply(smtp):
    """After the receipt went out the first reply is still owed."""
    ticket = a_case(now=NOW)
    sending.send(OutboundMail.objects.get().pk, now=NOW)
    ticket.refresh_from_db()
    assert next(c for c in ticket.clocks if c["key"] == "first_reply")["state"] == "running"


def test_a_rolled_back_command_sends_nothing():
    """The row and its job are part of the command: gone with it."""
    with pytest.raises(RuntimeError), transaction.atomic():
        a_case()
        assert OutboundMail.objects.count() == 1
        raise RuntimeError
    assert OutboundMail.objects.count() == 0
    assert jobs() == []


def test_a_reply_is_sent_threaded_and_its_state_is_shown(smtp):
    """The agent's reply refers to the receipt, and the message says that it was sent."""
    ticket = a_case(now=NOW)
    receipt = OutboundMail.objects.get()
    sending.send(receipt.pk, now=NOW)
    event = commands.reply_to_ticket(
        ticket_id=ticket.pk, body="**Hola**", actor=as_agent(), now=NOW + MINUTE
    )
    reply = OutboundMail.objects.get(kind="reply")
    sending.send(reply.pk, now=NOW + MINUTE)
    sent = smtp.messages()[-1]
    assert sent["In-Reply-To"] == receipt.message_id
    assert sent["Auto-Submitted"] is None
    assert "<strong>Hola</strong>" in sent.get_body(("html",)).get_content()
    message = ticket.messages.get(pk=event.payload["message"])
    assert message.delivery == "sent"


def test_a_refused_recipient_takes_the_reply_back(smtp):
    """A permanent refusal fails the mail, and the clock stands as if nothing had been sent."""
    ticket = a_case(now=NOW)
    smtp.refuse[ticket.requester.email] = "550 5.1.1 no such user"
    commands.reply_to_ticket(ticket_id=ticket.pk, body="x", actor=as_agent(), now=NOW + MINUTE)
    reply = OutboundMail.objects.get(kind="reply")
    assert sending.send(reply.pk, now=NOW + MINUTE) == MailState.FAILED
    ticket.refresh_from_db()
    assert next(c for c in ticket.clocks if c["key"] == "first_reply")["state"] == "running"
    assert ticket.messages.get(author_agent__isnull=False).delivery == "failed"
    reply.refresh_from_db()
    assert "no such user" in reply.last_error


def test_a_busy_server_defers_and_the_mail_goes_later(smtp):
    """A temporary refusal puts the mail off with a growing pause; later it is sent, once."""
    ticket = a_case(now=NOW)
    smtp.refuse[ticket.requester.email] = "451 4.3.0 try later"
    mail = OutboundMail.objects.get()
    assert sending.send(mail.pk, now=NOW) == MailState.DEFERRED
    mail.refresh_from_db()
    assert mail.next_attempt_at > NOW
    assert sending.send(mail.pk, now=NOW) == ""  # not due yet
    smtp.refuse.clear()
    assert sending.send(mail.pk, now=mail.next_attempt_at) == MailState.SENT
    assert sending.send(mail.pk, now=mail.next_attempt_at) == ""
    assert len(smtp.taken) == 1


def test_pauses_grow_to_a_limit():
    """Each attempt waits longer, up to an hour and its fifth."""
    first, later, last = (sending.pause_after(n) for n in (1, 4, 40))
    assert timedelta(seconds=24) <= first <= timedelta(seconds=36)
    assert first < later < last <= timedelta(minutes=72)


def test_after_days_of_trouble_the_mail_fails_and_is_seen(smtp):
    """Nothing is tried for ever in silence."""
    ticket = a_case(now=NOW)
    smtp.refuse[ticket.requester.email] = "451 4.3.0 try later"
    mail = OutboundMail.objects.get()
    OutboundMail.objects.update(next_attempt_at=NOW)
    assert sending.send(mail.pk, now=NOW + timedelta(days=4)) == MailState.FAILED


def test_a_subject_cannot_break_out_of_its_header(smtp):
    """What somebody types as a subject stays one line of one header."""
    ticket = a_case(now=NOW, subject="Hola\r\nBcc: otro@example.com")
    sending.send(OutboundMail.objects.get().pk, now=NOW)
    sent = smtp.messages()[-1]
    assert sent["Bcc"] is None
    assert smtp.taken[-1].rcpt_tos == [ticket.requester.email]


def test_a_breach_is_told_to_the_group_once(smtp):
    """At risk and breached: one notice each for each clock, at most, whatever the sweep does."""
    ticket = a_case(now=NOW)
    Group.objects.create(key="n1", name="Nivel 1", level=1, email="nivel1@demo.example")
    ticket = a_case(now=NOW)
    for _ in range(3):
        sweep_once(NOW + 61 * MINUTE)
    notices = OutboundMail.objects.filter(ticket=ticket, kind="breached")
    assert {m.recipient for m in notices} == {"nivel1@demo.example"}
    assert notices.count() == 2  # first reply, scope verdict
    assert not OutboundMail.objects.filter(ticket=ticket, kind="at_risk").exists()
    sending.send(notices.first().pk, now=NOW + 61 * MINUTE)
    sent = smtp.messages()[-1]
    assert f"[{ticket.number}] Vencida: Primera respuesta" in sent["Subject"]
    text = sent.get_body(("plain",)).get_content()
    assert "Vencida: Primera respuesta" in text
    assert "Vencía el martes 24 de noviembre a las 15:52 EST" in text
    assert "Vencida: Primera respuesta" in sent.get_body(("html",)).get_content()
    sending.send(notices.last().pk, now=NOW + 61 * MINUTE)
    assert "Vencido: Dictamen de alcance" in smtp.messages()[-1]["Subject"]
    assert f"/desk/tickets/{ticket.number}/" in text


def test_the_reconciler_wakes_what_nobody_is_sending():
    """A due row without a waiting job gets one; one with a job is left alone."""
    a_case(now=NOW)
    mail = OutboundMail.objects.get()
    assert jobs() == [mail.pk]
    assert reconciler.reconcile_once(NOW + MINUTE) == 0
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL")
    assert reconciler.reconcile_once(NOW + MINUTE) == 1
    assert jobs() == [mail.pk]


def test_a_claim_that_ended_is_taken_up_again(smtp):
    """A worker died after it had claimed the row: when the claim ends, another sends it."""
    a_case(now=NOW)
    mail = OutboundMail.objects.get()
    claimed = sending._claim(mail.pk, NOW)
    assert sending.send(mail.pk, now=NOW + MINUTE) == ""
    later = claimed.next_attempt_at
    assert sending.send(mail.pk, now=later) == MailState.SENT
    # The first one wakes up late and finds that the row is no longer its own.
    assert sending._record_sent(claimed, later) == ""
    assert len(smtp.taken) == 1


def at_once(work: Callable[[], str]) -> list[str]:
    """Run the same in four threads that begin together."""
    together = threading.Barrier(4)

    def one(_number: int) -> str:
        try:
            together.wait(10)
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(one, range(4)))


@pytest.mark.django_db(transaction=True)
def test_several_workers_at_once_send_a_mail_once(smtp):
    """Whoever finds the row as they saw it has it; the others leave it alone."""
    a_case(now=NOW)
    mail = OutboundMail.objects.get()
    results = at_once(lambda: sending.send(mail.pk, now=NOW))
    assert sorted(results) == ["", "", "", "sent"]
    assert len(smtp.taken) == 1
    mail.refresh_from_db()
    assert (mail.attempts, mail.claim) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_several_workers_at_once_take_a_mail_in_once():
    """One mail of the ledger has one fate, and makes one case, whoever reads it."""
    record = arrive(a_mail())
    results = at_once(lambda: intake.process(record.pk, now=NOW))
    assert sorted(results) == ["", "", "", "ticket"]
    assert Ticket.objects.count() == 1


def test_an_erased_reply_is_not_sent(smtp):
    """What was taken back before it went out does not go out."""
    ticket = a_case(now=NOW)
    event = commands.reply_to_ticket(ticket_id=ticket.pk, body="x", actor=as_agent(), now=NOW)
    commands.redact_message(
        message_id=event.payload["message"], actor=Actor.system("law"), now=NOW + MINUTE
    )
    assert (
        sending.send(OutboundMail.objects.get(kind="reply").pk, now=NOW + MINUTE)
        == MailState.FAILED
    )
    assert smtp.taken == []


def test_an_address_that_nobody_confirmed_gets_no_text_of_the_case(smtp):
    """Anyone can type anyone's address: until it is confirmed a reply only says that it is there."""
    stranger = find_or_create_requester(email="alguien@x.example", name="Ana", now=NOW)
    ticket = a_case(requester=stranger, subject="Gane dinero", now=NOW)
    commands.reply_to_ticket(
        ticket_id=ticket.pk,
        body="Su texto decía: **Gane dinero**",
        attachments=[store_upload(ContentFile(b"x"), name="a.txt", content_type="text/plain")],
        actor=as_agent(),
        now=NOW,
    )
    for mail in OutboundMail.objects.order_by("pk"):
        assert sending.send(mail.pk, now=NOW) == MailState.SENT
    receipt, reply = smtp.messages()[-2:]
    for sent in (receipt, reply):
        whole = sent.as_string() + "".join(
            sent.get_body((kind,)).get_content() for kind in ("plain", "html")
        )
        assert "dinero" not in whole
        assert "a.txt" not in whole
        assert access.link_token(ticket, mailed=True) in sent.get_body(("plain",)).get_content()
    assert "Hay una respuesta en su caso" in reply["Subject"]
    assert queries.live_clock(Ticket.objects.get())["metric"] == "scope_verdict"

    confirm_address(requester_id=stranger.pk, now=NOW)
    commands.reply_to_ticket(ticket_id=ticket.pk, body="Ahora sí", actor=as_agent(), now=NOW)
    assert sending.send(OutboundMail.objects.latest("pk").pk, now=NOW) == MailState.SENT
    assert "Ahora sí" in smtp.messages()[-1].get_body(("plain",)).get_content()


def test_a_receipt_says_that_it_can_be_answered(smtp):
    """Where mail comes in, both parts of the receipt invite to answer; elsewhere neither does."""
    for source, invited in ((Source.PIPE, True), (Source.NONE, False)):
        Mailbox.objects.update_or_create(
            key="soporte", defaults={"address": "soporte@demo.example", "source": source}
        )
        mail = OutboundMail.objects.get(ticket=a_case(now=NOW))
        sending.send(mail.pk, now=NOW)
        for kind in ("plain", "html"):
            body = smtp.messages()[-1].get_body((kind,)).get_content()
            assert ("Para agregar algo, responda este correo." in body) is invited, (source, kind)


def test_people_are_greeted_by_their_whole_name():
    """The first word of a name is no name: "Compras" of "Compras Andina" greets nobody."""
    case = a_case(now=NOW, arrival=commands.Arrival(verified=True))
    _subject, text, html = rendering.render(OutboundMail.objects.get(ticket=case))
    assert "Recibimos su caso, Compras Andina." in text
    assert "Recibimos su caso, Compras Andina." in html


def test_the_quoted_history_names_the_zone(smtp):
    """Whoever reads an hour in a quotation knows whose hour it is."""
    ticket = a_case(now=NOW)
    commands.reply_to_ticket(ticket_id=ticket.pk, body="x", actor=as_agent(), now=NOW + MINUTE)
    sending.send(OutboundMail.objects.get(kind="reply").pk, now=NOW + MINUTE)
    text = smtp.messages()[-1].get_body(("plain",)).get_content()
    line = "El 24 de noviembre de 2026 a las 14:52 EST, Compras Andina escribió:"
    assert line in text
    # And our own reader still knows where the history begins, when it comes back.
    assert divide(f"Gracias\n\n{line}\n> hola\n").text.strip() == "Gracias"


def test_the_outbox_shows_headers_as_people_read_them(settings):
    """Names and subjects are decoded; what only looks encoded stays, and nothing fails."""
    settings.EMAIL_BACKEND = "plazo.notifications.outbox.LocalOutboxBackend"
    ticket = a_case(
        now=NOW,
        requester=a_requester("i@norte.example", "Ingeniería Norte"),
        arrival=commands.Arrival(verified=True),
    )
    sending.send(OutboundMail.objects.get(ticket=ticket).pk, now=NOW)
    kept = OutboxMessage.objects.get()
    assert kept.recipient == "Ingeniería Norte <i@norte.example>"
    assert kept.subject.startswith(f"[{ticket.number}] Recibimos su caso")
    assert readable("=?nonsense?q?x?=") == "=?nonsense?q?x?="


# — found by an audit ——————————————————————————————————————————————————————————————————————


def test_a_long_name_and_a_long_subject_fit_into_the_notice(smtp):
    """What people and companies are called must not keep the team from hearing of them."""
    ticket = a_case(
        now=NOW,
        subject="Seguimiento de la orden " * 10,
        requester=a_requester("largo@x.example", "Departamento de Compras y Abastecimiento " * 2),
    )
    commands.assign_ticket(
        ticket_id=ticket.pk, assignee_id=an_agent().pk, actor=as_agent(2), now=NOW
    )
    commands.reply_as_requester(
        ticket_id=ticket.pk,
        body="¿novedades?",
        actor=actor_of_requester(ticket.requester),
        now=NOW + MINUTE,
    )
    notice = OutboundMail.objects.get(kind="answered")
    assert sending.send(notice.pk, now=NOW + MINUTE) == MailState.SENT
    notice.refresh_from_db()
    assert len(notice.subject) <= 300
    assert notice.subject.startswith(f"[{ticket.number}]")


NEVER = [
    ("josé@andina.example", "@"),
    ("a@" + "b" * 64 + ".example", ""),
    ("a" * 65 + "@andina.example", ""),
    ("a@andina..example", ""),
]


@pytest.mark.parametrize(("address", "words"), NEVER)
def test_what_can_never_be_sent_fails_at_once(smtp, address, words):
    """Days of trying would only hide it: the agent sees at once that the reply did not go."""
    ticket = a_case(now=NOW)
    Requester.objects.filter(pk=ticket.requester_id).update(email=address)
    commands.reply_to_ticket(ticket_id=ticket.pk, body="x", actor=as_agent(), now=NOW + MINUTE)
    reply = OutboundMail.objects.get(kind="reply")
    assert sending.send(reply.pk, now=NOW + MINUTE) == MailState.FAILED
    reply.refresh_from_db()
    assert address in reply.last_error
    assert ticket.messages.get(author_agent__isnull=False).delivery == "failed"


def test_a_domain_beyond_ascii_is_written_as_servers_do(smtp):
    """Only before the @ are such letters out of reach."""
    ticket = a_case(now=NOW)
    Requester.objects.filter(pk=ticket.requester_id).update(email="ana@ñandú.example")
    commands.reply_to_ticket(ticket_id=ticket.pk, body="x", actor=as_agent(), now=NOW + MINUTE)
    reply = OutboundMail.objects.get(kind="reply")
    assert sending.send(reply.pk, now=NOW + MINUTE) == MailState.SENT
    assert smtp.taken[-1].rcpt_tos == ["ana@xn--and-6ma2c.example"]


def test_one_copy_that_cannot_be_sent_stops_no_other(smtp):
    """An address that nobody can write to stands in no header of the others' mail."""
    ticket = a_case(now=NOW)
    odd = a_requester("josé@andina.example", "José")
    commands.reply_to_ticket(
        ticket_id=ticket.pk, body="x", copies=[odd.pk], actor=as_agent(), now=NOW + MINUTE
    )
    reply, copy = OutboundMail.objects.filter(kind__in=("reply", "copy")).order_by("pk")
    assert sending.send(reply.pk, now=NOW + MINUTE) == MailState.SENT
    assert sending.send(copy.pk, now=NOW + MINUTE) == MailState.FAILED


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("554 5.7.1 rejected as spam", MailState.FAILED),
        ("552 5.3.4 too large", MailState.FAILED),
        ("451 4.7.1 greylisted", MailState.DEFERRED),
    ],
)
def test_a_server_that_has_seen_the_mail_and_refuses_it_means_it(smtp, answer, state):
    """A filter's no is for good; the clock must not stand still for three days meanwhile."""
    smtp.after_data = answer
    ticket = a_case(now=NOW)
    commands.reply_to_ticket(ticket_id=ticket.pk, body="x", actor=as_agent(), now=NOW + MINUTE)
    reply = OutboundMail.objects.get(kind="reply")
    assert sending.send(reply.pk, now=NOW + MINUTE) == state


def test_what_we_send_by_ourselves_says_which_list_it_is_of(smtp):
    """So it can be sorted; a person's reply is no list's, or other desks would park it."""
    ticket = a_case(now=NOW)
    box = a_mailbox(is_default=True)
    ticket.mailbox = box
    ticket.save(update_fields=["mailbox"])
    commands.reply_to_ticket(ticket_id=ticket.pk, body="x", actor=as_agent(), now=NOW + MINUTE)
    OutboundMail.objects.update(mailbox=box)
    found = {
        mail.kind: sending.build(mail).message()["List-Id"]
        for mail in OutboundMail.objects.select_related("ticket__requester", "event", "mailbox")
    }
    assert found == {"acknowledgement": "<soporte.iws.example>", "reply": None}


def upload(size: int, name: str) -> StoredUpload:
    return store_upload(ContentFile(b"x" * size), name=name, content_type="application/pdf")


def test_each_large_file_has_a_link_of_its_own_for_everybody_who_gets_the_mail(smtp, client):
    """People in copy have no case to fetch it from; the link shows that file, and ends."""
    ticket = a_case(now=NOW)
    colleague = a_requester("bodega@andina.example", "Bodega")
    event = commands.reply_to_ticket(
        ticket_id=ticket.pk,
        body="van",
        attachments=[upload(7_000_000, "grande ñ.pdf"), upload(1000, "chico.pdf")],
        copies=[colleague.pk],
        actor=as_agent(),
        now=NOW + MINUTE,
    )
    large, small = Attachment.objects.order_by("-size")
    for mail in OutboundMail.objects.filter(kind__in=("reply", "copy")):
        assert sending.send(mail.pk, now=NOW + MINUTE) == MailState.SENT
        sent = smtp.messages()[-1]
        assert [part.get_filename() for part in sent.iter_attachments()] == ["chico.pdf"]
        for kind in ("plain", "html"):
            body = html.unescape(sent.get_body((kind,)).get_content())
            (link,) = set(re.findall(r"http://[^\s\"]+/hc/f/[^\s\"<]+", body))
            assert "grande ñ.pdf" in body
            assert "24 de diciembre de 2026" in body
            assert re.search(r"6[.,]7\sMB", body)
        path = link.partition("8000")[2]
        with time_machine.travel(NOW + timedelta(days=29), tick=False):
            answer = client.get(path)
            assert sum(map(len, answer.streaming_content)) == large.size
            assert answer["X-Robots-Tag"] == "noindex, nofollow"
        with time_machine.travel(NOW + timedelta(days=31), tick=False):
            assert client.get(path).status_code == 404
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        token = access.file_token(small, until=NOW + timedelta(days=2))
        assert client.get(path.replace(path.split("/")[3], token + "x")).status_code == 404
        commands.redact_message(
            message_id=event.payload["message"], actor=Actor.system("law"), now=NOW + MINUTE
        )
        assert client.get(path).status_code == 404


def test_a_link_to_a_file_shows_no_file_of_a_note():
    """What agents tell each other has no door to the outside."""
    ticket = a_case(now=NOW)
    commands.add_internal_note(
        ticket_id=ticket.pk,
        body="x",
        attachments=[upload(10, "interno.pdf")],
        actor=as_agent(),
        now=NOW,
    )
    token = access.file_token(Attachment.objects.get(), until=NOW + MINUTE)
    with pytest.raises(NotVisible):
        access.attachment_by_token(token, now=NOW)


def test_old_budgets_are_forgotten(monkeypatch):
    """Rows that no budget needs any more do not stay for ever."""
    stop = threading.Event()
    Spent.objects.create(scope="address", key="x@y.example", hour=NOW - timedelta(days=30))
    monkeypatch.setattr(reconciler, "tell_once", lambda now: stop.set())
    monkeypatch.setattr(reconciler, "close_old_connections", lambda: None)
    with time_machine.travel(NOW, tick=False):
        reconciler.run_forever(stop)
    assert not Spent.objects.exists()


def test_a_notice_says_whom_an_answer_to_it_reaches(smtp):
    """An agent who answers by mail sees no composer: the notice names everybody who will read."""
    ticket = a_case(now=NOW)
    bodega = a_requester("bodega@andina.example", "Bodega")
    commands.reply_as_requester(
        ticket_id=ticket.pk,
        body="con copia a bodega",
        participants=[bodega.pk],
        actor=actor_of_requester(ticket.requester),
        now=NOW + MINUTE,
    )
    box = a_mailbox(is_default=True)
    commands.assign_ticket(
        ticket_id=ticket.pk, assignee_id=an_agent().pk, actor=as_agent(2), now=NOW + 2 * MINUTE
    )
    notice = OutboundMail.objects.get(kind="assigned")
    OutboundMail.objects.filter(pk=notice.pk).update(mailbox=box)
    _subject, text, html_text = rendering.render(OutboundMail.objects.get(pk=notice.pk))
    for body in (text, html.unescape(html_text)):
        assert "Compras Andina <compras@andina.example>" in body
        assert "Bodega <bodega@andina.example>" in body
