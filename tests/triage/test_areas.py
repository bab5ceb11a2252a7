"""Handing a case off to another area: asked, answered, reminded; and the ticket stays ours."""

from datetime import timedelta

import pytest
import time_machine
from django.db import transaction

from plazo.accounts import erasure
from plazo.channels.email import intake
from plazo.channels.email.models import Fate, Reason
from plazo.core.actor import Actor
from plazo.escalation.sweep import sweep_once
from plazo.mailboxes import tokens
from plazo.notifications import sending
from plazo.notifications.models import MailKind, MailState, Notice, OutboundMail
from plazo.sla import Metric, State
from plazo.tickets import commands, filters, joins, queries
from plazo.tickets.areas import asks_of
from plazo.tickets.bodies import StoredUpload, written_plain
from plazo.tickets.errors import AskEnded, NotAnArea, NotWhileSolved, UnknownArea, UnknownChoice
from plazo.tickets.models import (
    AreaAsk,
    AreaMessage,
    Attachment,
    PublicMessage,
    Ticket,
    TicketEvent,
)
from plazo.triage import loop
from plazo.triage.commands import Question, hand_off, set_representative
from plazo.triage.letters import KINDS
from plazo.triage.links import receipt_token
from tests.factory import TUESDAY, a_case, a_requester, an_agent, as_agent
from tests.mails import a_mail, a_mailbox, arrive

pytestmark = pytest.mark.django_db
NOW = TUESDAY
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TICK = timedelta(microseconds=1)
CREDIT = "cartera@interno.example"
CLOCK = "area_reply:ask-1"


def ask(ticket, *, now=NOW, email=CREDIT, **choices):
    """Ask Credit, as an agent does."""
    wanted = {
        "area": "credit",
        "name": "Cartera",
        "clause": "billing",
        "body": "¿Pueden anular la FV-1002?",
    }
    commands.ask_area(
        ticket_id=ticket.pk, email=email, actor=as_agent(), now=now, **wanted | choices
    )
    return AreaAsk.objects.filter(ticket=ticket).order_by("-pk").first()


def clock_of(ticket, *, now, key=CLOCK):
    return queries.evaluation_of(ticket, queries.chain_of(ticket), now=now).get(key)


def kinds_of(ticket):
    return [event.kind for event in queries.chain_of(ticket)]


def mails(kind=None):
    found = OutboundMail.objects.filter(kind__in=[kind] if kind else KINDS.values())
    return list(found.order_by("pk"))


def sent(smtp, mail, *, now=NOW):
    """Send a mail to the real server and return it as it came there."""
    assert sending.send(mail.pk, now=now) == MailState.SENT
    mail.refresh_from_db()
    return smtp.messages()[-1]


def text_of(message):
    return message.get_body(("plain",)).get_content()


def take(raw, *, now=NOW, **envelope):
    record = arrive(raw, **envelope)
    intake.process(record.pk, now=now)
    record.refresh_from_db()
    return record


def reply_to(ask):
    return tokens.plus_address("soporte@iws.example", tokens.make(tokens.AREA, ask.pk))


def from_area(ask, body="Anulada con la NC-77.", **headers):
    wanted = {"sender": f"Marta Ríos <{CREDIT}>", "to": reply_to(ask), "subject": "RE: caso"}
    return a_mail(body, **wanted | headers)


def look(asking):
    """Let the loop look whenever it is due, until it reminds; return when that was."""
    for _look in range(4):
        asking.refresh_from_db()
        if asking.remind_at is None:
            return None
        if loop.remind_once(asking.remind_at):
            return TicketEvent.objects.filter(kind="area.reminded").latest("pk").at
    return None


def visible_to_the_requester(ticket):
    """Return all that the requester's page and mails say of a case."""
    entries = queries.conversation(ticket, queries.chain_of(ticket), internal=False)
    said = [entry.message.body_text for entry in entries if entry.message]
    said += [event.kind for event in queries.chain_of(ticket) if event.audience == "public"]
    theirs = OutboundMail.objects.filter(recipient=ticket.requester.email).order_by("pk")
    return "\n".join([*said, *theirs.values_list("body_text", flat=True)])


# — the action ————————————————————————————————————————————————————————————————————————


def test_a_hand_off_is_one_action_and_the_ticket_stays_ours():
    """Verdict, question and answer have one correlation id; our clocks run, the area's begins."""
    ticket = a_case(request_type="billing", now=NOW - 10 * MINUTE)
    question = Question(
        area="credit", route="area", email=CREDIT, body="¿Pueden anularla?", consent="yes",
        shared=[ticket.messages.get().pk],
    )  # fmt: skip
    by = {"actor": as_agent(), "now": NOW}
    for _twice in range(2):  # a double click is one hand-off
        hand_off(
            ticket_id=ticket.pk,
            question=question,
            clause="billing",
            reply="Lo atiende Crédito.",
            waits=True,
            **by,
        )
    ticket.refresh_from_db()
    chain = queries.chain_of(ticket)[1:]
    assert [event.kind for event in chain] == [
        "verdict.given", "area.asked", "ticket.replied", "status.changed",
    ]  # fmt: skip
    assert len({event.correlation for event in chain}) == 1
    assert (chain[0].payload["suggested"], chain[0].payload["suggested_by"]) == ("billing", "rules")
    assert (ticket.verdict, ticket.status, ticket.waiting_for) == ("billing", "pending", "area")
    assert ticket.waiting_reason == "Crédito"
    first, credit = clock_of(ticket, now=NOW, key="first_reply"), clock_of(ticket, now=NOW)
    assert (first.state, credit.state) == (State.MET, State.RUNNING)
    asked = asks_of(queries.chain_of(ticket))["ask-1"]
    assert (asked.severity, asked.consent, asked.standing) == ("B", "yes", "asked")


def test_a_hand_off_that_is_refused_leaves_nothing():
    """A reply without words for the area would leave a verdict without its hand-off: all or none."""
    ticket = a_case()
    bad = Question(area="credit", route="address", email="soporte@iws.example", body="Hola")
    a_mailbox()
    with pytest.raises(NotAnArea):
        hand_off(
            ticket_id=ticket.pk,
            question=bad,
            clause="billing",
            reply="x",
            actor=as_agent(),
            now=NOW,
        )
    ticket.refresh_from_db()
    assert (kinds_of(ticket), ticket.verdict) == (["ticket.opened"], "")


@pytest.mark.parametrize(
    ("choices", "error"),
    [
        pytest.param({"area": "legal"}, UnknownArea, id="an area that the agreement does not name"),
        pytest.param({"clause": "legal"}, UnknownArea, id="a clause that it does not name"),
        pytest.param({"email": "cartera"}, NotAnArea, id="no address"),
        pytest.param({"email": "soporte+x@iws.example"}, NotAnArea, id="our own address, with a token"),
        pytest.param({"email": "Compras@Andina.example"}, NotAnArea, id="the requester's own"),
        pytest.param({"email": "socio@andina.example"}, NotAnArea, id="of somebody who takes part"),
        pytest.param({"shared": [10**9]}, UnknownChoice, id="a message of another case"),
    ],
)  # fmt: skip
def test_what_an_area_is_asked_goes_to_areas_alone(choices, error):
    """Invariant 6, kept for side conversations: no address of the case, and none of ours."""
    a_mailbox()
    ticket = a_case()
    other = a_requester("socio@andina.example", "Socio")
    commands.add_participant(ticket_id=ticket.pk, person_id=other.pk, actor=as_agent(), now=NOW)
    with pytest.raises(error):
        ask(ticket, **choices)
    assert not mails()


def test_a_solved_case_asks_nobody():
    """Whoever has solved a case waits for no area; it is opened again first."""
    ticket = a_case()
    commands.set_status(ticket_id=ticket.pk, status="solved", actor=as_agent(), now=NOW)
    with pytest.raises(NotWhileSolved):
        ask(ticket)


def test_the_queue_puts_a_promise_to_the_customer_first():
    """An area's deadline sorts a case that owes nothing itself, and is never late in our name."""
    promised, waiting = a_case(now=NOW), a_case(now=NOW)
    by = {"actor": as_agent(), "now": NOW}
    for ticket in (promised, waiting):
        commands.give_verdict(ticket_id=ticket.pk, in_scope=False, clause="billing", **by)
        commands.reply_to_ticket(ticket_id=ticket.pk, body="Lo vemos.", **by)
    ask(waiting)
    due = clock_of(waiting, now=NOW).due_at
    commands.make_promise(ticket_id=promised.pk, by=due, **by)
    order = list(queries.queue("due", agent=an_agent(), now=NOW).values_list("pk", flat=True))
    assert order[:2] == [promised.pk, waiting.pk]
    waiting.refresh_from_db()
    assert (waiting.next_due_at, waiting.requester_due_at.year) == (None, 9999)
    later = due + DAY
    sweep_once(later)
    waiting.refresh_from_db()
    assert waiting.late_since is None
    late = [e for e in queries.chain_of(waiting) if e.kind == "clock.breached"]
    assert [(e.payload["metric"], e.audience) for e in late] == [(Metric.AREA_REPLY, "internal")]
    assert "area" not in visible_to_the_requester(waiting)


# — the mails ——————————————————————————————————————————————————————————————————————————


def test_the_area_gets_a_thread_of_its_own(smtp):
    """Severity, facts, chosen messages and files and the customer's consent, in a thread apart:
    nothing in it is a key to what the requester sees."""
    a_mailbox()
    record = take(
        a_mail(
            "Me cobraron dos veces la FV-1002.",
            proven=True,
            Message_ID="<origen@andina.example>",
            files={"factura.pdf": b"%PDF-1.4"},
        )
    )
    ticket = record.ticket
    message = ticket.messages.get()
    question = Question(
        area="credit", route="representative", email=CREDIT, name="Cartera", body="¿La **anulan**?",
        shared=[message.pk], files=[message.attachments.get().pk], consent="no",
    )  # fmt: skip
    commands.set_severity(ticket_id=ticket.pk, severity="B", actor=as_agent(), now=NOW)
    hand_off(ticket_id=ticket.pk, question=question, clause="billing", actor=as_agent(), now=NOW)
    asking = AreaAsk.objects.get()
    first = sent(smtp, mails()[0])
    text = text_of(first)
    for words in (
        "B · Moderado", "Me cobraron dos veces", "no quiere que lo contacten", "FV-1002",
        "Agente de nivel 1", "Por favor, respondan",
    ):  # fmt: skip
        assert words in text, words
    assert ticket.requester.email not in text
    assert [part.get_filename() for part in first.iter_attachments()] == ["factura.pdf"]
    assert list(tokens.in_addresses([first["Reply-To"]])) == [tokens.Token("s", asking.pk)]
    assert first["References"] is None
    assert first["Auto-Submitted"] is None
    commands.write_to_area(
        ask_id=asking.pk, body="¿Hay novedades?", actor=as_agent(), now=NOW + HOUR
    )
    second = sent(smtp, mails()[1], now=NOW + HOUR)
    assert second["References"] == first["Message-ID"]
    for message in (first, second):
        whole = message.as_string() + "".join(
            part.get_content() for part in message.walk() if part.get_content_maintype() == "text"
        )
        assert "origen@andina.example" not in whole
        assert "/requests/" not in whole
        assert tokens.make(tokens.REPLY, ticket.pk) not in whole
    reply = commands.reply_to_ticket(
        ticket_id=ticket.pk, body="Lo vemos.", actor=as_agent(), now=NOW + HOUR
    )
    public = sent(smtp, reply.mails.get(), now=NOW + HOUR)
    assert asking.email not in public.as_string()
    assert first["Message-ID"] not in public.as_string()


def test_only_consent_tells_the_area_where_the_customer_is(smtp):
    """An address of the customer goes along only where they agreed to be contacted."""
    a_mailbox()
    ticket = a_case()
    for consent, told in (("yes", True), ("no", False), ("unknown", False)):
        ask(ticket, email=f"{consent}@interno.example", consent=consent)
        assert (ticket.requester.email in text_of(sent(smtp, mails()[-1]))) is told
        assert mails()[-1].language != "en"
    ask(ticket, email="english@interno.example", language="en")
    assert "Answer this mail: it reaches the support team" in text_of(sent(smtp, mails()[-1]))


def test_an_answer_comes_back_into_the_case_and_to_nobody_else(smtp):
    """The area's mail is an internal entry, with its files; it meets the clock and ends the wait."""
    a_mailbox()
    ticket = a_case()
    commands.assign_ticket(
        ticket_id=ticket.pk, assignee_id=an_agent(2).pk, actor=as_agent(), now=NOW
    )
    asking = ask(ticket)
    commands.set_status(
        ticket_id=ticket.pk,
        status="pending",
        waiting_for="area",
        reason="Crédito",
        actor=as_agent(),
        now=NOW,
    )
    before = visible_to_the_requester(ticket)
    record = take(from_area(asking, files={"nc.txt": b"NC-77"}), now=NOW + HOUR)
    assert (record.fate, record.reason, record.ticket) == (Fate.APPENDED, Reason.AREA, ticket)
    ticket.refresh_from_db()
    side = AreaMessage.objects.order_by("-pk").first()
    assert (side.author_name, side.body_text) == ("Marta Ríos", "Anulada con la NC-77.")
    assert side.attachments.get().name == "nc.txt"
    assert clock_of(ticket, now=NOW + 2 * HOUR).state is State.MET
    assert ticket.status == "open"
    assert not PublicMessage.objects.filter(body_text__contains="NC-77").exists()
    after = visible_to_the_requester(ticket).splitlines()
    assert after == [*before.splitlines(), "status.changed"]
    told = Notice.objects.filter(news="area_answered").values_list("agent_id", flat=True)
    assert set(told) == {an_agent().pk, an_agent(2).pk}
    # An answer to the answer hangs on it, in the same thread.
    commands.write_to_area(ask_id=asking.pk, body="Gracias.", actor=as_agent(), now=NOW + 2 * HOUR)
    thanks = sent(smtp, mails()[-1], now=NOW + 2 * HOUR)
    assert thanks["In-Reply-To"] == record.message_id
    assert "Anulada con la NC-77." in text_of(thanks)


def _reason(record):
    return record.fate, record.reason


@pytest.mark.parametrize(
    ("headers", "fate", "counts"),
    [
        pytest.param({}, (Fate.APPENDED, Reason.AREA), True, id="the address that was asked"),
        pytest.param({"sender": "jefe@interno.example"}, (Fate.APPENDED, Reason.AREA), True, id="a colleague of the same domain"),
        pytest.param({"sender": "x@otra.example"}, (Fate.PARKED, Reason.AREA_STRANGER), False, id="a stranger who has the address"),
        pytest.param({"sender": "compras@andina.example"}, (Fate.PARKED, Reason.AREA_STRANGER), False, id="the requester who has the address"),
        pytest.param({"Authentication_Results": "mx.iws.example; dmarc=fail header.from=interno.example"}, (Fate.PARKED, Reason.AREA_STRANGER), False, id="a forged sender"),
        pytest.param({"Auto_Submitted": "auto-replied"}, (Fate.APPENDED, Reason.MACHINE), False, id="out of office"),
        pytest.param({"subject": "Fuera de la oficina: caso"}, (Fate.APPENDED, Reason.MACHINE), False, id="out of office, by its subject alone"),
        pytest.param({"Auto_Submitted": "auto-generated"}, (Fate.APPENDED, Reason.MACHINE), False, id="the receipt of their own desk"),
        pytest.param({"List_Id": "<cartera.interno.example>"}, (Fate.APPENDED, Reason.AREA), True, id="through the area's own list"),
        pytest.param({"sender": "agente1@demo.example"}, (Fate.PARKED, Reason.AGENT_UNPROVEN), False, id="in an agent's name"),
        pytest.param({"sender": "agente1@demo.example", "proven": True}, (Fate.APPENDED, Reason.NOTE), False, id="an agent in copy"),
        pytest.param({"to": "soporte@iws.example"}, (Fate.NEW_TICKET, ""), False, id="without any proof, a case like any other"),
        pytest.param({"to": "soporte@iws.example", "subject": "RE: [{number}] caso"}, (Fate.NEW_TICKET, ""), False, id="a case number in the subject grants nothing"),
    ],
)  # fmt: skip
def test_who_may_speak_for_an_area(headers, fate, counts):
    """Invariants 4 and 5: by proof and a known address; machines are noted; nobody is answered."""
    a_mailbox()
    ticket = a_case()
    asking = ask(ticket)
    known, acknowledged = (
        visible_to_the_requester(ticket),
        OutboundMail.objects.filter(recipient=CREDIT).count(),
    )
    subject = headers.get("subject", "RE: caso").replace("{number}", ticket.number)
    record = take(from_area(asking, **headers | {"subject": subject}), now=NOW + HOUR)
    assert _reason(record) == fate
    assert (asks_of(queries.chain_of(ticket))["ask-1"].answered_at is not None) is counts
    assert visible_to_the_requester(ticket) == known
    assert PublicMessage.objects.filter(ticket=ticket).count() == 1
    if fate[0] != Fate.NEW_TICKET:
        assert OutboundMail.objects.filter(recipient=CREDIT).count() == acknowledged
        assert Ticket.objects.count() == 1
    else:
        assert record.ticket != ticket


def test_a_colleague_of_a_shared_domain_is_nobody():
    """A representative at a public mail provider speaks for themselves alone."""
    a_mailbox()
    asking = ask(a_case(), email="rep@gmail.com")
    assert _reason(take(from_area(asking, sender="otro@gmail.com"))) == (
        Fate.PARKED,
        Reason.AREA_STRANGER,
    )
    assert _reason(take(from_area(asking, sender="rep@gmail.com"))) == (Fate.APPENDED, Reason.AREA)


def test_the_thread_proves_itself_without_a_token_in_the_address(smtp):
    """Where the mailbox takes no plus addresses, In-Reply-To or the mark in the text is the proof;
    the requester's own words with the same proof do not enter their thread by it, unless a person
    lets them through: then they are theirs, and no answer of the area's."""
    a_mailbox(plus_addressing=False)
    asking = ask(a_case())
    mail = sent(smtp, mails()[0])
    assert mail["Reply-To"] == "soporte@iws.example"
    by_id = take(from_area(asking, to="soporte@iws.example", In_Reply_To=mail["Message-ID"]))
    by_text = take(
        from_area(
            asking,
            f"Sí.\n\n> [plazo:{tokens.make(tokens.AREA, asking.pk)}]",
            to="soporte@iws.example",
        )
    )
    theirs = take(
        from_area(asking, "Otra vez.", to="soporte@iws.example", In_Reply_To=by_id.message_id)
    )
    assert {r.reason for r in (by_id, by_text, theirs)} == {Reason.AREA}
    client = take(
        a_mail(
            "¿Qué dicen?",
            to=f"soporte@iws.example, {CREDIT}",
            In_Reply_To=mail["Message-ID"],
            proven=True,
        )
    )
    assert _reason(client) == (Fate.PARKED, Reason.AREA_STRANGER)
    assert intake.run_again(client.pk, actor=as_agent(), now=NOW)
    intake.process(client.pk, now=NOW)
    assert not AreaMessage.objects.filter(body_text="¿Qué dicen?").exists()
    said = PublicMessage.objects.get(body_text="¿Qué dicen?")  # a person insisted
    assert said.author_requester == asking.ticket.requester
    assert not asking.ticket.participants.exists()  # the area is in copy, and no part of the case


def test_the_requesters_answer_stays_theirs_with_the_area_in_copy():
    """Whoever forwards both threads together takes nobody's voice: with the proof of their own
    thread a requester's words are a reply of theirs; what is kept back is told to who asked."""
    a_mailbox()
    ticket = a_case()
    asking = ask(ticket)
    theirs = tokens.plus_address("soporte@iws.example", tokens.make(tokens.REPLY, ticket.pk))
    both = a_mail("Ya pagué.", to=f"{theirs}, {reply_to(asking)}")
    record = take(both, now=NOW + HOUR)
    assert _reason(record) == (Fate.APPENDED, "")
    assert PublicMessage.objects.filter(body_text="Ya pagué.").exists()
    assert clock_of(ticket, now=NOW + HOUR).state is State.RUNNING
    take(from_area(asking, sender="x@otra.example"), now=NOW + HOUR)
    assert Notice.objects.get(news="area_parked").agent == an_agent()
    # Who answers the area and us is kept back, and is waited for no more: only if it is them.
    commands.set_status(
        ticket_id=ticket.pk,
        status="pending",
        waiting_for="requester",
        reason="Falta la traza",
        actor=as_agent(),
        now=NOW + HOUR,
    )
    for proven, status in ((False, "pending"), (True, "open")):
        aside = a_mail(f"Va la traza. {proven}", to=reply_to(asking), proven=proven)
        assert _reason(take(aside, now=NOW + HOUR)) == (Fate.PARKED, Reason.AREA_STRANGER)
        ticket.refresh_from_db()
        assert ticket.status == status


def test_a_mail_that_does_not_arrive_is_said_on_the_case(smtp):
    """The area's server refuses, or a report comes back: whoever asked must know, once."""
    a_mailbox()
    ticket = a_case()
    smtp.refuse[CREDIT] = "550 no such user"
    asking = ask(ticket)
    assert sending.send(mails()[0].pk, now=NOW) == MailState.FAILED
    assert kinds_of(ticket)[-1] == "area.undelivered"
    assert Notice.objects.get(news="area_unreached").agent == an_agent()  # who asked
    commands.assign_ticket(
        ticket_id=ticket.pk, assignee_id=an_agent(2).pk, actor=as_agent(), now=NOW
    )
    smtp.refuse.clear()
    commands.write_to_area(ask_id=asking.pk, body="¿Lo ven?", actor=as_agent(), now=NOW + HOUR)
    sent(smtp, mails()[1], now=NOW + HOUR)
    for _twice in range(2):
        sending.record_bounce(mails()[1].pk, reason="550 gone", permanent=True, now=NOW + 2 * HOUR)
    assert kinds_of(ticket).count("area.undelivered") == 2
    assert Notice.objects.filter(news="area_unreached", agent=an_agent(2)).count() == 1


# — receipt and reminders ——————————————————————————————————————————————————————————————


def test_a_receipt_needs_a_button_and_no_account(client):
    """Scanners follow links: only the button counts. It is no answer, and shows nothing of the case."""
    ticket = a_case()
    asking = ask(ticket)
    for language, words in (("es", "Lo tenemos"), ("en", "We have it")):
        address = f"/hc/{language}/areas/{receipt_token(asking)}/"
        for method in (client.get, client.head, client.get):
            assert method(address).status_code == 200
        page = client.get(address).content.decode()
        assert words in page
        assert ticket.subject not in page
        assert ticket.requester.name not in page
    assert "area.received" not in kinds_of(ticket)
    for _twice in range(2):
        assert client.post(address, follow=True).status_code == 200
    assert kinds_of(ticket).count("area.received") == 1
    assert clock_of(ticket, now=NOW + HOUR).state is State.RUNNING
    assert client.get(f"/hc/es/areas/{receipt_token(asking)}x/").status_code == 404
    commands.withdraw_ask(ask_id=asking.pk, actor=as_agent(), now=NOW + HOUR)
    client.post(address)
    assert kinds_of(ticket)[-1] == "area.withdrawn"
    assert "no hace falta" in client.get(f"/hc/es/areas/{receipt_token(asking)}/").content.decode()


def test_a_receipts_link_ends_and_says_what_to_do(client):
    """With its case, and thirty days after our latest mail about it: a reminder brings a new one."""
    ticket = a_case()
    asking = ask(ticket)
    address = f"/hc/es/areas/{receipt_token(asking)}/"
    with time_machine.travel(NOW + 29 * DAY, tick=False):
        assert "Lo tenemos" in client.get(address).content.decode()
    by = {"ticket_id": ticket.pk, "actor": as_agent(), "now": NOW + 29 * DAY}
    commands.remind_area(ask_id=asking.pk, why="late", actor=as_agent(), now=NOW + 29 * DAY)
    commands.set_status(status="solved", **by)
    with time_machine.travel(NOW + 31 * DAY, tick=False):
        client.post(address)
        assert "El caso está resuelto" in client.get(address).content.decode()
    with time_machine.travel(NOW + 59 * DAY, tick=False):
        for method in (client.get, client.post):
            over = method(address, follow=True)
            assert over.status_code == 410
            assert "respondan cualquier correo nuestro" in over.content.decode()
            assert ticket.number not in over.content.decode()
    assert "area.received" not in kinds_of(ticket)


def test_a_silent_area_is_reminded_by_its_own_target(smtp):
    """Warned at 75 %, at the deadline, then every four hours of its calendar, until it answers.

    Asked on Tuesday at 14:52: eight working hours end on Wednesday at 6:52, six at 20:52."""
    ticket = a_case()
    commands.assign_ticket(
        ticket_id=ticket.pk, assignee_id=an_agent(2).pk, actor=as_agent(), now=NOW
    )
    asking = ask(ticket)
    reminders = [look(asking) for _reminder in range(4)]
    assert [at - NOW for at in reminders] == [
        6 * HOUR, 16 * HOUR + TICK, 20 * HOUR + TICK, 24 * HOUR + TICK,
    ]  # fmt: skip
    at = reminders[-1]
    assert loop.remind_once(at) == 0
    events = [e for e in queries.chain_of(ticket) if e.kind == "area.reminded"]
    assert [(e.payload["number"], e.payload["why"]) for e in events] == [
        (1, "warning"), (2, "late"), (3, "late"), (4, "late"),
    ]  # fmt: skip
    planned = mails(MailKind.AREA_REMINDED)
    assert len(planned) == 4
    first = sent(smtp, planned[0], now=planned[0].created_at)
    assert first["Auto-Submitted"] == "auto-generated"
    assert "¿Pueden anular la FV-1002?" in text_of(first)
    assert "Lo tenemos" in text_of(first)
    # Whoever reads it has perhaps not seen what was asked: all of it stands there again.
    assert "respondan el miércoles 25 de noviembre antes de las 6:52 EST" in text_of(first)
    assert f"Solicitante: {ticket.requester.name}" in text_of(first)
    assert "No le preguntamos al cliente si pueden contactarlo" in text_of(first)
    late = text_of(sent(smtp, planned[1], now=planned[1].created_at))
    assert "se cumplió el miércoles 25 de noviembre a las 6:52 EST y el cliente espera" in late
    assert "antes de las" not in late
    assert Notice.objects.get(news="area_silent", agent=an_agent(2)).count == 4
    # Answered between the planning and the sending, nobody is reminded; and that is no failure.
    commands.record_area_receipt(ask_id=asking.pk, actor=Actor.system("areas"), now=at)
    take(from_area(asking), now=at) if a_mailbox() else None
    assert sending.send(planned[3].pk, now=at) == MailState.FAILED
    assert "area.undelivered" not in kinds_of(ticket)
    asking.refresh_from_db()
    assert asking.remind_at is None
    assert loop.remind_once(at + 30 * DAY) == 0


@pytest.mark.parametrize(
    ("what", "first"),
    [
        pytest.param("receipt", 16 * HOUR + TICK, id="a receipt spares the warning, not the deadline"),
        pytest.param("withdraw", None, id="withdrawn, nobody is reminded"),
        pytest.param("solve", None, id="solved, nobody is reminded"),
        pytest.param("reopen", 16 * HOUR, id="opened again, the time in between left out"),
        pytest.param("down", 3 * DAY + 18 * HOUR + 8 * MINUTE, id="what was missed is one reminder, in their hours"),
    ],
)  # fmt: skip
def test_what_moves_a_reminder(what, first):
    """A receipt, a withdrawal, a solution, its end, and a loop that was down for days."""
    ticket = a_case()
    asking = ask(ticket)
    by = {"actor": as_agent()}
    match what:
        case "receipt":
            commands.record_area_receipt(ask_id=asking.pk, now=NOW + MINUTE, **by)
        case "withdraw":
            commands.withdraw_ask(ask_id=asking.pk, now=NOW + MINUTE, **by)
        case "solve" | "reopen":
            commands.set_status(ticket_id=ticket.pk, status="solved", now=NOW + HOUR, **by)
            if what == "reopen":
                commands.reopen_ticket(ticket_id=ticket.pk, now=NOW + 3 * HOUR, **by)
        case "down":
            assert loop.remind_once(NOW + 3 * DAY + 8 * HOUR) == 0  # Friday at 22:52 is closed
    found = look(asking)
    assert (found - NOW if found else None) == first
    assert len(mails(MailKind.AREA_REMINDED)) == (1 if first else 0)
    if what == "down":
        last = TicketEvent.objects.filter(kind="area.reminded").get()
        assert last.payload["why"] == "late"


def test_a_mail_that_only_says_we_have_it_is_no_answer():
    """People write “received, we will look” by hand: set aside, the clock stands as if it had not
    come, the warning is spared, and a later answer counts."""
    a_mailbox()
    ticket = a_case()
    asking = ask(ticket)
    take(from_area(asking, "Recibido, lo vemos."), now=NOW + HOUR)
    by = {"actor": as_agent(), "now": NOW + 2 * HOUR}
    commands.set_answers_aside(ask_id=asking.pk, **by)
    with pytest.raises(AskEnded):
        commands.set_answers_aside(ask_id=asking.pk, **by)
    assert asks_of(queries.chain_of(ticket))["ask-1"].standing == "received"
    assert clock_of(ticket, now=NOW + 3 * HOUR).state is State.RUNNING
    assert look(asking) == NOW + 16 * HOUR + TICK
    take(from_area(asking, "Anulada."), now=NOW + 17 * HOUR)
    late = clock_of(ticket, now=NOW + 18 * HOUR)
    assert (late.state, late.done_at) == (State.BREACHED, NOW + 17 * HOUR)
    assert look(asking) is None


def found(field, op, value, *, now):
    condition = filters.Condition(field, op, value)
    return set(
        Ticket.objects.filter(condition.q(filters.Context(now))).values_list("pk", flat=True)
    )


@pytest.mark.parametrize(
    ("field", "op", "value", "expected"),
    [
        ("area", "any_of", ["credit"], {"asked", "late", "answered", "withdrawn", "solved"}),
        ("area", "any_of", ["integrations"], {"late"}),
        ("area", "none_of", ["credit"], {"never"}),
        ("area", "unset", None, {"never"}),
        ("area_answer", "any_of", ["awaited"], {"asked", "late"}),
        ("area_answer", "any_of", ["late"], {"late"}),
        ("area_answer", "any_of", ["given"], {"answered"}),
        ("area_answer", "none_of", ["awaited"], {"never", "answered", "withdrawn", "solved"}),
        ("area_answer", "none_of", ["late", "given"], {"never", "asked", "withdrawn", "solved"}),
    ],
)
def test_cases_are_found_by_what_areas_owe(field, op, value, expected):
    """Whom we asked, and whether an answer is awaited, late or here; a solved case waits for none."""
    early = NOW - 3 * DAY
    names = ("never", "asked", "late", "answered", "withdrawn", "solved")
    cases = {name: a_case(subject=name, now=early) for name in names}
    asks = {name: ask(case, now=early + HOUR) for name, case in list(cases.items())[1:]}
    ask(cases["asked"], now=NOW - HOUR, body="¿Y la FV-1003?")
    by = {"actor": as_agent(), "now": early + 2 * HOUR}
    commands.withdraw_ask(ask_id=asks["asked"].pk, **by)
    ask(cases["late"], now=NOW - HOUR, area="integrations", clause="environment", body="¿Lo ven?")
    commands.record_area_answer(ask_id=asks["answered"].pk, written=written_plain("Sí."), **by)
    commands.withdraw_ask(ask_id=asks["withdrawn"].pk, **by)
    commands.set_status(ticket_id=cases["solved"].pk, status="solved", **by)

    keys = {case.pk: name for name, case in cases.items()}
    assert {keys[pk] for pk in found(field, op, value, now=NOW)} == expected


def test_an_answer_that_was_none_is_awaited_again_and_one_of_a_reopened_case():
    """What is kept of an asking follows its timeline: set aside, solved and opened again."""
    ticket = a_case(now=NOW - 2 * DAY)
    asking = ask(ticket, now=NOW - 2 * DAY)
    by = {"actor": as_agent(), "now": NOW - DAY}
    commands.record_area_answer(ask_id=asking.pk, written=written_plain("Lo vemos."), **by)
    commands.set_answers_aside(ask_id=asking.pk, **by)
    assert found("area_answer", "any_of", ["late"], now=NOW) == {ticket.pk}
    commands.set_status(ticket_id=ticket.pk, status="solved", **by)
    assert found("area_answer", "any_of", ["late"], now=NOW) == set()
    commands.reopen_ticket(ticket_id=ticket.pk, **by)
    assert found("area_answer", "any_of", ["late"], now=NOW) == {ticket.pk}


def test_a_reminder_is_there_whole_or_not_at_all(monkeypatch):
    """Killed at any line, a reminder leaves neither an event without a mail nor a second mail."""
    ticket = a_case()
    asking = ask(ticket)
    due = NOW + 7 * HOUR

    class Killed(Exception):
        pass

    def die(*args, **kwargs):
        raise Killed

    for place in (
        "plazo.triage.readers.next_reminder",
        "plazo.notifications.planning.nudge",
        "plazo.tickets.projection.refresh",
    ):
        with monkeypatch.context() as patched:
            patched.setattr(place, die)
            with transaction.atomic(), pytest.raises(Killed):
                loop._remind(asking.pk, ticket.pk, due)
        assert "area.reminded" not in kinds_of(ticket)
        assert not mails(MailKind.AREA_REMINDED)
    assert loop.remind_once(due) == 1
    assert len(mails(MailKind.AREA_REMINDED)) == kinds_of(ticket).count("area.reminded") == 1


# — what ends ——————————————————————————————————————————————————————————————————————————


def test_a_question_is_withdrawn_once_and_the_area_is_told(smtp):
    """The area is thanked, the wait ends, and nothing more is written in that thread."""
    ticket = a_case()
    asking = ask(ticket)
    by = {"actor": as_agent(), "now": NOW + HOUR}
    commands.set_status(
        ticket_id=ticket.pk, status="pending", waiting_for="area", reason="Crédito", **by
    )
    commands.withdraw_ask(ask_id=asking.pk, **by)
    ticket.refresh_from_db()
    assert ticket.status == "open"
    assert "Ya no hace falta" in text_of(sent(smtp, mails()[-1], now=NOW + HOUR))
    for refused in (
        lambda: commands.withdraw_ask(ask_id=asking.pk, **by),
        lambda: commands.write_to_area(ask_id=asking.pk, body="Una cosa más", **by),
    ):
        with pytest.raises(AskEnded):
            refused()
    # What it answers all the same is kept, and changes no clock.
    a_mailbox()
    assert take(from_area(asking), now=NOW + 2 * HOUR).reason == Reason.AREA
    assert clock_of(ticket, now=NOW + 2 * HOUR).state is State.CANCELLED


def test_an_answer_finds_its_case_after_a_merge():
    """A case that was merged away takes its area's answer, and the survivor shows it."""
    a_mailbox()
    gone, kept = a_case(), a_case()
    asking = ask(gone)
    commands.merge_ticket(ticket_id=gone.pk, into_id=kept.pk, actor=as_agent(), now=NOW + MINUTE)
    assert take(from_area(asking), now=NOW + HOUR).ticket == gone
    kept.refresh_from_db()
    chain = queries.chain_of(kept)
    shown = queries.conversation(kept, chain, internal=True, merged=joins.taken_in(chain))
    sides = [(entry.kind, entry.number) for entry in shown if entry.kind == "side"]
    assert sides == [("side", gone.number)] * 2
    asked = queries.conversation(kept, chain, internal=False, merged=joins.taken_in(chain))
    assert all(entry.kind != "side" for entry in asked)


def test_erasing_takes_side_conversations_along():
    """What was passed on is erased with its message, and with the person all that areas were told."""
    a_mailbox()
    by = {"actor": as_agent(), "now": NOW + DAY}
    upload = StoredUpload(*("a" * 64, "x.txt", "text/plain", 1))
    ticket = a_case()
    asking = ask(ticket, shared=[ticket.messages.get().pk], attachments=[upload])
    take(from_area(asking, "Es de Compras Andina."), now=NOW + HOUR)
    sending.send(mails()[0].pk, now=NOW)
    commands.redact_message(message_id=ticket.messages.get().pk, **by)
    assert set(AreaMessage.objects.values_list("body_text", "quoted_text")) == {("", "")}
    assert not Attachment.objects.filter(area_message__isnull=False).exists()
    assert set(
        OutboundMail.objects.filter(pk__in=[m.pk for m in mails()]).values_list(
            "body_text", flat=True
        )
    ) == {""}
    # A second case, which passed nothing on: it goes with the person.
    other = a_case(now=NOW)
    apart = ask(other, email="otra@interno.example", now=NOW)
    unseen = AreaMessage.objects.get(ask=apart)
    for number in (ticket, other):
        commands.set_status(ticket_id=number.pk, status="solved", **by)
    erasure.erase_requester(requester_id=ticket.requester_id, **by)
    unseen.refresh_from_db()
    assert unseen.body_text == ""
    assert not OutboundMail.objects.filter(about__ticket=other.pk).exclude(body_text="").exists()


def test_a_company_has_a_representative():
    """Who of sales answers for a company is set once, and the trail says by whom."""
    from plazo.accounts.models import Organization
    from plazo.core.models import AuditEntry

    company = Organization.objects.create(name="Andina", slug="andina")
    for _twice in range(2):
        set_representative(
            organization_id=company.pk,
            name="Daniela  Orrego",
            email="D@Ventas.example",
            actor=as_agent(),
            now=NOW,
        )
    company.refresh_from_db()
    assert (company.representative_name, company.representative_email) == (
        "Daniela Orrego",
        "d@ventas.example",
    )
    assert AuditEntry.objects.filter(what="organization.representative").count() == 1
