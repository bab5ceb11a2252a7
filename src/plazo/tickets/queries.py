"""Reads: lists, conversations, clocks. Each says what it costs."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple, TypeVar

from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from plazo.accounts.models import Agent, Group, Organization, Requester
from plazo.accounts.queries import TEAM, names_of_agents
from plazo.core.actor import ActorKind
from plazo.core.kept import kept
from plazo.sla import (
    Evaluation,
    Explanation,
    Metric,
    Rung,
    State,
    evaluate,
    explain_applied,
    silence_ends_at,
)
from plazo.tickets import events, joins, listing, projection, ringing, timeline
from plazo.tickets.access import tickets_for_agent
from plazo.tickets.areas import Ask, asks_of
from plazo.tickets.climbing import Climb, climb_of
from plazo.tickets.listing import COUNT_CAP, PAGE_SIZE, Page
from plazo.tickets.models import (
    AreaAsk,
    AreaMessage,
    Attachment,
    InternalNote,
    PublicMessage,
    Rating,
    Status,
    Tag,
    Ticket,
    TicketEvent,
    TicketField,
    TicketQuerySet,
)
from plazo.tickets.wait_models import Impact, Wait

# What a requester sees of our clocks.
PROMISED = projection.PROMISED
HELD_SHOWN = 3
# What stands for now in a statement that is kept.
_SOME_TIME: Final = datetime(1, 1, 1, tzinfo=UTC)
# The text of a count, and its parameters.
Count = tuple[str, list[Any]]
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


def queue_page(
    view: QueueView, *, agent: Agent, now: datetime, after: str = "", size: int = PAGE_SIZE
) -> Page:
    """Return one page of a view by keyset: its cost does not grow with what lies before it.

    Edges: `after` is what the page before gave; anything else begins at the beginning.
    """
    ordering = "solved" if view == "solved" else "due"
    tickets = queue(view, agent=agent, now=now)
    return listing.page(tickets, ordering=ordering, after=after, size=size)


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


def latest_of(
    *,
    agent: Agent,
    requester: Requester | None = None,
    organization: Organization | None = None,
    limit: int = 20,
) -> list[Ticket]:
    """Return the latest cases of a person, or of a company, whatever their status. One query."""
    tickets = tickets_for_agent(agent).for_queue_page()
    if requester is not None:
        return list(tickets.filter(requester=requester).order_by("-pk")[:limit])
    return list(tickets.filter(organization=organization).order_by("-updated_at", "-pk")[:limit])


def tag_names(limit: int = 500) -> list[str]:
    """Return the tags that some ticket has or had, to choose from. One query."""
    return list(Tag.objects.values_list("name", flat=True)[:limit])


def live_clock(ticket: Ticket, metrics: Collection[str] | None = None) -> dict[str, Any] | None:
    """Return the clock that a row shows: late first, then due first, then paused.

    Units: `metrics` are those that count, such as `PROMISED`; by default all.
    Edges: what another area owes us shows only where we owe nothing ourselves.
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
    return min(
        live,
        key=lambda c: (c["metric"] == Metric.AREA_REPLY, order[c["state"]], c["due_at"] or "9"),
        default=None,
    )


def counts(
    *, agent: Agent, now: datetime, besides: Mapping[str, Count] | None = None
) -> dict[str, int]:
    """Return how many tickets each view holds, up to the cap: never the count of the table.

    Units: `besides` are other lists of which the same page wants to know how long they are
        (`count_of`).
    Costs one query of capped sub-selects, each on its own partial index.
    """
    parts: dict[str, Count] = {
        view: (sql, [now if value == _SOME_TIME else value for value in values])
        for view, (sql, values) in _counts_of_views(agent).items()
    }
    return _counted(parts | dict(besides or {}))


def capped_counts(lists: Mapping[Name, QuerySet[Any]]) -> dict[Name, int]:
    """Return how long each list is, up to the cap and one more. Costs one query for all."""
    return _counted({name: count_of(rows) for name, rows in lists.items()})


@kept(TEAM)
def _counts_of_views(agent: Agent) -> dict[str, Count]:
    """Return the text of each view's count: it is the same for every page of an agent, and longer
    in the making than in the asking."""
    return {view: count_of(queue(view, agent=agent, now=_SOME_TIME)) for view in VIEWS}


def count_of(rows: QuerySet[Any]) -> Count:
    """Return the text of a list's count, for `counts`. Costs nothing."""
    limited = rows.order_by().values("pk")[: COUNT_CAP + 1]
    sql, values = limited.query.sql_with_params()
    return f"(SELECT count(*) FROM ({sql}) AS t)", list(values)  # noqa: S608 - Django's own text


def _counted(parts: Mapping[Name, Count]) -> dict[Name, int]:
    values = [value for _sql, given in parts.values() for value in given]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(sql for sql, _given in parts.values())}", values)
        row = cursor.fetchone()
    return dict(zip(parts, (int(count) for count in row), strict=True))


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a conversation: a message, a note, what was said to an area or by it, or
    something that happened.

    `person` names the agent whom an event is about, where it is about one; `promised_by` is the
    instant of the update, or of the solution, that a reply promised with it, as it stands now;
    `number` the ticket in which it was written, where that was merged into this one.
    """

    kind: Literal["message", "note", "side", "event", "fold"]
    at: datetime
    event: TicketEvent
    message: PublicMessage | None = None
    note: InternalNote | None = None
    side: AreaMessage | None = None
    person: str = ""
    promised_by: datetime | None = None
    promised: str = "update"
    number: str = ""
    left_out: int = 0
    attachments: Sequence[Any] = field(default_factory=tuple)


def conversation(
    ticket: Ticket,
    chain: Sequence[TicketEvent],
    *,
    internal: bool,
    merged: Sequence[int] = (),
    ends: tuple[int, int] | None = None,
) -> list[Entry]:
    """Return a ticket's entries in order; `internal` ones only for agents.

    Units: `merged` are the keys of tickets that it took in and whose words are shown between its
        own, by their time. `ends` are how many are shown of the beginning and of the end of a
        longer one: an entry of the kind "fold" stands for those between, whose bodies are not read.
    Costs four queries at most, whatever the length: messages, notes, and the files of each, and one
    more where somebody was assigned; three more where areas were asked; two for a requester, who
    sees none of it. One more with `merged`.
    """
    promises, told = _said_with_replies(chain)
    seen = [
        event
        for event in _with_words_of(chain, merged)
        if (internal or event.audience == events.PUBLIC)
        and not (event.sequence in told and event.ticket_id == ticket.pk)
    ]
    first, last = ends or (len(seen), 0)
    left_out = max(0, len(seen) - first - last)
    shown = [*seen[:first], *seen[first + left_out :]]
    messages = _messages_of(shown, internal=internal)
    notes = _notes_of(shown) if internal else {}
    sides = _sides_of(shown) if internal else {}
    whom = _whom_of(ticket, shown) if internal else {}
    given_to = {e.payload[_WHOM[e.kind]] for e in shown if e.kind in _WHOM} - {None}
    people = names_of_agents(given_to) if internal and given_to else {}
    entries = []
    for event in shown:
        number = getattr(event, "of_ticket", "")
        message = messages.get(event.payload.get("message", 0))
        note = notes.get(event.payload.get("note", 0))
        if event.kind in MESSAGE_KINDS and message is not None:
            files = list(message.attachments.all())
            promise = promises.get(str(event.correlation)) if message.from_agent else None
            entries.append(
                Entry(
                    "message",
                    event.at,
                    event,
                    message=message,
                    promised_by=promise.by if promise else None,
                    promised=promise.kind if promise else "update",
                    number=number,
                    attachments=files,
                )
            )
        elif event.kind == events.NoteAdded.kind and note is not None:
            files = list(note.attachments.all())
            entries.append(
                Entry("note", event.at, event, note=note, number=number, attachments=files)
            )
        elif event.kind in SIDE_KINDS and event.payload["side"] in sides:
            side = sides[event.payload["side"]]
            files = list(side.attachments.all())
            entries.append(
                Entry("side", event.at, event, side=side, number=number, attachments=files)
            )
        elif not number:
            person = people.get(event.payload.get(_WHOM.get(event.kind, "agent")), "") or whom.get(
                event.payload.get("ask"), ""
            )
            entries.append(Entry("event", event.at, event, person=person))
    if left_out:
        entries.insert(first, Entry("fold", seen[first].at, seen[first], left_out=left_out))
    return entries


def _messages_of(shown: Sequence[TicketEvent], *, internal: bool) -> dict[int, PublicMessage]:
    """Return the messages of some events, with their files; for a requester with what their
    authors are."""
    keys = [e.payload["message"] for e in shown if e.kind in MESSAGE_KINDS]
    found = PublicMessage.objects.filter(pk__in=keys).prefetch_related("attachments")
    found = found if internal else found.select_related("author_agent")
    return found.in_bulk() if keys else {}


def _notes_of(shown: Sequence[TicketEvent]) -> dict[int, InternalNote]:
    keys = [e.payload["note"] for e in shown if e.kind == events.NoteAdded.kind]
    notes = InternalNote.objects.filter(pk__in=keys).prefetch_related("attachments")
    return notes.in_bulk() if keys else {}


def _sides_of(shown: Sequence[TicketEvent]) -> dict[int, AreaMessage]:
    """Return what was said to areas, and by them, with its files. At most two queries."""
    wanted = [event.payload["side"] for event in shown if event.kind in SIDE_KINDS]
    if not wanted:
        return {}
    rows = AreaMessage.objects.filter(pk__in=wanted).select_related("ask")
    return {side.pk: side for side in rows.prefetch_related("attachments")}


def _whom_of(ticket: Ticket, shown: Sequence[TicketEvent]) -> dict[str, str]:
    """Return who was asked, by the key of the asking. One query where areas are spoken of."""
    if not any(e.kind.startswith("area.") and e.kind not in SIDE_KINDS for e in shown):
        return {}
    return {ask.key: ask.whom for ask in AreaAsk.objects.filter(ticket=ticket)}


def asks_on(tickets: Sequence[int]) -> list[AreaAsk]:
    """Return what areas were asked on some tickets, by their keys, in order. One query."""
    return list(AreaAsk.objects.filter(ticket__in=tickets).select_related("ticket").order_by("pk"))


def asks_elsewhere(tickets: Collection[int]) -> dict[tuple[int, str], Ask]:
    """Return how what was asked on other tickets stands, by ticket and key. One query, or none."""
    if not tickets:
        return {}
    said = TicketEvent.objects.filter(ticket__in=tickets, kind__startswith="area.")
    chains: dict[int, list[TicketEvent]] = defaultdict(list)
    for event in said.order_by("ticket", "sequence"):
        chains[event.ticket_id].append(event)
    return {(pk, key): ask for pk, chain in chains.items() for key, ask in asks_of(chain).items()}


def messages_on(ticket: Ticket) -> list[tuple[PublicMessage, list[Attachment]]]:
    """Return the public messages of a ticket that were not erased, with files. Two queries."""
    rows = PublicMessage.objects.filter(ticket=ticket).exclude(body_text="")
    found = rows.prefetch_related("attachments").order_by("pk")
    return [(message, list(message.attachments.all())) for message in found]


# Events that are about an agent, and where they name them.
_WHOM = {events.TicketAssigned.kind: "agent", events.PromiseHanded.kind: "owner"}


class _Said(NamedTuple):
    """A promise that was made with a reply: its kind, and its instant as it stands now."""

    kind: str
    by: datetime


def _said_with_replies(chain: Sequence[TicketEvent]) -> tuple[dict[str, _Said], set[int]]:
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
    said = {
        action: _Said(promise.partition("-")[0], instants[promise])
        for action, promise in made.items()
    }
    return said, told


# Written out: made of querysets, it took longer in the making than all else of the page.
_LAST_CASES: Final = """
(SELECT id FROM tickets_ticket WHERE requester_id = %s AND id <> %s ORDER BY id DESC LIMIT %s)
UNION
(SELECT id FROM tickets_ticket WHERE organization_id = %s AND id <> %s
    ORDER BY updated_at DESC, id DESC LIMIT %s)
"""


def last_cases(ticket: Ticket, agent: Agent, *, limit: int = 5) -> list[Ticket]:
    """Return the latest other cases of a ticket's requester, then of their company.

    Edges: two short scans, each of its own index, joined to one query; no count of either.
    """
    own, company = ticket.requester_id, ticket.organization_id
    keys = RawSQL(_LAST_CASES, (own, ticket.pk, limit, company, ticket.pk, limit))  # noqa: S611 - a fixed text
    rows = tickets_for_agent(agent).filter(pk__in=keys).select_related("requester")
    rows = rows.only(
        "number", "subject", "status",
        "requester__name", "requester__email", "requester__erased_at",
    )  # fmt: skip
    found = sorted(rows, key=lambda row: (row.requester_id != ticket.requester_id, -row.pk))
    return found[:limit]


def _with_words_of(chain: Sequence[TicketEvent], merged: Sequence[int]) -> Sequence[TicketEvent]:
    """Return a chain with what was said on other tickets between its own events, by time."""
    if not merged:
        return chain
    said = list(
        TicketEvent.objects.filter(
            ticket__in=merged, kind__in=[*MESSAGE_KINDS, *SIDE_KINDS, events.NoteAdded.kind]
        )
        .annotate(of_ticket=F("ticket__number"))
        .order_by("at", "pk")
    )
    # Stable: each chain keeps its own order.
    return sorted([*chain, *said], key=lambda event: event.at)


def answers_of(
    ticket: Ticket, chain: Sequence[TicketEvent], language: str
) -> list[tuple[str, str]]:
    """Return the answers to the form's further questions, each after its question.

    Edges: a question that the agreement has no more is named by its key. Costs one query, and none
        where the form asked nothing further.
    """
    fields = ticket.agreement_version.document.fields
    labels = {field.key: field.label.in_language(language) for field in fields}
    values = values_of(ticket, chain)
    return [(labels.get(key, key), value) for key, value in values.items()]


def values_of(ticket: Ticket, chain: Sequence[TicketEvent]) -> dict[str, str]:
    """Return a case's further details by their keys. Costs one query, and none without any."""
    if not any(
        event.payload.get("fields")
        for event in chain
        if event.kind in (events.TicketOpened.kind, events.FieldsSet.kind)
    ):
        return {}
    rows = TicketField.objects.filter(ticket=ticket).order_by("pk")
    return dict(rows.values_list("key", "value"))


SIDE_KINDS = frozenset({events.AreaAsked.kind, events.AreaWritten.kind, events.AreaAnswered.kind})
MESSAGE_KINDS = frozenset(
    {
        events.TicketOpened.kind,
        events.TicketReplied.kind,
        events.TicketAnswered.kind,
        events.RequesterReplied.kind,
    }
)


def chain_of(ticket: Ticket) -> Sequence[TicketEvent]:
    """Return a ticket's events in order: one query, for all that a page shows of them."""
    return timeline.chain_of(ticket)


def split_counts_from(
    message: PublicMessage, ticket: Ticket, chain: Sequence[TicketEvent], *, now: datetime
) -> datetime:
    """Return from when a message counts that is split off. Two queries where its ticket was merged.

    Source: docs/metrics.md, M-87.
    """
    survivor, merged, answered = ticket.merged_into, joins.merge_event(chain), None
    if survivor is not None and merged is not None:
        author = message.author_requester_id or ticket.requester_id
        answered = joins.answered_since(merged, survivor, timeline.chain_of(survivor), author)
    at = max(now, ticket.last_at)
    return joins.asked_at(chain, message.at, answered=answered, now=at)


def evaluation_of(ticket: Ticket, chain: Sequence[TicketEvent], *, now: datetime) -> Evaluation:
    """Evaluate a ticket's clocks at `now`. Costs no query."""
    at = max(now, ticket.last_at)
    return evaluate(ticket.agreement_version.sla, timeline.facts_of(chain), at)


def climb(ticket: Ticket, chain: Sequence[TicketEvent], *, now: datetime) -> Climb:
    """Say whether the requester may escalate at `now`. Costs no query."""
    return climb_of(evaluation_of(ticket, chain, now=now), chain)


def confirmed(ticket: Ticket, chain: Sequence[TicketEvent]) -> bool:
    """Say whether the requester said that it is solved, since it was; by solving it themselves too.

    Costs nothing.
    """
    solved = [
        event
        for event in chain
        if event.kind == events.StatusChanged.kind and event.payload["status"] == Status.SOLVED
    ]
    if ticket.status != Status.SOLVED or not solved:
        return False
    return solved[-1].actor_kind == ActorKind.REQUESTER or any(
        event.kind == events.SolutionConfirmed.kind and event.sequence > solved[-1].sequence
        for event in chain
    )


def wait_of(ticket: Ticket) -> Wait | None:
    """Return the wait that lasts on a ticket, with who let it wait. One query."""
    lasting = Wait.objects.filter(ticket=ticket, ended_at=None)
    return lasting.select_related("agent__user").first()


def stated(keys: Collection[int]) -> dict[int, str]:
    """Return what was stated of impacts, by their keys; "" for what was erased. One query at
    most."""
    return dict(Impact.objects.filter(pk__in=keys).values_list("pk", "words")) if keys else {}


def messages_of(ticket: Ticket, keys: Collection[int]) -> dict[int, PublicMessage]:
    """Return some of a ticket's messages, by their keys. One query."""
    return {m.pk: m for m in PublicMessage.objects.filter(pk__in=keys, ticket=ticket)}


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


def held_by(group: Group) -> str:
    """Say which cases belong to a group, in words: the first of them and how many; "" for none."""
    theirs = Ticket.objects.filter(group=group).order_by("-pk")
    numbers = list(theirs.values_list("number", flat=True)[: HELD_SHOWN + 1])
    if not numbers:
        return ""
    shown = ", ".join(numbers[:HELD_SHOWN])
    if len(numbers) > HELD_SHOWN:
        return _("the cases %(numbers)s and more") % {"numbers": shown}
    return ngettext("the case %(numbers)s", "the cases %(numbers)s", len(numbers)) % {
        "numbers": shown
    }


def open_cases_of(agent: Agent) -> int:
    """Return how many cases of an agent are not closed."""
    return Ticket.objects.filter(assignee=agent).exclude(status=Status.CLOSED).count()


def ringing_on(ticket: Ticket) -> tuple[Rung, datetime | None] | None:
    """Return the step that rings on a ticket, and when silence rings the next; None for none."""
    rung = projection.ringing(ticket)
    if rung is None:
        return None
    ladder = ticket.agreement_version.sla.ladder
    return rung, silence_ends_at(ladder, rung, ringing.severity_of(ticket))


def who_has_it(chain: Sequence[TicketEvent]) -> TicketEvent | None:
    """Return the event by which somebody last said "I have it", if nothing rang since."""
    kinds = (events.LadderRang.kind, events.LadderAnswered.kind)
    last = next((event for event in reversed(chain) if event.kind in kinds), None)
    return last if last is not None and last.kind == events.LadderAnswered.kind else None


def rang_after_climb(chain: Sequence[TicketEvent]) -> list[TicketEvent]:
    """Return the rings and answers since the requester last climbed, for them to see: oldest first.

    Edges: what settled without an answer is none.
    """
    climbs = [n for n, e in enumerate(chain) if e.kind == events.EscalationRequested.kind]
    kinds = (events.LadderRang.kind, events.LadderAnswered.kind)
    return [event for event in chain[climbs[-1] :] if event.kind in kinds] if climbs else []
