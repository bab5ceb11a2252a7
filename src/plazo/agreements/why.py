"""“Why this deadline?”: an explanation in words, as a table, and as a drawing."""

from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from plazo.agreements.intervals import Row, rows_of, table_of
from plazo.agreements.labels import clock_label, promised_words
from plazo.agreements.models import AgreementVersion
from plazo.core import clockview, drawing, localtime
from plazo.sla import Explanation, Metric, SegmentKind, State


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
    picture = drawing.explanation_picture(explanation, now)
    ended = applied.ended_at
    return {
        "explanation": explanation,
        "applied": applied,
        "clock": clock,
        "metric": clock_label(applied.key),
        "title": title,
        "sentence": _sentence(explanation, calendar, zone),
        "rows": rows,
        "picture": picture,
        "swatches": _swatches(rows, picture),
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
    start = f"{localtime.on_words(began, zone)} {localtime.zone_label(began, zone)}"
    parts = [_promise(explanation, calendar)]
    if applied.metric in (Metric.FIRST_REPLY, Metric.SCOPE_VERDICT):
        parts.append(_("The case came in %(start)s.") % {"start": start})
    else:
        parts.append(_("The clock started %(start)s.") % {"start": start})
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


def _promise(explanation: Explanation, calendar: str) -> str:
    """Say what was promised: "Prometimos la primera respuesta en 1 h de horario de soporte."."""
    words = {
        "what": promised_words(explanation.applied.key),
        "duration": localtime.exact_duration(explanation.applied.duration),
    }
    if explanation.applied.metric is Metric.AREA_REPLY:
        words["calendar"] = calendar[:1].lower() + calendar[1:]
        return _("The area has %(duration)s of %(calendar)s to answer us.") % words
    if explanation.calendar.always_open:
        return _("We promised %(what)s within %(duration)s, at any hour.") % words
    words["calendar"] = calendar[:1].lower() + calendar[1:]
    return _("We promised %(what)s within %(duration)s of %(calendar)s.") % words


def _swatches(rows: list[Row], picture: drawing.Picture) -> set[str]:
    """Return the textures that the drawing and the table really use, for the legend."""
    drawn = {"off": picture.closed, "open": picture.open}
    return {row.swatch for row in rows} | {name for name, boxes in drawn.items() if boxes}


def _length(explanation: Explanation, *kinds: SegmentKind) -> timedelta:
    return sum((s.length for s in explanation.segments if s.kind in kinds), timedelta())


def _plain(title: str, rows: list[Row]) -> str:
    return "\n".join([title, "", *table_of(rows)])
