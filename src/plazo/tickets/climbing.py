"""The requester's own escalation: when it unlocks, by the clocks and the timeline alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from plazo.sla import Evaluation, Metric
from plazo.tickets import events
from plazo.tickets.models import TicketEvent

# Level 1's two duties: to answer, and to say whether the case is in scope.
LEVEL_ONE: Final = (Metric.FIRST_REPLY, Metric.SCOPE_VERDICT)


@dataclass(frozen=True, slots=True)
class Climb:
    """Whether somebody may climb over level 1, and if not, from when.

    Units: `keys` are the late clocks that nobody climbed over yet, the earliest late since
        `late_since`; `unlocks_at` is the next deadline of level 1, after which they may;
        `asked_at` is when they last did.
    """

    keys: tuple[str, ...] = ()
    late_since: datetime | None = None
    unlocks_at: datetime | None = None
    asked_at: datetime | None = None


def climb_of(evaluation: Evaluation, chain: Sequence[TicketEvent]) -> Climb:
    """Return where a ticket stands. Costs nothing.

    Edges: a deadline itself is on time: it unlocks after it. Done late is late all the same.
    """
    asked = [event for event in chain if event.kind == events.EscalationRequested.kind]
    used = {key for event in asked for key in event.payload["keys"]}
    duties = [a for a in evaluation.applied if a.metric in LEVEL_ONE]
    late = {a.key: a.breached_at for a in duties if a.breached_at and a.key not in used}
    ahead = [a.due_at for a in duties if a.ended_at is None and not a.breached_at and a.due_at]
    return Climb(
        keys=tuple(late),
        late_since=min(late.values(), default=None),
        unlocks_at=min(ahead, default=None),
        asked_at=asked[-1].at if asked else None,
    )
