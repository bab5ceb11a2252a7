"""Commands: everything that can be done to a ticket.

Each is one keyword-only function, one transaction, one row lock. It checks the domain's rules,
appends events, and refreshes the projection; readers write what must be sent. Nothing leaves the
house from here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from django.db import IntegrityError, connection, transaction

from plazo.accounts.models import Agent, Group, Requester
from plazo.agreements.queries import version_in_force
from plazo.core.actor import Actor, ActorKind
from plazo.mailboxes.models import Mailbox
from plazo.sla import evaluate
from plazo.tickets import events, projection, staging, timeline
from plazo.tickets.bodies import (
    StoredUpload,
    Written,
    attach,
    digest_of,
    seal_of,
    written_markdown,
    written_plain,
)
from plazo.tickets.climbing import climb_of
from plazo.tickets.errors import (
    AddressNotConfirmed,
    AlreadyAtLevel,
    EscalationLocked,
    NothingToEscalate,
    NothingToSendAgain,
    NotRatable,
    NotWhileSolved,
    ReopenWindowOver,
    SeverityRequired,
    StatusRefused,
    TooManyParticipants,
    UnknownAgent,
    UnknownChoice,
    UnknownLevel,
    UnknownSeverity,
    WaitingForUnknown,
)
from plazo.tickets.models import (
    SCORES,
    Attachment,
    Channel,
    Delivery,
    InternalNote,
    Participant,
    PublicMessage,
    Rating,
    Status,
    Ticket,
    TicketEvent,
    TicketField,
    WaitingFor,
)

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

# The same message again within this time was sent twice, not meant twice.
ECHO = timedelta(minutes=1)
MOST_PARTICIPANTS = 20
LONGEST_RATING = 1000
_MESSAGES = frozenset(
    {events.TicketOpened.kind, events.TicketReplied.kind, events.RequesterReplied.kind}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How a ticket came in, where that is more than a form.

    `related` names other tickets that a mail pointed to without the right to join them, each with
    why. `quiet` says why no receipt is sent.
    """

    mailbox: Mailbox | None = None
    participants: Sequence[int] = ()
    related: Sequence[tuple[Ticket, Literal["subject", "stranger", "follow_up"]]] = ()
    verified: bool = False
    quiet: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """What the form told whoever opened a ticket, and what they answered.

    Units: `fields` are answers to the form's further questions by key. `clause` is the scope clause
        that the form pointed to, and `answer` what was said to it: pass it on, or it is technical
        after all. `article` and `announcement` are the ones that they came from, by their keys.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    clause: str = ""
    answer: Literal["", "pass_on", "technical"] = ""
    article: str = ""
    announcement: str = ""


def open_ticket(
    *,
    requester_id: int,
    subject: str,
    body: str | Written,
    service: str,
    environment: str,
    request_type: str,
    channel: str = Channel.FORM,
    language: str = "es",
    severity: str = "",
    attachments: Sequence[StoredUpload] = (),
    submission_key: str | None = None,
    arrival: Arrival | None = None,
    guidance: Guidance | None = None,
    actor: Actor,
    now: datetime,
) -> Ticket:
    """Open a ticket under the agreement in force, with its number and its first clocks.

    Units: `severity` is what the requester says of the impact; an agent sets the real one.
    Edges: the same `submission_key` again returns the ticket that it made, so a form sent twice
        makes one ticket, even at once. A mail leaves service, environment and type empty: nobody
        has said yet.
    Raises: NoAgreementInForce; UnknownChoice; UnknownSeverity; EmptyBody.
    Source: agreement §3 and §5.
    """
    if submission_key:
        known = Ticket.objects.filter(submission_key=submission_key).first()
        if known is not None:
            return known
    try:
        with transaction.atomic():
            return _open(
                requester=Requester.objects.select_related("organization").get(pk=requester_id),
                subject=subject,
                body=written_plain(body) if isinstance(body, str) else body,
                choices=(service, environment, request_type),
                channel=channel,
                language=language,
                severity=severity,
                attachments=attachments,
                submission_key=submission_key,
                arrival=arrival or Arrival(),
                guidance=guidance or Guidance(),
                actor=actor,
                now=now,
            )
    except IntegrityError:
        # The twin of this submission won the race; any other conflict is a fault of ours.
        twin = Ticket.objects.filter(submission_key=submission_key or "").first()
        if twin is None:
            raise
        return twin


def _open(
    *,
    requester: Requester,
    subject: str,
    body: Written,
    choices: tuple[str, str, str],
    channel: str,
    language: str,
    severity: str,
    attachments: Sequence[StoredUpload],
    submission_key: str | None,
    arrival: Arrival,
    guidance: Guidance,
    actor: Actor,
    now: datetime,
) -> Ticket:
    mailbox = arrival.mailbox
    version = version_in_force(now, mailbox.agreement if mailbox else None)
    document = version.document
    service, environment, request_type = choices
    # A mail names none, nor does a case that follows one up.
    unsaid = {""} if channel in (Channel.EMAIL, Channel.PORTAL) else set()
    if (
        service not in {*document.services, *unsaid}
        or environment not in {*document.environments, *unsaid}
        or request_type not in {*document.request_types, *unsaid}
    ):
        raise UnknownChoice
    if severity and document.severity(severity) is None:
        raise UnknownSeverity(severity=severity)
    organization = requester.organization
    group = (mailbox.group if mailbox else None) or (
        Group.objects.filter(level=1).order_by("pk").first()
    )
    ticket = Ticket.objects.create(
        number=f"{document.case_prefix}-{_next_number()}",
        requester=requester,
        organization=organization,
        subject=" ".join(subject.split())[:200] or body.text.split("\n", 1)[0][:200],
        language=language,
        service=service,
        environment=environment,
        request_type=request_type,
        channel=channel,
        agreement_version=version,
        submission_key=submission_key,
        mailbox=mailbox,
        opened_at=now,
        updated_at=now,
        sort_due_at=now,
        requester_due_at=now,
        evaluated_at=now,
        last_at=now,
    )
    message = _message(ticket, body, attachments, requester=requester, now=now)
    answers = [
        TicketField(ticket=ticket, key=key, value=value.strip()[:2000])
        for key, value in guidance.fields.items()
        if value.strip() and document.field(key) is not None
    ]
    TicketField.objects.bulk_create(answers)
    page = timeline.Page(ticket, actor, now, [])
    page.append(
        events.TicketOpened(
            requester=requester.pk,
            organization=organization.slug if organization else None,
            stage=organization.stage if organization else None,
            service=service,
            environment=environment,
            request_type=request_type,
            channel=channel,
            requested_severity=severity,
            group=group.pk if group else None,
            agreement=version.key,
            agreement_version=version.number,
            message=message.pk,
            digest=message.digest,
            seal=_seal(message, attachments, heading=(ticket.number, ticket.subject)),
            verified=arrival.verified,
            quiet=arrival.quiet,
            fields=[answer.key for answer in answers],
            entitlement=document.entitlement(
                organization.stage if organization else None,
                organization.services if organization else (),
                service,
            ),
            clause=guidance.clause,
            answer=guidance.answer,
            article=guidance.article,
            announcement=guidance.announcement,
        )
    )
    for other, why in arrival.related:
        page.append(events.TicketRelated(ticket=other.pk, number=other.number, why=why))
    _add_participants(page, arrival.participants)
    page.finish()
    return ticket


def _add_participants(
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


def _next_number() -> int:
    """Return the next case number. Numbers are never given twice; a rollback leaves a gap."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('tickets_number')")
        (number,) = cursor.fetchone()
    return int(number)


def _message(
    ticket: Ticket,
    body: Written,
    attachments: Sequence[StoredUpload],
    *,
    agent: Agent | None = None,
    requester: Requester | None = None,
    now: datetime,
) -> PublicMessage:
    message = PublicMessage.objects.create(
        ticket=ticket,
        author_agent=agent,
        author_requester=requester,
        author_name=str(agent or requester)[:120],
        body_text=body.text,
        body_html=body.html,
        quoted_text=body.quoted_text,
        quoted_html=body.quoted_html,
        authenticity=body.authenticity,
        message_id=body.message_id,
        digest=digest_of(body.text, attachments, body.quoted_text),
        at=now,
        delivery=Delivery.QUEUED if agent else Delivery.NONE,
    )
    attach(attachments, message=message)
    return message


def _seal(
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


def reply_to_ticket(
    *,
    ticket_id: int,
    body: str | Written,
    attachments: Sequence[StoredUpload] = (),
    copies: Sequence[int] | None = None,
    then: str = "",
    waiting_for: str = "",
    reason: str = "",
    actor: Actor,
    now: datetime,
) -> TicketEvent:
    """Answer the requester, and then perhaps change the status; one action, one transaction.

    Units: `copies` are the people (keys of requesters) who get a copy; None means every
        participant of the ticket.
    Edges: a new ticket becomes open by its first reply. A reply to a solved ticket leaves it
        solved, unless `then` opens it. It counts only while it has not failed to arrive. Whoever
        is named in `copies` and takes no part yet does so from here on. Pending may follow
        pending: whom we wait for, and why, are then what this reply says. The same words and files
        again within a minute are the same reply, sent twice: the first one's event is returned.
    Raises: TicketClosed; EmptyBody; UnknownAgent; what `set_status` raises for `then`.
    """
    written = written_markdown(body) if isinstance(body, str) else body
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        author = _author(actor)
        digest = digest_of(written.text, attachments, written.quoted_text)
        echo = _written_just_now(page, events.TicketReplied.kind, digest)
        if echo is not None:
            return echo
        message = _message(page.ticket, written, attachments, agent=author, now=now)
        if copies is None:
            participants = Participant.objects.filter(ticket=page.ticket)
            copies = list(participants.values_list("requester_id", flat=True))
        else:
            _add_participants(page, copies)
        event = page.append(
            events.TicketReplied(
                message=message.pk,
                digest=message.digest,
                copies=sorted(set(copies)),
                seal=_seal(message, attachments),
            )
        )
        if then == Status.PENDING or (then and then != page.ticket.status):
            _change_status(page, then, waiting_for, reason)
        elif page.ticket.status == Status.NEW:
            _change_status(page, Status.OPEN, "", "")
    return event


def add_internal_note(
    *,
    ticket_id: int,
    body: str | Written,
    attachments: Sequence[StoredUpload] = (),
    actor: Actor,
    now: datetime,
) -> TicketEvent:
    """Write a note for the other agents. It shares no row and no path with what is sent.

    Edges: a closed ticket takes notes too: what is learnt later is still worth keeping. The same
        note again within a minute is the same one, as with replies.
    Raises: EmptyBody; UnknownAgent.
    """
    written = written_markdown(body) if isinstance(body, str) else body
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        agent = _author(actor)
        digest = digest_of(written.text, attachments)
        echo = _written_just_now(page, events.NoteAdded.kind, digest)
        if echo is not None:
            return echo
        note = InternalNote.objects.create(
            ticket=page.ticket,
            author_agent=agent,
            author_name=str(agent)[:120],
            body_text=written.text,
            body_html=written.html,
            digest=digest,
            at=now,
        )
        attach(attachments, note=note)
        seal = seal_of(
            author=note.author_name,
            text=note.body_text,
            html=note.body_html,
            files=[(upload.sha256, upload.name) for upload in attachments],
        )
        return page.append(events.NoteAdded(note=note.pk, digest=digest, seal=seal))


def _written_just_now(page: timeline.Page, kind: str, digest: str) -> TicketEvent | None:
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


def _author(actor: Actor) -> Agent:
    agent = (
        Agent.objects.select_related("user").filter(pk=actor.id, is_active=True).first()
        if actor.kind is ActorKind.AGENT and actor.id is not None
        else None
    )
    if agent is None:
        raise UnknownAgent
    return agent


def reply_as_requester(
    *,
    ticket_id: int,
    body: str | Written,
    attachments: Sequence[StoredUpload] = (),
    channel: str = Channel.FORM,
    participants: Sequence[int] = (),
    actor: Actor,
    now: datetime,
) -> TicketEvent:
    """Take in what the requester, or another participant, says, whatever the channel.

    Edges: it ends a wait for them, opens a new ticket no further, and reopens a solved one within
        the agreement's window. The same words and files again within a minute are the same
        message, sent twice by a double click or a reload: the first one's event is returned.
        A colleague who writes takes part from here on.
    Raises: TicketClosed; ReopenWindowOver; EmptyBody.
    """
    written = written_plain(body) if isinstance(body, str) else body
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        digest = digest_of(written.text, attachments, written.quoted_text)
        # The mail ledger knows the same mail by more than its words.
        echo = None if channel == Channel.EMAIL else _said_just_now(page, digest)
        if page.ticket.status == Status.SOLVED:
            _reopen(page)
        elif echo is not None:
            return echo
        return _take_in(page, written, attachments, channel, participants)


def _take_in(
    page: timeline.Page,
    written: Written,
    attachments: Sequence[StoredUpload],
    channel: str,
    participants: Sequence[int] = (),
) -> TicketEvent:
    """Append what somebody on the requester's side says, and end a wait for them."""
    requester = Requester.objects.get(pk=page.actor.id or 0)
    message = _message(page.ticket, written, attachments, requester=requester, now=page.now)
    event = page.append(
        events.RequesterReplied(
            message=message.pk,
            digest=message.digest,
            channel=channel,
            seal=_seal(message, attachments),
        )
    )
    _add_participants(page, [requester.pk, *participants])
    if page.ticket.status == Status.PENDING:
        _change_status(page, Status.OPEN, "", "")
    return event


def _said_just_now(page: timeline.Page, digest: str) -> TicketEvent | None:
    """Return the event of the last message, if it is this author's, fresh, and the same."""
    said = [e for e in page.chain if e.kind in _MESSAGES]
    last = said[-1] if said else None
    if (
        last is None
        or last.kind != events.RequesterReplied.kind
        or (last.actor_kind, last.actor_id) != (page.actor.kind, page.actor.id)
        or last.payload["digest"] != digest
        or page.now - last.at >= ECHO
    ):
        return None
    return last


def assign_ticket(
    *,
    ticket_id: int,
    assignee_id: int | None,
    group_id: int | None = None,
    actor: Actor,
    now: datetime,
) -> TicketEvent | None:
    """Give the ticket to an agent, to nobody, or to another group.

    Edges: None where nothing changes. Without `group_id` the group stays.
    Raises: UnknownAgent; TicketClosed.
    """
    if (
        assignee_id is not None
        and not Agent.objects.filter(pk=assignee_id, is_active=True).exists()
    ) or (group_id is not None and not Group.objects.filter(pk=group_id).exists()):
        raise UnknownAgent
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        group = page.ticket.group_id if group_id is None else group_id
        if (page.ticket.assignee_id, page.ticket.group_id) == (assignee_id, group):
            return None
        return page.append(events.TicketAssigned(agent=assignee_id, group=group))


def set_severity(
    *, ticket_id: int, severity: str, actor: Actor, now: datetime
) -> TicketEvent | None:
    """Judge the impact. Running clocks are re-targeted from their own start.

    Edges: None where it has this severity already.
    Raises: UnknownSeverity; TicketClosed.
    Source: agreement §4; docs/metrics.md.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        return _set_severity(page, severity)


def _set_severity(page: timeline.Page, severity: str) -> TicketEvent | None:
    ticket = page.ticket
    if ticket.agreement_version.document.severity(severity) is None:
        raise UnknownSeverity(severity=severity)
    if ticket.severity == severity:
        return None
    return page.append(events.SeveritySet(severity=severity, previous=ticket.severity))


def enter_level(
    *, ticket_id: int, level: int, severity: str = "", actor: Actor, now: datetime
) -> TicketEvent:
    """Escalate functionally: hand the ticket up to another support level.

    Edges: the severity is set first where one is given; the level's group takes the ticket, and
        its assignee is free to change. Starts `escalated_reply`.
    Raises: UnknownLevel if the agreement's ladder does not have it; SeverityRequired;
        AlreadyAtLevel; UnknownSeverity; StatusRefused if it is solved.
    Source: agreement §4.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        ticket = page.ticket
        if ticket.status == Status.SOLVED:
            raise StatusRefused(
                number=ticket.number, previous=_label(Status.SOLVED), status=f"N{level}"
            )
        levels = [step.level for step in ticket.agreement_version.document.ladder]
        if level not in levels:
            raise UnknownLevel(level=level, levels=levels)
        if ticket.level >= level:
            raise AlreadyAtLevel(number=ticket.number, level=ticket.level)
        if severity:
            _set_severity(page, severity)
        if not ticket.severity:
            raise SeverityRequired
        group = Group.objects.filter(level=level).order_by("pk").first()
        event = page.append(
            events.LevelEntered(
                level=level, previous=ticket.level, group=group.pk if group else None
            )
        )
        if ticket.status == Status.NEW:
            _change_status(page, Status.OPEN, "", "")
    return event


def set_status(
    *,
    ticket_id: int,
    status: str,
    waiting_for: str = "",
    reason: str = "",
    actor: Actor,
    now: datetime,
) -> TicketEvent:
    """Put the ticket in another status. Pending names whom we wait for, and why.

    Raises: StatusRefused; WaitingForUnknown; TicketClosed; ReopenWindowOver.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        return _change_status(page, status, waiting_for, reason)


def _label(status: str) -> str:
    return str(Status(status).label) if status in Status.values else status


def _change_status(page: timeline.Page, status: str, waiting_for: str, reason: str) -> TicketEvent:
    ticket = page.ticket
    if ticket.status == Status.SOLVED and status == Status.OPEN:
        return _reopen(page)
    if status not in TRANSITIONS[ticket.status]:
        raise StatusRefused(
            number=ticket.number, previous=_label(ticket.status), status=_label(status)
        )
    if status == Status.PENDING:
        reason = " ".join(reason.split())[:300]
        if waiting_for not in WaitingFor.values or not reason:
            raise WaitingForUnknown
    else:
        waiting_for = reason = ""
    return page.append(
        events.StatusChanged(
            status=status, previous=ticket.status, waiting_for=waiting_for, reason=reason
        )
    )


def reopen_ticket(*, ticket_id: int, actor: Actor, now: datetime) -> TicketEvent:
    """Open a solved ticket again: its clocks go on from where solving had set them aside.

    Raises: StatusRefused if it is not solved; ReopenWindowOver for a requester who comes too
        late; TicketClosed.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        if page.ticket.status != Status.SOLVED:
            raise StatusRefused(
                number=page.ticket.number,
                previous=_label(page.ticket.status),
                status=_label(Status.OPEN),
            )
        return _reopen(page)


def _reopen(page: timeline.Page) -> TicketEvent:
    """Append the reopening. The window binds requesters; agents may always take it back up."""
    ticket = page.ticket
    by_requester = page.actor.kind is ActorKind.REQUESTER
    if by_requester and page.now > ticket.reopens_until:
        raise ReopenWindowOver(number=ticket.number)
    return page.append(events.TicketReopened(previous=ticket.status, by_requester=by_requester))


def give_verdict(
    *, ticket_id: int, in_scope: bool, clause: str = "", actor: Actor, now: datetime
) -> TicketEvent:
    """Decide whether the ticket is in scope, or out by a named clause of its agreement.

    Edges: a later verdict is recorded beside the first, which stopped the clock.
    Raises: UnknownChoice for a clause that the agreement does not have; TicketClosed.
    Source: agreement §2 and §4.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        document = page.ticket.agreement_version.document
        if not in_scope and document.clause(clause) is None:
            raise UnknownChoice
        return page.append(
            events.VerdictGiven(in_scope=in_scope, clause=None if in_scope else clause)
        )


def record_acknowledged(
    *, ticket_id: int, mail_id: int, actor: Actor, now: datetime
) -> TicketEvent | None:
    """Note that the mail server took the acknowledgement. Once for each mail."""
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        kind = events.TicketAcknowledged.kind
        if any(e.kind == kind and e.payload["mail"] == mail_id for e in page.chain):
            return None
        return page.append(events.TicketAcknowledged(mail=mail_id))


def record_delivery(*, message_id: int, state: str) -> None:
    """Keep what became of a reply's mail, for the agent to see. No fact of the timeline.

    Edges: a failure is final; a late "sent" does not undo it.
    """
    final = (Delivery.FAILED, Delivery.BOUNCED)
    PublicMessage.objects.filter(pk=message_id).exclude(delivery__in=final).update(delivery=state)


def record_machine(
    *, ticket_id: int, record_id: int, evidence: str, actor: Actor, now: datetime
) -> TicketEvent:
    """Note that a machine answered: an out-of-office note and the like. No clock moves.

    Units: `record_id` is the mail in the ledger, where its text stays.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        return page.append(events.MachineWrote(record=record_id, evidence=evidence[:200]))


def record_parked_mail(
    *, ticket_id: int, record_id: int, reason: str, actor: Actor, now: datetime
) -> TicketEvent | None:
    """Note that a mail about a ticket waits in the ledger for a person. Once for each mail.

    Units: `record_id` is the mail in the ledger, `reason` a key of the ledger's reasons.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        kind = events.MailParked.kind
        if any(e.kind == kind and e.payload["record"] == record_id for e in page.chain):
            return None
        return page.append(events.MailParked(record=record_id, reason=reason))


def record_delivery_failure(
    *,
    ticket_id: int,
    message_id: int,
    reason: str,
    attempt: int | None = None,
    state: str = Delivery.FAILED,
    actor: Actor,
    now: datetime,
) -> TicketEvent | None:
    """Note that a reply will never arrive: the clocks stand as if it had not been sent.

    Units: `attempt` is which sending failed, from 1; without it, the last one.
    Edges: once for each sending, so a late report about the first says nothing of the second; a
        closed ticket takes it too, since it is a fact. `state` tells a refusal at once from a
        report that came back later.
    Source: decision 4.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        sent, failed = _sendings(page, message_id)
        attempt = sent if attempt is None else attempt
        if attempt > sent or attempt in failed:
            return None
        if attempt == sent:
            PublicMessage.objects.filter(pk=message_id, ticket=page.ticket).update(delivery=state)
        return page.append(
            events.ReplyDeliveryFailed(message=message_id, reason=reason[:300], attempt=attempt)
        )


def _sendings(page: timeline.Page, message_id: int) -> tuple[int, set[int]]:
    """Return how often a reply was sent, and which of these sendings failed."""
    mine = [e for e in page.chain if e.payload.get("message") == message_id]
    kinds = [e.kind for e in mine]
    sent = kinds.count(events.TicketReplied.kind) + kinds.count(events.ReplySentAgain.kind)
    failed = events.ReplyDeliveryFailed.kind
    return sent, {e.payload.get("attempt", 1) for e in mine if e.kind == failed}


def send_reply_again(
    *, ticket_id: int, message_id: int, actor: Actor, now: datetime
) -> TicketEvent:
    """Send a reply that did not arrive once more; the clocks count it from now.

    Raises: NothingToSendAgain; TicketClosed; UnknownAgent.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        _author(actor)
        sent, failed = _sendings(page, message_id)
        if sent not in failed:
            raise NothingToSendAgain
        PublicMessage.objects.filter(pk=message_id, ticket=page.ticket).update(
            delivery=Delivery.QUEUED
        )
        return page.append(events.ReplySentAgain(message=message_id, attempt=sent + 1))


def announce_alarms(*, ticket_id: int, actor: Actor, now: datetime) -> list[TicketEvent]:
    """Turn the moments of clocks that have passed into events, once each, at their own instants.

    Edges: with several sweeps at once the row's lock and the list of what was announced make
        each moment one event. `at` is when it is written down; the payload's `instant` is when
        it happened. Without a moment to tell, only the projection is refreshed (a pause may
        have ended by itself).
    """
    with transaction.atomic():
        ticket = Ticket.objects.select_for_update().get(pk=ticket_id)
        page = timeline.Page(ticket, actor, now, list(timeline.chain_of(ticket)))
        evaluation = projection.refresh(ticket, timeline.facts_of(page.chain), now=now)
        announced = projection.announced_of(ticket)
        for alarm in evaluation.alarms_due(now, announced):
            applied = evaluation.get(alarm.key)
            if applied is None:
                continue
            page.append(
                events.ALARMS[alarm.kind](
                    key=alarm.key,
                    metric=applied.metric.value,
                    severity=applied.severity,
                    instant=alarm.at,
                )
            )
        page.finish()
    return page.appended


def add_participant(
    *, ticket_id: int, person_id: int, actor: Actor, now: datetime
) -> TicketEvent | None:
    """Let somebody take part: they get copies, see the case, and are told so.

    Edges: None for who takes part already. On the requester's side only somebody whose address is
        confirmed may: the mail that tells the other carries the case's subject.
    Raises: AddressNotConfirmed; TooManyParticipants; TicketClosed.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        if actor.kind is ActorKind.REQUESTER and not Requester.objects.get(
            pk=actor.id or 0
        ).confirmed(now):
            raise AddressNotConfirmed
        if page.ticket.participants.count() >= MOST_PARTICIPANTS:
            raise TooManyParticipants(most=MOST_PARTICIPANTS)
        return _add_participants(page, [person_id], told=True)


def remove_participant(
    *, ticket_id: int, person_id: int, actor: Actor, now: datetime
) -> TicketEvent | None:
    """Let somebody take part no more: no copies, no sight of the case. What they wrote stays.

    Edges: None for who takes no part. A closed ticket can be left too.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        deleted, _ = Participant.objects.filter(ticket=page.ticket, requester=person_id).delete()
        if not deleted:
            return None
        return page.append(events.ParticipantRemoved(person=person_id))


def request_escalation(
    *, ticket_id: int, words: str = "", actor: Actor, now: datetime
) -> TicketEvent:
    """Climb over level 1, which is late: the requester's own right, once for each breach.

    Edges: decided by evaluating at `now`, so it does not matter whether a sweep has looked. What
        they say with it is a message of theirs like any other. It needs no level 1 that is still
        silent: who was answered late may climb as well.
    Raises: EscalationLocked with the moment at which it unlocks; NothingToEscalate; NotWhileSolved;
        TicketClosed.
    Source: agreement §4.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        ticket = page.ticket
        if ticket.status == Status.SOLVED:
            raise NotWhileSolved(number=ticket.number)
        agreement = ticket.agreement_version.sla
        evaluation = evaluate(agreement, timeline.facts_of(page.chain), max(now, ticket.last_at))
        climb = climb_of(evaluation, page.chain)
        if climb.late_since is None:
            if climb.unlocks_at is None:
                raise NothingToEscalate(asked=climb.asked_at is not None)
            zone = agreement.calendars[agreement.support_calendar].zone
            raise EscalationLocked(at=climb.unlocks_at, zone=zone, now=now)
        message = None
        if words.strip():
            said = _take_in(page, written_plain(words), (), Channel.PORTAL)
            message = said.payload["message"]
        return page.append(
            events.EscalationRequested(
                keys=list(climb.keys), late_since=climb.late_since, message=message
            )
        )


def rate_ticket(
    *, ticket_id: int, score: int, words: str = "", actor: Actor, now: datetime
) -> TicketEvent:
    """Take in what the requester thinks of the service, from 1 to 5, with a sentence.

    Edges: while the ticket is solved and not closed it can be changed: the latest one counts. The
        same again is no change.
    Raises: NotRatable; UnknownChoice for a score that is not on the scale.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        ticket = page.ticket
        own = actor.kind is ActorKind.REQUESTER and actor.id == ticket.requester_id
        if ticket.status != Status.SOLVED or not own:
            raise NotRatable
        if score not in dict(SCORES):
            raise UnknownChoice
        words = " ".join(words.replace("\x00", "").split())[:LONGEST_RATING]
        digest = digest_of(words)
        last = next((e for e in reversed(page.chain) if e.kind == events.TicketRated.kind), None)
        if last and (last.payload["score"], last.payload["digest"]) == (score, digest):
            return last
        rating = Rating.objects.create(
            ticket=ticket,
            requester_id=ticket.requester_id,
            score=score,
            words=words,
            digest=digest,
            at=now,
        )
        return page.append(events.TicketRated(rating=rating.pk, score=score, digest=digest))


def open_follow_up(
    *,
    ticket_id: int,
    body: str,
    attachments: Sequence[StoredUpload] = (),
    language: str = "es",
    actor: Actor,
    now: datetime,
) -> Ticket:
    """Open a case that follows up one that can be reopened no more; each names the other.

    Edges: it takes over subject, service, environment, type and who takes part. The same words
        about the same case again are the same follow-up.
    Raises: StatusRefused while the old one can still be answered; EmptyBody; NoAgreementInForce.
    """
    written = written_plain(body)
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        old = page.ticket
        if old.can_be_answered(now):
            raise StatusRefused(
                number=old.number, previous=_label(old.status), status=_label(Status.CLOSED)
            )
        document = version_in_force(now, old.mailbox.agreement if old.mailbox else None).document
        person = Requester.objects.get(pk=actor.id or 0)
        participants = list(old.participants.values_list("requester_id", flat=True))
        said = digest_of(written.text, attachments)
        new = open_ticket(
            requester_id=person.pk,
            subject=old.subject,
            body=written,
            service=old.service if old.service in document.services else "",
            environment=old.environment if old.environment in document.environments else "",
            request_type=old.request_type if old.request_type in document.request_types else "",
            channel=Channel.PORTAL,
            language=language,
            severity=old.requested_severity if document.severity(old.requested_severity) else "",
            attachments=attachments,
            submission_key=f"follow:{old.pk}:{person.pk}:{said}"[:64],
            arrival=Arrival(
                mailbox=old.mailbox,
                participants=[old.requester_id, *participants],
                related=[(old, "follow_up")],
                verified=person.confirmed(now),
            ),
            actor=actor,
            now=now,
        )
        kind = events.TicketRelated.kind
        if not any(e.kind == kind and e.payload["ticket"] == new.pk for e in page.chain):
            page.append(events.TicketRelated(ticket=new.pk, number=new.number, why="follow_up"))
    return new


def redact_message(*, message_id: int, actor: Actor, now: datetime) -> TicketEvent:
    """Erase what a message says, as the law may ask. The fact and its instant stay."""
    with transaction.atomic():
        message = PublicMessage.objects.select_related("ticket").get(pk=message_id)
        with timeline.writing(message.ticket_id, actor=actor, now=now) as page:
            staging.let_go(message.attachments.all(), now=now)
            if page.chain and page.chain[0].payload.get("message") == message.pk:
                TicketField.objects.filter(ticket=message.ticket_id).delete()
            PublicMessage.objects.filter(pk=message.pk).update(
                body_text="", body_html="", quoted_text="", quoted_html=""
            )
            return page.append(events.TicketRedacted(message=message.pk))


def redact_person(*, ticket_id: int, person_id: int, actor: Actor, now: datetime) -> int:
    """Erase all that somebody wrote on a ticket; return how many texts there were.

    Edges: on their own ticket the subject goes too, since they wrote it: its number stands there.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        messages = PublicMessage.objects.filter(ticket=page.ticket, author_requester=person_id)
        gone = {e.payload["message"] for e in page.chain if e.kind == events.TicketRedacted.kind}
        written = [pk for pk in messages.values_list("pk", flat=True) if pk not in gone]
        staging.let_go(Attachment.objects.filter(public_message__in=messages), now=now)
        messages.update(body_text="", body_html="", quoted_text="", quoted_html="", author_name="")
        for pk in written:
            page.append(events.TicketRedacted(message=pk))
        ratings = Rating.objects.filter(ticket=page.ticket, requester=person_id).exclude(words="")
        rated = list(ratings.values_list("pk", flat=True))
        ratings.update(words="")
        for pk in rated:
            page.append(events.TicketRedacted(rating=pk))
        if page.ticket.requester_id == person_id:
            Ticket.objects.filter(pk=page.ticket.pk).update(subject=page.ticket.number)
            TicketField.objects.filter(ticket=page.ticket).delete()
    return len(written) + len(rated)
