"""Reads of what was learned."""

from functools import lru_cache
from typing import Final

from django.db.models import Exists

from plazo.agreements.queries import key_in_use
from plazo.core.kept import kept
from plazo.triage.learning import BadWeights, Weights
from plazo.triage.models import Outcome, ScopeLearning, ScopeModel

RUNS_SHOWN: Final = 14


@kept("scope_model", "agreements")
def model_in_use() -> tuple[int, Weights] | None:
    """Return the newest model with its key; None where there is none, or where it is off.

    Costs one query, unless it is kept; the weights are read once in a process.
    """
    off = ScopeLearning.objects.filter(is_on=False)
    newest = (
        ScopeModel.objects.filter(
            agreement=key_in_use(), outcome=Outcome.TRAINED, weights__isnull=False
        )
        .exclude(Exists(off))
        .order_by("-pk")
        .values_list("pk", flat=True)
        .first()
    )
    weights = _weights(newest) if newest else None
    return (newest, weights) if newest and weights else None


@lru_cache(maxsize=2)
def _weights(pk: int) -> Weights | None:
    """Return a model's weights. It never changes; one that cannot be read says nothing."""
    try:
        return Weights.from_json(ScopeModel.objects.values_list("weights", flat=True).get(pk=pk))
    except BadWeights:
        return None


def runs() -> list[ScopeModel]:
    """Return the latest runs, the newest first, without their weights. One query."""
    found = ScopeModel.objects.filter(agreement=key_in_use()).defer("weights")
    return list(found.order_by("-pk")[:RUNS_SHOWN])


def newest_model() -> ScopeModel | None:
    """Return the run whose model is the newest, in use or not. One query."""
    found = ScopeModel.objects.filter(agreement=key_in_use(), outcome=Outcome.TRAINED).defer(
        "weights"
    )
    return found.order_by("-pk").first()


def learning() -> ScopeLearning:
    """Return the switch as it stands; it need not have been made yet. One query."""
    return ScopeLearning.objects.filter(pk=1).first() or ScopeLearning(pk=1)
