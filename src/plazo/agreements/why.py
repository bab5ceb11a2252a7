"""“Why this deadline?”: an explanation in words, as a table, and as a drawing."""

from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from plazo.agreements.intervals import Row, rows_of, table_of
from plazo.agreements.labels import metric_label
from plazo.agreements.models import AgreementVersion
from plazo.core import clockview, drawing, localtime
from plazo.sla import Explanation, SegmentKind, State


def why_context(
    explanation: Explanation, version: AgreementVersion, language: str, now: datetime
) -> dict[str, Any]:
    """Return everything that a page of explanation shows."""
    applied, zone = explanation.applied, explanation.calendar.zone
    document = version.document
    calendar = document.calendars[applied.calendar].name.in_language(language)
    clock = clockview.of_applied(applied, now)
    title = _title(explanation, zone, now)
    rows = rows_of(explanation)
    ended = applied.ended_at
    return {
        "explanation": explanation,
        "applied": applied,
        "clock": clock,
        "metric": metric_label(applied.metric),
        "title": title,
        "sentence": _sentence(explanation, calendar, zone),
        "rows": rows,
        "picture": drawing.explanation_picture(explanation, now),
        "hours_label": calendar,
        "now_label": _("ended") if ended else _("now"),
        "calendar_name": calendar,
        "why_zone": zone,
        "version": version,
        "duration": localtime.exact_duration(applied.duration),
        "elapsed": localtime.exact_duration(applied.elapsed),
        "remaining": localtime.exact_duration(applied.remaining),
        "length": localtime.exact_duration(
            sum((s.length for s in explanation.segments), timedelta())
        ),
        "any_late": any(segment.late for segment in explanation.segments),
        "pauses_when": applied.metric in version.sla.pausing,
        "plain": _plain(title, rows),
    }


def _title(explanation: Explanation, zone: str, now: datetime) -> str:
    applied = explanation.applied
    if applied.due_at is None:
        return _("Why is it paused?")
    when = localtime.at_words(applied.due_at, zone, now)
    if applied.ended_at is not None or applied.state is State.BREACHED:
        return _("Why was it due %(when)s?") % {"when": when}
    return _("Why is it due %(when)s?") % {"when": when}


def _sentence(explanation: Explanation, calendar: str, zone: str) -> str:
    applied = explanation.applied
    began = applied.started_at
    start = (
        f"{localtime.long_date(began, zone)}, {localtime.clock_time(began, zone)}"
        f" {localtime.zone_label(began, zone)}"
    )
    parts = [
        _("It promises %(duration)s of “%(calendar)s” and began on %(start)s.")
        % {
            "duration": localtime.exact_duration(applied.duration),
            "calendar": calendar,
            "start": start,
        }
    ]
    closed = _length(explanation, SegmentKind.CLOSED, SegmentKind.HOLIDAY)
    paused = _length(explanation, SegmentKind.PAUSED)
    if closed:
        parts.append(
            _("%(closed)s outside those hours do not count.")
            % {"closed": localtime.exact_duration(closed)}
        )
    if paused:
        parts.append(
            _("%(paused)s of pause do not count.") % {"paused": localtime.exact_duration(paused)}
        )
    return " ".join(parts)


def _length(explanation: Explanation, *kinds: SegmentKind) -> timedelta:
    return sum((s.length for s in explanation.segments if s.kind in kinds), timedelta())


def _plain(title: str, rows: list[Row]) -> str:
    return "\n".join([title, "", *table_of(rows)])
