"""The rows of what the team makes for itself."""

from plazo.automation.rule_models import Macro, Rule, RuleKind, RuleRun, RunState

__all__ = ["Macro", "Rule", "RuleKind", "RuleRun", "RunState"]
