"""Commands that say something on a ticket: replies, notes, and what the requester writes."""

from collections.abc import Sequence
from datetime import datetime

from plazo.core.actor import Actor
from plazo.core.localtime import iso
from plazo.tickets import events, timeline
from plazo.tickets.bodies import (
    StoredUpload,
    Written,
    attach,
    digest_of,
    seal_of,
    written_markdown,
    written_plain,
)
from plazo.tickets.commands.outcomes import Outcomes, settle
from plazo.tickets.commands.promising import Kind, keep_updates, promise
from plazo.tickets.commands.steps import (
    ECHO,
    add_people,
    author_of,
    change_status,
    in_name_of,
    keep_message,
    reopen,
    seal_message,
    take_in,
    written_just_now,
)
from plazo.tickets.errors import NeverToMachines
from plazo.tickets.mentions import mentioned_in
from plazo.tickets.models import (
    Channel,
    InternalNote,
    Participant,
    Status,
    TicketEvent,
)

_MESSAGES = frozenset(
    {events.TicketOpened.kind, events.TicketReplied.kind, events.RequesterReplied.kind}
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
    promise_by: datetime | None = None,
    promised: Kind = "update",
    outcome: Outcomes | None = None,
    actor: Actor,
    now: datetime,
) -> TicketEvent:
    """Answer the requester, and then perhaps change the status or promise the next update; one
    action, one transaction.

    Units: `copies` are the people (keys of requesters) who get a copy; None means every
        participant of the ticket. `promise_by` is the instant of the next update, or of the
        solution where that is `promised`; `outcome` says what a case that this solves was about.
    Edges: a reply brings every update that was promised and is still owed. A new ticket becomes
        open by its first reply. A reply to a solved ticket leaves it solved, unless `then` opens
        it. It counts only while it has not failed to arrive. Whoever is named in `copies` and takes
        no part yet does so from here on. Pending may follow pending: whom we wait for, and why, are
        then what this reply says. The same words and files again within a minute are the same
        reply, sent twice: the first one's event is returned, and only what the first one did not
        ask for, a status or a promise, is done yet.
    Raises: TicketClosed; EmptyBody; UnknownAgent; PromiseOutOfRange; PromiseStands for a second
        solution; NotWhileSolved for a promise on a case that this solves; UnknownOutcome; what
        `set_status` raises for `then`.
    """
    written = written_markdown(body, attachments) if isinstance(body, str) else body
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        author = author_of(actor)
        digest = digest_of(written.text, attachments, written.quoted_text)
        echo = written_just_now(page, events.TicketReplied.kind, digest)
        if echo is not None:
            statuses, promises = _done_since(page, echo)
            then = "" if then in statuses else then
            promise_by = None if promise_by and iso(promise_by) in promises else promise_by
            _and_then(page, then, waiting_for, reason, outcome)
            if promise_by is not None:
                promise(page, promise_by, promised)
            return echo
        message = keep_message(page.ticket, written, attachments, agent=author, now=now)
        if copies is None:
            participants = Participant.objects.filter(ticket=page.ticket)
            copies = list(participants.values_list("requester_id", flat=True))
        else:
            add_people(page, copies)
        event = page.append(
            events.TicketReplied(
                message=message.pk,
                digest=message.digest,
                copies=sorted(set(copies)),
                seal=seal_message(message, attachments),
            )
        )
        keep_updates(page, event)
        if not then and page.ticket.status == Status.NEW:
            then = Status.OPEN
        _and_then(page, then, waiting_for, reason, outcome)
        if promise_by is not None:
            promise(page, promise_by, promised)
    return event


def _and_then(
    page: timeline.Page, then: str, waiting_for: str, reason: str, outcome: Outcomes | None
) -> None:
    if then == Status.PENDING or (then and then != page.ticket.status):
        change_status(page, then, waiting_for, reason)
    if then == Status.SOLVED and outcome is not None:
        settle(page, outcome)


def _done_since(page: timeline.Page, reply: TicketEvent) -> tuple[set[str], set[str]]:
    """Return to which statuses, and what moments of a promise, a reply's author came with it and
    since."""
    statuses, promises = set(), set()
    for event in page.chain:
        if event.sequence <= reply.sequence or event.actor_id != reply.actor_id:
            continue
        if event.kind == events.StatusChanged.kind:
            statuses.add(event.payload["status"])
        elif event.kind in (events.PromiseMade.kind, events.PromiseMoved.kind):
            promises.add(event.payload["by"])
    return statuses, promises


def add_internal_note(
    *,
    ticket_id: int,
    body: str | Written,
    attachments: Sequence[StoredUpload] = (),
    actor: Actor,
    now: datetime,
) -> TicketEvent:
    """Write a note for the agents. It shares no row and no path with what is sent.

    Edges: agents and groups that it names by `@` are told. A closed ticket takes notes too: what
        is learnt later is still worth keeping. The same note again within a minute is the same
        one, as with replies.
    Raises: EmptyBody; UnknownAgent.
    """
    written = written_markdown(body, attachments) if isinstance(body, str) else body
    mentions = mentioned_in(written.text)
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        agent, name = in_name_of(actor)
        digest = digest_of(written.text, attachments)
        echo = written_just_now(page, events.NoteAdded.kind, digest)
        if echo is not None:
            return echo
        note = InternalNote.objects.create(
            ticket=page.ticket,
            author_agent=agent,
            author_name=name[:120],
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
        return page.append(
            events.NoteAdded(note=note.pk, digest=digest, seal=seal, mentions=mentions)
        )


def answer_automatically(*, ticket_id: int, body: str, actor: Actor, now: datetime) -> TicketEvent:
    """Write to the requester in the desk's name, for a rule. It is no reply and stops no clock.

    Edges: goes to the requester alone, and stands on the case as what it is. Never to a machine:
        not on a case that one opened, nor after an automatic answer that no person followed.
    Raises: TicketClosed; EmptyBody; NeverToMachines.
    Source: decision 4; DESIGN §6, invariant 5.
    """
    written = written_markdown(body)
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        ticket = page.ticket
        if _from_a_machine(page) or ticket.requester.erased_at is not None:
            raise NeverToMachines(number=ticket.number)
        name = ticket.agreement_version.document.name.in_language(ticket.language)
        message = keep_message(ticket, written, (), name=name, now=now)
        return page.append(
            events.TicketAnswered(
                message=message.pk, digest=message.digest, seal=seal_message(message, ())
            )
        )


def _from_a_machine(page: timeline.Page) -> bool:
    """Say whether what was last heard from the other side came from a machine."""
    heard = (events.TicketOpened.kind, events.RequesterReplied.kind, events.MachineWrote.kind)
    last = next((event for event in reversed(page.chain) if event.kind in heard), None)
    if last is None:
        return False
    return last.kind == events.MachineWrote.kind or bool(last.payload.get("quiet"))


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
            reopen(page)
        elif echo is not None:
            return echo
        return take_in(page, written, attachments, channel, participants)


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
