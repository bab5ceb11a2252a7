"""Reads: what rules did, on a ticket and by rule, and what keys are called. Each says its cost."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Max
from django.utils.functional import SimpleLazyObject

from plazo.accounts.models import Agent, Group
from plazo.agreements.errors import NoAgreementInForce
from plazo.agreements.queries import version_in_force
from plazo.automation.actions import Names, refusal, told
from plazo.automation.rule_models import Rule, RuleRun, RunState
from plazo.tickets import events
from plazo.tickets.models import Ticket

MOST_RUNS: Final = 100
MOST_ON_TICKET: Final = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One run as people read it: each action's sentence, its result, and why it was refused."""

    run: RuleRun
    cause: str
    did: list[tuple[str, str, str]]


def names_now(language: str, now: datetime) -> Names:
    """Return what agents, groups and clauses are called; each asked for when it is first needed.

    Costs a query for each kind that some sentence names, and none otherwise.
    """
    return Names(
        agents=_later(lambda: {a.pk: str(a) for a in Agent.objects.select_related("user")}),
        groups=_later(lambda: {g.pk: g.name for g in Group.objects.all()}),
        clauses=_later(lambda: _clauses(language, now)),
    )


def _later(found: Callable[[], dict[Any, str]]) -> Any:
    return SimpleLazyObject(found)


def _clauses(language: str, now: datetime) -> dict[str, str]:
    try:
        clauses = version_in_force(now).document.clauses
    except NoAgreementInForce:
        return {}
    return {clause.key: clause.topic.in_language(language) for clause in clauses}


def runs_on(ticket: Ticket) -> list[RuleRun]:
    """Return what rules did on a ticket, or were stopped from doing; the latest first. One query,
    and two more where there is something.

    Edges: those whose conditions were not met are on their rule's page alone.
    """
    return list(
        RuleRun.objects.filter(ticket=ticket)
        .exclude(state=RunState.UNMATCHED)
        .prefetch_related("rule", "event")
        .order_by("-pk")[:MOST_ON_TICKET]
    )


def runs_of(rule: Rule) -> list[RuleRun]:
    """Return the last runs of a rule, the latest first. One query."""
    return list(
        RuleRun.objects.filter(rule=rule)
        .select_related("rule", "event", "ticket")
        .order_by("-pk")[:MOST_RUNS]
    )


def last_runs() -> dict[int, datetime]:
    """Return when each rule last did something. One query."""
    done = RuleRun.objects.filter(state=RunState.DONE).order_by()
    return dict(done.values_list("rule").annotate(last=Max("ended_at")))


def lines(runs: list[RuleRun], names: Names) -> list[Line]:
    """Return runs as people read them. Costs nothing."""
    return [
        Line(
            run,
            str(events.REGISTRY[run.event.kind].label) if run.event is not None else "",
            [
                (
                    told(each, names),
                    each.get("result", ""),
                    refusal(each) if each.get("result") == "refused" else "",
                )
                for each in run.outcome
            ],
        )
        for run in runs
    ]
