"""Reads: lists, conversations, clocks. Each says what it costs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar

from django.db import connection

from plazo.accounts.models import Agent
from plazo.accounts.queries import names_of_agents
from plazo.sla import Evaluation, Explanation, State, evaluate, explain_applied
from plazo.tickets import events, projection, timeline
from plazo.tickets.access import tickets_for_agent
from plazo.tickets.climbing import Climb, climb_of
from plazo.tickets.models import (
    InternalNote,
    PublicMessage,
    Rating,
    Status,
    Ticket,
    TicketEvent,
    TicketField,
    TicketQuerySet,
)

# What a requester sees of our clocks.
PROMISED = projection.PROMISED
PAGE_SIZE = 50
COUNT_CAP = 99
Name = TypeVar("Name", bound=str)

QueueView = Literal["due", "overdue", "mine", "unassigned", "pending", "solved"]
VIEWS: tuple[QueueView, ...] = ("due", "overdue", "mine", "unassigned", "pending", "solved")


def queue(view: QueueView, *, agent: Agent, now: datetime) -> TicketQuerySet:
    """Return the tickets of one view of the desk, in its order. Lazy; one indexed scan."""
    tickets = tickets_for_agent(agent)
    match view:
        case "overdue":
            return tickets.overdue(now=now).by_deadline()
        case "mine":
            return tickets.unsolved().assigned_to(agent).by_deadline()
        case "unassigned":
            return tickets.unsolved().unassigned().by_deadline()
        case "pending":
            return tickets.filter(status=Status.PENDING).by_deadline()
        case "solved":
            return tickets.filter(status=Status.SOLVED).order_by("-solved_at", "pk")
        case _:
            return tickets.unsolved().by_deadline()


@dataclass(frozen=True, slots=True)
class QueuePage:
    """One page of a queue, and where the next one begins."""

    tickets: list[Ticket]
    next_after: str


def queue_page(
    view: QueueView, *, agent: Agent, now: datetime, after: str = "", size: int = PAGE_SIZE
) -> QueuePage:
    """Return one page of a view by keyset: its cost does not grow with what lies before it.

    Edges: `after` is what the page before gave; anything else begins at the beginning.
    """
    tickets = queue(view, agent=agent, now=now).for_queue_page()
    place = _place(after)
    if place is not None:
        tickets = tickets.solved_before(*place) if view == "solved" else tickets.due_after(*place)
    rows = list(tickets[: size + 1])
    following = ""
    if len(rows) > size:
        rows = rows[:size]
        last = rows[-1]
        edge = last.solved_at if view == "solved" else last.sort_due_at
        following = f"{edge.isoformat()}~{last.pk}" if edge else ""
    return QueuePage(rows, following)


def search_page(search: str, *, agent: Agent, after: str = "", size: int = PAGE_SIZE) -> QueuePage:
    """Return one page of all the tickets that an agent may see and that begin with the words.

    Edges: whatever their status, the ended ones too: what has a deadline first, then the newest.
    """
    tickets = matching(tickets_for_agent(agent), search).for_queue_page().by_deadline_then_newest()
    place = _place(after)
    if place is not None:
        tickets = tickets.found_after(*place)
    rows = list(tickets[: size + 1])
    following = ""
    if len(rows) > size:
        rows = rows[:size]
        following = f"{rows[-1].sort_due_at.isoformat()}~{rows[-1].pk}"
    return QueuePage(rows, following)


def next_deadline(*, agent: Agent, now: datetime) -> datetime | None:
    """Return when the next deadline of all passes; None if none runs. One probe of an index."""
    return (
        tickets_for_agent(agent)
        .unsolved()
        .filter(sort_due_at__gte=now, next_due_at__isnull=False)
        .by_deadline()
        .values_list("sort_due_at", flat=True)
        .first()
    )


def _place(after: str) -> tuple[datetime, int] | None:
    instant, _, pk = after.partition("~")
    try:
        return datetime.fromisoformat(instant), int(pk)
    except ValueError:
        return None


def matching(tickets: TicketQuerySet, search: str) -> TicketQuerySet:
    """Keep tickets whose number, or requester's address, begins with the words.

    Edges: only what an index answers; the full search over texts is another thing.
    """
    words = search.strip()
    if "@" in words:
        return tickets.filter(requester__email__startswith=words.lower())
    return tickets.filter(number__istartswith=words)


def live_clock(ticket: Ticket, metrics: Collection[str] | None = None) -> dict[str, Any] | None:
    """Return the clock that a row shows: late first, then due first, then paused.

    Units: `metrics` are those that count, such as `PROMISED`; by default all.
    """
    order = {State.BREACHED.value: 0, State.RUNNING.value: 0, State.PAUSED.value: 1}
    live = [
        clock
        for clock in ticket.clocks
        if clock["state"] in order
        and not clock["done_at"]
        and not clock["cancelled_at"]
        and (metrics is None or clock["metric"] in metrics)
    ]
    return min(live, key=lambda c: (order[c["state"]], c["due_at"] or "9"), default=None)


def counts(*, agent: Agent, now: datetime) -> dict[str, int]:
    """Return how many tickets each view holds, up to the cap: never the count of the table.

    Costs one query of capped sub-selects, each on its own partial index.
    """
    return capped_counts({view: queue(view, agent=agent, now=now) for view in VIEWS})


def capped_counts(lists: Mapping[Name, TicketQuerySet]) -> dict[Name, int]:
    """Return how long each list is, up to the cap and one more. Costs one query for all."""
    parts, parameters = [], []
    for tickets in lists.values():
        limited = tickets.order_by().values("pk")[: COUNT_CAP + 1]
        sql, values = limited.query.sql_with_params()
        parts.append(f"(SELECT count(*) FROM ({sql}) AS t)")  # noqa: S608 - Django's own text
        parameters += list(values)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", parameters)
        row = cursor.fetchone()
    return dict(zip(lists, (int(count) for count in row), strict=True))


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a conversation: a message, a note, or something that happened.

    `person` names the agent whom an event is about, where it is about one; `promised_by` is the
    instant of the update that a reply promised with it, as it stands now.
    """

    kind: Literal["message", "note", "event"]
    at: datetime
    event: TicketEvent
    message: PublicMessage | None = None
    note: InternalNote | None = None
    person: str = ""
    promised_by: datetime | None = None
    attachments: Sequence[Any] = field(default_factory=tuple)


def conversation(ticket: Ticket, chain: Sequence[TicketEvent], *, internal: bool) -> list[Entry]:
    """Return a ticket's entries in order; `internal` ones only for agents.

    Costs four queries whatever the length: messages, notes, and the files of each, and one more
    where somebody was assigned; two for a requester, who sees neither.
    """
    messages = {
        m.pk: m
        for m in PublicMessage.objects.filter(ticket=ticket)
        .select_related("author_agent__user")
        .prefetch_related("attachments")
    }
    notes = (
        {
            n.pk: n
            for n in InternalNote.objects.filter(ticket=ticket).prefetch_related("attachments")
        }
        if internal
        else {}
    )
    given_to = {
        event.payload["agent"] for event in chain if event.kind == events.TicketAssigned.kind
    } - {None}
    people = names_of_agents(given_to) if internal and given_to else {}
    promises, told = _said_with_replies(chain)
    entries = []
    for event in chain:
        if (not internal and event.audience != events.PUBLIC) or event.sequence in told:
            continue
        message = messages.get(event.payload.get("message", 0))
        note = notes.get(event.payload.get("note", 0))
        if event.kind in _MESSAGE_KINDS and message is not None:
            files = list(message.attachments.all())
            by = promises.get(str(event.correlation)) if message.from_agent else None
            entries.append(
                Entry(
                    "message", event.at, event, message=message, promised_by=by, attachments=files
                )
            )
        elif event.kind == events.NoteAdded.kind and note is not None:
            files = list(note.attachments.all())
            entries.append(Entry("note", event.at, event, note=note, attachments=files))
        else:
            person = people.get(event.payload.get("agent"), "")
            entries.append(Entry("event", event.at, event, person=person))
    return entries


def _said_with_replies(chain: Sequence[TicketEvent]) -> tuple[dict[str, datetime], set[int]]:
    """Return the promises that replies made, by their action, and the events that a reply says.

    Edges: a promise that was moved since shows its new instant in the reply, and the moving of it.
    """
    replies = {str(e.correlation) for e in chain if e.kind == events.TicketReplied.kind}
    instants: dict[str, datetime] = {}
    made: dict[str, str] = {}
    told = set()
    for event in chain:
        match event.kind:
            case events.PromiseMade.kind | events.PromiseMoved.kind:
                promise = event.payload["promise"]
                instants[promise] = datetime.fromisoformat(event.payload["by"])
                action = str(event.correlation)
                if event.kind == events.PromiseMade.kind and action in replies:
                    made[action] = promise
                    told.add(event.sequence)
            case events.PromiseKept.kind if event.payload.get("message"):
                told.add(event.sequence)
    return {action: instants[promise] for action, promise in made.items()}, told


def last_cases(ticket: Ticket, agent: Agent, *, limit: int = 5) -> list[Ticket]:
    """Return the latest other cases of a ticket's requester, then of their company.

    Edges: two short scans, each of its own index, joined to one query; no count of either.
    """
    others = tickets_for_agent(agent).exclude(pk=ticket.pk).values("pk")
    own = others.filter(requester=ticket.requester_id).order_by("-pk")[:limit]
    company = others.filter(organization=ticket.organization_id).order_by("-updated_at", "-pk")
    keys = own.union(company[:limit]) if ticket.organization_id else own
    rows = Ticket.objects.filter(pk__in=keys).select_related("requester")
    found = sorted(rows, key=lambda row: (row.requester_id != ticket.requester_id, -row.pk))
    return found[:limit]


def answers_of(
    ticket: Ticket, chain: Sequence[TicketEvent], language: str
) -> list[tuple[str, str]]:
    """Return the answers to the form's further questions, each after its question.

    Edges: a question that the agreement has no more is named by its key. Costs one query, and none
        where the form asked nothing further.
    """
    if not chain[0].payload.get("fields"):
        return []
    fields = ticket.agreement_version.document.fields
    labels = {field.key: field.label.in_language(language) for field in fields}
    answers = TicketField.objects.filter(ticket=ticket).order_by("pk").values_list("key", "value")
    return [(labels.get(key, key), value) for key, value in answers]


_MESSAGE_KINDS = frozenset(
    {events.TicketOpened.kind, events.TicketReplied.kind, events.RequesterReplied.kind}
)


def chain_of(ticket: Ticket) -> Sequence[TicketEvent]:
    """Return a ticket's events in order: one query, for all that a page shows of them."""
    return timeline.chain_of(ticket)


def evaluation_of(ticket: Ticket, chain: Sequence[TicketEvent], *, now: datetime) -> Evaluation:
    """Evaluate a ticket's clocks at `now`. Costs no query."""
    at = max(now, ticket.last_at)
    return evaluate(ticket.agreement_version.sla, timeline.facts_of(chain), at)


def climb(ticket: Ticket, chain: Sequence[TicketEvent], *, now: datetime) -> Climb:
    """Say whether the requester may escalate at `now`. Costs no query."""
    return climb_of(evaluation_of(ticket, chain, now=now), chain)


def last_rating(ticket: Ticket, chain: Sequence[TicketEvent]) -> Rating | None:
    """Return the rating that counts. Costs a query only where there is one."""
    rated = [event.payload["rating"] for event in chain if event.kind == events.TicketRated.kind]
    return Rating.objects.filter(pk=rated[-1]).first() if rated else None


def follow_ups(chain: Sequence[TicketEvent]) -> tuple[list[int], list[int]]:
    """Return the keys of the tickets that this one follows up, and of those that follow it up.

    Edges: both say the same of each other; whatever was made later follows. Costs nothing.
    """
    related = [
        event.payload["ticket"]
        for event in chain
        if event.kind == events.TicketRelated.kind and event.payload["why"] == "follow_up"
    ]
    here = chain[0].ticket_id if chain else 0
    return [pk for pk in related if pk < here], [pk for pk in related if pk > here]


def explanation_of(
    ticket: Ticket, chain: Sequence[TicketEvent], key: str, *, now: datetime
) -> Explanation:
    """Take one clock apart. Costs no query. Raises: UnknownTarget."""
    at = max(now, ticket.last_at)
    facts = timeline.facts_of(chain)
    agreement = ticket.agreement_version.sla
    return explain_applied(agreement, evaluate(agreement, facts, at), facts, key, at)


def alarms_waiting(*, now: datetime, limit: int) -> list[int]:
    """Return tickets with a moment of a clock to tell, the earliest first: one partial index."""
    return list(
        Ticket.objects.filter(next_alarm_at__lte=now)
        .exclude(sweep_after__gt=now)
        .order_by("next_alarm_at")
        .values_list("pk", flat=True)[:limit]
    )


def next_alarm_at(*, now: datetime) -> datetime | None:
    """Return the earliest moment that the sweep must look at: one probe of the partial index."""
    return (
        Ticket.objects.filter(next_alarm_at__isnull=False)
        .exclude(sweep_after__gt=now)
        .order_by("next_alarm_at")
        .values_list("next_alarm_at", flat=True)
        .first()
    )


def submitted(submission_key: str) -> Ticket | None:
    """Return the ticket that a submission has made. Call it in the transaction that would make it.

    Edges: its twin waits here until that transaction ends, so of two at once one finds nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [submission_key])
    return Ticket.objects.filter(submission_key=submission_key).first()
