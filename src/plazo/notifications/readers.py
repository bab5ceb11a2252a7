"""Who hears about which event by mail: rows, written in the command's own transaction."""

import uuid
from collections.abc import Iterator

from django.conf import settings

from plazo.accounts.models import Agent, Group
from plazo.notifications.models import MailKind, OutboundMail
from plazo.notifications.tasks import nudge
from plazo.sla import Evaluation, State
from plazo.tickets import readers
from plazo.tickets.models import Ticket, TicketEvent

Recipient = tuple[str, str, str]

KINDS = {
    "ticket.opened": MailKind.ACKNOWLEDGEMENT,
    "ticket.replied": MailKind.REPLY,
    "clock.at_risk": MailKind.AT_RISK,
    "clock.breached": MailKind.BREACHED,
}


def register() -> None:
    """Let the planner hear of the events that somebody is told by mail."""
    readers.register(plan_mail, kinds=KINDS, name="mail")


def plan_mail(ticket: Ticket, event: TicketEvent, evaluation: Evaluation) -> None:
    """Write a row for each person who must be told of an event, and wake a worker at commit.

    Edges: a warning for a clock that has breached meanwhile is not sent: the breach says more.
        Rolled back with the command, a row was never there.
    """
    kind = KINDS[event.kind]
    if kind is MailKind.AT_RISK:
        applied = evaluation.get(event.payload["key"])
        if applied is None or applied.state is not State.RUNNING:
            return
    for email, name, language in dict.fromkeys(_recipients(kind, ticket)):
        mail, created = OutboundMail.objects.get_or_create(
            event=event,
            kind=kind,
            recipient=email,
            defaults={
                "ticket": ticket,
                "recipient_name": name,
                "language": language,
                "message_id": f"<{ticket.number}.{event.sequence}.{uuid.uuid4().hex}@{_domain()}>",
                "created_at": event.recorded_at,
                "next_attempt_at": event.recorded_at,
            },
        )
        if created:
            nudge(mail.pk)


def _recipients(kind: MailKind, ticket: Ticket) -> Iterator[Recipient]:
    """Yield address, name and language. Notices go to the assignee, else to the level's group."""
    if kind in (MailKind.ACKNOWLEDGEMENT, MailKind.REPLY):
        requester = ticket.requester
        yield requester.email, requester.name, ticket.language
        return
    # A breach is the group's concern even when somebody has the ticket.
    if ticket.assignee_id is not None:
        user = Agent.objects.select_related("user").get(pk=ticket.assignee_id).user
        yield user.email, user.name, user.language
        if kind is MailKind.AT_RISK:
            return
    group = Group.objects.filter(pk=ticket.group_id).first() if ticket.group_id else None
    if group is not None and group.email:
        yield group.email, group.name, "es"


def _domain() -> str:
    """Return our own domain, for Message-IDs that no other system makes."""
    address = settings.PLAZO.mail_from.rsplit("<", 1)[-1].rstrip("> ")
    return str(address.rsplit("@", 1)[-1])
