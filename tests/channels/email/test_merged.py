"""Mails about a case that was merged: they join what it goes on in, and nobody comes in that way."""

from datetime import timedelta

import pytest

from plazo.channels.email import intake
from plazo.channels.email.models import Fate, IntakeRecord, Reason
from plazo.mailboxes import tokens
from plazo.tickets import commands, joins, queries
from plazo.tickets.models import InternalNote, PublicMessage, Ticket
from tests.factory import TUESDAY, a_case, a_requester, as_agent, publish_iws
from tests.mails import a_mail, a_mailbox, arrive

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
BOREAL = "TI Boreal <ti@boreal.example>"


@pytest.fixture(autouse=True)
def world() -> None:
    """The real agreement and our mailbox."""
    publish_iws()
    a_mailbox()


def came(body: str, **headers: str) -> IntakeRecord:
    """Take a mail in, some minutes after the merge."""
    record = arrive(a_mail(body, **headers))
    intake.process(record.pk, now=TUESDAY + 10 * MINUTE)
    record.refresh_from_db()
    return record


def reply_address(ticket: Ticket, kind: tokens.Kind = tokens.REPLY) -> str:
    """The address that our mails about a ticket are answered to."""
    return tokens.plus_address("soporte@iws.example", tokens.make(kind, ticket.pk))


def merge(gone: Ticket, kept: Ticket, **more: object) -> None:
    """Merge one case into another."""
    commands.merge_ticket(
        ticket_id=gone.pk, into_id=kept.pk, actor=as_agent(), now=TUESDAY + MINUTE, **more
    )


def test_token_and_message_id_lead_to_the_survivor() -> None:
    """Whoever takes part there answers an old mail and is heard where the case goes on."""
    first = came("La orden no llega", Message_ID="<one@andina.example>").ticket
    assert first is not None
    kept = a_case(now=TUESDAY)
    merge(first, kept)
    by_token = came("Con su dirección", to=reply_address(first))
    by_id = came("Con su Message-ID", In_Reply_To="<one@andina.example>")
    for record in (by_token, by_id):
        assert (record.fate, record.ticket_id) == (Fate.APPENDED, kept.pk)
    assert PublicMessage.objects.filter(ticket=kept).count() == 3


def test_who_takes_part_in_the_absorbed_one_alone_is_not_let_in() -> None:
    """Their answer becomes a case of theirs that names the other to us, and shows it to nobody."""
    theirs = a_case(now=TUESDAY, requester=a_requester("ti@boreal.example", "TI Boreal"))
    kept = a_case(now=TUESDAY)
    merge(theirs, kept)
    record = came("¿Y lo mío?", sender=BOREAL, to=reply_address(theirs))
    assert record.fate == Fate.NEW_TICKET
    assert record.ticket is not None
    links = joins.links_of(queries.chain_of(record.ticket))
    assert [(link.ticket, link.why) for link in links] == [(kept.pk, "merged")]
    assert not PublicMessage.objects.filter(ticket=kept, body_text__contains="lo mío").exists()


def test_an_agents_answer_about_the_absorbed_one_stays_inside() -> None:
    """It was meant for that requester; the survivor has another, who must not read it."""
    theirs = a_case(now=TUESDAY, requester=a_requester("ti@boreal.example", "TI Boreal"))
    kept = a_case(now=TUESDAY)
    merge(theirs, kept)
    record = came(
        "Ya corregimos su contrato.",
        sender="Agente de nivel 1 <agente1@demo.example>",
        to=reply_address(theirs, tokens.AGENT),
        proven=True,
    )
    assert (record.fate, record.reason) == (Fate.APPENDED, Reason.NOTE)
    assert InternalNote.objects.filter(ticket=kept).count() == 1
    assert not PublicMessage.objects.filter(ticket=kept, author_agent__isnull=False).exists()


def test_an_agents_answer_goes_out_where_the_same_person_asked() -> None:
    """Merging two cases of one person changes nothing for whoever answers by mail."""
    old, kept = a_case(now=TUESDAY), a_case(now=TUESDAY)
    merge(old, kept)
    record = came(
        "Ya quedó.",
        sender="Agente de nivel 1 <agente1@demo.example>",
        to=reply_address(old, tokens.AGENT),
        proven=True,
    )
    assert (record.fate, record.ticket_id) == (Fate.APPENDED, kept.pk)
    assert record.reason == Reason.REPLY


def test_after_undoing_a_mail_is_its_own_again() -> None:
    """What the merge had led elsewhere leads back."""
    old, kept = a_case(now=TUESDAY), a_case(now=TUESDAY)
    merge(old, kept)
    commands.unmerge_ticket(ticket_id=old.pk, actor=as_agent(), now=TUESDAY + 2 * MINUTE)
    assert came("De nuevo", to=reply_address(old)).ticket_id == old.pk
