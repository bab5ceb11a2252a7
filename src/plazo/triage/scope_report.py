"""Figures of scope over a time: what was out and by which clause, and how proposals fared."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count

from plazo.agreements.document import IN_SCOPE
from plazo.agreements.queries import key_in_use
from plazo.tickets import events
from plazo.tickets.models import Ticket, TicketEvent


@dataclass(slots=True)
class Client:
    """A company's decided cases: how many, how many out, and by which clauses."""

    name: str
    decided: int = 0
    out: int = 0
    by_clause: Counter[str] = field(default_factory=Counter)

    @property
    def percent(self) -> int:
        return percent(self.out, self.decided)


@dataclass(frozen=True, slots=True)
class Rates:
    """Cases opened in a time, by the verdict that they have now.

    Units: `by_clause` and `clients` with the most first; a client is there once a case is decided.
    """

    opened: int
    decided: int
    out: int
    by_clause: list[tuple[str, int]]
    clients: list[Client]

    @property
    def percent(self) -> int:
        return percent(self.out, self.decided)


@dataclass(slots=True)
class Proposals:
    """Proposals of one kind: how many were before whoever decided, and how many were followed.

    Units: `followed` at the first verdict, `held` by the verdict that the case has now.
    """

    made: int = 0
    followed: int = 0
    held: int = 0

    @property
    def percent(self) -> int:
        return percent(self.followed, self.made)

    @property
    def held_percent(self) -> int:
        return percent(self.held, self.made)


def percent(part: int, whole: int) -> int:
    """Return a share in whole percent; nothing of nothing is none."""
    return round(100 * part / whole) if whole else 0


def rates(since: datetime, until: datetime) -> Rates:
    """Return the figures of the cases opened in [since, until). One query."""
    rows = (
        _opened(since, until)
        .values_list("organization", "organization__name", "verdict")
        .annotate(cases=Count("pk"))
        .order_by("organization", "verdict")
    )
    clauses: Counter[str] = Counter()
    clients: dict[int | None, Client] = {}
    opened = decided = 0
    for organization, name, verdict, cases in rows:
        opened += cases
        if not verdict:
            continue
        client = clients.setdefault(organization, Client(name or ""))
        client.decided, decided = client.decided + cases, decided + cases
        if verdict != IN_SCOPE:
            client.out += cases
            client.by_clause[verdict] += cases
            clauses[verdict] += cases
    order = sorted(clients.values(), key=lambda each: (-each.out, -each.decided, each.name))
    by_clause = sorted(clauses.items(), key=lambda pair: (-pair[1], pair[0]))
    return Rates(opened, decided, clauses.total(), by_clause, order)


def proposals(since: datetime, until: datetime) -> tuple[dict[str, Proposals], int]:
    """Return how proposals fared by who made them ("" for none), and how many were changed later.

    Units: of cases opened in [since, until). Costs one query.
    """
    given: dict[int, list[dict[str, Any]]] = defaultdict(list)
    rows = (
        TicketEvent.objects.filter(
            ticket__in=_opened(since, until).exclude(verdict="").values("pk"),
            kind=events.VerdictGiven.kind,
        )
        .order_by("ticket", "sequence")
        .values_list("ticket", "payload")
    )
    for ticket, payload in rows:
        given[ticket].append(payload)
    found = {by: Proposals() for by in ("rules", "model", "")}
    changed = 0
    for payloads in given.values():
        first, last = payloads[0], payloads[-1]
        made = found[first.get("suggested_by", "")]
        made.made += 1
        made.followed += _verdict(first) == first.get("suggested", "")
        made.held += _verdict(last) == first.get("suggested", "")
        changed += _verdict(first) != _verdict(last)
    return found, changed


def _opened(since: datetime, until: datetime) -> Any:
    return Ticket.objects.filter(
        opened_at__gte=since, opened_at__lt=until, agreement_version__key=key_in_use()
    )


def _verdict(payload: dict[str, Any]) -> str:
    return IN_SCOPE if payload["in_scope"] else payload["clause"] or ""
