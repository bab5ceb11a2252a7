"""What the trail keeps of what the team makes for itself: a row's key, its name, what changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from plazo.automation.rule_models import Macro, Rule
from plazo.core import audit
from plazo.core.actor import Actor


def record_change(
    what: str,
    row: Macro | Rule,
    *,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> None:
    """Write down a change of a macro or a rule; call it in the transaction that makes it.

    Units: as `core.audit.record`; the subject is the row's, such as `macro:7`.
    """
    audit.record(
        what,
        f"{row._meta.model_name}:{row.pk}",
        title=row.name,
        before=before,
        after=after,
        actor=actor,
        now=now,
    )
