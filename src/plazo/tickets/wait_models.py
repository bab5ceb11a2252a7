"""Rows beside the timeline: whom a ticket waited for and for how long, and what an impact was."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class EndedBy(models.TextChoices):
    """By whose act a wait was over."""

    REQUESTER = "requester", _("the requester")
    AGENT = "agent", _("the team")
    SYSTEM = "system", _("the agreement: nobody answered")


class Wait(models.Model):
    """One span in which a ticket waited for somebody: what its timeline says, ready to be counted.

    Written by a reader of the timeline (`waiting`). `sequence` is the event that began it, `agent`
    who let it wait. `next_at` is when the requester is reminded or, once `reminded` has reached the
    last reminder, when the ticket is solved without an answer; null where neither will happen.
    """

    ticket = models.ForeignKey("tickets.Ticket", on_delete=models.PROTECT, related_name="waits")
    sequence = models.PositiveIntegerField()
    waiting_for = models.CharField(max_length=16)
    reason = models.CharField(max_length=300)
    agent = models.ForeignKey(
        "accounts.Agent", null=True, on_delete=models.PROTECT, related_name="waits"
    )
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=10, choices=EndedBy.choices, blank=True)
    reminded = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["ticket"], condition=Q(ended_at=None), name="wait_one_open"
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(next_at=None), name="wait_over_has_no_next"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="wait_next"),
            models.Index(fields=["started_at", "id"], name="wait_started"),
            models.Index(fields=["ended_at"], name="wait_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id} waits for {self.waiting_for}"


class Impact(models.Model):
    """What a severity rests on, in the words of whoever judged it: a row, so that it can go."""

    ticket = models.ForeignKey("tickets.Ticket", on_delete=models.PROTECT, related_name="impacts")
    severity = models.CharField(max_length=1)
    words = models.TextField(blank=True)
    digest = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["ticket", "id"], name="impact_ticket"),
        ]

    def __str__(self) -> str:
        return f"impact {self.pk}"
