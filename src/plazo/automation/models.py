"""What the team makes for itself: saved views; and what it did to many tickets at once."""

import uuid
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from plazo.accounts.models import Agent, Group
from plazo.automation.rule_models import Macro, Rule, RuleKind, RuleRun, RunState
from plazo.tickets.models import Ticket

__all__ = [
    "BulkAction",
    "BulkChange",
    "Macro",
    "Rule",
    "RuleKind",
    "RuleRun",
    "RunState",
    "SavedView",
    "Scope",
]


class Scope(models.TextChoices):
    """Who sees a view."""

    PERSONAL = "personal", _("Only me")
    GROUP = "group", _("A group")
    SHARED = "shared", _("Everybody")


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def visible_to(self, agent: Agent) -> Self:
        """Keep those that an agent has in their rail: their own, their groups', everybody's."""
        return self.filter(
            Q(scope=Scope.SHARED)
            | Q(scope=Scope.GROUP, group__in=agent.groups.all())
            | Q(scope=Scope.PERSONAL, owner=agent)
        )

    def written_by(self, agent: Agent) -> Self:
        """Keep those that an agent may change: their own, and what all share for coordinators."""
        own = Q(scope=Scope.PERSONAL, owner=agent)
        return (
            self.filter(own | ~Q(scope=Scope.PERSONAL)) if agent.coordinates else self.filter(own)
        )


class SavedView(models.Model):
    """A saved filter of the queue with its order, its groups and its columns.

    Edges: what it holds are keys of declared lists (`automation.views.Definition` reads it); a row
        that says anything else is not run.
    """

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=60)
    scope = models.CharField(max_length=8, choices=Scope.choices)
    owner = models.ForeignKey(
        Agent, null=True, blank=True, on_delete=models.CASCADE, related_name="views"
    )
    group = models.ForeignKey(
        Group, null=True, blank=True, on_delete=models.CASCADE, related_name="views"
    )
    filters_version = models.PositiveSmallIntegerField()
    conditions = models.JSONField(default=list)
    ordering = models.CharField(max_length=20)
    grouping = models.CharField(max_length=20)
    columns = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    position = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ("-scope", "position", "pk")  # shared, personal, then the groups'
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(scope="personal", owner__isnull=False, group__isnull=True)
                | Q(scope="group", owner__isnull=True, group__isnull=False)
                | Q(scope="shared", owner__isnull=True, group__isnull=True),
                name="view_belongs_to_whom_it_says",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class BulkAction(models.Model):
    """One thing that an agent did to some tickets at once: what can be undone for some minutes."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="bulk_actions")
    at = models.DateTimeField()
    what = models.CharField(max_length=12)
    wanted = models.JSONField(default=dict)
    correlation = models.UUIDField(default=uuid.uuid4)
    undone_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.what} {self.at:%Y-%m-%d %H:%M}"


class BulkChange(models.Model):
    """What a bulk action did to one ticket: how it was before and after, and by which event.

    Edges: without `sequence` nothing changed; `refused` says why, if it was not so already. `left`
        says why undoing left it alone, `undone_at` when it was taken back.
    """

    bulk = models.ForeignKey(BulkAction, on_delete=models.CASCADE, related_name="changes")
    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="bulk_changes")
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    sequence = models.PositiveIntegerField(null=True, blank=True)
    refused = models.CharField(max_length=300, blank=True, default="")
    left = models.CharField(max_length=300, blank=True, default="")
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["bulk", "ticket"], name="bulk_change_once"),
        ]

    def __str__(self) -> str:
        return f"{self.bulk_id}/{self.ticket_id}"
