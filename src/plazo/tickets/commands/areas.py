"""Commands about other areas: what they are asked on a ticket, and what comes back.

The ticket stays ours and its clocks run. Nothing here has a way to a requester: what is said to an
area, or by it, is an entry of a side conversation, internal like a note.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from plazo.accounts.models import Agent, normal_email
from plazo.core.actor import Actor
from plazo.mailboxes import queries as mailboxes
from plazo.mailboxes.tokens import without_plus
from plazo.tickets import events, timeline
from plazo.tickets.areas import asks_of
from plazo.tickets.bodies import (
    StoredUpload,
    Written,
    attach,
    digest_of,
    seal_of,
    written_markdown,
)
from plazo.tickets.commands.steps import author_of, change_status, written_just_now
from plazo.tickets.errors import AskEnded, NotAnArea, NotWhileSolved, UnknownArea, UnknownChoice
from plazo.tickets.models import (
    AreaAsk,
    AreaMessage,
    PublicMessage,
    Status,
    Ticket,
    TicketEvent,
    WaitingFor,
)

Route = Literal["area", "representative", "address"]
Consent = Literal["yes", "no", "unknown"]


def ask_area(
    *,
    ticket_id: int,
    area: str,
    email: str,
    name: str = "",
    language: str = "es",
    route: Route = "area",
    clause: str = "",
    body: str | Written,
    attachments: Sequence[StoredUpload] = (),
    shared: Collection[int] = (),
    consent: Consent = "unknown",
    actor: Actor,
    now: datetime,
) -> TicketEvent:
    """Ask another area, or the client's own representative in its place, for something.

    Units: `shared` are the messages of the ticket that go along (their keys), `consent` whether the
        customer agreed to be contacted directly.
    Edges: starts the area's own clock, where it has a target. The same words to the same address
        within a minute are the same asking, sent twice.
    Raises: UnknownArea; NotAnArea for an address of ours or of somebody who takes part in the
        ticket, who would read what is not for them; UnknownChoice for a message of another ticket;
        NotWhileSolved; TicketClosed; EmptyBody; UnknownAgent.
    Source: agreement §2 and §4; docs/metrics.md M-90.
    """
    written = written_markdown(body, attachments) if isinstance(body, str) else body
    address = outside_address(email)
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        ticket = page.ticket
        if ticket.is_ended:
            raise NotWhileSolved(number=ticket.number)
        author = author_of(actor)
        document = ticket.agreement_version.document
        if area not in document.areas or (clause and document.clause(clause) is None):
            raise UnknownArea
        _require_apart(ticket, address)
        echo = _asked_just_now(page, written, attachments, address)
        if echo is not None:
            return echo
        wanted = sorted(set(shared))
        if PublicMessage.objects.filter(ticket=ticket, pk__in=wanted).count() != len(wanted):
            raise UnknownChoice
        asks = asks_of(page.chain)
        ask = AreaAsk.objects.create(
            ticket=ticket,
            key=f"ask-{len(asks) + 1}",
            area=area,
            name=" ".join(name.split())[:120],
            email=address,
            language=language,
            at=now,
        )
        said = _keep(page, ask, written, attachments, author=author)
        return page.append(
            events.AreaAsked(
                ask=ask.key,
                **said,
                area=area,
                route=route,
                clause=clause,
                severity=ticket.severity or ticket.requested_severity,
                consent=consent,
                shared=wanted,
            )
        )


def write_to_area(
    *,
    ask_id: int,
    body: str | Written,
    attachments: Sequence[StoredUpload] = (),
    actor: Actor,
    now: datetime,
) -> TicketEvent:
    """Write to an area once more, in the thread of what it was asked.

    Edges: the clock of the asking stays as it is. A solved ticket takes it; a closed one does not.
        The same words within a minute were sent twice.
    Raises: AskEnded where the question was withdrawn; TicketClosed; EmptyBody; UnknownAgent.
    """
    written = written_markdown(body, attachments) if isinstance(body, str) else body
    ask = AreaAsk.objects.get(pk=ask_id)
    with timeline.writing(ask.ticket_id, actor=actor, now=now) as page:
        page.require_open()
        author = author_of(actor)
        if asks_of(page.chain)[ask.key].withdrawn_at is not None:
            raise AskEnded(whom=ask.whom)
        digest = digest_of(written.text, attachments, written.quoted_text)
        echo = written_just_now(page, events.AreaWritten.kind, digest)
        if echo is not None and echo.payload["ask"] == ask.key:
            return echo
        said = _keep(page, ask, written, attachments, author=author)
        return page.append(events.AreaWritten(ask=ask.key, **said))


def record_area_answer(
    *,
    ask_id: int,
    written: Written,
    attachments: Sequence[StoredUpload] = (),
    name: str = "",
    actor: Actor,
    now: datetime,
) -> TicketEvent:
    """Take in what an area says. The first time, it meets the area's clock.

    Units: `name` is who wrote it; an agent who was told it in another way writes it down
        themselves, and is its actor.
    Edges: a ticket that waited for the area is open again. A closed one takes it too, since it is
        a fact.
    Source: docs/metrics.md M-91.
    """
    ask = AreaAsk.objects.get(pk=ask_id)
    with timeline.writing(ask.ticket_id, actor=actor, now=now) as page:
        by_hand = actor.id is not None
        author = author_of(actor) if by_hand else None
        said = _keep(page, ask, written, attachments, name=name or ask.whom)
        event = page.append(events.AreaAnswered(ask=ask.key, **said, by_hand=author is not None))
        ticket = page.ticket
        if ticket.status == Status.PENDING and ticket.waiting_for == WaitingFor.AREA:
            change_status(page, Status.OPEN, "", "")
        return event


def set_answers_aside(*, ask_id: int, actor: Actor, now: datetime) -> TicketEvent:
    """Say that what an area has answered so far was no answer: it only has the question.

    Edges: the clock stands as if nothing had been answered; reminders go on, without the warning.
    Raises: AskEnded where there is no answer; TicketClosed; UnknownAgent.
    Source: docs/metrics.md M-99.
    """
    ask = AreaAsk.objects.get(pk=ask_id)
    with timeline.writing(ask.ticket_id, actor=actor, now=now) as page:
        page.require_open()
        author_of(actor)
        answers = list(asks_of(page.chain)[ask.key].answers)
        if not answers:
            raise AskEnded(whom=ask.whom)
        for side in answers:
            event = page.append(events.AreaAnswerSetAside(ask=ask.key, answer=side))
        return event


def record_area_receipt(*, ask_id: int, actor: Actor, now: datetime) -> TicketEvent | None:
    """Note that an area has what it was asked. It is no answer: it only spares it the warning.

    Edges: None where it said so before, has answered, or need not answer any more.
    """
    ask = AreaAsk.objects.get(pk=ask_id)
    with timeline.writing(ask.ticket_id, actor=actor, now=now) as page:
        standing = asks_of(page.chain)[ask.key]
        if standing.received_at is not None or not standing.is_open:
            return None
        return page.append(events.AreaReceived(ask=ask.key))


def remind_area(
    *, ask_id: int, why: Literal["warning", "late"], actor: Actor, now: datetime
) -> TicketEvent | None:
    """Note that an area is reminded now; its mail is planned with it.

    Edges: None where there is nothing to remind of any more.
    """
    ask = AreaAsk.objects.get(pk=ask_id)
    with timeline.writing(ask.ticket_id, actor=actor, now=now) as page:
        standing = asks_of(page.chain)[ask.key]
        if not standing.is_open:
            return None
        number = len(standing.reminded) + 1
        return page.append(events.AreaReminded(ask=ask.key, number=number, why=why))


def withdraw_ask(*, ask_id: int, actor: Actor, now: datetime) -> TicketEvent:
    """Tell an area that it need not answer any more.

    Edges: a ticket that waited for it is open again.
    Raises: AskEnded where it answered already; TicketClosed; UnknownAgent.
    """
    ask = AreaAsk.objects.get(pk=ask_id)
    with timeline.writing(ask.ticket_id, actor=actor, now=now) as page:
        page.require_open()
        author_of(actor)
        if not asks_of(page.chain)[ask.key].is_open:
            raise AskEnded(whom=ask.whom)
        event = page.append(events.AreaWithdrawn(ask=ask.key))
        ticket = page.ticket
        waits = ticket.status == Status.PENDING and ticket.waiting_for == WaitingFor.AREA
        if waits and not any(other.is_open for other in asks_of(page.chain).values()):
            change_status(page, Status.OPEN, "", "")
        return event


def record_area_failure(
    *, ask_id: int, mail_id: int, reason: str, actor: Actor, now: datetime
) -> TicketEvent | None:
    """Note that a mail to an area will never arrive. Once for each mail."""
    ask = AreaAsk.objects.get(pk=ask_id)
    with timeline.writing(ask.ticket_id, actor=actor, now=now) as page:
        kind = events.AreaUndelivered.kind
        if any(e.kind == kind and e.payload["mail"] == mail_id for e in page.chain):
            return None
        return page.append(events.AreaUndelivered(ask=ask.key, mail=mail_id, reason=reason[:300]))


def outside_address(email: str) -> str:
    """Return an address as it is compared. Raises: NotAnArea for none, and for one of ours."""
    address = normal_email(email)
    try:
        validate_email(address)
    except ValidationError as error:
        raise NotAnArea(email=email, why="invalid") from error
    own = {own for box in mailboxes.every() for own in box.addresses}
    if address in own or without_plus(address) in own:
        raise NotAnArea(email=address, why="own")
    return address


def _require_apart(ticket: Ticket, address: str) -> None:
    """Refuse people who take part in the ticket."""
    people = {ticket.requester.email.lower()}
    people |= set(ticket.participants.values_list("requester__email", flat=True))
    if address in people:
        raise NotAnArea(email=address, why="takes_part")


def _asked_just_now(
    page: timeline.Page, written: Written, files: Sequence[StoredUpload], address: str
) -> TicketEvent | None:
    digest = digest_of(written.text, files, written.quoted_text)
    echo = written_just_now(page, events.AreaAsked.kind, digest)
    if echo is None:
        return None
    same = AreaAsk.objects.filter(ticket=page.ticket, key=echo.payload["ask"], email=address)
    return echo if same.exists() else None


def _keep(
    page: timeline.Page,
    ask: AreaAsk,
    written: Written,
    files: Sequence[StoredUpload],
    *,
    author: Agent | None = None,
    name: str = "",
) -> dict[str, Any]:
    """Store what was said, with its files; return what its event says of it."""
    side = AreaMessage.objects.create(
        ticket=page.ticket,
        ask=ask,
        author_agent=author,
        author_name=str(author or name)[:120],
        body_text=written.text,
        body_html=written.html,
        quoted_text=written.quoted_text,
        quoted_html=written.quoted_html,
        message_id=written.message_id,
        digest=digest_of(written.text, files, written.quoted_text),
        at=page.now,
    )
    attach(files, side=side)
    seal = seal_of(
        author=side.author_name,
        text=side.body_text,
        html=side.body_html,
        quoted_text=side.quoted_text,
        quoted_html=side.quoted_html,
        files=[(upload.sha256, upload.name) for upload in files],
    )
    return {"side": side.pk, "digest": side.digest, "seal": seal}
