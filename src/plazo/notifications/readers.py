"""Who on the other side hears about which event by mail: rows, written in the command's own
transaction. Our own people are told by `noticing`.
"""

import uuid
from collections.abc import Collection, Iterator
from typing import Final

from django.conf import settings

from plazo.accounts.models import Requester
from plazo.core.actor import ActorKind
from plazo.mailboxes import queries as mailboxes
from plazo.mailboxes.models import Mailbox
from plazo.notifications.models import MailKind, OutboundMail
from plazo.notifications.tasks import nudge
from plazo.sla import Evaluation
from plazo.tickets import readers
from plazo.tickets.models import Status, Ticket, TicketEvent

Recipient = tuple[MailKind, str, str, str]

KINDS: Final = frozenset(
    {
        "ticket.opened",
        "ticket.replied",
        "ticket.answered",
        "reply.sent_again",
        "participant.added",
        "promise.made",
        "promise.moved",
        "requester.reminded",
        "status.changed",
    }
)
# The mails of one event that go to the other side; the others are notices to our own people.
TO_PARTICIPANTS: Final = (
    MailKind.ACKNOWLEDGEMENT,
    MailKind.REPLY,
    MailKind.COPY,
    MailKind.ANSWER,
    MailKind.JOINED,
    MailKind.PROMISE,
    MailKind.REMINDER,
    MailKind.SOLVED,
)


def register() -> None:
    """Let the planner hear of the events that somebody is told by mail."""
    readers.register(plan_mail, kinds=KINDS, name="mail")


def plan_mail(ticket: Ticket, event: TicketEvent, evaluation: Evaluation) -> None:
    """Write a row for each person who must be told of an event, and wake a worker at commit.

    Edges: a case that came from a machine, or over a budget, is opened without a receipt. Rolled
        back with the command, a row was never there.
    """
    if event.kind == "ticket.opened" and event.payload.get("quiet"):
        return
    mailbox: Mailbox | None = None
    for number, (kind, email, name, language) in enumerate(
        dict.fromkeys(_recipients(ticket, event))
    ):
        if number == 0:
            mailbox = ticket.mailbox if ticket.mailbox_id else mailboxes.default()
        mail = OutboundMail.objects.create(
            event=event,
            kind=kind,
            recipient=email,
            ticket=ticket,
            mailbox=mailbox,
            recipient_name=name,
            language=language,
            message_id=message_id(f"{ticket.number}.{event.sequence}", mailbox),
            created_at=event.recorded_at,
            next_attempt_at=event.recorded_at,
        )
        nudge(mail.pk)


def message_id(about: str, mailbox: Mailbox | None) -> str:
    """Return a new Message-ID, in a domain of ours: no other system makes the same one."""
    address = mailbox.address if mailbox else settings.PLAZO.mail_from
    domain = address.rsplit("<", 1)[-1].rstrip("> ").rsplit("@", 1)[-1]
    return f"<{about}.{uuid.uuid4().hex}@{domain}>"


def _recipients(ticket: Ticket, event: TicketEvent) -> Iterator[Recipient]:
    """Yield kind, address, name and language of everybody who is told."""
    match event.kind:
        case "ticket.opened":
            yield MailKind.ACKNOWLEDGEMENT, *_requester(ticket)
        case "ticket.replied":
            yield MailKind.REPLY, *_requester(ticket)
            copies = event.payload.get("copies") or []
            for person in copied(copies):
                if person.pk != ticket.requester_id:
                    yield MailKind.COPY, person.email, person.name, ticket.language
        case "ticket.answered":
            yield MailKind.ANSWER, *_requester(ticket)
        case "reply.sent_again":
            yield MailKind.REPLY, *_requester(ticket)
        case "promise.made" | "promise.moved" | "requester.reminded" | "status.changed":
            yield from _about_the_case(ticket, event)
        case "participant.added":
            if event.payload.get("told"):
                person = Requester.objects.get(pk=event.payload["person"])
                yield MailKind.JOINED, person.email, person.name, person.language


_OF_THE_CASE: Final = {
    "promise.made": MailKind.PROMISE,
    "promise.moved": MailKind.PROMISE,
    "requester.reminded": MailKind.REMINDER,
    "status.changed": MailKind.SOLVED,
}


def _about_the_case(ticket: Ticket, event: TicketEvent) -> Iterator[Recipient]:
    """Yield the requester, where an event is told to them by a mail of its own, and whoever takes
    part, as with a reply: a case must not end in silence because one person is away.

    Edges: what came with a reply, the reply says. Nobody is asked about what they said themselves,
        and neither a machine nor an erased person is written to.
    """
    if event.kind == "status.changed" and event.payload["status"] != Status.SOLVED:
        return
    if event.actor_kind == ActorKind.REQUESTER or ticket.requester.erased_at is not None:
        return
    told = TicketEvent.objects.filter(ticket=ticket)
    quiet = told.filter(sequence=1).exclude(payload__quiet="")
    with_reply = told.filter(correlation=event.correlation, kind="ticket.replied")
    if (quiet | with_reply).exists():
        return
    kind = _OF_THE_CASE[event.kind]
    yield kind, *_requester(ticket)
    taking_part = ticket.participants.exclude(requester=ticket.requester_id)
    for person in copied(taking_part.values_list("requester", flat=True)):
        yield kind, person.email, person.name, ticket.language


def copied(people: Collection[int]) -> list[Requester]:
    """Return who gets a copy, of those who were named: some do not want any."""
    return list(
        Requester.objects.filter(pk__in=people, wants_copies=True, erased_at=None).order_by("pk")
    )


def _requester(ticket: Ticket) -> tuple[str, str, str]:
    return ticket.requester.email, ticket.requester.name, ticket.language
