"""Who may see what: the only doors through which screens obtain tickets and files.

What a person may not see does not exist for them: NotVisible becomes a 404.
"""

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from django.core.signing import BadSignature, Signer

from plazo.accounts.access import agent_of
from plazo.accounts.models import Agent, Requester
from plazo.core.errors import NotVisible
from plazo.tickets.models import Attachment, Ticket, TicketQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from plazo.accounts.models import User

_SALT = "plazo.tickets.link"
_RELATED = (
    "requester",
    "organization",
    "assignee__user",
    "group",
    "agreement_version",
    "mailbox",
)


def require_agent(user: "User | AnonymousUser") -> Agent:
    """Return the agent behind a signed-in user. Raises: NotVisible."""
    agent = agent_of(user)
    if agent is None:
        raise NotVisible
    return agent


def tickets_for_agent(agent: Agent) -> TicketQuerySet:
    """Return the tickets an agent may see: an active agent sees them all."""
    return Ticket.objects.all() if agent.is_active else Ticket.objects.none()


def ticket_for_agent(agent: Agent, number: str) -> Ticket:
    """Return a ticket by its number. Raises: NotVisible."""
    ticket = tickets_for_agent(agent).select_related(*_RELATED).filter(number=number).first()
    if ticket is None:
        raise NotVisible
    return ticket


def ticket_for_requester(requester: Requester, public_id: uuid.UUID) -> Ticket:
    """Return one of a requester's own tickets. Raises: NotVisible."""
    ticket = (
        Ticket.objects.select_related(*_RELATED)
        .filter(requester=requester, public_id=public_id)
        .first()
    )
    if ticket is None:
        raise NotVisible
    return ticket


def link_token(ticket: Ticket) -> str:
    """Return the signed token that lets its requester see a ticket without an account.

    Edges: it names the ticket and the requester; if the ticket ever has another requester, the
        old link shows nothing.
    """
    return Signer(salt=_SALT).sign_object(
        {"t": ticket.public_id.hex, "r": ticket.requester_id}, compress=False
    )


def ticket_by_link(token: str) -> Ticket:
    """Return the ticket that a signed token shows. Raises: NotVisible."""
    try:
        named = Signer(salt=_SALT).unsign_object(token)
        public_id, requester_id = uuid.UUID(named["t"]), int(named["r"])
    except (BadSignature, ValueError, KeyError, TypeError):
        raise NotVisible from None
    ticket = (
        Ticket.objects.select_related(*_RELATED)
        .filter(public_id=public_id, requester_id=requester_id)
        .first()
    )
    if ticket is None:
        raise NotVisible
    return ticket


def attachment_for_agent(agent: Agent, public_id: uuid.UUID) -> Attachment:
    """Return any file of a ticket that the agent sees. Raises: NotVisible."""
    if not agent.is_active:
        raise NotVisible
    found = Attachment.objects.filter(public_id=public_id).first()
    if found is None:
        raise NotVisible
    return found


def attachment_by_link(token: str, public_id: uuid.UUID) -> Attachment:
    """Return a file of a public message behind a signed link; never one of a note.

    Raises: NotVisible.
    """
    ticket = ticket_by_link(token)
    found = Attachment.objects.filter(public_id=public_id, public_message__ticket=ticket).first()
    if found is None:
        raise NotVisible
    return found


# How long a link in a mail to a large file works.
FILE_LINK_LASTS: Final = timedelta(days=30)
_FILE_SALT = "plazo.tickets.file"


def file_token(file: Attachment, *, until: datetime) -> str:
    """Return the signed token that lets anybody who has it fetch one file, and nothing else."""
    return Signer(salt=_FILE_SALT).sign_object(
        {"f": file.public_id.hex, "u": int(until.timestamp())}, compress=False
    )


def attachment_by_token(token: str, *, now: datetime) -> Attachment:
    """Return the file of a public message that a token shows.

    Edges: after its time, or once the message was erased, it shows nothing.
    Raises: NotVisible.
    """
    try:
        named = Signer(salt=_FILE_SALT).unsign_object(token)
        public_id, until = uuid.UUID(named["f"]), int(named["u"])
    except (BadSignature, ValueError, KeyError, TypeError):
        raise NotVisible from None
    found = Attachment.objects.filter(public_id=public_id, public_message__isnull=False).first()
    if found is None or now.timestamp() > until:
        raise NotVisible
    return found
