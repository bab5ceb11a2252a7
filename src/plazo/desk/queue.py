"""The queue: the views of all cases, what is due first at the top."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.http import require_GET

from plazo.accounts.models import Agent
from plazo.accounts.preferences import keep_preference
from plazo.accounts.queries import all_groups, assignable_agents
from plazo.agreements.models import AgreementVersion
from plazo.agreements.queries import version_in_force
from plazo.automation.errors import BadView
from plazo.automation.views import COLUMNS, Definition
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible, PlazoError
from plazo.desk.closing import outcome_choices
from plazo.desk.filtering import chips
from plazo.desk.frame import FOLLOWS, agent_required, frame, posted
from plazo.desk.horizon import horizon
from plazo.desk.rows import beside, column_names, parted, row_context
from plazo.desk.wanted import Wanted, wanted_by
from plazo.tickets import queries
from plazo.tickets.listing import GROUPINGS, ORDERINGS, Page
from plazo.tickets.models import WaitingFor

# The list or the search that the person saw last, so that a case leads back to it.
CAME_FROM = "plazo_queue"
LONGEST_WAY_BACK = 1500
DENSITIES = ("comfortable", "compact")
MOST_REMEMBERED = 60


@agent_required
@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    """Show a view of the queue, what is due first at the top; a search is another page."""
    if request.GET.get("q", "").strip():
        return redirect(reverse("desk:find", query={"q": request.GET["q"]}))
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    after = request.GET.get("after", "")
    wanted = wanted_by(request.GET, agent)
    error = wanted.error
    try:
        page = wanted.page(agent=agent, now=now, after=after)
    except PlazoError as refused:
        page, error = Page([], ""), refused.user_message()
    version = version_in_force(now)
    context = frame(request, now, version, current=wanted.key)
    context |= _list_context(page, wanted, context, version, now)
    context |= {
        "title": wanted.title,
        "count": _count(page, wanted, context, first=not after),
        "error": error,
        "next": _more(page, wanted, request),
    }
    if request.headers.get("X-Plazo") == "more":
        return render(request, "plazo/desk/_list.html", context)
    context |= _around(wanted, version, context)
    if not page.tickets:
        context |= {
            "next_deadline": queries.next_deadline(agent=agent, now=now),
            "unassigned": context["counted"]["unassigned"],
        }
    response = render(request, "plazo/desk/queue.html", context)
    if FOLLOWS in request.headers:
        return response
    names = ("view", "f", "order", "by")
    remember(response, {name: request.GET[name] for name in names if request.GET.get(name)})
    return response


def _list_context(
    page: Page, wanted: Wanted, context: dict[str, Any], version: AgreementVersion, now: datetime
) -> dict[str, Any]:
    """Return the rows of a page under their headings, and the horizon of their deadlines.

    Costs two queries, whatever the number of rows.
    """
    definition = wanted.definition
    around = beside(page.tickets, context["agent"], now)
    rows = [
        row_context(
            ticket,
            columns=definition.columns,
            version=version,
            language=context["language"],
            zone=context["zone"],
            now=now,
            **around,
        )
        for ticket in page.tickets
    ]
    dated = any(row["clock"] is not None and row["clock"].due_at for row in rows)
    support = version.sla.calendars[version.document.support_calendar]
    return {
        "wanted": wanted,
        "view": wanted.view,
        "columns": column_names(definition.columns),
        "groups": parted(rows, definition.grouping, now),
        "rows": rows,
        "horizon": horizon(rows, support, now, context["zone"])
        if dated and definition.ordering == "due"
        else None,
    }


def _around(wanted: Wanted, version: AgreementVersion, context: dict[str, Any]) -> dict[str, Any]:
    """Return what can be done with the list and with what is chosen in it. Costs two queries, and
    two more unless they are kept.
    """
    return {
        "here": wanted.query(),
        "chips": chips(wanted.definition.conditions, version, context["zone"], context["language"])
        if wanted.filtered
        else [],
        "orderings": [(each.key, each.label) for each in ORDERINGS.values()],
        "groupings": [(each.key, each.label) for each in GROUPINGS.values()],
        "all_columns": list(COLUMNS.items()),
        "agents": assignable_agents(),
        "all_groups": all_groups(),
        "severities": [each.key for each in version.document.severities],
        "waiting": WaitingFor.choices,
        **outcome_choices(context["language"]),
    }


def _count(page: Page, wanted: Wanted, context: dict[str, Any], *, first: bool) -> Any:
    """Return the number beside the title: the rail's own, or how many rows a first page has."""
    if wanted.key in context["counted"]:
        return context["counted"][wanted.key]
    return f"{len(page.tickets)}{'+' if page.next_after else ''}" if first else None


def _more(page: Page, wanted: Wanted, request: HttpRequest) -> str:
    """Return the address of the next page; empty where this is the last."""
    if not page.next_after:
        return ""
    asked = {name: request.GET.get(name, "") for name in ("order", "by")}
    return wanted.query(**asked, after=page.next_after)


def remember(response: HttpResponse, seen: dict[str, str]) -> None:
    """Keep what a person looks at now: a list's name and choices, or a search's words (`q`)."""
    text = urlencode({name: value[:LONGEST_WAY_BACK] for name, value in seen.items()})
    response.set_cookie(
        CAME_FROM,
        text if len(text) <= LONGEST_WAY_BACK else "",
        path=reverse("desk:queue"),
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )


def way_back(request: HttpRequest) -> str:
    """Return the list or the search that the person saw last: where a case leads back to."""
    came_from = QueryDict(request.COOKIES.get(CAME_FROM, ""))
    if came_from.get("q"):
        return reverse("desk:find", query={"q": came_from["q"]})
    agent: Agent = request.agent  # type: ignore[attr-defined]
    try:
        wanted = wanted_by(came_from, agent)
    except NotVisible:
        return reverse("desk:queue")
    asked = {name: came_from.get(name, "") for name in ("order", "by")}
    query = wanted.query(**asked) if not wanted.error else ""
    return reverse("desk:queue") + (f"?{query}" if query else "")


def place_after(request: HttpRequest) -> str:
    """Return where a form of the queue leads once it is done: the list that it was sent from."""
    place = request.POST.get("next", "")
    ours = place.startswith(reverse("desk:queue")) and url_has_allowed_host_and_scheme(
        place, allowed_hosts=None
    )
    return place if ours else way_back(request)


@agent_required
@posted("desk:queue")
def display(request: HttpRequest) -> HttpResponse:
    """Keep how an agent likes a list: its order, its groups, its columns; and how dense all are."""
    agent: Agent = request.agent  # type: ignore[attr-defined]
    key = request.POST.get("key", "")[:40]
    density = request.POST.get("density", "")
    try:
        chosen = Definition(
            ordering=request.POST.get("ordering", ""),
            grouping=request.POST.get("grouping", ""),
            columns=tuple(request.POST.getlist("columns")),
        ).to_json()
    except BadView as error:
        messages.warning(request, error.user_message())
        return redirect(place_after(request))
    del chosen["conditions"]
    kept = {name: each for name, each in agent.preferences.get("queue", {}).items() if name != key}
    newest = dict(list(kept.items())[1 - MOST_REMEMBERED :])
    keep_preference(agent_id=agent.pk, name="queue", value=newest | {key: chosen})
    if density in DENSITIES:
        keep_preference(agent_id=agent.pk, name="density", value=density)
    return redirect(place_after(request))
