"""Listings: the orders and the groups in which tickets are shown, and their pages by keyset.

A page begins after the last row of the one before, whatever lies between: its cost does not grow
with how far one has read. Only the orders and groups declared here can be asked for.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from django.db import OperationalError, connection, transaction
from django.db.models import Case, Count, F, IntegerField, Q, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from psycopg.errors import QueryCanceled

from plazo.accounts.models import Agent
from plazo.tickets.access import tickets_for_agent
from plazo.tickets.errors import ReadsTooMuch
from plazo.tickets.filters import Condition, Context, all_q
from plazo.tickets.models import Status, Ticket, TicketQuerySet

PAGE_SIZE: Final = 50
COUNT_CAP: Final = 99
PATIENCE: Final = timedelta(seconds=2)
Name = TypeVar("Name", bound=str)
UNSOLVED: Final = frozenset({Status.NEW, Status.OPEN, Status.PENDING, Status.ON_HOLD})


@dataclass(frozen=True, slots=True)
class Ordering:
    """One order of rows: a moment, and the key where two rows share it.

    Edges: where `sparse`, rows without the moment do not belong to the list at all.
    """

    key: str
    label: Promise
    column: str
    descending: bool = False
    key_descending: bool = False
    sparse: bool = False


ORDERINGS: Final[Mapping[str, Ordering]] = {
    each.key: each
    for each in (
        Ordering("due", _("Due first"), "sort_due_at"),
        Ordering("newest", _("Newest first"), "opened_at", descending=True, key_descending=True),
        Ordering("oldest", _("Oldest first"), "opened_at"),
        Ordering("updated", _("Changed last"), "updated_at", descending=True, key_descending=True),
        Ordering("solved", _("Solved last"), "solved_at", descending=True, sparse=True),
    )
}


def _rank(column: str, values: Sequence[str]) -> Callable[[], Combinable]:
    def expression() -> Combinable:
        whens = [When(**{column: value, "then": Value(n)}) for n, value in enumerate(values)]
        return Case(*whens, default=Value(len(values)), output_field=IntegerField())

    return expression


@dataclass(frozen=True, slots=True)
class Grouping:
    """One way to part a list under headings: groups stand one after the other in their order.

    `expression` gives what a group is sorted by; without one, the rows' own order is not changed
    and the page parts what it shows. Where `ranked`, it is a small number and no text.
    """

    key: str
    label: Promise
    expression: Callable[[], Combinable] | None = None
    ranked: bool = False


GROUPINGS: Final[Mapping[str, Grouping]] = {
    each.key: each
    for each in (
        Grouping("deadline", _("By deadline")),
        Grouping("none", _("Without groups")),
        Grouping(
            "assignee",
            _("By assignee"),
            lambda: Coalesce(F("assignee__user__name"), Value("")),
        ),
        Grouping(
            "organization", _("By company"), lambda: Coalesce(F("organization__name"), Value(""))
        ),
        Grouping("severity", _("By severity"), _rank("severity", tuple("ABCDE")), ranked=True),
        Grouping("service", _("By service"), lambda: F("service")),
        Grouping("status", _("By status"), _rank("status", Status.values), ranked=True),
    )
}


def reaches_ended(conditions: Sequence[Condition]) -> bool:
    """Say whether conditions let solved or closed tickets in.

    Whoever asks only for open ones is answered from indexes that hold nothing else, and their cost
    follows the work that waits, not the years behind it.
    """
    for each in conditions:
        if each.field == "status":
            wanted = set(each.value)
            if each.op == "any_of" and wanted <= UNSOLVED:
                return False
            if each.op == "none_of" and {Status.SOLVED, Status.CLOSED} <= wanted:
                return False
    return True


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, and where the next one begins; nowhere where it is empty."""

    tickets: list[Ticket]
    next_after: str


def tickets_that_meet(
    conditions: Sequence[Condition], *, agent: Agent, now: datetime
) -> TicketQuerySet:
    """Return what an agent sees of the tickets that meet every condition. Lazy.

    Edges: where solved and closed ones cannot be among them, the indexes without those serve.
    """
    tickets = tickets_for_agent(agent).filter(all_q(conditions, Context(now, agent)))
    return tickets if reaches_ended(conditions) else tickets.unsolved()


def patient_page(tickets: TicketQuerySet, *, patience: timedelta = PATIENCE, **how: Any) -> Page:
    """Return a page of a list that may read all tickets ever: it gives up after `patience`.

    Raises: ReadsTooMuch, which asks for a narrower condition. Costs a query more.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, true)",
                [str(int(patience / timedelta(milliseconds=1)))],
            )
            return page(tickets, **how)
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise ReadsTooMuch from None
        raise


def page(
    tickets: TicketQuerySet,
    *,
    ordering: str = "due",
    grouping: str = "deadline",
    after: str = "",
    size: int = PAGE_SIZE,
) -> Page:
    """Return one page of some tickets in a declared order, parted in declared groups.

    Costs one query; two in groups, which sort all that the list finds: first the keys alone.
    Edges: `after` is what the page before gave; anything else begins at the beginning.
    """
    order, parts = ORDERINGS[ordering], GROUPINGS[grouping]
    found = tickets.for_queue_page()
    if order.sparse:
        found = found.filter(**{f"{order.column}__isnull": False})
    sorted_by = [
        f"{'-' if order.descending else ''}{order.column}",
        f"{'-' if order.key_descending else ''}pk",
    ]
    if parts.expression is not None:
        found = found.annotate(part=parts.expression())
        sorted_by.insert(0, "part")
    place = _place(after, parts)
    if place is not None:
        found = found.filter(_following(order, place))
    found = found.order_by(*sorted_by)[: size + 1]
    rows = list(found) if parts.expression is None else _grouped(found)
    if len(rows) <= size:
        return Page(rows, "")
    rows = rows[:size]
    return Page(rows, _edge(rows[-1], order))


def _grouped(found: TicketQuerySet) -> list[Ticket]:
    """Return the rows whose keys stand first in their groups, each with its `part`.

    Sorting whole rows, with all that they show, takes ten times as long as sorting their keys.
    """
    part_of: dict[int, str | int] = dict(found.values_list("pk", "part"))  # type: ignore[misc]
    # Whatever was changed since the keys were read stands where they said.
    rows = {t.pk: t for t in Ticket.objects.filter(pk__in=part_of).for_queue_page()}
    for pk, ticket in rows.items():
        ticket.part = part_of[pk]  # type: ignore[attr-defined]
    return [rows[pk] for pk in part_of]


@dataclass(frozen=True, slots=True)
class _Place:
    instant: datetime
    pk: int
    part: str | int | None = None


def _edge(last: Ticket, order: Ordering) -> str:
    edge = f"{getattr(last, order.column).isoformat()}~{last.pk}"
    part = getattr(last, "part", None)
    return edge if part is None else f"{edge}~{json.dumps(part)}"


def _place(after: str, grouping: Grouping) -> _Place | None:
    parts = after.split("~", 2)
    try:
        instant, pk = datetime.fromisoformat(parts[0]), int(parts[1])
        if instant.tzinfo is None or not 0 <= pk < 2**63:
            return None
        if grouping.expression is None:
            return _Place(instant, pk)
        part = json.loads(parts[2])
        str(part).encode()  # half a sign is none
    except (ValueError, IndexError, RecursionError):
        return None
    if grouping.ranked:
        known = isinstance(part, int) and 0 <= part < 100
    else:
        known = isinstance(part, str) and "\x00" not in part
    return _Place(instant, pk, part) if known else None


def _following(order: Ordering, place: _Place) -> Q:
    """Return what stands after a row: one range of the order's index where nothing is grouped."""
    column, beyond = order.column, "lt" if order.descending else "gt"
    key = "lt" if order.key_descending else "gt"
    later = Q(**{f"{column}__{beyond}": place.instant}) | Q(
        **{column: place.instant, f"pk__{key}": place.pk}
    )
    if place.part is not None:
        return Q(part__gt=place.part) | (Q(part=place.part) & later)
    return later & Q(**{f"{column}__{beyond}e": place.instant})


# How many open tickets, those due first, a count of views looks at.
LOOKED_AT: Final = 5000


def counts(
    views: Mapping[Name, Q], *, tickets: TicketQuerySet, cap: int = COUNT_CAP
) -> dict[Name, tuple[int, bool]]:
    """Return how many open tickets meet each view's conditions, and whether there may be more.

    One walk through the `LOOKED_AT` open tickets that are due first counts every view at once, so
    that a view which nothing meets costs no more than the others, whatever the table holds.
    Edges: there may be more past the cap, and where the walk ended before the open tickets did.
    Costs one query for all; none without views.
    """
    if not views:
        return {}
    walk = tickets.unsolved().by_deadline()[: LOOKED_AT + 1]
    wanted = {f"v{n}": Count("pk", filter=q) for n, q in enumerate(views.values())}
    counted = walk.aggregate(everything=Count("pk"), **wanted)
    unfinished = counted["everything"] > LOOKED_AT
    return {
        name: (min(counted[f"v{n}"], cap), counted[f"v{n}"] > cap or unfinished)
        for n, name in enumerate(views)
    }
