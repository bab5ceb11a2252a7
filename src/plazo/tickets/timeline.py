"""The timeline: the one way to write on a ticket.

`writing` takes the transaction and the row's lock; `append` chains an event to the one before;
at the end the projection is refreshed and the readers run, all in the same transaction. What
happened is either there whole or not at all.

The hash of an event is SHA-256 over the hash before it and the event in canonical JSON (sorted
keys, no spaces, UTF-8): ticket, sequence, kind, version, both instants in microseconds, actor,
correlation, audience and payload.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from plazo.agreements.queries import version
from plazo.core.actor import Actor, ActorKind
from plazo.core.rows import update_rows
from plazo.sla import Evaluation, Fact
from plazo.sla.calendar import micros_of
from plazo.tickets import events, projection, readers, ringing
from plazo.tickets.errors import MergedAway, TicketClosed
from plazo.tickets.models import Status, Ticket, TicketEvent


def event_hash(event: TicketEvent, public_id: uuid.UUID) -> str:
    """Return the hash that an event must have, from its own fields and the hash before it."""
    canonical: dict[str, Any] = {
        "ticket": str(public_id),
        "sequence": event.sequence,
        "kind": event.kind,
        "version": event.version,
        "at": micros_of(event.at),
        "recorded_at": micros_of(event.recorded_at),
        "actor": [event.actor_kind, event.actor_id, event.actor_name],
        "correlation": str(event.correlation),
        "audience": event.audience,
        "payload": event.payload,
    }
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{event.previous_hash}\n{text}".encode()).hexdigest()


def first_break(chain: Iterable[TicketEvent], public_id: uuid.UUID) -> int | None:
    """Return the sequence of the first event that does not fit the chain, or None.

    Edges: a gap in the numbers is a break at the number that is missing.
    """
    before = ""
    expected = 1
    for event in chain:
        if (
            event.sequence != expected
            or event.previous_hash != before
            or event.hash != event_hash(event, public_id)
        ):
            return expected
        before, expected = event.hash, expected + 1
    return None


def facts_of(chain: Iterable[TicketEvent]) -> list[Fact]:
    """Return the facts that the SLA core must know, in the order of the timeline."""
    found = []
    for event in chain:
        fact = events.from_json(event.kind, event.payload).to_fact(event.at)
        if fact is not None:
            found.append(fact)
    return found


_together: ContextVar[uuid.UUID | None] = ContextVar("together", default=None)


@contextmanager
def together(correlation: uuid.UUID) -> Iterator[None]:
    """Let everything that is written in the block, on whatever tickets, share one correlation id:
    it was one action of its author."""
    token = _together.set(correlation)
    try:
        yield
    finally:
        _together.reset(token)


def _correlation() -> uuid.UUID:
    return _together.get() or uuid.uuid4()


@dataclass(slots=True)
class Page:
    """One user action on one locked ticket: its events share a correlation id."""

    ticket: Ticket
    actor: Actor
    now: datetime
    chain: list[TicketEvent]
    correlation: uuid.UUID = field(default_factory=_correlation)
    appended: list[TicketEvent] = field(default_factory=list)
    evaluation: Evaluation | None = None

    def append(self, payload: events.Payload, *, at: datetime | None = None) -> TicketEvent:
        """Write one event down."""
        event = self.compose(payload, at=at)
        event.save(force_insert=True)
        return event

    def compose(self, payload: events.Payload, *, at: datetime | None = None) -> TicketEvent:
        """Chain one event to the others and fold it in, without storing it yet.

        Edges: time never goes back on a timeline: of two commands whose clocks disagree, the one
            that got the lock later is recorded no earlier than the other.
        """
        ticket = self.ticket
        when = max(at or self.now, ticket.last_at)
        event = TicketEvent(
            ticket=ticket,
            sequence=ticket.last_sequence + 1,
            kind=payload.kind,
            version=payload.version,
            at=when,
            recorded_at=max(self.now, when),
            actor_kind=self.actor.kind.value,
            actor_id=self.actor.id,
            actor_name=self.actor.name[:120],
            correlation=self.correlation,
            payload=payload.to_json(),
            audience=payload.seen_by(),
            previous_hash=ticket.last_hash,
        )
        event.hash = event_hash(event, ticket.public_id)
        ticket.last_sequence, ticket.last_hash, ticket.last_at = event.sequence, event.hash, when
        self.chain.append(event)
        self.appended.append(event)
        # What the projection says of the ticket is needed at once by the rest of the command.
        projection.apply_event(ticket, event)
        return event

    def require_open(self) -> None:
        """Raise TicketClosed if the ticket has ended for good.

        Edges: our own people are told where one goes on that was merged; the others know it not.
        """
        survivor = self.ticket.merged_into
        if survivor is not None and self.actor.kind is ActorKind.AGENT:
            raise MergedAway(number=self.ticket.number, into=survivor.number)
        if self.ticket.status == Status.CLOSED:
            raise TicketClosed(number=self.ticket.number)

    def conclude(self) -> Evaluation:
        """Refresh the projection and follow the ladder, which may add an event. Stores nothing.

        Edges: what the command has evaluated holds, where what it wrote since is no fact.
        """
        evaluation, before = self.evaluation, self.ticket.clocks or []
        if evaluation is None:
            evaluation = projection.refresh(self.ticket, facts_of(self.chain), now=self.now)
        else:
            self.ticket.next_alarm_at = projection.next_alarm_at(self.ticket, evaluation)
        said = ringing.follow(self.ticket, self.appended, evaluation, self.now, before)
        if said is not None:
            self.compose(said)
            self.ticket.next_alarm_at = projection.next_alarm_at(self.ticket, evaluation)
        return evaluation

    def finish(self) -> None:
        """Refresh the projection, ring the ladder where something calls for it, then let the
        readers write their rows.
        """
        evaluation = self.conclude()
        TicketEvent.objects.bulk_create([e for e in self.appended if e._state.adding])
        self.ticket.save(update_fields=projection.COLUMNS)
        readers.run(self.ticket, self.appended, evaluation)


@contextmanager
def writing(ticket_id: int, *, actor: Actor, now: datetime) -> Iterator[Page]:
    """Lock a ticket for one action, in one transaction. Nothing is kept if the block raises.

    Raises: Ticket.DoesNotExist.
    """
    with transaction.atomic():
        ticket = Ticket.objects.select_for_update().get(pk=ticket_id)
        ticket.agreement_version = version(ticket.agreement_version_id)
        page = Page(ticket, actor, now, list(chain_of(ticket)))
        yield page
        if page.appended:
            page.finish()


@contextmanager
def writing_many(ticket_ids: Sequence[int], *, actor: Actor, now: datetime) -> Iterator[list[Page]]:
    """Lock those of many tickets at which the sweep must look at `now`, for one action on each, in
    one transaction and in as many statements as for one.

    Edges: one that somebody else holds is left out. Events are composed, and stored at the end.
    """
    with transaction.atomic():
        tickets = list(
            Ticket.objects.select_for_update(skip_locked=True)
            .filter(pk__in=ticket_ids, next_alarm_at__lte=now)
            .order_by("pk")
        )
        chains: dict[int, list[TicketEvent]] = {ticket.pk: [] for ticket in tickets}
        for event in TicketEvent.objects.filter(ticket__in=chains).order_by("ticket", "sequence"):
            chains[event.ticket_id].append(event)
        for ticket in tickets:
            ticket.agreement_version = version(ticket.agreement_version_id)
        pages = [Page(ticket, actor, now, chains[ticket.pk]) for ticket in tickets]
        yield pages
        evaluations = [page.conclude() for page in pages]
        TicketEvent.objects.bulk_create([event for page in pages for event in page.appended])
        update_rows(tickets, projection.SWEPT)
        readers.run_many(
            [
                (page.ticket, page.appended, evaluation)
                for page, evaluation in zip(pages, evaluations, strict=True)
            ]
        )


def lock(*ticket_ids: int) -> None:
    """Lock several tickets for the rest of a transaction, the older one first: no two commands
    that need both wait for each other. Raises: Ticket.DoesNotExist.
    """
    wanted = sorted(set(ticket_ids))
    locked = Ticket.objects.select_for_update().filter(pk__in=wanted).order_by("pk")
    if len(list(locked.values_list("pk"))) != len(wanted):
        raise Ticket.DoesNotExist


def chain_of(ticket: Ticket) -> Sequence[TicketEvent]:
    """Return a ticket's events in order."""
    return list(TicketEvent.objects.filter(ticket=ticket).order_by("sequence"))
