"""Which ticket a mail belongs to, by proof.

In turn: a token of ours in an address it was sent to; In-Reply-To and References against every
Message-ID that we sent or received; a token of ours in its text. A case number in the subject
proves nothing and only suggests. And no proof lets anybody in who takes no part in the ticket.

An agent's mail is placed by what shows that it answers a notice; anything else that names a ticket
places it too, but never makes a reply of it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import Q, QuerySet

from plazo.accounts.models import Agent, Requester, normal_email
from plazo.channels.email.models import IntakeRecord, ThreadReference
from plazo.channels.email.parsing import ParsedMail
from plazo.mailboxes import tokens
from plazo.notifications.models import OutboundMail
from plazo.notifications.readers import TO_PARTICIPANTS
from plazo.tickets import access
from plazo.tickets.models import Participant, Ticket

Why = Literal["subject", "stranger", "follow_up", "merged"]
_NUMBER = re.compile(r"\b([A-Z][A-Z0-9]{0,9}-\d{1,12})\b")


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a mail belongs: a ticket that it joins, or one that it only points to, and why."""

    joins: Ticket | None = None
    suggests: Ticket | None = None
    why: Why = "subject"


def recipients_of(record: IntakeRecord, mail: ParsedMail) -> list[str]:
    """Return every address that a mail was sent to, the envelope's first."""
    shown = [a.email for a in (*mail.to, *mail.cc)]
    return list(dict.fromkeys([*record.envelope_to, *mail.delivered_to, *shown]))


def place(record: IntakeRecord, mail: ParsedMail, person: Requester | None) -> Placement:
    """Say where a requester's mail belongs."""
    suggested: tuple[Ticket, Why] | None = None
    for ticket in _proven(record, mail):
        goes_on = access.survivor_of(ticket)
        if person is not None and takes_part(goes_on, person):
            return Placement(joins=goes_on)
        # Who takes part in what was merged away alone does not come in by the back door.
        theirs = goes_on != ticket and person is not None and takes_part(ticket, person)
        suggested = suggested or (goes_on, "merged" if theirs else "stranger")
    if suggested is not None:
        return Placement(suggests=suggested[0], why=suggested[1])
    for number in _NUMBER.findall(mail.subject)[:3]:
        named = Ticket.objects.filter(number=number).first()
        if named is not None:
            return Placement(suggests=named, why="subject")
    return Placement()


Proof = Literal["address", "notice", "mention"]


def agent_ticket(record: IntakeRecord, mail: ParsedMail) -> tuple[Ticket, Proof] | None:
    """Return the ticket that an agent's mail is about, and what shows it.

    Units: "address" is the reply address of a notice, "notice" a notice that it answers or quotes,
        "mention" anything else that names the ticket.
    Edges: what was merged goes on in its survivor. Where that has another requester, an answer to
        a notice about the merged one was not meant for them: it is no more than a mention.
    """
    found = _agent_ticket(record, mail)
    if found is None:
        return None
    ticket, proof = found
    goes_on = access.survivor_of(ticket)
    return goes_on, proof if goes_on.requester_id == ticket.requester_id else "mention"


def _agent_ticket(record: IntakeRecord, mail: ParsedMail) -> tuple[Ticket, Proof] | None:
    written_to = list(tokens.in_addresses(recipients_of(record, mail)))
    quoted = list(_body_token(mail))
    for token, proof in (
        *((token, "address") for token in written_to if token.kind == tokens.AGENT),
        *((token, "notice") for token in quoted if token.kind == tokens.AGENT),
    ):
        ticket = _ticket(token.pk)
        if ticket is not None:
            return ticket, "address" if proof == "address" else "notice"
    notice = _notices().filter(message_id__in=_answered(mail)).order_by("-pk").first()
    if notice is not None and notice.ticket is not None:
        return notice.ticket, "notice"
    mentioned = next((t for t in _proven(record, mail)), None)
    return (mentioned, "mention") if mentioned is not None else None


def shown_until(mail: ParsedMail, ticket: Ticket, email: str) -> datetime | None:
    """Return when the notice was written that an agent answers: who was in copy then, they saw.

    Edges: an answer that names no notice is taken for one to the latest that they got; None where
        there is none.
    """
    notices = _notices().filter(Q(ticket=ticket) | Q(ticket__merged_into=ticket)).order_by("-pk")
    answered = notices.filter(message_id__in=_answered(mail)).first()
    notice = answered or notices.filter(recipient=normal_email(email)).first()
    return notice.created_at if notice is not None else None


def _notices() -> QuerySet[OutboundMail]:
    """Return the mails that our own people get about tickets."""
    return (
        OutboundMail.objects.select_related("ticket__agreement_version", "ticket__requester")
        .filter(ticket__isnull=False)
        .exclude(kind__in=TO_PARTICIPANTS)
    )


def _answered(mail: ParsedMail) -> list[str]:
    return list(dict.fromkeys([*mail.in_reply_to, *reversed(mail.references)]))


def answers_ours(record: IntakeRecord, mail: ParsedMail) -> bool:
    """Say whether a mail answers one of ours: it is addressed so, or names it."""
    if any(tokens.in_addresses(recipients_of(record, mail))):
        return True
    return OutboundMail.objects.filter(message_id__in=_answered(mail)).exists()


def returned_to(record: IntakeRecord, mail: ParsedMail) -> OutboundMail | None:
    """Return the mail whose envelope's sender a mail was sent to: only machines write there."""
    for token in tokens.in_addresses(recipients_of(record, mail)):
        if token.kind == tokens.BOUNCE:
            found = (
                OutboundMail.objects.select_related("ticket", "event").filter(pk=token.pk).first()
            )
            if found is not None:
                return found
    return None


def takes_part(ticket: Ticket, person: Requester) -> bool:
    """Say whether somebody is the requester of a ticket or a participant in it."""
    return (
        person.pk == ticket.requester_id
        or Participant.objects.filter(ticket=ticket, requester=person).exists()
    )


def agent_by_address(email: str) -> Agent | None:
    """Return the active agent who signs in under an address."""
    return (
        Agent.objects.select_related("user")
        .filter(user__email=normal_email(email), is_active=True, user__is_active=True)
        .first()
    )


def _proven(record: IntakeRecord, mail: ParsedMail) -> Iterator[Ticket]:
    """Yield the tickets that a mail shows a proof of, the strongest proof first."""
    seen: set[int] = set()
    for ticket in (*_by_tokens(record, mail), *_by_ids(mail), *_by_body(mail)):
        if ticket.pk not in seen:
            seen.add(ticket.pk)
            yield ticket


def _body_token(mail: ParsedMail) -> Iterator[tokens.Token]:
    token = tokens.read(mail.body_token) if mail.body_token else None
    if token is not None:
        yield token


def written_to(record: IntakeRecord, mail: ParsedMail) -> Iterator[Ticket]:
    """Yield the tickets to whose reply address a mail was sent."""
    for token in tokens.in_addresses(recipients_of(record, mail)):
        found = _ticket(token.pk) if token.kind == tokens.REPLY else None
        if found is not None:
            yield found


def _by_tokens(record: IntakeRecord, mail: ParsedMail) -> Iterator[Ticket]:
    yield from written_to(record, mail)
    returned = returned_to(record, mail)
    if returned is not None and returned.ticket_id is not None:
        ticket = _ticket(returned.ticket_id)
        if ticket is not None:
            yield ticket


def _by_body(mail: ParsedMail) -> Iterator[Ticket]:
    for token in _body_token(mail):
        found = _ticket(token.pk) if token.kind == tokens.REPLY else None
        if found is not None:
            yield found


def _by_ids(mail: ParsedMail) -> Iterator[Ticket]:
    """Yield the tickets that a mail's references name, the one it answers directly first."""
    wanted = answered = _answered(mail)
    # A mail that arrives before the one it answers is mentioned by nobody; but the answered one
    # may come later, and then its own Message-ID is known from here.
    if mail.message_id:
        wanted = [*answered, mail.message_id]
    if not wanted:
        return
    found: dict[str, int] = dict(
        ThreadReference.objects.filter(message_id__in=wanted)
        .order_by("-ticket_id")
        .values_list("message_id", "ticket_id")
    )
    if answered:
        sent = OutboundMail.objects.filter(message_id__in=answered, ticket__isnull=False)
        found |= {mid: pk for mid, pk in sent.values_list("message_id", "ticket_id") if pk}
    for message_id in wanted:
        ticket = _ticket(found[message_id]) if message_id in found else None
        if ticket is not None:
            yield ticket


def _ticket(pk: int) -> Ticket | None:
    return Ticket.objects.select_related("agreement_version", "requester").filter(pk=pk).first()


def remember(ticket: Ticket, mail: ParsedMail) -> None:
    """Keep the Message-IDs of a mail that became part of a ticket: its own and the mentioned."""
    known = [mail.message_id, *mail.in_reply_to, *mail.references[-20:]]
    ThreadReference.objects.bulk_create(
        [ThreadReference(message_id=i[:500], ticket=ticket) for i in dict.fromkeys(known) if i],
        ignore_conflicts=True,
    )
