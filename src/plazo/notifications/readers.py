"""Who hears about which event by mail: rows, written in the command's own transaction."""

import uuid
from collections.abc import Collection, Iterator
from typing import Final

from django.conf import settings

from plazo.accounts.models import Agent, Group, Requester
from plazo.core.actor import ActorKind
from plazo.mailboxes import queries as mailboxes
from plazo.mailboxes.models import Mailbox
from plazo.notifications.models import MailKind, OutboundMail
from plazo.notifications.tasks import nudge
from plazo.sla import Evaluation, State
from plazo.tickets import readers
from plazo.tickets.models import Ticket, TicketEvent

Recipient = tuple[MailKind, str, str, str]

# What our own people are told of; the other kinds go to the requester and participants.
NOTICES: Final = {
    "requester.replied": MailKind.ANSWERED,
    "ticket.assigned": MailKind.ASSIGNED,
    "clock.at_risk": MailKind.AT_RISK,
    "clock.breached": MailKind.BREACHED,
    "escalation.requested": MailKind.CLIMBED,
}
KINDS: Final = frozenset(
    {
        "ticket.opened",
        "ticket.replied",
        "ticket.answered",
        "reply.sent_again",
        "participant.added",
        *NOTICES,
    }
)
# The mails of one event that go to the other side; the others are notices to our own people.
TO_PARTICIPANTS: Final = (
    MailKind.ACKNOWLEDGEMENT,
    MailKind.REPLY,
    MailKind.COPY,
    MailKind.ANSWER,
    MailKind.JOINED,
)
# Who climbs over level 1 is heard by the level above.
CLIMBED_TO: Final = 2


def register() -> None:
    """Let the planner hear of the events that somebody is told by mail."""
    readers.register(plan_mail, kinds=KINDS, name="mail")


def plan_mail(ticket: Ticket, event: TicketEvent, evaluation: Evaluation) -> None:
    """Write a row for each person who must be told of an event, and wake a worker at commit.

    Edges: a warning for a clock that has breached meanwhile is not sent: the breach says more.
        A case that came from a machine, or over a budget, is opened without a receipt. Rolled
        back with the command, a row was never there.
    """
    if event.kind == "ticket.opened" and event.payload.get("quiet"):
        return
    if event.kind == "clock.at_risk":
        applied = evaluation.get(event.payload["key"])
        if applied is None or applied.state is not State.RUNNING:
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
        case "participant.added":
            if event.payload.get("told"):
                person = Requester.objects.get(pk=event.payload["person"])
                yield MailKind.JOINED, person.email, person.name, person.language
        case "escalation.requested":
            yield from _level_above()
        case _:
            yield from _our_own(ticket, event)


def copied(people: Collection[int]) -> list[Requester]:
    """Return who gets a copy, of those who were named: some do not want any."""
    return list(
        Requester.objects.filter(pk__in=people, wants_copies=True, erased_at=None).order_by("pk")
    )


def _level_above() -> Iterator[Recipient]:
    """Yield the group that a requester climbs to, or its people where it has no address."""
    group = Group.objects.filter(level=CLIMBED_TO).order_by("pk").first()
    if group is None:
        return
    if group.email:
        yield MailKind.CLIMBED, group.email, group.name, "es"
        return
    for agent in group.agents.select_related("user").filter(is_active=True):
        yield MailKind.CLIMBED, agent.user.email, agent.user.name, agent.user.language


def _our_own(ticket: Ticket, event: TicketEvent) -> Iterator[Recipient]:
    """Yield who is told among our own people: the assignee, the group, or both."""
    kind = NOTICES[event.kind]
    told = ticket.assignee_id
    if kind is MailKind.ASSIGNED:
        told = event.payload["agent"]
        if event.actor_kind == ActorKind.AGENT and event.actor_id == told:
            return  # they took it themselves
    if told is not None:
        user = Agent.objects.select_related("user").get(pk=told).user
        yield kind, user.email, user.name, user.language
    # A breach is the group's concern even when somebody has the ticket.
    to_group = kind is MailKind.BREACHED or (kind is MailKind.AT_RISK and told is None)
    group = ticket.group if to_group else None
    if group is not None and group.email:
        yield kind, group.email, group.name, "es"


def _requester(ticket: Ticket) -> tuple[str, str, str]:
    return ticket.requester.email, ticket.requester.name, ticket.language
