"""A requester's own list: what it holds, in which order, and how many of each kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from django.db.models import Q

from plazo.accounts.models import Requester
from plazo.tickets.access import Part, tickets_for_requester
from plazo.tickets.models import Status, Ticket, TicketQuerySet, WaitingFor
from plazo.tickets.queries import capped_counts

Tab = Literal["open", "solved", "company"]
Sort = Literal["due", "updated", "opened"]
TABS: Final[tuple[Tab, ...]] = ("open", "solved", "company")
SORTS: Final[tuple[Sort, ...]] = ("due", "updated", "opened")
PAGE_SIZE: Final = 30
# Cases that wait for the reader stand above all others, on the first page.
MOST_WAITING: Final = 50
MOST_WORDS: Final = 6

# What a person can ask for, as they would say it: waiting for them is not waiting for us.
STATUSES: Final = {
    "new": Q(status=Status.NEW),
    "open": Q(status=Status.OPEN),
    "you": Q(status=Status.PENDING, waiting_for=WaitingFor.REQUESTER),
    "others": Q(status=Status.ON_HOLD)
    | (Q(status=Status.PENDING) & ~Q(waiting_for=WaitingFor.REQUESTER)),
    "solved": Q(status=Status.SOLVED),
    "closed": Q(status=Status.CLOSED),
}
_WAITS: Final = STATUSES["you"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody wants to see of their cases. Anything unknown counts as not said."""

    tab: Tab = "open"
    search: str = ""
    service: str = ""
    status: str = ""
    sort: Sort = "due"


@dataclass(frozen=True, slots=True)
class RequestsPage:
    """One page of a requester's list: what waits for them, the others, and where it goes on."""

    waiting: Sequence[Ticket]
    tickets: Sequence[Ticket]
    next_after: str


def _part(tab: Tab) -> Part:
    return "company" if tab == "company" else "mine"


def _narrowed(wanted: Wanted, requester: Requester) -> TicketQuerySet:
    """Return what a tab holds under its filters.

    Edges: a status that is asked for by name decides, whatever the tab would hold by itself.
    """
    tickets = tickets_for_requester(requester, _part(wanted.tab))
    if wanted.status in STATUSES:
        tickets = tickets.filter(STATUSES[wanted.status])
    elif wanted.tab == "solved":
        tickets = tickets.ended()
    else:
        tickets = tickets.unsolved()
    if wanted.service:
        tickets = tickets.filter(service=wanted.service)
    if wanted.search:
        tickets = tickets.filter(_says(wanted.search))
    return tickets.select_related("requester")


def _says(text: str) -> Q:
    """Return what picks the cases of a number that begins so, or of a subject with every word."""
    words = Q()
    for word in text.split()[:MOST_WORDS]:
        words &= Q(subject__icontains=word)
    return Q(number__istartswith=text) | words


def cases_about(text: str, *, requester: Requester, limit: int) -> Sequence[Ticket]:
    """Return the latest cases that somebody may see and that say something. Costs one query.

    Edges: the words may stand in any order; none for nothing.
    """
    text = " ".join(text.replace("\x00", "").split())
    if not text:
        return []
    found = tickets_for_requester(requester).filter(_says(text))
    return list(found.select_related("requester").order_by("-updated_at", "-pk")[:limit])


Place = tuple[datetime, int]


def _place(after: str) -> Place | None:
    """Read where a page goes on; None for anything that no page gave."""
    instant, _, key = after.partition("~")
    try:
        at, pk = datetime.fromisoformat(instant), int(key)
    except ValueError:
        return None
    return (at, pk) if at.tzinfo is not None else None


def _sorted(tickets: TicketQuerySet, sort: Sort, place: Place | None) -> TicketQuerySet:
    column = {"due": "requester_due_at", "opened": "opened_at"}.get(sort, "updated_at")
    beyond, sign = ("gt", "") if sort == "due" else ("lt", "-")
    if place is not None:
        at, pk = place
        further = Q(**{f"{column}__{beyond}": at})
        tickets = tickets.filter(further | Q(**{column: at, f"pk__{beyond}": pk}))
    return tickets.order_by(f"{sign}{column}", f"{sign}pk")


def requests_page(
    wanted: Wanted, *, requester: Requester, after: str = "", size: int = PAGE_SIZE
) -> RequestsPage:
    """Return one page of a list by keyset: its cost does not grow with what lies before it.

    Edges: cases that wait for the reader stand apart on the first page, and on no other; `after`
        is what the page before gave, and anything else begins at the beginning. Costs two queries
        for a first page of what is open, one for any other.
    """
    tickets = _narrowed(wanted, requester)
    apart = wanted.tab != "solved" and wanted.status not in ("you", "solved", "closed")
    waiting: Sequence[Ticket] = ()
    place = _place(after)
    if apart:
        if place is None:
            ordered = tickets.filter(_WAITS).order_by("-updated_at", "-pk")
            waiting = list(ordered[:MOST_WAITING])
        tickets = tickets.exclude(_WAITS)
    rows = list(_sorted(tickets, wanted.sort, place)[: size + 1])
    following = ""
    if len(rows) > size:
        rows = rows[:size]
        last = rows[-1]
        edges = {"due": last.requester_due_at, "opened": last.opened_at}
        following = f"{edges.get(wanted.sort, last.updated_at).isoformat()}~{last.pk}"
    if wanted.status == "you":
        return RequestsPage(rows, [], following)
    return RequestsPage(waiting, rows, following)


def counts(requester: Requester) -> dict[Tab, int]:
    """Return how many cases each tab holds, up to the cap and one more. Costs one query."""
    tabs = [tab for tab in TABS if tab != "company" or requester.manages]
    held = {tab: tickets_for_requester(requester, _part(tab)) for tab in tabs}
    return capped_counts(
        {
            tab: tickets.ended() if tab == "solved" else tickets.unsolved()
            for tab, tickets in held.items()
        }
    )
