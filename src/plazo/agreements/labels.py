"""The words for what the core computes: metrics, states, segments."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

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
        Metric.AREA_REPLY: _("Another area's answer"),
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
        Metric.AREA_REPLY: _("another area's answer"),
    }[Metric(metric)]


def promised_words(key: str) -> str:
    """Return what the clock of a key stands for, after "we promised": its metric, or a solution."""
    if key.startswith(f"{Metric.PROMISED_UPDATE.value}:solution"):
        return _("a solution")
    return promise_words(key.partition("#")[0].partition(":")[0])


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


def uses_of(document: AgreementDocument, calendar: str) -> list[tuple[str, str]]:
    """Return what runs on a calendar, each by its key and in words.

    Units: keys are "published", "channel:KEY", "area:KEY", and "promise:POLICY:METRIC:SEVERITY".
    """
    return [(key, words) for key, words, on in runs(document) if on == calendar]


def runs(document: AgreementDocument, language: str = "es") -> list[tuple[str, str, str]]:
    """Return everything that runs on a calendar: its key, its words, and the calendar's key."""
    found = [("published", _("The published hours"), document.support_calendar)]
    several = len(document.policies) > 1
    for policy in document.policies:
        for target in policy.targets:
            words = metric_label(target.metric)
            if target.severity:
                words = _("%(promise)s, severity %(letter)s") % {
                    "promise": words, "letter": target.severity,
                }  # fmt: skip
            key = f"promise:{policy.key}:{target.metric.value}:{target.severity or ''}"
            found.append((key, f"{words} ({policy.key})" if several else words, target.calendar))
    found += [
        (
            f"channel:{channel.key}",
            _("Channel “%(name)s”") % {"name": channel.name.in_language(language)},
            channel.calendar,
        )
        for channel in document.channels
    ]
    found += [
        (
            f"area:{key}",
            _("Answer of %(area)s") % {"area": area.name.in_language(language)},
            area.target.calendar,
        )
        for key, area in document.areas.items()
        if area.target is not None
    ]
    return found


def uses_words(document: AgreementDocument, calendar: str) -> str:
    """Return in words what runs on a calendar: three at most, and how many more."""
    names = [words for _key, words in uses_of(document, calendar)]
    shown = ", ".join(_("“%(name)s”") % {"name": name} for name in names[:3])
    if len(names) > 3:
        more = ngettext("%(n)s more", "%(n)s more", len(names) - 3) % {"n": len(names) - 3}
        return _("%(some)s and %(more)s run on it") % {"some": shown, "more": more}
    return ngettext("%(some)s runs on it", "%(some)s run on it", len(names)) % {"some": shown}
