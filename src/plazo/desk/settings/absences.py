"""The screen of absences: each agent plans their own, coordinators anyone's."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from plazo.accounts import absences as planning
from plazo.accounts import access, queries
from plazo.accounts.models import Absence, Agent
from plazo.core import localtime
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible, PlazoError
from plazo.desk.away import until_words
from plazo.desk.frame import posted
from plazo.desk.setting_up import history_of, setting
from plazo.desk.settings.forms import AbsenceForm
from plazo.desk.settings.screens import agent_of, by, show


def everyone(agent: Agent) -> bool:
    """For `setting`: any agent."""
    return True


@setting(everyone)
@require_safe
def absences(request: HttpRequest) -> HttpResponse:
    """List who is away and who will be, and who stands in."""
    now, asking = read_clock(), agent_of(request)
    away = queries.absences_at(now)
    coming = list(queries.absences_to_come(now))
    return show(
        request,
        "absences.html",
        "absences",
        running=[_row(a, asking, away, now) for a in coming if a.runs(now)],
        planned=[_row(a, asking, away, now) for a in coming if not a.runs(now)],
        others=[a for a in queries.assignable_agents() if a.pk != asking.pk]
        if asking.coordinates
        else [],
        me=asking,
    )


def _row(
    absence: Absence, asking: Agent, away: dict[int, Absence], now: datetime
) -> dict[str, Any]:
    """Return an absence as the list shows it.

    Edges: one that runs names who really stands in, where the substitute is away too.
    """
    stands_in = absence.substitute
    if absence.runs(now) and stands_in is not None:
        found = queries.standing_in(absence.agent, away)
        stands_in = found if found.pk != absence.agent_id else None
    return {
        "absence": absence,
        "until": until_words(absence, asking.user.time_zone, now),
        "stands_in": stands_in,
        "instead_of": absence.substitute
        if absence.substitute is not None and stands_in != absence.substitute
        else None,
        "mine": absence.agent_id == asking.pk or asking.coordinates,
    }


@setting(everyone)
@require_http_methods(["GET", "HEAD", "POST"])
def new_absence(request: HttpRequest, agent: int) -> HttpResponse:
    """Plan an absence of an agent's: one's own, or as a coordinator anyone's."""
    asking = agent_of(request)
    person = queries.agent_by_key(agent)
    if person is None or not person.is_active:
        raise NotVisible
    if person.pk != asking.pk and not asking.coordinates:
        raise NotVisible
    tomorrow = localtime.next_midnight(read_clock(), person.user.time_zone)
    form = _form(request, person, {"begins_at": tomorrow, "ends_at": tomorrow + timedelta(days=1)})
    if request.method == "POST" and form.is_valid():
        try:
            planning.plan_absence(agent_id=person.pk, **_values(form), **by(request))
        except PlazoError as error:
            form.add_error(None, error.user_message())
        else:
            messages.success(request, _("The absence is planned."))
            return redirect("desk:absences")
    return _show(request, form, person, None)


@setting(everyone)
@require_http_methods(["GET", "HEAD", "POST"])
def absence(request: HttpRequest, pk: int) -> HttpResponse:
    """Change an absence."""
    found = access.absence_for(agent_of(request), pk)
    form = _form(
        request,
        found.agent,
        {
            "begins_at": found.begins_at,
            "ends_at": found.ends_at,
            "substitute": found.substitute_id,
            "note": found.note,
        },
    )
    if request.method == "POST" and form.is_valid():
        try:
            planning.change_absence(absence_id=found.pk, **_values(form), **by(request))
        except PlazoError as error:
            form.add_error(None, error.user_message())
        else:
            messages.success(request, _("Saved."))
            return redirect("desk:absences")
    return _show(request, form, found.agent, found)


@setting(everyone)
@posted("desk:absence")
def end_absence(request: HttpRequest, pk: int) -> HttpResponse:
    """Say that somebody is back, or will not be away after all."""
    found = access.absence_for(agent_of(request), pk)
    planning.end_absence(absence_id=found.pk, **by(request))
    messages.success(request, _("The absence is over."))
    return redirect("desk:absences")


def _form(request: HttpRequest, person: Agent, initial: dict[str, Any]) -> AbsenceForm:
    others = [each for each in queries.assignable_agents() if each.pk != person.pk]
    return AbsenceForm(
        request.POST or None, zone=person.user.time_zone, agents=others, initial=initial
    )


def _values(form: AbsenceForm) -> dict[str, Any]:
    data = form.cleaned_data
    return {
        "begins_at": data["begins_at"],
        "ends_at": data["ends_at"],
        "substitute_id": data["substitute"],
        "note": data["note"],
    }


def _show(
    request: HttpRequest, form: AbsenceForm, person: Agent, found: Absence | None
) -> HttpResponse:
    return show(
        request,
        "absence.html",
        "absences",
        form,
        form=form,
        person=person,
        absence=found,
        person_zone=person.user.time_zone,
        history=history_of(f"absence:{found.pk}") if found else "",
    )
