"""The command by which an agent opens a case for somebody else."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from plazo.accounts.models import Agent, Group, Requester
from plazo.core.actor import Actor
from plazo.tickets import events, timeline
from plazo.tickets.bodies import StoredUpload
from plazo.tickets.commands.opening import Arrival, Guidance, Referred, open_ticket
from plazo.tickets.commands.steps import author_of, judge, label
from plazo.tickets.errors import StatusRefused, UnknownAgent, UnknownChoice
from plazo.tickets.models import Channel, ReferralRole, Status, Ticket


@transaction.atomic
def open_on_behalf(
    *,
    requester_id: int,
    subject: str,
    body: str,
    service: str = "",
    environment: str = "",
    request_type: str = "",
    severity: str = "",
    fields: Mapping[str, str] | None = None,
    attachments: Sequence[StoredUpload] = (),
    referral: Referred | None = None,
    receipt: bool = True,
    assignee_id: int | None = None,
    group_id: int | None = None,
    follows_id: int | None = None,
    submission_key: str | None = None,
    actor: Actor,
    now: datetime,
) -> Ticket:
    """Open a case by the internal channel, in the name of whoever it is about.

    Units: `referral` is who of our own people asked for it; `receipt` says whether the requester
        gets one; `follows_id` is a case that ended, which this one follows up.
    Edges: the severity is judged at once, by the agent. A client who is not entitled is flagged,
        never refused. The same `submission_key` again is the same case.
    Raises: UnknownAgent; UnknownChoice; UnknownSeverity; EmptyBody; StatusRefused where what it
        would follow up has not ended.
    Source: agreement §3 (sales executives and product managers).
    """
    author_of(actor)
    if referral is not None and referral.role not in ReferralRole.values:
        raise UnknownChoice
    known = Ticket.objects.filter(submission_key=submission_key).first() if submission_key else None
    if known is not None:
        return known
    old = _ended(follows_id, actor, now) if follows_id is not None else None
    requester = Requester.objects.get(pk=requester_id)
    new = open_ticket(
        requester_id=requester.pk,
        subject=subject,
        body=body,
        service=service,
        environment=environment,
        request_type=request_type,
        channel=Channel.INTERNAL,
        language=requester.language,
        severity=severity,
        attachments=attachments,
        submission_key=submission_key,
        arrival=Arrival(
            mailbox=old.mailbox if old is not None else None,
            related=[(old, "follow_up")] if old is not None else (),
            verified=requester.confirmed(now),
            quiet="" if receipt else "not_wanted",
            referral=referral,
        ),
        guidance=Guidance(fields=fields or {}),
        actor=actor,
        now=now,
    )
    _hand_over(new, assignee_id, group_id, severity, actor, now)
    if old is not None:
        with timeline.writing(old.pk, actor=actor, now=now) as page:
            page.append(events.TicketRelated(ticket=new.pk, number=new.number, why="follow_up"))
    new.refresh_from_db()
    return new


def _ended(ticket_id: int, actor: Actor, now: datetime) -> Ticket:
    """Return a ticket that has ended, locked. Raises: StatusRefused for one that goes on."""
    timeline.lock(ticket_id)
    old = Ticket.objects.select_related("mailbox").get(pk=ticket_id)
    if not old.is_ended:
        raise StatusRefused(
            number=old.number, previous=label(old.status), status=label(Status.CLOSED)
        )
    return old


def _hand_over(
    ticket: Ticket,
    assignee_id: int | None,
    group_id: int | None,
    severity: str,
    actor: Actor,
    now: datetime,
) -> None:
    """Give a new case to whoever is to work on it, with the severity that was judged."""
    if (
        assignee_id is not None
        and not Agent.objects.filter(pk=assignee_id, is_active=True).exists()
    ) or (group_id is not None and not Group.objects.filter(pk=group_id).exists()):
        raise UnknownAgent
    with timeline.writing(ticket.pk, actor=actor, now=now) as page:
        if severity:
            judge(page, severity)
        group = page.ticket.group_id if group_id is None else group_id
        if (page.ticket.assignee_id, page.ticket.group_id) != (assignee_id, group):
            page.append(events.TicketAssigned(agent=assignee_id, group=group))
