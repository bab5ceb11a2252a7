"""Short lists that the team edits: why things failed, how they were solved, what is waited for."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class OutcomeKind(models.TextChoices):
    CAUSE = "cause", _("Causes")
    SOLUTION = "solution", _("Kinds of solution")
    WAIT = "wait", _("Reasons to wait")


class Asks(models.TextChoices):
    """Whether the desk asks for a cause and a solution when an agent solves a case."""

    REQUIRED = "required", _("Always: a case is not solved without them")
    OPTIONAL = "optional", _("They are asked for, and may be left empty")


class Outcome(models.Model):
    """An entry of one of the lists. Its key stands in timelines: it stays, even once retired."""

    kind = models.CharField(max_length=10, choices=OutcomeKind.choices)
    key = models.SlugField(max_length=40)
    name_es = models.CharField(max_length=80)
    name_en = models.CharField(max_length=80)
    position = models.PositiveSmallIntegerField()
    retired_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("kind", "position", "pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["kind", "key"], name="outcome_key"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}"

    def in_language(self, language: str | None) -> str:
        """Return the name for a language tag; Spanish where there is none of that language."""
        return self.name_en if (language or "es").startswith("en") else self.name_es


class SolvingRule(models.Model):
    """The one row that says what solving asks for; without it, the default holds."""

    asks = models.CharField(max_length=10, choices=Asks.choices, default=Asks.REQUIRED)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(pk=1), name="solving_rule_one"),
        ]

    def __str__(self) -> str:
        return self.asks
