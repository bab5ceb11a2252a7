"""Who may see what: the only doors through which screens obtain tickets and files.

What a person may not see does not exist for them: NotVisible becomes a 404.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from django.core.signing import BadSignature, Signer

from plazo.accounts.access import agent_of
from plazo.accounts.models import Agent, Requester
from plazo.agreements.queries import version
from plazo.core.errors import NotVisible
from plazo.tickets.models import (
    AreaAsk,
    Attachment,
    Participant,
    PublicMessage,
    Status,
    Ticket,
    TicketQuerySet,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from plazo.accounts.models import User

Part = Literal["all", "mine", "company"]

_SALT = "plazo.tickets.link"
_RELATED = (
    "requester",
    "organization",
    "assignee__user",
    "group",
    "agreement_version",
    "mailbox",
    "merged_into",
)
# No chain of merges is longer: each of them is a person's own decision.
_MOST_MERGES: Final = 50


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
    """Return a ticket by its number. One query; one more for the text of an agreement's version
    that this process has not read yet. Raises: NotVisible.
    """
    related = ("requester", "organization", "referral")
    ticket = tickets_for_agent(agent).select_related(*related).filter(number=number).first()
    if ticket is None:
        raise NotVisible
    ticket.agreement_version = version(ticket.agreement_version_id)
    return ticket


def next_for_agent(agent: Agent, *, besides: Collection[int] = ()) -> TicketQuerySet:
    """Return what an agent may take next, in order: nobody has it, and it waits for nobody else.

    Edges: what stands at a level above the agent's own is not theirs to take unasked.
    Source: decision 0039.
    """
    return (
        tickets_for_agent(agent)
        .unsolved()
        .unassigned()
        .filter(status__in=(Status.NEW, Status.OPEN), level__lte=agent.level)
        .exclude(pk__in=besides)
        .by_deadline()
    )


def tickets_by_number(
    agent: Agent, numbers: Collection[str], *, rows: bool = False
) -> list[Ticket]:
    """Return the tickets of these numbers that an agent may see, in the order of the numbers.

    Units: with `rows`, together with what a row of the queue shows.
    Edges: what they may not see is not among them. One query.
    """
    wanted = [number for number in numbers if "\x00" not in number]
    tickets = tickets_for_agent(agent).filter(number__in=wanted)
    found = {t.number: t for t in (tickets.for_queue_page() if rows else tickets)}
    return [found[number] for number in dict.fromkeys(numbers) if number in found]


def tickets_for_requester(requester: Requester, part: Part = "all") -> TicketQuerySet:
    """Return the tickets a requester may see: the one predicate for page, list, search and file.

    Units: `mine` are their own and those in which they take part; `company` those of the company
        that they manage, and nobody's for everyone else; `all` is both.
    Edges: `mine` and `all` are looked up as sets of keys, each by its own index, so that their
        cost follows the person's cases and not the table.
    """
    own = Ticket.objects.filter(requester=requester).values("pk")
    joined = Participant.objects.filter(requester=requester).order_by().values("ticket_id")
    company = Ticket.objects.filter(organization=requester.organization_id)
    match part:
        case "company":
            return company if requester.manages else Ticket.objects.none()
        case "all" if requester.manages:
            return Ticket.objects.filter(pk__in=own.union(joined, company.values("pk")))
        case _:
            return Ticket.objects.filter(pk__in=own.union(joined))


def sees(requester: Requester, tickets: Sequence[int], *, part: Part = "all") -> list[int]:
    """Return those of some tickets, by their keys, that a requester may see."""
    if not tickets:
        return []
    visible = tickets_for_requester(requester, part).filter(pk__in=tickets)
    return list(visible.values_list("pk", flat=True))


def ticket_for_requester(requester: Requester, number: str) -> Ticket:
    """Return a ticket that a requester may see, by its number. Raises: NotVisible."""
    ticket = (
        tickets_for_requester(requester).select_related(*_RELATED).filter(number=number).first()
    )
    if ticket is None:
        raise NotVisible
    return ticket


def survivor_of(ticket: Ticket) -> Ticket:
    """Return the ticket in which one goes on that was merged, else itself. One query a step."""
    for _step in range(_MOST_MERGES):
        if ticket.merged_into_id is None:
            break
        ticket = Ticket.objects.select_related(*_RELATED).get(pk=ticket.merged_into_id)
    return ticket


def link_token(ticket: Ticket, person: Requester | None = None, *, mailed: bool = False) -> str:
    """Return the signed token that lets somebody see a ticket without an account.

    Units: `person` is who gets it, by default the requester. `mailed` marks one that is sent to
        their address: whoever has it reads their mail. The one that the form itself leads to proves
        nothing, since anyone can type anyone's address.
    Edges: it names the ticket and the person; once they take no part any more, it shows nothing.
    """
    named = {"t": ticket.public_id.hex, "r": person.pk if person else ticket.requester_id}
    if mailed:
        named["m"] = 1
    return Signer(salt=_SALT).sign_object(named, compress=False)


def is_link(token: str) -> bool:
    """Say whether a token is meant as a signed one, rather than as the number of a case."""
    return ":" in token


@dataclass(frozen=True, slots=True)
class Shown:
    """What a signed token shows: a ticket, to whom, and whether their mail brought it."""

    ticket: Ticket
    person: Requester
    by_mail: bool


def case_by_link(token: str) -> Shown:
    """Return what a signed token shows. Raises: NotVisible."""
    try:
        named = Signer(salt=_SALT).unsign_object(token)
        public_id, person = uuid.UUID(named["t"]), int(named["r"])
        by_mail = named.get("m") == 1
    except (BadSignature, ValueError, KeyError, TypeError, AttributeError):
        raise NotVisible from None
    ticket = Ticket.objects.select_related(*_RELATED).filter(public_id=public_id).first()
    if ticket is None:
        raise NotVisible
    if ticket.requester_id == person and ticket.requester.erased_at is None:
        return Shown(ticket, ticket.requester, by_mail)
    taking_part = ticket.participants.select_related("requester").filter(requester=person).first()
    if taking_part is None:
        raise NotVisible
    return Shown(ticket, taking_part.requester, by_mail)


def attachment_for_agent(agent: Agent, public_id: uuid.UUID) -> Attachment:
    """Return any file of a ticket that the agent sees. Raises: NotVisible."""
    if not agent.is_active:
        raise NotVisible
    found = Attachment.objects.filter(public_id=public_id).first()
    if found is None:
        raise NotVisible
    return found


def attachment_of(
    ticket: Ticket, public_id: uuid.UUID, *, merged: Sequence[int] = ()
) -> Attachment:
    """Return a file of a public message of a ticket that was fetched; never one of a note.

    Units: `merged` are the keys of tickets that it took in and that the reader may see.
    Raises: NotVisible.
    """
    files = Attachment.objects.filter(public_message__ticket__in=[ticket.pk, *merged])
    found = files.filter(public_id=public_id).first()
    if found is None:
        raise NotVisible
    return found


def message_of(ticket: Ticket, pk: int) -> PublicMessage:
    """Return a public message of a ticket that was fetched, with its files. Raises: NotVisible."""
    messages = PublicMessage.objects.select_related("author_requester")
    found = messages.prefetch_related("attachments").filter(ticket=ticket, pk=pk).first()
    if found is None:
        raise NotVisible
    return found


def ask_of(ticket: Ticket, key: str) -> AreaAsk:
    """Return what an area was asked on a ticket that was fetched. Raises: NotVisible."""
    found = AreaAsk.objects.filter(ticket=ticket, key=key).first()
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
    """Return the file of a message that left the house, and that a token shows.

    Edges: after its time, or once the message was erased, it shows nothing; of a note never.
    Raises: NotVisible.
    """
    try:
        named = Signer(salt=_FILE_SALT).unsign_object(token)
        public_id, until = uuid.UUID(named["f"]), int(named["u"])
    except (BadSignature, ValueError, KeyError, TypeError):
        raise NotVisible from None
    found = Attachment.objects.filter(public_id=public_id, internal_note__isnull=True).first()
    if found is None or now.timestamp() > until:
        raise NotVisible
    return found
