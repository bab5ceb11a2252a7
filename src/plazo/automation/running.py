"""Running rules: exactly once for each event or moment, in their order, and never in a circle.

A command that appends an event which some active trigger hears of writes one `RuleRun` for each,
in its own transaction. After the commit a job takes up what waits on that ticket, one run after
the other by place on the timeline and position of the rule, each in one transaction under the
ticket's lock: its conditions, all its actions and the row's new state are kept together or not at
all, so a process may be killed at any line. The row is the truth and the job only a nudge.

What a rule does is written under its run's key (`Actor.trigger`), which tells what came of what:
no rule runs on what itself has caused, however indirectly; a chain ends at `DEEPEST`; a ticket
takes `PER_HOUR` runs an hour. What is stopped so stays visible as a run.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from plazo.automation import actions, rules, telling
from plazo.automation.rule_models import Rule, RuleKind, RuleRun, RunState
from plazo.automation.tasks import nudge
from plazo.core.actor import Actor, ActorKind
from plazo.core.errors import PlazoError, kept
from plazo.sla import Metric
from plazo.tickets import filters, readers
from plazo.tickets.models import Ticket, TicketEvent

logger = logging.getLogger(__name__)

ACTOR: Final = Actor.system("rules")
DEEPEST: Final = 5
PER_HOUR: Final = 50
MOST_FAILURES: Final = 20
MOST_ATTEMPTS: Final = 3
BACK_OFF: Final = timedelta(seconds=30)
HOUR: Final = timedelta(hours=1)
LONGEST_ERROR: Final = 1000


def register() -> None:
    """Let the planner hear of every action on a ticket."""
    readers.register_for_pages(plan_runs, name="rules", many=plan_many)


def plan_runs(ticket: Ticket, appended: Sequence[TicketEvent]) -> None:
    """Write a run for each active trigger that hears of an event, and wake a worker at commit.

    Costs one query where no active trigger hears of the kinds, and none where none could.
    """
    plan_many([(ticket, appended)])


def plan_many(pages: Sequence[tuple[Ticket, Sequence[TicketEvent]]]) -> None:
    """Do the same for actions on many tickets, in as many queries as for one."""
    # What another area owes us is no deadline of the case's own.
    pages = [
        (ticket, [e for e in appended if e.payload.get("metric") != Metric.AREA_REPLY])
        for ticket, appended in pages
    ]
    heard = {
        rules.WHEN_OF[event.kind]
        for _ticket, appended in pages
        for event in appended
        if event.kind in rules.WHEN_OF
    }
    if not heard:
        return
    listening = list(
        Rule.objects.filter(
            kind=RuleKind.TRIGGER, active=True, when__overlap=sorted(heard)
        ).order_by("position", "pk")
    )
    if not listening:
        return
    planned: list[RuleRun] = []
    for ticket, appended in pages:
        if not appended:
            continue
        ancestry = _ancestry_of(appended[0])
        planned += [
            _planned(rule, ticket, event, ancestry)
            for event in appended
            for rule in listening
            if rules.WHEN_OF.get(event.kind) in rule.when
            and (not ancestry or rule.pk != ancestry[-1])
        ]
    RuleRun.objects.bulk_create(planned, ignore_conflicts=True)
    for pk in sorted({run.ticket_id for run in planned if run.state == RunState.WAITING}):
        nudge(pk)


def _ancestry_of(event: TicketEvent) -> list[int]:
    """Return the rules that led to an event, oldest first; nothing where a person did it."""
    if event.actor_kind != ActorKind.TRIGGER or event.actor_id is None:
        return []
    cause = RuleRun.objects.filter(pk=event.actor_id).first()
    return [*cause.ancestry, cause.rule_id] if cause is not None else []


def why_not(rule: Rule, ancestry: Sequence[int]) -> str:
    """Return why a rule may not run on what some rules led to; nothing where it may."""
    if rule.pk in ancestry:
        return "loop"
    return "depth" if len(ancestry) >= DEEPEST else ""


def _planned(rule: Rule, ticket: Ticket, event: TicketEvent, ancestry: list[int]) -> RuleRun:
    why, at = why_not(rule, ancestry), event.recorded_at
    return RuleRun(
        rule=rule,
        ticket=ticket,
        event=event,
        sequence=event.sequence,
        ancestry=ancestry,
        state=RunState.STOPPED if why else RunState.WAITING,
        why=why,
        planned_at=at,
        next_attempt_at=None if why else at,
        ended_at=at if why else None,
    )


def work_on(ticket_id: int, *, now: datetime) -> int:
    """Run what waits on a ticket, in order; return how many runs came to an end."""
    ended = 0
    while _next_one(ticket_id, now):
        ended += 1
    return ended


def _next_one(ticket_id: int, now: datetime) -> bool:
    """Take the first run that waits as far as it goes; False where nothing is due.

    Edges: one that must be tried again later holds back those behind it, for they are in order.
    """
    run: RuleRun | None = None
    try:
        with transaction.atomic():
            Ticket.objects.select_for_update().get(pk=ticket_id)
            run = (
                RuleRun.objects.select_related("rule")
                .filter(ticket=ticket_id, state=RunState.WAITING)
                .order_by("sequence", "rule__position", "pk")
                .first()
            )
            if run is None or run.next_attempt_at is None or run.next_attempt_at > now:
                return False
            _run(run, now)
    except Exception as error:
        if run is None:
            raise
        logger.exception("rule %s failed on ticket %s", run.rule_id, ticket_id)
        _record_trouble(run, error, now)
    return True


def _run(run: RuleRun, now: datetime) -> None:
    """Decide on one run and do what its rule says."""
    rule = run.rule
    if not rule.active:
        if run.event_id is None:
            run.delete()  # started again, the rule finds it again
            return None
        return _end(run, RunState.STOPPED, now, why="inactive")
    try:
        definition = rules.definition_of(rule)
    except PlazoError as error:
        run.last_error = kept(error, LONGEST_ERROR)
        _count_failure(rule, now)
        return _end(run, RunState.FAILED, now, why="definition")
    run.digest = definition.digest
    if not _matches(run, definition, now):
        if run.event_id is None:
            run.delete()  # its moment may come again
            return None
        return _end(run, RunState.UNMATCHED, now)
    lately = RuleRun.objects.filter(
        ticket=run.ticket_id, state=RunState.DONE, ended_at__gt=now - HOUR
    )
    if lately.count() >= PER_HOUR:
        return _end(run, RunState.STOPPED, now, why="budget")
    doing = actions.Doing(run.ticket_id, Actor.trigger(rule.name, run.pk), now, run=run)
    run.outcome = actions.perform(definition.actions, doing)
    if definition.moment is not None:
        column = definition.moment.base.column
        run.settled = Ticket.objects.values_list(column, flat=True).get(pk=run.ticket_id)
    if all(each["result"] == "refused" for each in run.outcome):
        _count_failure(rule, now)
    elif rule.failures:
        Rule.objects.filter(pk=rule.pk).update(failures=0)
    return _end(run, RunState.DONE, now)


def _matches(run: RuleRun, definition: rules.Definition, now: datetime) -> bool:
    q = filters.all_q(definition.conditions, filters.Context(now=now))
    ticket = Ticket.objects.filter(q, pk=run.ticket_id)
    if definition.moment is not None:
        column = definition.moment.base.column
        ticket = ticket.filter(definition.moment.q(now), **{column: run.period})
    return ticket.exists()


def _end(run: RuleRun, state: RunState, now: datetime, *, why: str = "") -> None:
    run.state, run.why, run.ended_at, run.next_attempt_at = state, why, now, None
    run.save()


def _record_trouble(run: RuleRun, error: Exception, now: datetime) -> None:
    """Note a fault of ours: tried again a little later, and given up after some attempts."""
    with transaction.atomic():
        kept = RuleRun.objects.select_for_update(of=("self",)).select_related("rule").get(pk=run.pk)
        if kept.state != RunState.WAITING:
            return
        kept.attempts += 1
        kept.last_error = f"{type(error).__name__}: {error}"
        if kept.attempts < MOST_ATTEMPTS:
            kept.next_attempt_at = now + BACK_OFF * kept.attempts
            kept.save()
            return
        _count_failure(kept.rule, now)
        _end(kept, RunState.FAILED, now, why="fault")


def _count_failure(rule: Rule, now: datetime) -> None:
    """Count a run that came to nothing; one too many in a row pauses the rule and tells of it."""
    counted = Rule.objects.select_for_update(no_key=True).get(pk=rule.pk)
    counted.failures += 1
    counted.save(update_fields=["failures"])
    if counted.active and counted.failures >= MOST_FAILURES:
        paused = rules.set_active(
            rule_id=rule.pk, active=False, why="failures", actor=ACTOR, now=now
        )
        telling.tell_of_pause(paused, now=now)
