"""Commands of the requester's side: who takes part, escalating, rating."""

from datetime import datetime

from plazo.accounts.models import Requester
from plazo.core.actor import Actor, ActorKind
from plazo.sla import evaluate
from plazo.tickets import events, timeline
from plazo.tickets.bodies import (
    digest_of,
    written_plain,
)
from plazo.tickets.climbing import climb_of
from plazo.tickets.commands.steps import add_people, hear, take_in
from plazo.tickets.errors import (
    AddressNotConfirmed,
    EscalationLocked,
    NothingToEscalate,
    NotRatable,
    NotWhileSolved,
    TooManyParticipants,
    UnknownChoice,
)
from plazo.tickets.models import (
    SCORES,
    Channel,
    Participant,
    Rating,
    Status,
    TicketEvent,
)

MOST_PARTICIPANTS = 20


LONGEST_RATING = 1000


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
        added = add_people(page, [person_id], told=True)
        hear(page)
        return added


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
            said = take_in(page, written_plain(words), (), Channel.PORTAL)
            message = said.payload["message"]
        hear(page)
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
