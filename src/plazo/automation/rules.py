"""Rules: making, ordering, starting and stopping them. Each change is in the audit trail."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Max
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from plazo.automation import actions as doing
from plazo.automation import moments
from plazo.automation.refusals import NameNeeded, NoOccasion, NothingToDo
from plazo.automation.rule_models import Rule, RuleKind
from plazo.automation.trail import record_change
from plazo.core.actor import Actor, ActorKind
from plazo.core.errors import NotVisible
from plazo.tickets import filters
from plazo.tickets.errors import BadFilter

# What a trigger can hear of: its key, what people call it, and the events that it stands for.
WHEN: Final[dict[str, tuple[Promise, tuple[str, ...]]]] = {
    "opened": (_("A case is opened"), ("ticket.opened",)),
    "requester_replied": (_("The requester writes"), ("requester.replied",)),
    "agent_replied": (_("An agent replies"), ("ticket.replied", "reply.sent_again")),
    "note_added": (_("A note is added"), ("note.added",)),
    "status_changed": (_("The status changes"), ("status.changed", "ticket.reopened")),
    "assigned": (_("The case is assigned"), ("ticket.assigned",)),
    "severity_set": (_("A severity is set"), ("severity.set",)),
    "level_entered": (_("A level is entered"), ("level.entered",)),
    "verdict_given": (_("A scope verdict is given"), ("verdict.given",)),
    "tags_changed": (_("Tags change"), ("tags.changed",)),
    "at_risk": (_("A deadline is at risk"), ("clock.at_risk",)),
    "breached": (_("A deadline is missed"), ("clock.breached",)),
    "promised": (_("A promise is made or moved"), ("promise.made", "promise.moved")),
    "promise_broken": (_("A promise is broken"), ("promise.broken",)),
    "reminded": (_("The requester is reminded"), ("requester.reminded",)),
    "still_needed": (_("The requester still needs help"), ("help.still_needed",)),
    "confirmed": (_("The requester confirms the solution"), ("solution.confirmed",)),
    "escalated": (_("The requester escalates"), ("escalation.requested",)),
    "undelivered": (_("A reply does not arrive"), ("reply.delivery_failed",)),
    "area_answered": (_("Another area answers"), ("area.answered",)),
    "area_silent": (_("Another area is reminded"), ("area.reminded",)),
    "took_in": (_("Another case is merged into it"), ("ticket.absorbed",)),
    "linked": (_("It is linked with another case"), ("ticket.related",)),
    "classified": (_("Service, environment or type are put right"), ("ticket.classified",)),
    "rated": (_("The service is rated"), ("ticket.rated",)),
}
WHEN_OF: Final = {event: key for key, (_words, kinds) in WHEN.items() for event in kinds}
# Words that mean the agent who asks: a rule is nobody.
_ASKING: Final = frozenset({"me", "mine"})


@dataclass(frozen=True, slots=True)
class Definition:
    """What a rule is: everything of it that decides what it does, checked."""

    kind: str
    when: tuple[str, ...]
    moment: moments.Moment | None
    conditions: tuple[filters.Condition, ...]
    actions: tuple[doing.Action, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "kind": self.kind,
            "when": list(self.when),
            "moment": self.moment.to_json() if self.moment else {},
            "conditions": [each.to_json() for each in self.conditions],
            "actions": [each.to_json() for each in self.actions],
        }

    @property
    def digest(self) -> str:
        """Return what names this very definition: each run keeps the one that it ran with."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def define(
    *,
    kind: str,
    when: Sequence[str] = (),
    moment: dict[str, Any] | None = None,
    conditions: Sequence[Any] = (),
    actions: Sequence[Any] = (),
) -> Definition:
    """Return a definition from stored or sent values.

    Raises: BadFilter, also for “me” and “mine”; BadAction; NothingToDo; NoOccasion.
    """
    found = filters.read(conditions)
    for condition in found:
        if isinstance(condition.value, list) and _ASKING & set(map(str, condition.value)):
            raise BadFilter(field=condition.field)
    todo = doing.read(actions, "rule")
    if not todo:
        raise NothingToDo
    heard = tuple(key for key in WHEN if key in when) if kind == RuleKind.TRIGGER else ()
    if kind == RuleKind.TRIGGER and not heard:
        raise NoOccasion
    timed = moments.read(moment or {}) if kind == RuleKind.TIMED else None
    return Definition(str(RuleKind(kind).value), heard, timed, found, todo)


def definition_of(rule: Rule) -> Definition:
    """Return what a stored rule is. Raises: what `define` raises, for one from another version."""
    return define(
        kind=rule.kind,
        when=rule.when,
        moment=rule.moment,
        conditions=rule.conditions,
        actions=rule.actions,
    )


def rules_of(kind: str) -> list[Rule]:
    """Return the rules of a kind in their order. One query."""
    return list(Rule.objects.filter(kind=kind, removed_at=None).order_by("position", "pk"))


def rule_for_administrator(pk: int) -> Rule:
    """Return a rule by its key. Raises: NotVisible."""
    rule = Rule.objects.filter(pk=pk, removed_at=None).first()
    if rule is None:
        raise NotVisible
    return rule


@transaction.atomic
def save_rule(
    *,
    rule_id: int | None = None,
    name: str,
    definition: Definition,
    actor: Actor,
    now: datetime,
) -> Rule:
    """Make a rule, last of its kind and not yet active, or change one; what waits runs as changed.

    Raises: NameNeeded; NotVisible.
    """
    name = " ".join(name.split())[:80]
    if not name:
        raise NameNeeded
    before: dict[str, Any] = {}
    if rule_id is None:
        rule = Rule(kind=definition.kind, created_at=now, position=_last(definition.kind) + 1)
        rule.made_by_id = actor.id if actor.kind is ActorKind.AGENT else None
    else:
        rule = _locked(rule_id)
        before = _shown(rule)
    plain = definition.to_json()
    rule.name, rule.updated_at, rule.failures = name, now, 0
    rule.when, rule.moment = plain["when"], plain["moment"]
    rule.conditions, rule.actions = plain["conditions"], plain["actions"]
    rule.save()
    what = "rule.changed" if before else "rule.added"
    record_change(what, rule, before=before, after=_shown(rule), actor=actor, now=now)
    return rule


@transaction.atomic
def set_active(*, rule_id: int, active: bool, actor: Actor, now: datetime, why: str = "") -> Rule:
    """Start a rule, or pause it; `why` is a key where the house itself pauses it.

    Edges: started again, its failures are forgotten. What waits for a paused rule does not run.
    Raises: NotVisible.
    """
    rule = _locked(rule_id)
    before = _shown(rule)
    rule.active, rule.updated_at = active, now
    rule.paused_at, rule.paused_why = (None, "") if active else (now, why)
    rule.failures = 0 if active else rule.failures
    rule.save()
    what = "rule.started" if active else "rule.paused"
    record_change(what, rule, before=before, after=_shown(rule), actor=actor, now=now)
    return rule


@transaction.atomic
def move_rule(*, rule_id: int, up: bool, actor: Actor, now: datetime) -> Rule:
    """Let a rule change places with the one before it, or after it. At the end it stays.

    Raises: NotVisible.
    """
    moved = rule_for_administrator(rule_id)
    rules = list(
        Rule.objects.select_for_update(no_key=True)
        .filter(kind=moved.kind, removed_at=None)
        .order_by("position", "pk")
    )
    place = next(number for number, rule in enumerate(rules) if rule.pk == rule_id)
    other = place - 1 if up else place + 1
    if 0 <= other < len(rules):
        rules[place], rules[other] = rules[other], rules[place]
        before = {"position": place + 1}
        for number, rule in enumerate(rules, start=1):
            if rule.position != number:
                Rule.objects.filter(pk=rule.pk).update(position=number)
        after = {"position": other + 1}
        record_change("rule.moved", moved, before=before, after=after, actor=actor, now=now)
    return rules[other if 0 <= other < len(rules) else place]


@transaction.atomic
def remove_rule(*, rule_id: int, actor: Actor, now: datetime) -> None:
    """Take a rule out for good; what it did stays in its runs. Raises: NotVisible."""
    rule = _locked(rule_id)
    before = _shown(rule)
    rule.active, rule.removed_at = False, now
    rule.save(update_fields=["active", "removed_at"])
    record_change("rule.removed", rule, before=before, after={}, actor=actor, now=now)


def _locked(rule_id: int) -> Rule:
    rule = Rule.objects.select_for_update(no_key=True).filter(pk=rule_id, removed_at=None).first()
    if rule is None:
        raise NotVisible
    return rule


def _last(kind: str) -> int:
    return Rule.objects.filter(kind=kind).aggregate(last=Max("position"))["last"] or 0


def _shown(rule: Rule) -> dict[str, Any]:
    shown = ("name", "active", "when", "moment", "conditions", "actions", "paused_why")
    return {name: getattr(rule, name) for name in shown}
