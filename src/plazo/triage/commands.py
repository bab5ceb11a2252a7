"""Handing a case off: verdict, the area's question and the requester's answer, in one action."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from plazo.accounts.models import Organization
from plazo.core import audit
from plazo.core.actor import Actor
from plazo.tickets import commands
from plazo.tickets.bodies import StoredUpload
from plazo.tickets.commands.areas import Consent, Route, outside_address
from plazo.tickets.models import Attachment, Status, Ticket, TicketEvent, WaitingFor
from plazo.tickets.timeline import together
from plazo.triage.scope_suggesting import judge_scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What an area is asked, and whom.

    Units: `shared` are messages of the ticket, and `files` files of such messages, that go along.
    """

    area: str
    route: Route
    email: str
    name: str = ""
    language: str = "es"
    body: str
    shared: Collection[int] = ()
    files: Collection[int] = ()
    uploads: Sequence[StoredUpload] = ()
    consent: Consent = "unknown"


@transaction.atomic
def hand_off(
    *,
    ticket_id: int,
    question: Question | None,
    clause: str = "",
    severity: str = "",
    reply: str = "",
    waits: bool = False,
    actor: Actor,
    now: datetime,
) -> TicketEvent | None:
    """Hand a case off to an area: ask it, and tell the requester; the ticket stays ours.

    Units: `clause` is that of an out-of-scope verdict, given with it unless it stands already;
        `severity` is judged first where one is given, so that the area is told it;
        `reply` is what the requester is told, as an agent's reply; `waits` puts the case to waiting
        for the area. Without a question nobody is asked: the clause leaves it to the client.
    Edges: one transaction and one correlation id: all of it happened, or none. A double click is
        one hand-off.
    Raises: what `ask_area`, `judge_scope`, `set_severity` and `reply_to_ticket` raise.
    Source: agreement §2 and §4.
    """
    by: dict[str, Any] = {"actor": actor, "now": now}
    with together(uuid.uuid4()):
        ticket = Ticket.objects.select_for_update(of=("self",)).get(pk=ticket_id)
        if clause and ticket.verdict != clause:
            judge_scope(ticket_id=ticket_id, verdict=clause, **by)
        if severity:
            commands.set_severity(ticket_id=ticket_id, severity=severity, **by)
        event = _ask(ticket, question, clause, by) if question is not None else None
        waiting = _waiting(ticket, question) if question is not None and waits else {}
        if reply.strip():
            then = Status.PENDING if waiting else ""
            commands.reply_to_ticket(ticket_id=ticket_id, body=reply, then=then, **waiting, **by)
        elif waiting:
            commands.set_status(ticket_id=ticket_id, status=Status.PENDING, **waiting, **by)
    return event


def _ask(ticket: Ticket, question: Question, clause: str, by: dict[str, Any]) -> TicketEvent:
    return commands.ask_area(
        ticket_id=ticket.pk,
        area=question.area,
        email=question.email,
        name=question.name,
        language=question.language,
        route=question.route,
        clause=clause,
        body=question.body,
        attachments=[*_copies_of(ticket, question.files), *question.uploads],
        shared=question.shared,
        consent=question.consent,
        **by,
    )


def _waiting(ticket: Ticket, question: Question) -> dict[str, Any]:
    """Return whom the case then waits for, and why; nothing where it does so already."""
    area = ticket.agreement_version.document.areas[question.area]
    reason = area.name.in_language(ticket.language)
    ticket.refresh_from_db(fields=["status", "waiting_for", "waiting_reason"])
    as_it_is = (ticket.status, ticket.waiting_for, ticket.waiting_reason)
    if as_it_is == (Status.PENDING, WaitingFor.AREA, reason):
        return {}
    return {"waiting_for": WaitingFor.AREA, "reason": reason}


def _copies_of(ticket: Ticket, files: Collection[int]) -> list[StoredUpload]:
    """Return files of a ticket's public messages, to go along with something else.

    Edges: what is no file of this ticket, or one of a note, does not go along.
    """
    found = Attachment.objects.filter(public_message__ticket=ticket, pk__in=files).order_by("pk")
    return [
        StoredUpload(file.sha256, file.name, file.content_type, file.size, "") for file in found
    ]


@transaction.atomic
def set_representative(
    *, organization_id: int, name: str, email: str, actor: Actor, now: datetime
) -> Organization:
    """Say who of sales answers for a company, to whom its requests are passed on.

    Edges: without an address, nobody does.
    Raises: NotAnArea.
    """
    address = outside_address(email) if email.strip() else ""
    company = Organization.objects.select_for_update().get(pk=organization_id)
    before = {"name": company.representative_name, "email": company.representative_email}
    company.representative_name = " ".join(name.split())[:120] if address else ""
    company.representative_email = address
    after = {"name": company.representative_name, "email": company.representative_email}
    if after != before:
        company.save(update_fields=["representative_name", "representative_email"])
        audit.record(
            "organization.representative",
            f"organization:{company.pk}",
            title=company.name,
            before=before,
            after=after,
            actor=actor,
            now=now,
        )
    return company
