"""The rows of the queue: what each shows, and under which heading it stands."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from plazo.accounts.models import Agent
from plazo.accounts.queries import absences_at
from plazo.agreements.labels import clock_label
from plazo.agreements.models import AgreementVersion
from plazo.automation.views import COLUMNS
from plazo.core import chips, clockview, localtime
from plazo.core.clockview import ClockView
from plazo.core.language import kept_in_each_language
from plazo.core.templatetags import plazo as tags
from plazo.desk.away import until_words
from plazo.desk.scoping import unentitled
from plazo.tickets import drafts, queries
from plazo.tickets.models import Status, Ticket
from plazo.tickets.promises import lacks_promise

Row = dict[str, Any]
_WITH_STATE: Final = '<span class="chip" data-sla="{}">{} {}</span>'
_ON: Final = mark_safe(' class="on"')


def beside(tickets: Sequence[Ticket], agent: Agent, now: datetime) -> dict[str, Any]:
    """Return what rows show beside their tickets: `away`, until when agents are, in words by their
    keys; `begun`, on which tickets the agent has begun to write. Two queries.
    """
    zone = agent.user.time_zone
    return {
        "away": {pk: until_words(each, zone, now) for pk, each in absences_at(now).items()},
        "begun": drafts.begun_on(agent, [ticket.pk for ticket in tickets]),
    }


def row_context(
    ticket: Ticket,
    *,
    columns: Sequence[str],
    version: AgreementVersion,
    language: str,
    zone: str,
    now: datetime,
    away: Mapping[int, str],
    begun: Collection[int],
) -> Row:
    """Return all that `_rows.html` needs for one ticket, alone or in its list. Costs no query.

    What stands in a row is worked out here, word by word: the template only puts it in its place,
    fifty times a page.
    Units: `ticket` was fetched `for_queue_page`; `columns` are keys of `automation.views.COLUMNS`;
        `away` and `begun` come from `beside`.
    """
    live = queries.live_clock(ticket)
    clock = clockview.of_projection(live, now) if live else None
    choose = _("Choose %(number)s")
    return {
        "ticket": ticket,
        "number": ticket.number,
        "address": _address(ticket.number),
        "choose": choose % {"number": ticket.number},
        "clock": clock,
        "state": clock.sla if clock else "",
        "due": _due(clock, zone, now),
        "chip": _chip(ticket, clock),
        "subject": ticket.subject,
        "under": _flagged(ticket, version, _under(ticket, clock, zone, now)),
        "begun": _begun() if ticket.pk in begun else "",
        "service": version.document.service_name(ticket.service, language),
        "cells": mark_safe(  # noqa: S308 - each cell has been escaped
            "".join(_cell(column, ticket, version, language, zone, now, away) for column in columns)
        ),
    }


@lru_cache(maxsize=4096)
def _address(number: str) -> str:
    return reverse("desk:ticket", args=(number,))


def _due(clock: ClockView | None, zone: str, now: datetime) -> str:
    if clock is None or clock.due_at is None:
        return "–"
    there, here = localtime.local(clock.due_at, zone), localtime.local(now, zone)
    hour = localtime.clock_time(clock.due_at, zone)
    day = "" if there.date() == here.date() else localtime.weekday_short(clock.due_at, zone)
    return mark_safe(  # noqa: S308 - figures, and a weekday of ours
        f'<time datetime="{localtime.iso(clock.due_at)}">{hour}</time>'
        + (f"<small>{day}</small>" if day else "")
    )


def _chip(ticket: Ticket, clock: ClockView | None) -> str:
    if clock is not None:
        return tags.chip(clock, ticket.number)
    if ticket.status in (Status.PENDING, Status.ON_HOLD):
        paused = clockview.words()["paused"]
        return format_html(_WITH_STATE, "paused", tags.icon("pause"), paused)
    status = str(Status(ticket.status).label)
    if ticket.is_ended:
        return format_html(_WITH_STATE, "met", tags.icon("check"), status)
    return format_html('<span class="chip">{} {}</span>', tags.icon("circle-dashed"), status)


def _under(ticket: Ticket, clock: ClockView | None, zone: str, now: datetime) -> str:
    """Return the second line: which promise it is about, or how the ticket stands."""
    waits = ticket.status in (Status.PENDING, Status.ON_HOLD)
    if clock is not None:
        text = clock_label(clock.key)
    elif ticket.solved_at and ticket.is_ended:
        text = localtime.day_time(ticket.solved_at, zone, now)
    else:
        text = str(Status(ticket.status).label) if waits else str(ticket.requester)
    missing = _("no promise yet") if lacks_promise(ticket) else ""
    reason = ticket.waiting_reason if ticket.status == Status.PENDING else ""
    return " · ".join(part for part in (text, missing, reason) if part)


def _flagged(ticket: Ticket, version: AgreementVersion, under: str) -> str:
    """Return the second line with what stands before it: whom the ladder rings, and a mark where
    the client is not entitled to support.
    """
    why = unentitled(ticket.organization, ticket.service, version.document)
    rung = ticket.ladder.get("step")
    marks = [_rings(rung)] if rung else []
    marks += [_flag(why)] if why and not ticket.is_ended else []
    return format_html("{}{}", mark_safe("".join(marks)), under) if marks else under  # noqa: S308


@lru_cache(maxsize=64)
def _flag(why: str) -> SafeString:
    return format_html(
        '<span class="q-flag c-risk" title="{}">{}<span class="sr">{}. </span></span> ',
        why, tags.icon("shield-alert"), why,
    )  # fmt: skip


@kept_in_each_language
def _rings(step: int) -> str:
    """Say that the ladder rings, and which level: nobody has said yet that they have it."""
    words = _("Rings level %(step)s") % {"step": step}
    return format_html('<span class="q-flag">{} <b>{}</b></span> · ', tags.icon("bell-ring"), words)


def _cell(
    column: str,
    ticket: Ticket,
    version: AgreementVersion,
    language: str,
    zone: str,
    now: datetime,
    away: Mapping[int, str],
) -> str:
    match column:
        case "severity":
            drawn: str = chips.severity(ticket.severity)
        case "level":
            return _level(ticket.level)
        case "assignee":
            name = str(ticket.assignee) if ticket.assignee else ""
            drawn = _assignee(name, away.get(ticket.assignee_id or 0, ""))
        case _:
            return _worded(column, _words(column, ticket, version, language, zone, now))
    return f'<span class="q-c q-c--{column}">{drawn}</span>'


@lru_cache(maxsize=1024)
def _worded(column: str, words: str) -> str:
    return format_html('<span class="q-c q-c--{} trunc" title="{}">{}</span>', column, words, words)


@kept_in_each_language
def _level(level: int) -> str:
    """Draw a level as rungs, of three, with its number."""
    rungs = format_html_join("", "<i{}></i>", ((_ON if n < level else "",) for n in range(3)))
    return format_html(
        '<span class="q-c q-c--level pips" title="{} {}">{}<span>L{}</span></span>',
        _("Level"), level, rungs, level,
    )  # fmt: skip


@kept_in_each_language
def _assignee(name: str, away: str) -> str:
    """Draw whose a ticket is; with a moon and its words where they are away."""
    none, said = "" if name else " avatar--none", name or _("Unassigned")
    said, moon = (f"{said}, {away}", tags.icon("moon")) if away else (said, "")
    return format_html(
        '<span class="avatar avatar--sm{}" title="{}"><span aria-hidden="true">{}</span>'
        '<span class="sr">{}</span>{}</span>',
        f"{none} avatar--away" if away else none, said,
        tags.initials(name) if name else "–", said, moon,
    )  # fmt: skip


@kept_in_each_language
def _begun() -> str:
    return format_html(
        '<span class="q-begun" title="{}">{} {}</span>',
        _("You have begun to write"), tags.icon("square-pen"), _("Draft"),
    )  # fmt: skip


def _words(
    column: str,
    ticket: Ticket,
    version: AgreementVersion,
    language: str,
    zone: str,
    now: datetime,
) -> str:
    """Return the words of a cell that holds nothing but words."""
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
            return str(Status(ticket.status).label)
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
            return Part(f"t{ticket.status}", str(Status(ticket.status).label), "circle-dashed")
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
