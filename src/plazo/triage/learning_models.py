"""The runs of learning, each with what it was made from and what came of it, and their switch."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Outcome(models.TextChoices):
    """What came of a run."""

    TRAINED = "trained", _("learned")
    TOO_FEW = "too_few", _("too few verdicts")
    ONE_SIDED = "one_sided", _("too few verdicts of any second kind")
    UNAVAILABLE = "unavailable", _("the library for learning is not installed")
    FAILED = "failed", _("failed")


class ScopeModel(models.Model):
    """One run: when, from which verdicts, and the model with its figures where one was made.

    Units: `verdicts` are how many it learned from; `newest_event` is the last of them, so that the
        same rows can be found again. `weights` are what `learning.Weights` reads, and empty once
        newer ones have taken their place; `report` are the figures of the cross-validation.
    """

    agreement = models.SlugField(max_length=60)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    verdicts = models.PositiveIntegerField()
    newest_event = models.BigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    weights = models.JSONField(null=True)
    report = models.JSONField(default=dict)
    note = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(outcome__in=[each.value for each in Outcome]),
                name="scope_model_outcome_known",
            ),
        ]

    def __str__(self) -> str:
        return f"scope model {self.pk}"


class ScopeLearning(models.Model):
    """Whether there are proposals learned from verdicts, and when the next run is due. One row."""

    is_on = models.BooleanField(default=True)
    next_at: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(
        null=True
    )

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(pk=1), name="scope_learning_one_row"),
        ]

    def __str__(self) -> str:
        return "scope learning"
