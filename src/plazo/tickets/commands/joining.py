"""Commands that join tickets and part them again: merging, its undoing, and links."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from plazo.core.actor import Actor
from plazo.core.localtime import iso
from plazo.tickets import events, joins, timeline
from plazo.tickets.bodies import written_markdown
from plazo.tickets.commands.steps import add_people, author_of, keep_message, seal_message
from plazo.tickets.commands.taking_part import MOST_PARTICIPANTS
from plazo.tickets.errors import (
    LinkRefused,
    MergeRefused,
    NotMerged,
    TooManyParticipants,
    UnknownChoice,
)
from plazo.tickets.models import Draft, Participant, Status, Ticket, TicketEvent


@transaction.atomic
def merge_ticket(
    *,
    ticket_id: int,
    into_id: int,
    people: Sequence[int] = (),
    words: str = "",
    actor: Actor,
    now: datetime,
) -> TicketEvent:
    """Let a ticket be absorbed by another one, which goes on with what both owed.

    Units: `people` are those of the absorbed one who take part in the survivor from here on; nobody
        else does. `words` is a last public reply to the absorbed one's requester.
    Edges: both rows are locked, the older first. A reply that waits to go out goes first: it could
        not any more. What was written stays where it was written; the
        survivor's page reads both.
    Raises: MergeRefused; TicketClosed if either has ended; TooManyParticipants; UnknownAgent.
    Source: docs/metrics.md, M-80 to M-83; decision 42.
    """
    if ticket_id == into_id:
        raise MergeRefused(why="same")
    timeline.lock(ticket_id, into_id)
    with (
        timeline.writing(ticket_id, actor=actor, now=now) as gone,
        timeline.writing(into_id, actor=actor, now=now) as kept,
    ):
        gone.require_open()
        kept.require_open()
        if kept.ticket.status == Status.SOLVED:
            raise MergeRefused(why="solved", number=kept.ticket.number)
        if Draft.objects.filter(ticket=gone.ticket, send_at__isnull=False).exists():
            raise MergeRefused(why="waiting", number=gone.ticket.number)
        known = {gone.ticket.requester_id, *_people_of(gone.ticket)}
        if not set(people) <= known:
            raise MergeRefused(why="stranger", number=gone.ticket.number)
        if words.strip():
            _say_last(gone, words)
        kept.correlation = gone.correlation
        # What is sealed here is owed there from the same instant on, whichever clock is ahead.
        at = max(now, gone.ticket.last_at, kept.ticket.last_at)
        duties = joins.duties_of(gone.ticket, gone.chain, now=at)
        taking_part = {kept.ticket.requester_id, *_people_of(kept.ticket)}
        let_in = [pk for pk in dict.fromkeys(people) if pk not in taking_part]
        if len(taking_part) - 1 + len(let_in) > MOST_PARTICIPANTS:
            raise TooManyParticipants(most=MOST_PARTICIPANTS)
        kept.append(
            duties.absorbed(gone.ticket, joins.taken_in(gone.chain), let_in),
            at=at,
        )
        # A last word has told them where it goes on; without one, they are told so.
        add_people(kept, let_in, told=not words.strip())
        return gone.append(
            events.TicketMerged(into=kept.ticket.number, ticket=kept.ticket.pk), at=at
        )


def _people_of(ticket: Ticket) -> list[int]:
    return list(Participant.objects.filter(ticket=ticket).values_list("requester_id", flat=True))


def _say_last(page: timeline.Page, words: str) -> None:
    """Answer the requester of a ticket before it goes: a reply like any other."""
    written = written_markdown(words)
    author = author_of(page.actor)
    message = keep_message(page.ticket, written, (), agent=author, now=page.now)
    page.append(
        events.TicketReplied(
            message=message.pk,
            digest=message.digest,
            copies=sorted(_people_of(page.ticket)),
            seal=seal_message(message, ()),
        )
    )


def unmerge_ticket(*, ticket_id: int, actor: Actor, now: datetime) -> TicketEvent:
    """Take a merge back: the ticket stands as it stood, and the survivor without it.

    Edges: what was written on the survivor since stays there; who took part in it only by the
        merge does so no more, unless they have written there. A public reply that reached this
        ticket's requester meanwhile counts as theirs.
    Raises: NotMerged: it is not, or too long ago, or the survivor has ended for good.
    Source: docs/metrics.md, M-84 to M-86; decision 42.
    """
    with transaction.atomic():
        # Only whoever holds both knows into which it was merged.
        into = Ticket.objects.values_list("merged_into_id", flat=True).get(pk=ticket_id)
        timeline.lock(ticket_id, into or ticket_id)
        with timeline.writing(ticket_id, actor=actor, now=now) as gone:
            merged = joins.merge_event(gone.chain)
            if merged is None or gone.ticket.merged_into_id != into:
                raise NotMerged(why="not", number=gone.ticket.number)
            if now > merged.at + joins.UNDONE_WITHIN:
                raise NotMerged(why="late", days=joins.UNDONE_WITHIN.days)
            with timeline.writing(into, actor=actor, now=now) as kept:
                return _part(gone, kept, merged)


def _part(gone: timeline.Page, kept: timeline.Page, merged: TicketEvent) -> TicketEvent:
    if kept.ticket.status == Status.CLOSED:
        raise NotMerged(why="closed", number=kept.ticket.number)
    kept.correlation = gone.correlation
    at = max(gone.now, gone.ticket.last_at, kept.ticket.last_at)
    answered = joins.answered_since(merged, kept.ticket, kept.chain, gone.ticket.requester_id)
    status, waiting_for, reason = joins.status_before(gone.chain)
    kept.append(events.TicketReleased(ticket=gone.ticket.pk, number=gone.ticket.number), at=at)
    _let_go(kept, gone.ticket.pk)
    return gone.append(
        events.TicketUnmerged(
            ticket=kept.ticket.pk,
            number=kept.ticket.number,
            status=status,
            waiting_for=waiting_for,
            reason=reason,
            answered_at=iso(answered) if answered else "",
        ),
        at=at,
    )


def _let_go(kept: timeline.Page, absorbed: int) -> None:
    """Let those take part no more whom only the merge had let in, and who said nothing since."""
    took_in = next(
        event
        for event in reversed(kept.chain)
        if event.kind == events.TicketAbsorbed.kind and event.payload["ticket"] == absorbed
    )
    wrote = {
        event.actor_id
        for event in kept.chain
        if event.kind == events.RequesterReplied.kind and event.sequence > took_in.sequence
    }
    for person in took_in.payload["people"]:
        if person in wrote:
            continue
        gone = Participant.objects.filter(ticket=kept.ticket, requester=person).delete()[0]
        if gone:
            kept.append(events.ParticipantRemoved(person=person))


def link_tickets(
    *, ticket_id: int, other_id: int, why: str, actor: Actor, now: datetime
) -> TicketEvent:
    """Say that two tickets belong together, on both: `why` is how the other stands to this one.

    Units: `why` is one of `joins.BY_HAND`: `problem` where the other is the problem of which this
        one is an incident.
    Edges: closed tickets are linked too: it moves no clock.
    Raises: LinkRefused; UnknownChoice.
    """
    if why not in joins.BY_HAND:
        raise UnknownChoice
    if ticket_id == other_id:
        raise LinkRefused(same=True)
    with transaction.atomic():
        timeline.lock(ticket_id, other_id)
        with (
            timeline.writing(ticket_id, actor=actor, now=now) as here,
            timeline.writing(other_id, actor=actor, now=now) as there,
        ):
            there.correlation = here.correlation
            standing = joins.links_of(here.chain)
            if any((link.ticket, link.why) == (other_id, why) for link in standing):
                raise LinkRefused
            there.append(_related(here.ticket, joins.CONVERSE[why]))
            return here.append(_related(there.ticket, why))


def _related(other: Ticket, why: str) -> events.TicketRelated:
    return events.TicketRelated(ticket=other.pk, number=other.number, why=why)  # type: ignore[arg-type]


def unlink_tickets(
    *, ticket_id: int, other_id: int, why: str, actor: Actor, now: datetime
) -> TicketEvent | None:
    """Take a link off both tickets that an agent had made.

    Edges: None where it does not stand any more.
    Raises: UnknownChoice for a link that is a fact, such as that one follows the other up.
    """
    if why not in joins.BY_HAND:
        raise UnknownChoice
    with transaction.atomic():
        timeline.lock(ticket_id, other_id)
        with (
            timeline.writing(ticket_id, actor=actor, now=now) as here,
            timeline.writing(other_id, actor=actor, now=now) as there,
        ):
            standing = joins.links_of(here.chain)
            if not any((link.ticket, link.why) == (other_id, why) for link in standing):
                return None
            there.correlation = here.correlation
            there.append(
                events.TicketUnrelated(
                    ticket=ticket_id, number=here.ticket.number, why=joins.CONVERSE[why]
                )
            )
            return here.append(
                events.TicketUnrelated(ticket=other_id, number=there.ticket.number, why=why)
            )
