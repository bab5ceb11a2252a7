"""The rows of the queue: what each shows, and under which heading it stands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from plazo.agreements.labels import metric_label
from plazo.agreements.models import AgreementVersion
from plazo.automation.views import COLUMNS
from plazo.core import clockview, localtime
from plazo.tickets import queries
from plazo.tickets.models import Ticket

Row = dict[str, Any]


def row_context(
    ticket: Ticket,
    *,
    columns: Sequence[str],
    version: AgreementVersion,
    language: str,
    zone: str,
    now: datetime,
) -> dict[str, Any]:
    """Return all that `_row.html` needs for one ticket, alone or in its list. Costs no query.

    Units: `ticket` was fetched `for_queue_page`; `columns` are keys of `automation.views.COLUMNS`.
    """
    live = queries.live_clock(ticket)
    clock = clockview.of_projection(live, now) if live else None
    row = {
        "ticket": ticket,
        "clock": clock,
        "metric": metric_label(clock.metric) if clock else "",
        "state": clock.sla if clock else "",
        "service": version.document.service_name(ticket.service, language),
        "cells": [
            (column, _cell(column, ticket, version, language, zone, now)) for column in columns
        ],
    }
    return {"row": row, "now": now, "zone": zone, "paused_word": clockview.words()["paused"]}


def _cell(
    column: str,
    ticket: Ticket,
    version: AgreementVersion,
    language: str,
    zone: str,
    now: datetime,
) -> str:
    """Return the words of a cell; severity, level and assignee are drawn from the ticket itself."""
    document = version.document
    match column:
        case "organization":
            return ticket.organization.name if ticket.organization else str(ticket.requester)
        case "requester":
            return ticket.requester.name or ticket.requester.email
        case "service":
            return document.service_name(ticket.service, language)
        case "environment" | "request_type":
            choices = document.environments if column == "environment" else document.request_types
            key = getattr(ticket, column)
            return choices[key].name.in_language(language) if key in choices else key
        case "status":
            return ticket.get_status_display()
        case "tags":
            return ", ".join(ticket.tags)
        case "opened":
            return localtime.day_time(ticket.opened_at, zone, now)
        case "updated":
            return localtime.day_time(ticket.updated_at, zone, now)
        case "group":
            return ticket.group.name if ticket.group else ""
        case _:
            return ""


@dataclass(slots=True)
class Part:
    """A heading and the rows that stand under it; `key` is how the next page finds it again."""

    key: str
    name: str
    icon: str
    rows: list[Row] = field(default_factory=list)


def parted(rows: Iterable[Row], grouping: str, now: datetime) -> list[Part]:
    """Part rows under headings, in the order in which each heading first comes up.

    Edges: by deadline they stand as on a departure board: overdue, next hour, later, no clock,
        ended.
    """
    parts: dict[str, Part] = {}
    for row in rows:
        part = _part(row, grouping, now)
        parts.setdefault(part.key, part).rows.append(row)
    if grouping == "deadline":
        board = ("late", "hour", "later", "none", "ended")
        return sorted(parts.values(), key=lambda part: board.index(part.key))
    return list(parts.values())


def _part(row: Row, grouping: str, now: datetime) -> Part:
    ticket: Ticket = row["ticket"]
    match grouping:
        case "assignee":
            name = str(ticket.assignee) if ticket.assignee else ""
            return Part(f"a{name}", name or _("Unassigned"), "user-round")
        case "organization":
            name = ticket.organization.name if ticket.organization else ""
            return Part(f"o{name}", name or _("Without a company"), "building-2")
        case "severity":
            words = _("Severity %(letter)s") % {"letter": ticket.severity}
            return Part(
                f"s{ticket.severity}", words if ticket.severity else _("Not judged yet"), "signal"
            )
        case "service":
            return Part(f"v{ticket.service}", row["service"], "package")
        case "status":
            return Part(f"t{ticket.status}", ticket.get_status_display(), "circle-dashed")
        case "none":
            return Part("all", "", "")
        case _:
            return _board(row, now)


def _board(row: Row, now: datetime) -> Part:
    clock = row["clock"]
    if row["ticket"].is_ended:
        return Part("ended", _("Solved or closed"), "circle-check")
    if clock is None or clock.due_at is None:
        return Part("none", _("No clock running"), "pause")
    if clock.sla == "late":
        return Part("late", pgettext("cases", "Overdue"), "octagon-alert")
    if clock.due_at - now <= timedelta(hours=1):
        return Part("hour", _("Next hour"), "hourglass")
    return Part("later", _("Later"), "clock-3")


def column_names(columns: Iterable[str]) -> list[tuple[str, str]]:
    """Return the head of each column."""
    return [(column, str(COLUMNS[column])) for column in columns]
