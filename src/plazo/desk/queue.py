"""The queue: the views of all cases, what is due first at the top, and what a search finds."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET

from plazo.accounts.models import Agent
from plazo.agreements.labels import metric_label
from plazo.agreements.models import AgreementVersion
from plazo.agreements.queries import version_in_force
from plazo.core import clockview
from plazo.core.clock import read_clock
from plazo.desk.frame import FOLLOWS, agent_required, frame, view_labels
from plazo.desk.horizon import horizon
from plazo.tickets import queries
from plazo.tickets.models import Ticket

# The view or the search that the person saw last, so that a case leads back to it.
CAME_FROM = "plazo_queue"


@agent_required
@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    """Show a view of the queue, what is due first at the top, or what a search finds anywhere."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    name = _view(request.GET.get("view", ""))
    search = request.GET.get("q", "").strip()[:80]
    after = request.GET.get("after", "")
    page = (
        queries.search_page(search, agent=agent, after=after)
        if search
        else queries.queue_page(name, agent=agent, now=now, after=after)
    )
    version = version_in_force(now)
    context = frame(request, now, version, current="" if search else name)
    counted = {key: count for key, _label, _icon, _letter, count in context["rail"]}
    rows = [_row(ticket, context["language"], version, now) for ticket in page.tickets]
    dated = any(row["clock"] is not None and row["clock"].due_at for row in rows)
    support = version.sla.calendars[version.document.support_calendar]
    context |= {
        "title": _("Results for “%(search)s”") % {"search": search}
        if search
        else view_labels()[name][0],
        "count": None if search else counted[name],
        "view": name,
        "groups": _groups(rows, name, now),
        "rows": rows,
        "paused_word": clockview.words()["paused"],
        "next_after": page.next_after,
        "search": search,
        "horizon": horizon(rows, support, now, context["zone"])
        if dated and name != "solved"
        else None,
    }
    if not rows:
        context |= {
            "next_deadline": queries.next_deadline(agent=agent, now=now),
            "unassigned": counted["unassigned"],
        }
    response = render(request, "plazo/desk/queue.html", context)
    if FOLLOWS in request.headers:
        return response
    response.set_cookie(
        CAME_FROM,
        urlencode({"view": name, "q": search}),
        path=reverse("desk:queue"),
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )
    return response


def _view(wanted: str) -> queries.QueueView:
    return next((view for view in queries.VIEWS if view == wanted), "due")


def way_back(request: HttpRequest) -> str:
    """Return the view or the search that the person saw last: where a case leads back to."""
    came_from = QueryDict(request.COOKIES.get(CAME_FROM, ""))
    view, search = _view(came_from.get("view", "")), came_from.get("q", "")[:80]
    wanted = {"view": "" if view == "due" else view, "q": search}
    query = urlencode({key: value for key, value in wanted.items() if value})
    return reverse("desk:queue") + (f"?{query}" if query else "")


def _row(ticket: Ticket, language: str, version: AgreementVersion, now: datetime) -> dict[str, Any]:
    live = queries.live_clock(ticket)
    clock = clockview.of_projection(live, now) if live else None
    return {
        "ticket": ticket,
        "clock": clock,
        "metric": metric_label(clock.metric) if clock else "",
        "service": version.document.service_name(ticket.service, language),
        "state": clock.sla if clock else "",
    }


def _groups(
    rows: list[dict[str, Any]], view: str, now: datetime
) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """Part a queue as a departure board does: overdue, next hour, later, no clock, ended."""
    if view == "solved":
        return [(_("The latest first"), "history", rows)] if rows else []
    parts: dict[str, list[dict[str, Any]]] = {
        "late": [], "hour": [], "later": [], "none": [], "ended": []
    }  # fmt: skip
    for row in rows:
        clock = row["clock"]
        if row["ticket"].is_ended:
            parts["ended"].append(row)
        elif clock is None or clock.due_at is None:
            parts["none"].append(row)
        elif clock.sla == "late":
            parts["late"].append(row)
        elif clock.due_at - now <= timedelta(hours=1):
            parts["hour"].append(row)
        else:
            parts["later"].append(row)
    names = {
        "late": (pgettext("cases", "Overdue"), "octagon-alert"),
        "hour": (_("Next hour"), "hourglass"),
        "later": (_("Later"), "clock-3"),
        "none": (_("No clock running"), "pause"),
        "ended": (_("Solved or closed"), "circle-check"),
    }
    return [(*names[key], found) for key, found in parts.items() if found]
