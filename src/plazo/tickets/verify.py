"""Verify a whole database: every chain unbroken, every projection the fold of its events, every
case as it was opened, and every text, author and file name as it was sealed.

What this cannot find is a history that somebody with the database's own rights rewrote whole,
hashes and all; for that, the hashes have to be kept somewhere else as well (docs/timeline.md).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from django.db import transaction

from plazo.sla import SlaError
from plazo.tickets import events, projection, timeline
from plazo.tickets.bodies import digest_of, fields_digest, seal_of, sealed_digest
from plazo.tickets.commands.promising import false_verdicts
from plazo.tickets.models import (
    AreaMessage,
    Attachment,
    InternalNote,
    PublicMessage,
    Rating,
    Ticket,
    TicketEvent,
    TicketField,
)
from plazo.tickets.wait_models import Impact

BATCH = 500
STATED = (events.SeveritySet.kind, events.LevelEntered.kind)


@dataclass(frozen=True, slots=True)
class Fault:
    """One ticket whose history, texts or projection do not hold."""

    number: str
    sequence: int | None
    what: str

    def __str__(self) -> str:
        where = f" event {self.sequence}" if self.sequence is not None else ""
        return f"{self.number}{where}: {self.what}"


@dataclass(slots=True)
class Tally:
    """How much was verified."""

    tickets: int = 0
    events: int = 0


@dataclass(frozen=True, slots=True)
class Body:
    """A text as it is stored now: who wrote it, what people see of it, and its files."""

    author: str
    text: str
    html: str
    quoted_text: str
    quoted_html: str
    files: Sequence[tuple[str, str]]

    def is_as_written(self, ticket: Ticket, event: TicketEvent) -> bool:
        """Say whether it is what its event sealed.

        Edges: an event from before there were seals covers words and files only.
        """
        if sealed_digest(self.text, self.files, self.quoted_text) != event.payload["digest"]:
            return False
        seal: str = event.payload.get("seal", "")
        opening = event.kind == events.TicketOpened.kind
        return not seal or seal == seal_of(
            author=self.author,
            text=self.text,
            html=self.html,
            quoted_text=self.quoted_text,
            quoted_html=self.quoted_html,
            files=self.files,
            heading=(ticket.number, ticket.subject) if opening else (),
        )


@dataclass(slots=True)
class Bodies:
    """A ticket's texts as they are stored now, by the row's key."""

    messages: dict[int, Body] = field(default_factory=dict)
    notes: dict[int, Body] = field(default_factory=dict)
    sides: dict[int, Body] = field(default_factory=dict)
    ratings: dict[int, Body] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    impacts: dict[int, str] = field(default_factory=dict)


def verify(tally: Tally) -> Iterator[Fault]:
    """Yield every fault, ticket by ticket, in batches by key: memory does not grow.

    Edges: people may work meanwhile. What looks wrong is read again under the ticket's lock,
        so a command that landed between two reads is no fault.
    """
    after = 0
    while True:
        tickets = list(
            Ticket.objects.filter(pk__gt=after)
            .select_related("agreement_version", "organization")
            .order_by("pk")[:BATCH]
        )
        if not tickets:
            return
        chains = _chains(tickets[0].pk, tickets[-1].pk)
        bodies = _bodies(tickets[0].pk, tickets[-1].pk)
        for ticket in tickets:
            chain = chains.get(ticket.pk, [])
            tally.tickets += 1
            tally.events += len(chain)
            if any(faults_of(ticket, chain, bodies[ticket.pk])):
                yield from _looked_at_again(ticket.pk)
        after = tickets[-1].pk


def _chains(first: int, last: int) -> dict[int, list[TicketEvent]]:
    found = TicketEvent.objects.filter(ticket_id__gte=first, ticket_id__lte=last).order_by(
        "ticket_id", "sequence"
    )
    return {
        ticket_id: list(chain)
        for ticket_id, chain in groupby(found.iterator(5000), lambda event: event.ticket_id)
    }


def _bodies(first: int, last: int) -> defaultdict[int, Bodies]:
    """Return the texts of the tickets between two keys. Costs nine queries."""
    found: defaultdict[int, Bodies] = defaultdict(Bodies)
    for model, owner, kept in (
        (PublicMessage, "public_message", "messages"),
        (InternalNote, "internal_note", "notes"),
        (AreaMessage, "area_message", "sides"),
    ):
        files: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
        within = {f"{owner}__ticket_id__gte": first, f"{owner}__ticket_id__lte": last}
        for pk, sha256, name in (
            Attachment.objects.filter(**within)
            .order_by("pk")
            .values_list(f"{owner}_id", "sha256", "name")
        ):
            files[pk].append((sha256, name))
        columns = ["pk", "ticket_id", "author_name", "body_text", "body_html"]
        columns += ["quoted_text", "quoted_html"] if model is not InternalNote else []
        for pk, ticket_id, author, text, html, *quoted in model.objects.filter(
            ticket_id__gte=first, ticket_id__lte=last
        ).values_list(*columns):
            quoted_text, quoted_html = quoted or ("", "")
            body = Body(author, text, html, quoted_text, quoted_html, files[pk])
            getattr(found[ticket_id], kept)[pk] = body
    ratings = Rating.objects.filter(ticket_id__gte=first, ticket_id__lte=last)
    for pk, ticket_id, words in ratings.values_list("pk", "ticket_id", "words"):
        found[ticket_id].ratings[pk] = Body("", words, "", "", "", [])
    answers = TicketField.objects.filter(ticket_id__gte=first, ticket_id__lte=last)
    for ticket_id, key, value in answers.values_list("ticket_id", "key", "value"):
        found[ticket_id].fields[key] = value
    impacts = Impact.objects.filter(ticket_id__gte=first, ticket_id__lte=last)
    for pk, ticket_id, words in impacts.values_list("pk", "ticket_id", "words"):
        found[ticket_id].impacts[pk] = digest_of(words)
    return found


def _looked_at_again(pk: int) -> list[Fault]:
    """Return a ticket's faults as they are while nobody can write to it."""
    with transaction.atomic():
        ticket = (
            Ticket.objects.select_for_update(of=("self",))
            .select_related("agreement_version", "organization")
            .get(pk=pk)
        )
        return list(faults_of(ticket, timeline.chain_of(ticket), _bodies(pk, pk)[pk]))


def faults_of(ticket: Ticket, chain: Sequence[TicketEvent], bodies: Bodies) -> Iterator[Fault]:
    """Yield what does not hold for one ticket."""
    broken = timeline.first_break(chain, ticket.public_id)
    if broken is not None:
        yield Fault(ticket.number, broken, "the chain is broken here")
        return
    if not chain:
        yield Fault(ticket.number, None, "it has no events")
        return
    for event in chain:
        if event.kind not in events.REGISTRY:
            what = f"this version of Plazo does not know the kind {event.kind!r}"
            yield Fault(ticket.number, event.sequence, what)
            return
    yield from _identity_faults(ticket, chain[0])
    yield from _body_faults(ticket, chain, bodies)
    yield from _field_faults(ticket, chain, bodies)
    yield from _impact_faults(ticket, chain, bodies)
    for verdict in false_verdicts(chain):
        what = "a verdict on a promise does not rest on what stands before it"
        yield Fault(ticket.number, verdict.sequence, what)
    try:
        rebuilt = projection.rebuild(ticket, chain, timeline.facts_of(chain))
    except (KeyError, TypeError, ValueError, SlaError) as error:
        yield Fault(ticket.number, None, f"its events cannot be folded: {error!r}")
        return
    for name, (stored, folded) in projection.differences(ticket, rebuilt).items():
        yield Fault(ticket.number, None, f"{name} is {stored!r}, its events say {folded!r}")


def _identity_faults(ticket: Ticket, opening: TicketEvent) -> Iterator[Fault]:
    """Yield the columns that are written once and are not what the opening says of them."""
    version, organization = ticket.agreement_version, ticket.organization
    columns = {
        "requester": ticket.requester_id,
        "organization": organization.slug if organization else None,
        "channel": ticket.channel,
        "agreement": version.key,
        "agreement_version": version.number,
    }
    for name, stored in columns.items():
        sealed = opening.payload.get(name)
        if stored != sealed:
            yield Fault(ticket.number, 1, f"{name} is {stored!r}, it was opened with {sealed!r}")


def _field_faults(ticket: Ticket, chain: Sequence[TicketEvent], bodies: Bodies) -> Iterator[Fault]:
    """Yield the case's details where they are not what was last filled in.

    Edges: they go with the message that opened the case, where that was erased.
    """
    opened_by = chain[0].payload.get("message")
    sealed: TicketEvent | None = None
    for event in chain:
        if event.kind == events.FieldsSet.kind:
            sealed = event
        elif event.kind == events.TicketRedacted.kind and event.payload["message"] == opened_by:
            sealed = None
    if sealed and sealed.payload["values_digest"] != fields_digest(bodies.fields):
        yield Fault(ticket.number, sealed.sequence, "its fields are not as they were filled in")


def _impact_faults(ticket: Ticket, chain: Sequence[TicketEvent], bodies: Bodies) -> Iterator[Fault]:
    """Yield statements of an impact that differ from what was sealed, or are missing."""
    redacted = [event for event in chain if event.kind == events.TicketRedacted.kind]
    erased = {event.payload.get("impact") for event in redacted}
    for event in chain:
        pk = event.payload.get("impact") if event.kind in STATED else None
        if pk is None or (pk in erased and pk in bodies.impacts):
            continue
        if bodies.impacts.get(pk) != event.payload["impact_digest"]:
            what = f"impact {pk} is not as it was written, or missing"
            yield Fault(ticket.number, event.sequence, what)


def _body_faults(ticket: Ticket, chain: Sequence[TicketEvent], bodies: Bodies) -> Iterator[Fault]:
    """Yield texts that differ from what their event sealed, are missing, or have no event.

    Edges: what was erased as the law asks has an event that says so, and is no fault.
    """
    for name, stored in (
        ("message", bodies.messages),
        ("note", bodies.notes),
        ("side", bodies.sides),
        ("rating", bodies.ratings),
    ):
        erased = {
            event.payload.get(name) for event in chain if event.kind == events.TicketRedacted.kind
        }
        sealed = {
            event.payload[name]: event
            for event in chain
            if name in event.payload and "digest" in event.payload
        }
        for pk, event in sealed.items():
            if pk not in stored:
                yield Fault(ticket.number, event.sequence, f"{name} {pk} is missing")
            elif pk not in erased and not stored[pk].is_as_written(ticket, event):
                yield Fault(ticket.number, event.sequence, f"{name} {pk} is not as it was written")
        for pk in sorted(stored.keys() - sealed.keys()):
            yield Fault(ticket.number, None, f"{name} {pk} is in no event")
