"""Filters and saved views: the form that makes them, and the list of those that one may change."""

import uuid
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET, require_http_methods

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Agent
from plazo.accounts.queries import all_groups
from plazo.agreements.queries import version_in_force
from plazo.automation import views
from plazo.automation.models import SavedView, Scope
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible, PlazoError
from plazo.desk.filtering import FilterForm, Lists
from plazo.desk.frame import agent_required, frame, posted
from plazo.desk.setting_up import settings_frame
from plazo.desk.wanted import Wanted, wanted_by
from plazo.tickets.listing import GROUPINGS, ORDERINGS
from plazo.tickets.queries import tag_names


@agent_required
@require_http_methods(["GET", "HEAD", "POST"])
def filter_form(request: HttpRequest) -> HttpResponse:
    """Show the form of a filter; take what it sends: a row more or less, a look, or a view to keep.

    A script asks for the form alone, and puts it above the list.
    """
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    version = version_in_force(now)
    sent = request.POST if request.method == "POST" else request.GET
    wanted = wanted_by(sent, agent)
    lists = Lists(version, request.LANGUAGE_CODE)
    zone = agent.user.time_zone
    if request.method == "POST":
        form = FilterForm.from_post(request.POST, lists, zone)
        outcome = _taken(request, wanted, form, agent)
        if isinstance(outcome, HttpResponse):
            return outcome
        error, status = outcome, 422 if outcome else 200
    else:
        form = FilterForm.from_conditions(wanted.definition.conditions, lists, zone)
        error, status = wanted.error, 200
    alone = request.headers.get("X-Plazo") == "form"
    context = {} if alone else frame(request, now, version, current=wanted.key)
    context |= form.context() | {
        "wanted": wanted,
        "filter_error": error,
        "may_write": _may_write(wanted.saved, agent),
        "orderings": [(each.key, each.label) for each in ORDERINGS.values()],
        "groupings": [(each.key, each.label) for each in GROUPINGS.values()],
        "ordering": sent.get("order") or wanted.definition.ordering,
        "grouping": sent.get("by") or wanted.definition.grouping,
        "scopes": [each for each in Scope if each == Scope.PERSONAL or agent.coordinates],
        "scope": sent.get("scope") or (wanted.saved.scope if wanted.saved else Scope.PERSONAL),
        "groups_to_share": all_groups() if agent.coordinates else [],
        "shared_with": sent.get("group") or (wanted.saved.group_id if wanted.saved else None),
        "name": sent.get("name", wanted.saved.name if wanted.saved else ""),
        "tag_names": tag_names(),
    }
    template = "plazo/desk/_filter.html" if alone else "plazo/desk/filter.html"
    return render(request, template, context, status=status)


def _taken(
    request: HttpRequest, wanted: Wanted, form: FilterForm, agent: Agent
) -> HttpResponse | str:
    """Do what a button of the form says; return a sentence if it cannot be done."""
    do = request.POST.get("do", "look")
    if do == "add":
        form.add(request.POST.get("field", ""))
        return ""
    if do.startswith("remove-"):
        form.remove(do.removeprefix("remove-"))
        return ""
    try:
        definition = replace(wanted.definition, conditions=form.conditions())
        if do == "look":
            looked = replace(wanted, definition=definition, filtered=True)
            asked = {"order": definition.ordering, "by": definition.grouping}
            return _leave(request, f"{reverse('desk:queue')}?{looked.query(**asked)}")
        view = _kept(request, wanted, definition, agent, anew=do != "change")
    except NotVisible:
        raise
    except PlazoError as error:
        return error.user_message()
    messages.success(request, _("View “%(name)s” saved.") % {"name": view.name})
    return _leave(request, f"{reverse('desk:queue')}?view={view.key.hex}")


def _kept(
    request: HttpRequest, wanted: Wanted, definition: views.Definition, agent: Agent, *, anew: bool
) -> SavedView:
    group = request.POST.get("group", "")
    how: dict[str, Any] = {
        "agent_id": agent.pk,
        "name": request.POST.get("name", ""),
        "scope": request.POST.get("scope", Scope.PERSONAL),
        "group_id": int(group) if group.isdecimal() and len(group) < 19 else None,
        "definition": definition,
        "actor": actor_of_agent(agent),
        "now": read_clock(),
    }
    if anew or wanted.saved is None:
        return views.create_view(**how)
    return views.change_view(view_id=views.view_to_write(agent, wanted.saved.key).pk, **how)


def _leave(request: HttpRequest, place: str) -> HttpResponse:
    """Lead to a list; a script that holds the form is told where to go."""
    if request.headers.get("X-Plazo") != "form":
        return redirect(place)
    response = HttpResponse(status=204)
    response["X-Place"] = place
    return response


def _may_write(saved: SavedView | None, agent: Agent) -> bool:
    if saved is None:
        return False
    return saved.owner_id == agent.pk or (saved.scope != Scope.PERSONAL and agent.coordinates)


@agent_required
@require_GET
def saved_views(request: HttpRequest) -> HttpResponse:
    """List the views that an agent may change, in the order of the rail."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    found = list(views.views_to_write(agent))
    own = [view for view in found if view.scope == Scope.PERSONAL]
    shared = [view for view in found if view.scope != Scope.PERSONAL]
    shelves = [(pgettext("views", "Mine"), own)]
    if agent.coordinates:
        shelves.append((_("Shared"), shared))
    context = settings_frame(request, now, "views") | {"shelves": shelves}
    return render(request, "plazo/desk/settings/views.html", context)


@agent_required
@posted("desk:views", plain=True)
def change_saved(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """Move a view up or down, or remove it."""
    agent: Agent = request.agent  # type: ignore[attr-defined]
    view = views.view_to_write(agent, key)
    by: dict[str, Any] = {"view_id": view.pk, "actor": actor_of_agent(agent), "now": read_clock()}
    match request.POST.get("do"):
        case "up":
            views.move_view(by=-1, **by)
        case "down":
            views.move_view(by=1, **by)
        case "remove":
            views.remove_view(**by)
            messages.success(request, _("View “%(name)s” removed.") % {"name": view.name})
    return redirect("desk:views")
