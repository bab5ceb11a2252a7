"""The models of this package, each kept in the module of its part."""

from plazo.triage.learning_models import Outcome, ScopeLearning, ScopeModel

__all__ = ["Outcome", "ScopeLearning", "ScopeModel"]
