"""What waits cost: how long, how many and whose, over a period, from the rows that waits leave.

All figures are of clock time within the period: a wait that began before it, or lasts beyond it,
counts for what lies in it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import (
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    Max,
    Q,
    QuerySet,
    Sum,
    Value,
)
from django.db.models.functions import Coalesce, Greatest, Least, Lower

from plazo.accounts.models import Agent
from plazo.tickets.access import tickets_for_agent
from plazo.tickets.wait_models import Wait

PAGE_SIZE: Final = 50
MOST_REASONS: Final = 20


@dataclass(frozen=True, slots=True)
class Share:
    """How often and how long something let cases wait.

    Units: `share` is of all the time waited in the period, from 0 to 1; `cases` are how many
        different ones.
    """

    key: Any
    waits: int
    cases: int
    total: timedelta
    longest: timedelta
    share: float

    @property
    def mean(self) -> timedelta:
        return self.total / self.waits if self.waits else timedelta()

    @property
    def percent(self) -> int:
        return round(self.share * 100)


@dataclass(frozen=True, slots=True)
class Report:
    """The waits of a period: all of them, by whom we waited for, by agent, and by reason."""

    everything: Share
    by_whom: list[Share]
    by_agent: list[Share]
    by_reason: list[Share]


def waits_between(asking: Agent, since: datetime, until: datetime, now: datetime) -> QuerySet[Wait]:
    """Return the waits that lie, wholly or in part, in a period, with their time in it (`spent`).

    Edges: one that lasts is counted up to `now`. Reads by the index on ends and the index on
        beginnings: what was over before the period is not looked at.
    """
    end = Least(Coalesce(F("ended_at"), Value(now)), Value(until))
    return (
        Wait.objects.filter(started_at__lt=until, ticket__in=tickets_for_agent(asking).values("pk"))
        .filter(Q(ended_at__gt=since) | Q(ended_at=None))
        .annotate(
            spent=ExpressionWrapper(
                Greatest(end - Greatest(F("started_at"), Value(since)), Value(timedelta())),
                output_field=DurationField(),
            )
        )
    )


def report(asking: Agent, *, since: datetime, until: datetime, now: datetime) -> Report:
    """Return the figures of a period. Costs four queries, whatever their number."""
    waits = waits_between(asking, since, until, now)
    whole = waits.aggregate(
        waits=Count("pk"), cases=Count("ticket", distinct=True), total=Sum("spent"),
        longest=Max("spent"),
    )  # fmt: skip
    total: timedelta = whole["total"] or timedelta()

    reasons = waits.annotate(said=Lower("reason"))
    return Report(
        everything=_share(dict(whole), "", total),
        by_whom=[_share(row, row["waiting_for"], total) for row in _grouped(waits, "waiting_for")],
        by_agent=[_share(row, row["agent"], total) for row in _grouped(waits, "agent")],
        by_reason=[
            _share(row, (row["words"], row["waiting_for"]), total)
            for row in _grouped(reasons, "said", "waiting_for")[:MOST_REASONS]
        ],
    )


def _grouped(waits: QuerySet[Any], *keys: str) -> list[dict[str, Any]]:
    """Return the figures of each group, the longest first. One query."""
    rows = waits.values(*keys).annotate(
        waits=Count("pk"),
        cases=Count("ticket", distinct=True),
        total=Sum("spent"),
        longest=Max("spent"),
        words=Max("reason"),
    )
    return [dict(row) for row in rows.order_by("-total", *keys)]


def _share(row: dict[str, Any], key: Any, total: timedelta) -> Share:
    spent: timedelta = row["total"] or timedelta()
    return Share(
        key=key,
        waits=row["waits"],
        cases=row["cases"],
        total=spent,
        longest=row["longest"] or timedelta(),
        share=spent / total if total else 0.0,
    )


def page(
    asking: Agent,
    *,
    since: datetime,
    until: datetime,
    now: datetime,
    agent: int | None = None,
    waiting_for: str = "",
    after: str = "",
) -> tuple[list[Wait], str]:
    """Return one page of the waits of a period, the latest first, and what the next begins after.

    Costs one query, by keyset: no more for a later page.
    """
    waits = waits_between(asking, since, until, now).select_related("ticket", "agent__user")
    if agent is not None:
        waits = waits.filter(agent=agent or None)
    if waiting_for:
        waits = waits.filter(waiting_for=waiting_for)
    place = _place(after)
    if place is not None:
        at, pk = place
        waits = waits.filter(Q(started_at__lt=at) | Q(started_at=at, pk__lt=pk))
    rows = list(waits.order_by("-started_at", "-pk")[: PAGE_SIZE + 1])
    following = ""
    if len(rows) > PAGE_SIZE:
        rows = rows[:PAGE_SIZE]
        following = f"{rows[-1].started_at.isoformat()}~{rows[-1].pk}"
    return rows, following


def _place(after: str) -> tuple[datetime, int] | None:
    instant, _sign, pk = after.partition("~")
    try:
        at, key = datetime.fromisoformat(instant), int(pk[:18])
    except ValueError:
        return None
    return (at, key) if at.tzinfo is not None else None
