"""Agents who answer notices from their own mail: a reply to the requester, or a note, never a leak."""

from datetime import timedelta

import pytest
from django.utils import translation

from plazo.channels.email import answers, intake
from plazo.channels.email.models import Fate, IntakeRecord, Reason
from plazo.channels.email.parsing import parse
from plazo.core.errors import told
from plazo.mailboxes import tokens
from plazo.mailboxes.models import Mailbox
from plazo.notifications.models import MailKind, OutboundMail
from plazo.notifications.rendering import render
from plazo.tickets import commands, queries
from plazo.tickets.models import Authenticity, InternalNote, PublicMessage, Ticket
from tests.factory import TUESDAY, an_agent, as_agent, publish_iws
from tests.mails import a_mail, a_mailbox, arrive

MINUTE = timedelta(minutes=1)
DESK = "http://127.0.0.1:8000/desk/"
AGENT = "Agente de nivel 1 <agente1@demo.example>"
BOXES = [Mailbox(name="Soporte IWS", address="soporte@iws.example")]

# Each: what an agent writes first, and what the note says then.
MARKED = {
    "#note\nes difícil": "es difícil",
    "#nota\nes difícil": "es difícil",
    "#note es difícil": "es difícil",
    "#note: es difícil\ny tarda": "es difícil\ny tarda",
    "#NOTA - es difícil": "es difícil",
    "# note\nes difícil": "es difícil",
    "*#note*\nes difícil": "es difícil",
    "**#nota:** es difícil": "es difícil",
    "  > #note\nes difícil": "es difícil",
    "\u200b#note\nes difícil": "es difícil",
    "#no\u00adte\nes difícil": "es difícil",
    "#note\u00a0\nes difícil": "es difícil",
    "\uff03note es difícil": "es difícil",
    "\n\n#notes\nes difícil": "es difícil",
    "Especialista:\n#note\nes difícil": "Especialista:\n#note\nes difícil",
    "Hola\n\n#notita es difícil": "Hola\n\n#notita es difícil",
    "#n0te es difícil": "#n0te es difícil",
}
UNMARKED = [
    "Ya quedó.",
    "La nota #4512 ya salió.",
    "Nota: el portal cierra a las 22.",
    "El caso #note no existe en su correo.",
    "uno\ndos\ntres\ncuatro\ncinco\n#note ya es tarde para decirlo",
]


def read(text: str, subject: str = "Re: [IWS-20001] Asignado", **more: str) -> answers.Answer:
    mail = parse(a_mail(text, sender=AGENT, subject=subject, In_Reply_To="<x@iws.example>", **more))
    return answers.read(mail, BOXES, desk_url=DESK)


@pytest.mark.parametrize("text", list(MARKED))
def test_a_mark_for_a_note_is_found_however_it_is_dressed(text: str) -> None:
    """Phones, editors and habits change how the mark looks; the team's words must stay inside."""
    assert read(text) == answers.Answer(MARKED[text], is_note=True)


@pytest.mark.parametrize("text", UNMARKED)
def test_what_is_no_mark_is_a_reply(text: str) -> None:
    """A word like it further down, or within a line, is what the agent says."""
    assert read(text) == answers.Answer(text, is_note=False)


def test_a_mark_in_the_subject_counts() -> None:
    """Some write it where they change the subject anyway."""
    assert read("es difícil", subject="Re: [IWS-20001] #note").is_note


KEPT = {
    "what dashes begin": "Use este comando:\n--\nselect * from ordenes where a*b*c = __x__;\n\nY nos avisa.",
    "a whole mail of prose": "El 24 de noviembre de 2026 a las 10:14 el cliente escribió:\nque no llegaba. Ya lo arreglamos.",
    "prose below words": "Vea esto:\nEl 24 de noviembre de 2026 a las 10:14 el cliente escribió:\nque no llegaba. Ya lo arreglamos.",
    "a signature": "Ya quedó.\n-- \nAna, soporte",
}
NOTICE = f"IWS-20001 · La orden\nAsignado\n\nla orden no llega\n\nAbrir el caso: {DESK}tickets/IWS-20001/\n"
QUOTED = "\n".join(f"> {line}" for line in NOTICE.split("\n"))
CUT = {
    "Gmail's": f"El mar, 24 nov 2026 a la(s) 10:14, Soporte IWS (<soporte+a1-abc@iws.example>) escribió:\n\n{QUOTED}",
    "Thunderbird's": "El 24/11/26 a las 10:14, Soporte IWS escribió:\n> la orden no llega",
    "Outlook's": "De: Soporte IWS <soporte@iws.example>\nEnviado el: martes, 24 de noviembre de 2026 10:14\nPara: Agente <agente1@demo.example>\nAsunto: [IWS-20001] Asignado\n\nla orden no llega",
    "one with its token": "El 24/11/26 a las 10:14, Mesa escribió:\n> la orden no llega\n> [plazo:a1-abcdefghijklmnopqrst]",
    "a phone's line and the notice": f"Enviado desde mi iPhone\n\n> El 24 nov 2026, a las 10:14, Soporte IWS <soporte@iws.example> escribió:\n> \n{QUOTED}",
}


@pytest.mark.parametrize("name", list(KEPT))
def test_nothing_of_an_answer_is_cut_off_in_silence(name: str) -> None:
    """What looks like a signature or a history may be the very thing that the requester needs."""
    assert read(KEPT[name]).text == KEPT[name]


@pytest.mark.parametrize("name", list(CUT))
def test_the_notice_itself_is_not_sent_to_the_requester(name: str) -> None:
    """It holds links to the desk and the agent's token, and the requester knows the rest."""
    assert read(f"Ya quedó.\n\n{CUT[name]}").text == "Ya quedó."


def test_an_answer_between_the_notices_lines_leaves_out_what_is_ours_alone() -> None:
    """The token and the desk's link stay inside, wherever the agent writes."""
    said = read(
        "El 24/11/26 a las 10:14, Mesa escribió:\n> ¿Qué orden es? Dígame el número completo.\nLa 4512.\n"
        f"> Abrir el caso: {DESK}tickets/IWS-20001/\n> [plazo:a1-abcdefghijklmnopqrst]\nSaludos de Ana."
    ).text
    assert "La 4512." in said
    assert "plazo:" not in said
    assert DESK not in said


TOKEN = tokens.plus_address("soporte@iws.example", tokens.make(tokens.AGENT, 7))
OWN = {"soporte@iws.example"}
FORWARD = "Vea.\n\n---------- Forwarded message ---------\nFrom: Soporte IWS <soporte@iws.example>\nDate: mar, 24 nov 2026\nSubject: x\nTo: a@x.example\n\nhola"
BELOW = (
    "Ya quedó.\n\nEl 24/11/2026 a las 9:12, Jefe escribió:\n> mira esto\n> \n> "
    + FORWARD.partition("\n\n")[2]
    .replace("\n", "\n> ")
    .replace("Soporte IWS <soporte@iws.example>", "Carla <carla@x.example>")
)
ADDRESSED = [
    pytest.param("address", {"to": TOKEN}, True, id="to the notice's reply address"),
    pytest.param("address", {"to": f"{TOKEN}, jefe@demo.example"}, True, id="and to another"),
    pytest.param("address", {"to": TOKEN, "Cc": "jefe@demo.example"}, True, id="another in copy"),
    pytest.param("address", {"to": "carla@x.example", "Cc": TOKEN}, False, id="to another"),
    pytest.param("address", {"to": TOKEN, "subject": "RV: aviso"}, False, id="passed on"),
    pytest.param("address", {"to": TOKEN, "subject": "Re: Fwd: aviso"}, False, id="passed on twice"),
    pytest.param("address", {"to": TOKEN, "body": FORWARD}, False, id="with a forwarded mail"),
    pytest.param("address", {"to": TOKEN, "body": BELOW}, False, id="with one in the history"),
    pytest.param("notice", {"to": "soporte@iws.example"}, True, id="to us, naming a notice"),
    pytest.param("notice", {"to": "soporte+x@iws.example"}, True, id="to us, with anything more"),
    pytest.param(
        "notice", {"to": "carla@x.example", "Cc": "soporte@iws.example"}, False, id="us in copy"
    ),
    pytest.param(
        "notice", {"to": "soporte@iws.example, carla@x.example"}, False, id="to us and another"
    ),
    pytest.param("notice", {"to": ""}, False, id="to nobody"),
    pytest.param("notice", {"to": "soporte@iws.example", "subject": "ENC: a"}, False, id="ENC"),
    pytest.param("mention", {"to": "soporte@iws.example"}, False, id="naming the case otherwise"),
]  # fmt: skip


@pytest.mark.parametrize(("proof", "how", "published"), ADDRESSED)
def test_only_what_is_written_to_the_desk_is_for_the_requester(proof, how, published):
    """An agent who passes a notice on, with the desk in copy, does not speak to the customer."""
    wanted = {"body": "Ya quedó.", "subject": "Re: aviso"} | how
    mail = parse(a_mail(wanted.pop("body"), sender=AGENT, **wanted))
    answer = answers.read(mail, BOXES, desk_url=DESK)
    assert answers.may_be_published(answer, proof, mail, OWN) is published


# — with everything around it ——————————————————————————————————————————————————————————————


@pytest.fixture
def world(db):
    publish_iws()
    an_agent()
    a_mailbox()


def take(raw: bytes, *, now=TUESDAY) -> IntakeRecord:
    record = arrive(raw)
    intake.process(record.pk, now=now)
    record.refresh_from_db()
    return record


def assigned(**headers: str) -> tuple[Ticket, OutboundMail]:
    """Return a case that came by mail, and the notice by which the agent hears that it is theirs."""
    ticket = take(a_mail(**headers)).ticket
    commands.assign_ticket(
        ticket_id=ticket.pk, assignee_id=an_agent().pk, actor=as_agent(2), now=TUESDAY
    )
    return ticket, OutboundMail.objects.get(ticket=ticket, kind=MailKind.ASSIGNED)


def answered(ticket: Ticket, body: str, **more) -> IntakeRecord:
    """Have the agent answer the notice's reply address, proven unless told otherwise."""
    to = tokens.plus_address("soporte@iws.example", tokens.make(tokens.AGENT, ticket.pk))
    wanted = {"sender": AGENT, "to": to, "subject": "Re: aviso", "proven": True} | more
    return take(a_mail(body, **wanted), now=TUESDAY + MINUTE)


def said(ticket: Ticket) -> tuple[list[str], list[str]]:
    """Return what agents told the requester, and what they noted."""
    replies = PublicMessage.objects.filter(ticket=ticket, author_agent__isnull=False)
    notes = InternalNote.objects.filter(ticket=ticket)
    return (
        list(replies.values_list("body_text", flat=True)),
        list(notes.values_list("body_text", flat=True)),
    )


def test_a_marked_answer_stays_inside(world):
    """No mail to the requester is even planned."""
    ticket, _ = assigned()
    record = answered(ticket, "*#nota*: el cliente es difícil")
    assert (record.fate, record.reason, record.ticket) == (Fate.APPENDED, Reason.NOTE, ticket)
    assert said(ticket) == ([], ["el cliente es difícil"])
    assert not OutboundMail.objects.filter(kind=MailKind.REPLY).exists()


def test_a_notice_that_is_passed_on_with_us_in_copy_stays_inside(world):
    """The token in the forwarded text names the case, and says nothing about whom it is for."""
    ticket, notice = assigned()
    _subject, text, _html = render(notice)
    body = f"Carla, este cliente está moroso. No le digas nada.\n\n---------- Forwarded message ---------\nFrom: Soporte IWS <soporte@iws.example>\nDate: mié, 25 nov 2026 a las 9:07\nSubject: aviso\nTo: agente1@demo.example\n\n{text}"
    record = answered(
        ticket, body, to="carla@credito.example", Cc="soporte@iws.example", subject="Fwd: aviso"
    )
    assert (record.fate, record.reason, record.ticket) == (Fate.APPENDED, Reason.NOTE, ticket)
    replies, (note,) = said(ticket)
    assert replies == []
    assert "moroso" in note
    assert "no enviado al solicitante" in note  # the agent is told that it went no further
    assert not OutboundMail.objects.filter(kind=MailKind.REPLY).exists()


def test_the_requesters_own_proof_makes_no_reply_of_an_agents_mail(world):
    """Only what we gave to agents lets them speak for us by mail; the rest is a note."""
    ticket, _ = assigned()
    to = tokens.plus_address("soporte@iws.example", tokens.make(tokens.REPLY, ticket.pk))
    record = answered(ticket, "Ya quedó.", to=to)
    assert (record.fate, record.reason, record.ticket) == (Fate.APPENDED, Reason.NOTE, ticket)
    assert said(ticket)[0] == []


OTHERS = [
    pytest.param("mx.iws.example; dmarc=pass header.from=malo.example", AGENT, id="another domain"),
    pytest.param("mx.iws.example; dmarc=pass", AGENT, id="no domain at all"),
    pytest.param("mx.iws.example; dmarc=pass header.from=example", AGENT, id="only the ending"),
    pytest.param(
        "mx.iws.example; dmarc=pass header.from=demo.example",
        "agente1@demo.example, mal@malo.example",
        id="two authors",
    ),
]


@pytest.mark.parametrize(("results", "sender"), OTHERS)
def test_a_proof_of_another_sender_lets_nobody_speak_as_an_agent(world, results, sender):
    """Whoever proves their own domain has not proven the agent's."""
    ticket, _ = assigned()
    record = answered(
        ticket, "Ya quedó.", sender=sender, proven=False, Authentication_Results=results
    )
    assert (record.fate, record.reason) == (Fate.PARKED, Reason.AGENT_UNPROVEN)
    assert record.authenticity == Authenticity.UNKNOWN
    assert said(ticket) == ([], [])


def test_two_from_headers_prove_nothing(world):
    """Our server may have checked the one, while we read the other."""
    ticket, _ = assigned()
    to = tokens.plus_address("soporte@iws.example", tokens.make(tokens.AGENT, ticket.pk))
    raw = b"From: mal@malo.example\r\n" + a_mail("Ya quedó.", sender=AGENT, to=to, proven=True)
    record = take(raw.replace(b"From: mal", b"X: y\r\nFrom: mal", 1), now=TUESDAY + MINUTE)
    assert record.authenticity == Authenticity.UNKNOWN
    assert said(ticket) == ([], [])


def test_an_unproven_answer_is_seen_on_the_case_and_may_become_a_note(world):
    """The agent believes that they answered: somebody must hear that they did not."""
    ticket, _ = assigned()
    record = answered(ticket, "Ya quedó.", proven=False)
    assert (record.fate, record.reason) == (Fate.PARKED, Reason.AGENT_UNPROVEN)
    last = queries.chain_of(ticket)[-1]
    assert (last.kind, last.payload["record"]) == ("mail.parked", record.pk)
    intake.run_again(record.pk, actor=as_agent(2), now=TUESDAY + 2 * MINUTE)
    intake.process(record.pk, now=TUESDAY + 2 * MINUTE)
    record.refresh_from_db()
    assert (record.fate, record.reason, record.ticket) == (Fate.APPENDED, Reason.NOTE, ticket)
    note = InternalNote.objects.get(ticket=ticket)
    assert note.author_agent == an_agent(2)  # who vouches for it, and not who may be forged
    assert note.body_text.endswith("Ya quedó.")
    assert "agente1@demo.example" in note.body_text
    assert said(ticket)[0] == []


def test_an_empty_answer_is_not_taken_in_silence(world):
    """There is nothing to send; the case says that a mail waits."""
    ticket, _ = assigned()
    record = answered(ticket, "")
    assert (record.fate, record.reason) == (Fate.PARKED, Reason.REFUSED)
    with translation.override("en"):
        assert told(record.error) == "Write something first."
    assert queries.chain_of(ticket)[-1].kind == "mail.parked"


def test_an_answer_to_a_closed_case_is_not_taken_in_silence(world):
    """It reaches nobody any more; somebody must hear of it, and may keep it as a note."""
    ticket, _ = assigned()
    for status in ("solved", "closed"):
        commands.set_status(ticket_id=ticket.pk, status=status, actor=as_agent(), now=TUESDAY)
    record = answered(ticket, "Ya quedó.")
    assert (record.fate, record.reason) == (Fate.PARKED, Reason.REFUSED)
    assert queries.chain_of(ticket)[-1].kind == "mail.parked"
    intake.run_again(record.pk, actor=as_agent(2), now=TUESDAY + 2 * MINUTE)
    intake.process(record.pk, now=TUESDAY + 2 * MINUTE)
    assert said(ticket) == ([], ["Ya quedó."])


def test_an_agents_mail_is_no_markdown(world):
    """Stars and underscores are what they typed: their program showed them so."""
    ticket, _ = assigned()
    record = answered(ticket, KEPT["what dashes begin"])
    assert record.reason == Reason.REPLY
    message = PublicMessage.objects.get(pk=record.public_message_id)
    assert message.body_text == KEPT["what dashes begin"]
    assert "a*b*c = __x__" in message.body_html


def test_a_reply_goes_to_whom_the_notice_named(world):
    """Who came into copy after the notice was written gets nothing that the agent did not mean."""
    ticket, notice = assigned(Cc="bodega@andina.example")
    for part in render(notice)[1:]:
        assert "compras@andina.example" in part
        assert "bodega@andina.example" in part
    later = take(
        a_mail(
            "Sumo a legal.",
            to=tokens.plus_address("soporte@iws.example", tokens.make(tokens.REPLY, ticket.pk)),
            Cc="legal@andina.example",
        ),
        now=TUESDAY + MINUTE,
    )
    assert later.ticket == ticket
    assert ticket.participants.count() == 2
    answered(ticket, "Ya quedó.", In_Reply_To=notice.message_id)
    copies = OutboundMail.objects.filter(kind=MailKind.COPY).values_list("recipient", flat=True)
    assert list(copies) == ["bodega@andina.example"]


def test_without_a_notice_nobody_gets_a_copy(world):
    """An agent who was told nothing was shown nobody."""
    ticket = take(a_mail(Cc="bodega@andina.example")).ticket
    answered(ticket, "Ya quedó.")
    assert said(ticket)[0] == ["Ya quedó."]
    assert not OutboundMail.objects.filter(kind=MailKind.COPY).exists()
