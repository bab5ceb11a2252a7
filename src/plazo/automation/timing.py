"""Time-based rules, to the minute: who is due, in bounded batches, each once for each moment.

Once a minute each active rule asks for the tickets that meet its conditions and whose moment has
come. A run for that very instant of the ticket (when it was put in its status, say) keeps it from
running again; another instant arms it anew, except one that the rule itself brought about, also
through other rules: two that wait for each other's changes would else go on for ever. All rules
take turns, a batch each, so that ten thousand tickets of one hold nobody up.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.db import close_old_connections
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from plazo.automation import rules
from plazo.automation.rule_models import Rule, RuleKind, RuleRun, RunState
from plazo.automation.running import why_not, work_on
from plazo.automation.tasks import nudge, run_rules
from plazo.core.actor import ActorKind
from plazo.core.errors import PlazoError
from plazo.core.nudging import wake
from plazo.tickets import filters
from plazo.tickets.models import Ticket, TicketEvent

logger = logging.getLogger(__name__)

BATCH: Final = 100
PERIOD: Final = 5.0
MINUTE: Final = timedelta(minutes=1)
GRACE: Final = timedelta(seconds=5)
FORGET_AFTER: Final = timedelta(days=30)
MOST_FORGOTTEN: Final = 5000


def due_tickets(rule: Rule | None, definition: rules.Definition, now: datetime) -> QuerySet[Ticket]:
    """Return the tickets that an automation must run on at `now`, the longest due first.

    Edges: in most minutes there are none, and all that wait were looked at for that. So they are
        sorted by an expression: by the column, PostgreSQL would walk an index of all tickets ever.
    """
    moment = definition.moment
    assert moment is not None  # noqa: S101 - every automation has one
    column = moment.base.column
    had = RuleRun.objects.filter(
        Q(period=OuterRef(column)) | Q(settled=OuterRef(column)),
        rule=rule.pk if rule else 0,
        ticket=OuterRef("pk"),
    )
    conditions = filters.all_q(definition.conditions, filters.Context(now=now))
    due = Ticket.objects.filter(moment.q(now), conditions, ~Exists(had))
    return due.order_by(Coalesce(column, Value(now)), "pk")


@dataclass(slots=True)
class Pass:
    """One automation on its way through what is due at one moment, a batch at a time."""

    rule: Rule
    definition: rules.Definition
    now: datetime
    after: tuple[datetime, int] | None = None

    def plan(self) -> list[int]:
        """Write the runs of the next batch; return the tickets that they are on.

        Edges: with several workers at once, the row that was first stands. A rule that was paused
            meanwhile has nothing to do.
        """
        if not Rule.objects.filter(pk=self.rule.pk, active=True).exists():
            return []
        assert self.definition.moment is not None  # noqa: S101 - every automation has one
        column = self.definition.moment.base.column
        due = due_tickets(self.rule, self.definition, self.now)
        if self.after is not None:
            instant, pk = self.after
            following = Q(**{f"{column}__gt": instant}) | Q(**{column: instant}, pk__gt=pk)
            due = due.filter(following)
        found = list(due.values_list("pk", column, "last_sequence")[:BATCH])
        if not found:
            return []
        causes = _causes({pk: period for pk, period, _sequence in found})
        RuleRun.objects.bulk_create(
            [self._run(pk, period, sequence, causes.get(pk, [])) for pk, period, sequence in found],
            ignore_conflicts=True,
        )
        self.after = (found[-1][1], found[-1][0])
        return [pk for pk, _period, _sequence in found]

    def _run(self, pk: int, period: datetime, sequence: int, ancestry: list[int]) -> RuleRun:
        why = why_not(self.rule, ancestry)
        return RuleRun(
            rule=self.rule,
            ticket_id=pk,
            sequence=sequence,
            period=period,
            ancestry=ancestry,
            state=RunState.STOPPED if why else RunState.WAITING,
            why=why,
            planned_at=self.now,
            next_attempt_at=None if why else self.now,
            ended_at=self.now if why else None,
        )


def _causes(instants: Mapping[int, datetime]) -> dict[int, list[int]]:
    """Return the rules that brought an instant of a ticket about, oldest first, by the ticket.

    Units: `instants` by the ticket's key. Edges: what a person brought about is not in it. Costs
        one query, and one more where a rule did.
    """
    events = TicketEvent.objects.filter(ticket__in=instants, at__in=set(instants.values()))
    last = {}
    for ticket, at, kind, actor in events.order_by("sequence").values_list(
        "ticket_id", "at", "actor_kind", "actor_id"
    ):
        if at == instants[ticket]:
            last[ticket] = actor if kind == ActorKind.TRIGGER else None
    runs = RuleRun.objects.in_bulk({run for run in last.values() if run is not None})
    return {
        ticket: [*runs[run].ancestry, runs[run].rule_id]
        for ticket, run in last.items()
        if run in runs
    }


def run_due(now: datetime, *, stopped: Callable[[], bool] = lambda: False) -> int:
    """Run every automation on what is due at `now`; return on how many tickets."""
    passes = []
    for rule in Rule.objects.filter(kind=RuleKind.TIMED, active=True).order_by("position", "pk"):
        try:
            passes.append(Pass(rule, rules.definition_of(rule), now))
        except PlazoError as error:
            logger.warning("automation %s cannot run: %s", rule.pk, error)
    tickets = 0
    while passes and not stopped():
        for one in list(passes):
            batch = one.plan()
            for ticket_id in batch:
                work_on(ticket_id, now=now)
            tickets += len(batch)
            if len(batch) < BATCH:
                passes.remove(one)
    return tickets


def reconcile_once(now: datetime) -> int:
    """Defer a job for each ticket on which a run is due and no job waits; return how many."""
    due = list(
        RuleRun.objects.filter(state=RunState.WAITING, next_attempt_at__lte=now - GRACE)
        .order_by("next_attempt_at")
        .values_list("ticket_id", flat=True)[:500]
    )
    tickets = list(dict.fromkeys(due))
    woken = wake(tickets, task=run_rules.name, argument="ticket_id", nudge=nudge, now=now)
    if woken:
        logger.info("woke the rules of %s tickets that nobody was running", woken)
    return woken


def forget(now: datetime) -> int:
    """Delete old runs whose conditions were not met; return how many. What was done stays."""
    old = RuleRun.objects.filter(state=RunState.UNMATCHED, ended_at__lt=now - FORGET_AFTER)
    deleted, _each = RuleRun.objects.filter(pk__in=old.values("pk")[:MOST_FORGOTTEN]).delete()
    return deleted


def _enough(stop: threading.Event, minute: datetime) -> bool:
    return stop.is_set() or timezone.now() - minute >= MINUTE


def run_forever(stop: threading.Event) -> None:
    """Look after what waits every five seconds, and run the automations at each full minute.

    Edges: what a minute was too short for is due in the next one, with what is due then.
    """
    minute: datetime | None = None
    while not stop.is_set():
        now = timezone.now()
        reconcile_once(now)
        this = now.replace(second=0, microsecond=0)
        if this != minute:
            minute = this
            run_due(now, stopped=partial(_enough, stop, this))
            if this.minute == 0:
                forget(now)
        close_old_connections()
        left = 60.0 - (timezone.now() - this).total_seconds()
        stop.wait(min(PERIOD, max(left, 0.05)))
