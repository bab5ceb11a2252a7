"""Mails about how a case stands: what is promised, that we wait, whether it is solved."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from plazo.accounts.access import actor_of_requester
from plazo.accounts.models import Requester
from plazo.notifications import rendering, sending
from plazo.notifications.models import MailKind, MailState, OutboundMail
from plazo.tickets import access, commands, waiting
from plazo.tickets.wait_models import Wait
from tests.factory import TUESDAY, a_case, a_requester, as_agent

pytestmark = pytest.mark.django_db
NOW = TUESDAY
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def sent(smtp, kind, now):
    """Send the latest mail of a kind; return its state, subject and text."""
    mail = OutboundMail.objects.filter(kind=kind).latest("pk")
    state = sending.send(mail.pk, now=now)
    if state != MailState.SENT:
        return state, "", ""
    message = smtp.messages()[-1]
    assert message["Auto-Submitted"] == "auto-generated" or kind == MailKind.REPLY
    return state, message["Subject"], message.get_body(("plain",)).get_content()


@pytest.mark.parametrize(
    ("language", "first", "then"),
    [
        (
            "es",
            "Próxima actualización: el miércoles 25 de noviembre antes de las 10:00 (EST)",
            "para el miércoles 25 de noviembre a las 10:00, y lo movimos. Motivo: Falta el prov",
        ),
        (
            "en",
            "Next update: on Wednesday 25 November by 10:00 (EST)",
            "for Wednesday 25 November at 10:00, and moved it. Why: Falta el prov",
        ),
    ],
)
def test_a_promise_is_told_at_once_and_so_is_its_moving(smtp, language, first, then):
    """With day and zone, since a mail is read on any day; one that was moved first is not told."""
    ticket = a_case(now=NOW, language=language)
    by = {"ticket_id": ticket.pk, "actor": as_agent()}
    ten = NOW + timedelta(hours=19, minutes=8)
    commands.make_promise(by=ten, now=NOW, **by)
    _state, subject, text = sent(smtp, MailKind.PROMISE, NOW)
    assert f"[{ticket.number}]" in subject
    assert first in text
    commands.move_promise(
        promise="update-1", by=ten + DAY, reason="Falta el proveedor", now=NOW + MINUTE, **by
    )
    assert then in sent(smtp, MailKind.PROMISE, NOW + MINUTE)[2]
    commands.reply_to_ticket(body="Ya", promise_by=ten, now=NOW + 2 * MINUTE, **by)
    assert OutboundMail.objects.filter(kind=MailKind.PROMISE).count() == 2  # the reply says it


def test_whoever_takes_part_hears_how_the_case_stands_by_a_link_of_their_own():
    """Promises, reminders and the question: a case does not end because one person is away."""
    ticket = a_case(now=NOW)
    by = {"ticket_id": ticket.pk, "actor": as_agent()}
    friend = a_requester("bodega@andina.example")
    for person in (friend, a_requester("callada@andina.example"), a_requester("lista@x.example")):
        commands.add_participant(person_id=person.pk, now=NOW, **by)
    everybody = Requester.objects.exclude(email="lista@x.example")
    everybody.update(email_confirmed_at=NOW)
    Requester.objects.filter(email="callada@andina.example").update(wants_copies=False)
    Requester.objects.filter(email="lista@x.example").update(email_confirmed_at=None)

    def told(kind: MailKind, words: str, path: str) -> None:
        mails = OutboundMail.objects.filter(kind=kind).order_by("pk")
        texts = {mail.recipient: (rendering.render(mail) or ("", ""))[1] for mail in mails}
        assert list(texts) == [ticket.requester.email, friend.email, "lista@x.example"]
        assert all(words in text for text in texts.values())
        for person in (ticket.requester, friend):
            token = access.link_token(ticket, person, mailed=True)
            assert f"/hc/es/requests/{token}/{path}\n" in texts[person.email]
        assert "/hc/es/requests/" not in texts["lista@x.example"]  # nobody knows who reads it
        for email in (friend.email, "lista@x.example"):
            assert f"Usted está en copia del caso {ticket.number}" in texts[email]

    commands.make_promise(by=NOW + timedelta(hours=2), now=NOW, **by)
    told(MailKind.PROMISE, "el martes 24 de noviembre antes de las 16:52 (EST)", "")
    commands.set_status(
        status="pending", waiting_for="requester", reason="Falta la traza", now=NOW, **by
    )
    waiting.work_once(NOW + 2 * DAY)
    told(MailKind.REMINDER, "Falta la traza", "answer/")
    for days in (4, 7):
        waiting.work_once(NOW + days * DAY)
    told(MailKind.SOLVED, "no nos llegó", "answer/")
    commands.reopen_ticket(now=NOW + 8 * DAY, **by)
    commands.reply_to_ticket(body="Listo", then="solved", now=NOW + 8 * DAY, **by)
    for kind, email in ((MailKind.REPLY, ticket.requester.email), (MailKind.COPY, friend.email)):
        _subject, text, _html = rendering.render(
            OutboundMail.objects.get(kind=kind, recipient=email)
        )
        assert "/answer/" in text


def test_a_reply_that_solves_asks_and_so_does_solving_without_one(smtp):
    """One mail each; and none to who said themselves that it is solved."""
    ticket = a_case(now=NOW)
    by = {"ticket_id": ticket.pk, "actor": as_agent()}
    commands.reply_to_ticket(body="Listo", then="solved", now=NOW, **by)
    _state, _subject, text = sent(smtp, MailKind.REPLY, NOW)
    assert "¿Quedó resuelto?" in text
    assert "se cierra por sí solo el martes 1 de diciembre" in text
    assert not OutboundMail.objects.filter(kind=MailKind.SOLVED).exists()
    commands.reopen_ticket(now=NOW + MINUTE, **by)
    commands.set_status(status="solved", now=NOW + 2 * MINUTE, **by)
    assert "Marcamos su caso como resuelto" in sent(smtp, MailKind.SOLVED, NOW + 2 * MINUTE)[2]
    commands.reopen_ticket(now=NOW + 3 * MINUTE, **by)
    theirs = by | {"actor": actor_of_requester(ticket.requester)}
    commands.set_status(status="solved", now=NOW + 4 * MINUTE, **theirs)
    assert OutboundMail.objects.filter(kind=MailKind.SOLVED).count() == 1


def test_reminders_say_what_is_waited_for_and_the_end_says_why(smtp):
    """Their link opens a page that changes nothing; who answered meanwhile is not written to."""
    ticket = a_case(now=NOW)
    commands.set_status(
        ticket_id=ticket.pk, status="pending", waiting_for="requester", reason="Falta la traza",
        actor=as_agent(), now=NOW,
    )  # fmt: skip
    waiting.work_once(NOW + 2 * DAY)
    _state, subject, text = sent(smtp, MailKind.REMINDER, NOW + 2 * DAY)
    assert "Esperamos su respuesta" in subject
    assert "Falta la traza" in text
    assert "martes 1 de diciembre" in text
    link = re.search(r"https?://[^/]+(/hc/es/requests/\S+/answer/)", text)
    assert link is not None
    page = Client().get(link[1])
    assert page.status_code == 200
    assert Wait.objects.get().ended_at is None
    assert Client().get(f"{link[1]}help/").status_code == 405
    waiting.work_once(NOW + 4 * DAY)
    waiting.work_once(NOW + 7 * DAY)
    assert "no nos llegó" in sent(smtp, MailKind.SOLVED, NOW + 7 * DAY)[2]
    # Their page asks now whether it is solved; “not yet” opens it, with what they say.
    answer = Client().post(f"{link[1]}not-yet/", {"words": "Perdón, aquí está la traza"})
    assert answer.status_code == 302
    ticket.refresh_from_db()
    assert ticket.status == "open"
    assert Client().get(link[1]).status_code == 302  # there is nothing to ask any more
    by = {"ticket_id": ticket.pk, "actor": as_agent()}
    commands.set_status(status="solved", now=NOW + 8 * DAY, **by)
    commands.reopen_ticket(now=NOW + 8 * DAY, **by)
    assert sent(smtp, MailKind.SOLVED, NOW + 8 * DAY)[0] == MailState.FAILED


def test_an_address_that_nobody_confirmed_is_told_no_words(smtp):
    """What a stranger may know: that we wait, and not for what nor about what."""
    ticket = a_case(now=NOW)
    Requester.objects.filter(pk=ticket.requester_id).update(email_confirmed_at=None)
    commands.set_status(
        ticket_id=ticket.pk, status="pending", waiting_for="requester", reason="Falta la traza",
        actor=as_agent(), now=NOW,
    )  # fmt: skip
    waiting.work_once(NOW + 2 * DAY)
    _state, subject, text = sent(smtp, MailKind.REMINDER, NOW + 2 * DAY)
    assert "504" not in subject + text
    assert "Falta la traza" not in text
