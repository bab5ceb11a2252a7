"""Steps that commands share: each does its part inside a page that a command has opened."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from plazo.accounts.models import Agent, Requester
from plazo.core.actor import Actor, ActorKind
from plazo.tickets import events, timeline
from plazo.tickets.bodies import (
    StoredUpload,
    Written,
    attach,
    digest_of,
    seal_of,
)
from plazo.tickets.commands.promising import keep_by_solving, open_promises
from plazo.tickets.errors import (
    ReopenWindowOver,
    StatusRefused,
    UnknownAgent,
    UnknownSeverity,
    WaitingForUnknown,
)
from plazo.tickets.models import (
    Delivery,
    Participant,
    PublicMessage,
    Status,
    Ticket,
    TicketEvent,
    WaitingFor,
    reason_of,
)
from plazo.tickets.wait_models import Impact

# From → to, by an agent's own choice. `new` is left by acting on it and never returned to; a
# solved ticket is opened again by reopening, and a closed one never.
TRANSITIONS: dict[str, frozenset[str]] = {
    Status.NEW: frozenset({Status.OPEN, Status.PENDING, Status.ON_HOLD, Status.SOLVED}),
    Status.OPEN: frozenset({Status.PENDING, Status.ON_HOLD, Status.SOLVED}),
    Status.PENDING: frozenset({Status.PENDING, Status.OPEN, Status.ON_HOLD, Status.SOLVED}),
    Status.ON_HOLD: frozenset({Status.OPEN, Status.PENDING, Status.SOLVED}),
    Status.SOLVED: frozenset({Status.CLOSED}),
    Status.CLOSED: frozenset(),
}


LONGEST_IMPACT: Final = 1000

# The same message again within this time was sent twice, not meant twice.
ECHO = timedelta(minutes=1)


def add_people(
    page: timeline.Page, people: Sequence[int], *, told: bool = False
) -> TicketEvent | None:
    """Let further people take part, each once; the requester does so already."""
    ticket, event = page.ticket, None
    known = (
        set(Participant.objects.filter(ticket=ticket).values_list("requester_id", flat=True))
        if people
        else set()
    )
    for person in dict.fromkeys(people):
        if person in known or person == ticket.requester_id:
            continue
        Participant.objects.create(ticket=ticket, requester_id=person, added_at=page.now)
        event = page.append(events.ParticipantAdded(person=person, told=told))
    return event


def keep_message(
    ticket: Ticket,
    body: Written,
    attachments: Sequence[StoredUpload],
    *,
    agent: Agent | None = None,
    requester: Requester | None = None,
    name: str = "",
    now: datetime,
) -> PublicMessage:
    """Store what is said to the requester's side, or by it; `name` stands where nobody wrote it."""
    message = PublicMessage.objects.create(
        ticket=ticket,
        author_agent=agent,
        author_requester=requester,
        author_name=str(agent or requester or name)[:120],
        body_text=body.text,
        body_html=body.html,
        quoted_text=body.quoted_text,
        quoted_html=body.quoted_html,
        authenticity=body.authenticity,
        message_id=body.message_id,
        digest=digest_of(body.text, attachments, body.quoted_text),
        at=now,
        delivery=Delivery.NONE if requester else Delivery.QUEUED,
    )
    attach(attachments, message=message)
    return message


def seal_message(
    message: PublicMessage, attachments: Sequence[StoredUpload], *, heading: Sequence[str] = ()
) -> str:
    return seal_of(
        author=message.author_name,
        text=message.body_text,
        html=message.body_html,
        quoted_text=message.quoted_text,
        quoted_html=message.quoted_html,
        files=[(upload.sha256, upload.name) for upload in attachments],
        heading=heading,
    )


def written_just_now(page: timeline.Page, kind: str, digest: str) -> TicketEvent | None:
    """Return the event by which this author wrote the same within the last minute, if any."""
    for event in reversed(page.chain):
        if page.now - event.at >= ECHO:
            return None
        if (event.kind, event.actor_kind, event.actor_id) == (
            kind,
            page.actor.kind,
            page.actor.id,
        ) and event.payload["digest"] == digest:
            return event
    return None


def author_of(actor: Actor) -> Agent:
    agent = (
        Agent.objects.select_related("user").filter(pk=actor.id, is_active=True).first()
        if actor.kind is ActorKind.AGENT and actor.id is not None
        else None
    )
    if agent is None:
        raise UnknownAgent
    return agent


def in_name_of(actor: Actor) -> tuple[Agent | None, str]:
    """Return the agent who writes, and the name that stands over it: a rule has its own.

    Raises: UnknownAgent.
    """
    if actor.kind is ActorKind.TRIGGER:
        return None, actor.name
    agent = author_of(actor)
    return agent, str(agent)


def take_in(
    page: timeline.Page,
    written: Written,
    attachments: Sequence[StoredUpload],
    channel: str,
    participants: Sequence[int] = (),
) -> TicketEvent:
    """Append what somebody on the requester's side says, and end a wait for them."""
    requester = Requester.objects.get(pk=page.actor.id or 0)
    message = keep_message(page.ticket, written, attachments, requester=requester, now=page.now)
    event = page.append(
        events.RequesterReplied(
            message=message.pk,
            digest=message.digest,
            channel=channel,
            seal=seal_message(message, attachments),
        )
    )
    add_people(page, [requester.pk, *participants])
    if page.ticket.status == Status.PENDING:
        change_status(page, Status.OPEN, "", "")
    return event


def hear(page: timeline.Page) -> None:
    """End a wait for the requester's side by whatever somebody of it does."""
    ticket = page.ticket
    awaited = ticket.status == Status.PENDING and ticket.waiting_for == WaitingFor.REQUESTER
    if awaited and page.actor.kind is ActorKind.REQUESTER:
        change_status(page, Status.OPEN, "", "")


def keep_impact(page: timeline.Page, severity: str, words: str) -> dict[str, Any]:
    """Keep what an impact is, in words; return what its event says of the row. Nothing for none."""
    words = words.replace("\x00", "").strip()[:LONGEST_IMPACT]
    if not words:
        return {}
    row = Impact.objects.create(
        ticket=page.ticket, severity=severity, words=words, digest=digest_of(words), at=page.now
    )
    return {"impact": row.pk, "impact_digest": row.digest}


def judge(page: timeline.Page, severity: str, why: str = "") -> TicketEvent | None:
    ticket = page.ticket
    if ticket.agreement_version.document.severity(severity) is None:
        raise UnknownSeverity(severity=severity)
    if ticket.severity == severity:
        return None
    stated = keep_impact(page, severity, why)
    return page.append(events.SeveritySet(severity=severity, previous=ticket.severity, **stated))


def label(status: str) -> str:
    return str(Status(status).label) if status in Status.values else status


def change_status(page: timeline.Page, status: str, waiting_for: str, reason: str) -> TicketEvent:
    ticket = page.ticket
    if ticket.status == Status.SOLVED and status == Status.OPEN:
        return reopen(page)
    if status not in TRANSITIONS[ticket.status]:
        raise StatusRefused(
            number=ticket.number, previous=label(ticket.status), status=label(status)
        )
    if status == Status.PENDING:
        reason = reason_of(reason)
        if waiting_for not in WaitingFor.values or not reason:
            raise WaitingForUnknown
    else:
        waiting_for = reason = ""
    owed = open_promises(page) if status == Status.SOLVED else {}
    event = page.append(
        events.StatusChanged(
            status=status, previous=ticket.status, waiting_for=waiting_for, reason=reason
        )
    )
    keep_by_solving(page, event, owed)
    return event


def reopen(page: timeline.Page, *, undone: bool = False) -> TicketEvent:
    """Append the reopening. The window binds requesters; agents may always take it back up."""
    ticket = page.ticket
    by_requester = page.actor.kind is ActorKind.REQUESTER
    if by_requester and page.now > ticket.reopens_until:
        raise ReopenWindowOver(number=ticket.number)
    return page.append(
        events.TicketReopened(previous=ticket.status, by_requester=by_requester, undone=undone)
    )
