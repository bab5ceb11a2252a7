"""Commands that begin a ticket."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from django.db import IntegrityError, connection, transaction

from plazo.accounts.models import Group, Requester
from plazo.agreements.queries import version_in_force
from plazo.core.actor import Actor, ActorKind
from plazo.mailboxes.models import Mailbox
from plazo.tickets import events, timeline
from plazo.tickets.bodies import (
    StoredUpload,
    Written,
    digest_of,
    written_plain,
)
from plazo.tickets.commands.steps import add_people, keep_message, label, seal_message
from plazo.tickets.errors import (
    StatusRefused,
    UnknownChoice,
    UnknownSeverity,
)
from plazo.tickets.models import (
    Channel,
    Referral,
    Status,
    Ticket,
    TicketField,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Referred:
    """Who of our own people asked for a ticket in its requester's name."""

    role: str
    name: str
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How a ticket came in, where that is more than a form.

    `related` names other tickets that a mail pointed to without the right to join them, each with
    why. `quiet` says why no receipt is sent. `asked_at` is when it was asked, where that is not
    when it is opened, and `written_at` when its text was written. `referral` is who of our own
    people passed it on.
    """

    mailbox: Mailbox | None = None
    participants: Sequence[int] = ()
    related: Sequence[
        tuple[Ticket, Literal["subject", "stranger", "follow_up", "merged", "split_from"]]
    ] = ()
    verified: bool = False
    quiet: str = ""
    asked_at: datetime | None = None
    written_at: datetime | None = None
    split: int | None = None
    referral: Referred | None = None


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
    mailbox, asked_at = arrival.mailbox, arrival.asked_at or now
    version = version_in_force(asked_at, mailbox.agreement if mailbox else None)
    document = version.document
    service, environment, request_type = choices
    # A mail names none, nor does a case that follows one up; an agent may not know yet.
    free = channel in (Channel.EMAIL, Channel.PORTAL) or actor.kind is ActorKind.AGENT
    unsaid = {""} if free else set()
    if (
        service not in {*document.offered, *unsaid}
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
        opened_at=asked_at,
        updated_at=asked_at,
        sort_due_at=asked_at,
        requester_due_at=asked_at,
        evaluated_at=asked_at,
        last_at=asked_at,
    )
    written_at = arrival.written_at or asked_at
    message = keep_message(ticket, body, attachments, requester=requester, now=written_at)
    referral = arrival.referral
    if referral is not None:
        Referral.objects.create(
            ticket=ticket, role=referral.role, name=referral.name[:120], email=referral.email
        )
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
            seal=seal_message(message, attachments, heading=(ticket.number, ticket.subject)),
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
            asked_by=referral.role if referral is not None else "",
        ),
        at=asked_at,
    )
    for other, why in arrival.related:
        page.append(
            events.TicketRelated(
                ticket=other.pk, number=other.number, why=why, message=arrival.split
            )
        )
    add_people(page, arrival.participants)
    page.finish()
    return ticket


def _next_number() -> int:
    """Return the next case number. Numbers are never given twice; a rollback leaves a gap."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('tickets_number')")
        (number,) = cursor.fetchone()
    return int(number)


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
                number=old.number, previous=label(old.status), status=label(Status.CLOSED)
            )
        document = version_in_force(now, old.mailbox.agreement if old.mailbox else None).document
        person = Requester.objects.get(pk=actor.id or 0)
        participants = list(old.participants.values_list("requester_id", flat=True))
        said = digest_of(written.text, attachments)
        new = open_ticket(
            requester_id=person.pk,
            subject=old.subject,
            body=written,
            service=old.service if old.service in document.offered else "",
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
