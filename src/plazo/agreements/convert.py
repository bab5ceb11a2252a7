"""From the document to the values that the engine runs."""

from plazo.agreements.document import AgreementDocument, CalendarEntry, PolicyEntry, TargetEntry
from plazo.sla import (
    Agreement,
    Calendar,
    Conditions,
    EscalationLadder,
    Holiday,
    LadderStep,
    Metric,
    Opening,
    SlaPolicy,
    Target,
    WeeklyWindow,
)


def to_agreement(document: AgreementDocument, version: int) -> Agreement:
    """Return the engine's agreement. Raises: SlaError for a value that cannot be run."""
    return Agreement(
        key=document.key,
        version=version,
        calendars={key: to_calendar(key, entry) for key, entry in document.calendars.items()},
        policies=tuple(_policy(entry) for entry in document.policies),
        severities=tuple(severity.key for severity in document.severities),
        support_calendar=document.support_calendar,
        pausing=frozenset(document.pauses.metrics),
        longest_pause=document.pauses.longest,
        ladder=EscalationLadder(
            tuple(LadderStep(s.level, s.role.es, s.contacts) for s in document.ladder),
            dict(document.ladder_silence),
            document.ladder_repeat,
        ),
        areas={
            key: Target(
                Metric.AREA_REPLY,
                area.target.calendar,
                area.target.duration,
                warn_share=area.target.warn_at,
            )
            for key, area in document.areas.items()
            if area.target is not None
        },
    )


def to_calendar(key: str, entry: CalendarEntry) -> Calendar:
    """Return one calendar. Holiday names are kept in Spanish, the document's own language."""
    if entry.always:
        return Calendar.always(key, entry.zone)
    return Calendar(
        key,
        entry.zone,
        tuple(
            WeeklyWindow(day, opens, closes)
            for hours in entry.hours
            for day in hours.days
            for opens, closes in hours.open
        ),
        holidays=tuple(Holiday(h.date, h.name.es, h.open) for h in entry.holidays),
        openings=tuple(
            Opening(o.date, opens, closes, o.name.es)
            for o in entry.openings
            for opens, closes in o.open
        ),
    )


def _policy(entry: PolicyEntry) -> SlaPolicy:
    conditions = Conditions(
        frozenset(entry.services), frozenset(entry.stages), frozenset(entry.organizations)
    )
    return SlaPolicy(entry.key, tuple(_target(t) for t in entry.targets), conditions)


def _target(entry: TargetEntry) -> Target:
    return Target(
        metric=entry.metric,
        calendar=entry.calendar,
        duration=entry.duration,
        severity=entry.severity,
        warn_share=entry.warn_at,
        manages_escalation=entry.manages_escalation,
    )
