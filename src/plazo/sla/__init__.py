"""The SLA core: calendars, targets, facts → clocks, explanations. Standard library only.

    evaluate(agreement, facts, now)       every clock of a ticket
    explain(agreement, facts, key, now)   why one of them stands where it stands
    Calendar.add / between / windows      open time, promised, measured, drawn
    next_ring(ladder, calls, …, now)      whom the ladder rings next, and when

Nothing here reads a clock, a database or a setting: `now` is an argument.
"""

from plazo.sla import facts
from plazo.sla.calendar import Calendar, Holiday, Opening, WeeklyWindow, Window
from plazo.sla.clocks import (
    Alarm,
    AppliedTarget,
    Evaluation,
    MomentName,
    Pause,
    Retarget,
    State,
    moment_name,
)
from plazo.sla.errors import (
    FactsOutOfOrder,
    InvalidAgreement,
    InvalidCalendar,
    InvalidInstant,
    InvalidTarget,
    NoOpenTime,
    SlaError,
    UnknownTarget,
)
from plazo.sla.explanation import Explanation, Segment, SegmentKind, explain, explain_applied
from plazo.sla.facts import Fact
from plazo.sla.fold import evaluate
from plazo.sla.ladder import (
    Call,
    Cause,
    Ring,
    Rung,
    next_ring,
    repeat_at,
    rings_by_itself,
    silence_ends_at,
)
from plazo.sla.standing import awaited_since
from plazo.sla.targets import (
    Agreement,
    Conditions,
    EscalationLadder,
    LadderStep,
    Metric,
    SlaPolicy,
    Subject,
    Target,
)

__all__ = [
    "Agreement",
    "Alarm",
    "AppliedTarget",
    "Calendar",
    "Call",
    "Cause",
    "Conditions",
    "EscalationLadder",
    "Evaluation",
    "Explanation",
    "Fact",
    "FactsOutOfOrder",
    "Holiday",
    "InvalidAgreement",
    "InvalidCalendar",
    "InvalidInstant",
    "InvalidTarget",
    "LadderStep",
    "Metric",
    "MomentName",
    "NoOpenTime",
    "Opening",
    "Pause",
    "Retarget",
    "Ring",
    "Rung",
    "Segment",
    "SegmentKind",
    "SlaError",
    "SlaPolicy",
    "State",
    "Subject",
    "Target",
    "UnknownTarget",
    "WeeklyWindow",
    "Window",
    "awaited_since",
    "evaluate",
    "explain",
    "explain_applied",
    "facts",
    "moment_name",
    "next_ring",
    "repeat_at",
    "rings_by_itself",
    "silence_ends_at",
]
