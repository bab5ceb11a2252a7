"""The words for what the core computes: metrics, states, segments."""

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from plazo.agreements.document import AgreementDocument, TargetEntry
from plazo.core import localtime
from plazo.core.language import kept_in_each_language
from plazo.sla import Metric, Segment, SegmentKind, State


@kept_in_each_language
def metric_label(metric: Metric | str) -> str:
    """Return a metric's name: "First reply"."""
    return {
        Metric.FIRST_REPLY: _("First reply"),
        Metric.SCOPE_VERDICT: _("Scope verdict"),
        Metric.ESCALATED_REPLY: _("Level 2 reply"),
        Metric.NEXT_REPLY: _("Next reply"),
        Metric.PROMISED_UPDATE: _("Promised update"),
        Metric.PERIODIC_UPDATE: _("Periodic update"),
        Metric.RESOLUTION: _("Solution"),
    }[Metric(metric)]


def clock_label(key: str) -> str:
    """Return what the clock of a key is called: its metric, or the kind of what was promised."""
    if key.startswith(f"{Metric.PROMISED_UPDATE.value}:solution"):
        return _("Estimated solution")
    return metric_label(key.partition("#")[0].partition(":")[0])


def promise_words(metric: Metric | str) -> str:
    """Return a metric as it stands within a sentence, after "we promised": "the first reply"."""
    return {
        Metric.FIRST_REPLY: _("the first reply"),
        Metric.SCOPE_VERDICT: _("the scope verdict"),
        Metric.ESCALATED_REPLY: _("the level 2 reply"),
        Metric.NEXT_REPLY: _("the next reply"),
        Metric.PROMISED_UPDATE: _("an update"),
        Metric.PERIODIC_UPDATE: _("the next update"),
        Metric.RESOLUTION: _("the solution"),
    }[Metric(metric)]


def target_words(document: AgreementDocument, target: TargetEntry | None) -> str:
    """Return the time that a target promises: "2 h", "4 h hábiles"; nothing where it has none."""
    if target is None or target.duration is None:
        return ""
    span = localtime.duration(target.duration)
    if document.calendars[target.calendar].always:
        return span
    return _("%(span)s of working hours") % {"span": span}


def state_label(state: State | str) -> str:
    """Return a clock's state in one word."""
    return {
        State.RUNNING: pgettext("clock", "On track"),
        State.PAUSED: pgettext("clock", "Paused"),
        State.MET: pgettext("clock", "Met"),
        State.BREACHED: pgettext("clock", "Overdue"),
        State.CANCELLED: pgettext("clock", "Cancelled"),
    }[State(state)]


def segment_label(segment: Segment) -> str:
    """Return what a stretch of time meant."""
    match segment.kind:
        case SegmentKind.COUNTED:
            return _("Open, but late") if segment.late else _("Open, counts")
        case SegmentKind.CLOSED:
            return _("Outside hours")
        case SegmentKind.HOLIDAY:
            return segment.holiday
        case SegmentKind.PAUSED:
            return _("Solved") if segment.reason == "solved" else _("Waiting for the requester")
        case SegmentKind.REMAINING:
            return _("Still to run")
