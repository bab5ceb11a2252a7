"""Macros, rules and their runs: what is done is data, and each run keeps what became of it."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from plazo.accounts.models import Agent, Group
from plazo.tickets.models import Ticket, TicketEvent


class Macro(models.Model):
    """Saved words and actions that an agent applies by hand.

    With an `owner` it is theirs alone, with a `group` that group's; with neither, everybody's.
    """

    name = models.CharField(max_length=80)
    owner = models.ForeignKey(
        Agent, null=True, blank=True, on_delete=models.CASCADE, related_name="macros"
    )
    group = models.ForeignKey(
        Group, null=True, blank=True, on_delete=models.CASCADE, related_name="macros"
    )
    position = models.PositiveIntegerField(default=0)
    text_es = models.TextField(blank=True, default="")
    text_en = models.TextField(blank=True, default="")
    actions = models.JSONField(default=list)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ("position", "pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(owner=None) | Q(group=None), name="macro_of_one_kind_of_owner"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RuleKind(models.TextChoices):
    TRIGGER = "trigger", _("Trigger")
    TIMED = "timed", _("Automation")


class Rule(models.Model):
    """What is done by itself: a trigger when something happens, an automation as time passes.

    Rules of a kind run in the order of their positions. `failures` counts runs in a row that
    came to nothing; a rule that the house paused itself says why in `paused_why`. One that is
    removed stays, for its runs.
    """

    kind = models.CharField(max_length=8, choices=RuleKind.choices)
    name = models.CharField(max_length=80)
    position = models.PositiveIntegerField()
    active = models.BooleanField(default=False)
    when = ArrayField(models.CharField(max_length=30), default=list, blank=True)
    moment = models.JSONField(default=dict, blank=True)
    conditions = models.JSONField(default=list)
    actions = models.JSONField(default=list)
    failures = models.PositiveIntegerField(default=0)
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_why = models.CharField(max_length=20, blank=True, default="")
    made_by = models.ForeignKey(Agent, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("position", "pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(removed_at=None) | Q(active=False), name="rule_removed_is_not_active"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RunState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    DONE = "done", _("done")
    UNMATCHED = "unmatched", _("conditions not met")
    STOPPED = "stopped", _("stopped")
    FAILED = "failed", _("failed")


class RuleRun(models.Model):
    """One rule on one ticket, because of one event or one moment: the row is the truth.

    `sequence` is where on the ticket's timeline it stands, so that what waits runs in the order
    in which it came about. `ancestry` are the rules that led to it, oldest first; its length is
    how deep the chain is. `period` is the moment that an automation ran for, and `settled` what
    that moment was once it had run: neither makes it run again.
    """

    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="runs")
    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="rule_runs")
    event = models.ForeignKey(
        TicketEvent, null=True, on_delete=models.PROTECT, related_name="rule_runs"
    )
    sequence = models.PositiveIntegerField()
    period = models.DateTimeField(null=True)
    settled = models.DateTimeField(null=True)
    ancestry = ArrayField(models.BigIntegerField(), default=list)
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.WAITING)
    why = models.CharField(max_length=20, blank=True, default="")
    outcome = models.JSONField(default=list)
    digest = models.CharField(max_length=64, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True, default="")
    planned_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["rule", "event"], name="rule_run_once_an_event"),
            models.UniqueConstraint(
                fields=["rule", "ticket", "period"], name="rule_run_once_a_period"
            ),
            models.CheckConstraint(
                condition=Q(event__isnull=False) ^ Q(period__isnull=False),
                name="rule_run_has_one_cause",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting") ^ Q(next_attempt_at__isnull=True),
                name="rule_run_waits_until_some_moment",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(state="waiting"), name="rule_run_due"
            ),
            models.Index(fields=["ticket", "-id"], name="rule_run_of_ticket"),
            models.Index(fields=["rule", "-id"], name="rule_run_of_rule"),
            models.Index(
                fields=["ended_at"], condition=Q(state="unmatched"), name="rule_run_unmatched"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} on {self.ticket_id}"

    @property
    def did(self) -> bool:
        """Say whether it changed anything."""
        return any(each.get("result") == "done" for each in self.outcome)
