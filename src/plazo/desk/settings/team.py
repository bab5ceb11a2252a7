"""The screens of the team: its agents and its groups."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from plazo.accounts import queries, staff, team
from plazo.accounts.models import Agent, Group, Role
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError
from plazo.desk.away import with_absences
from plazo.desk.frame import posted
from plazo.desk.setting_up import administrators, history_of, setting
from plazo.desk.settings.forms import AgentForm, GoForm, GroupForm, zones
from plazo.desk.settings.screens import agent_of, by, show
from plazo.notifications import people
from plazo.tickets import commands
from plazo.tickets.queries import open_cases_of


def may_do() -> list[tuple[str, list[bool]]]:
    """Return what may be done in the desk, and which of the four roles may."""
    everyone, coordinators, administrators_only = [True] * 4, [False, True, True, True], [
        False, False, False, True,
    ]  # fmt: skip
    return [
        (_("Work cases, write articles, plan one's own absences"), everyone),
        (_("Publish articles and announcements"), coordinators),
        (_("Plan absences of others, share macros and views"), coordinators),
        (_("Prepare a new version of the agreement"), coordinators),
        (_("Publish the agreement"), administrators_only),
        (_("Agents, groups, mailboxes, rules, the audit trail"), administrators_only),
    ]


@setting(administrators)
@require_safe
def agents(request: HttpRequest) -> HttpResponse:
    """List the team: who works here, in which role, who is away, who is gone."""
    now, zone = read_clock(), agent_of(request).user.time_zone
    everyone = queries.agents_with_groups()
    away = queries.absences_at(now)
    return show(
        request,
        "agents.html",
        "agents",
        present=with_absences([a for a in everyone if a.is_active], away, zone, now),
        gone=[a for a in everyone if not a.is_active],
        roles=[str(label) for _value, label in Role.choices],
        may=may_do(),
    )


@setting(administrators)
@require_http_methods(["GET", "HEAD", "POST"])
def new_agent(request: HttpRequest) -> HttpResponse:
    """Invite somebody into the team."""
    asking = agent_of(request)
    form = AgentForm(
        request.POST or None,
        groups=queries.groups_with_people(),
        new=True,
        initial={
            "role": Role.AGENT,
            "level": 1,
            "language": asking.user.language,
            "time_zone": asking.user.time_zone,
        },
    )
    if request.method == "POST" and form.is_valid():
        try:
            made = people.invite_agent(**form.cleaned_data, **by(request))
        except PlazoError as error:
            form.add_error(None, error.user_message())
        else:
            _tell_how_they_get_in(request, made)
            return redirect("desk:agents")
    return show(request, "agent.html", "agents", form, form=form, person=None, zones=zones())


def _tell_how_they_get_in(request: HttpRequest, invited: Agent) -> None:
    """Say that the invitation is on its way; where no mail leaves, show its link."""
    if settings.PLAZO.mail_leaves or settings.PLAZO.demo:
        words = _("%(name)s is in the team. An invitation is on its way to %(email)s.")
    elif invited.user.has_usable_password():
        words = _("%(name)s is in the team, and signs in with the password that they have.")
    else:
        words = _(
            "%(name)s is in the team. No mail leaves this installation yet: hand them this link,"
            " which is good for three days: %(link)s"
        )
    link = f"{settings.PLAZO.base_url}{team.password_path(invited.user)}"
    messages.success(request, words % {"name": invited, "email": invited.user.email, "link": link})


def _agent(pk: int) -> Agent:
    found = queries.agent_by_key(pk)
    if found is None:
        raise Http404
    return found


@setting(administrators)
@require_http_methods(["GET", "HEAD", "POST"])
def agent(request: HttpRequest, pk: int) -> HttpResponse:
    """Change an agent."""
    found = _agent(pk)
    form = _agent_form(found, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            staff.change_agent(agent_id=found.pk, **form.cleaned_data, **by(request))
        except PlazoError as error:
            form.add_error(None, error.user_message())
        else:
            messages.success(request, _("Saved."))
            stays = found.pk != agent_of(request).pk or form.cleaned_data["role"] == found.role
            return redirect("desk:agents" if stays else "desk:settings")
    return _show_agent(request, found, form, _go_form(found, None))


def _agent_form(found: Agent, data: Any) -> AgentForm:
    return AgentForm(
        data,
        groups=queries.groups_with_people(),
        new=False,
        initial={
            "name": found.user.name,
            "title": found.title,
            "role": found.role,
            "level": found.level,
            "groups": [group.key for group in found.groups.all()],
        },
    )


def _go_form(found: Agent, data: Any) -> GoForm:
    others = [a for a in queries.assignable_agents() if a.pk != found.pk]
    return GoForm(data, agents=others)


def _show_agent(request: HttpRequest, found: Agent, form: AgentForm, go: GoForm) -> HttpResponse:
    return show(
        request,
        "agent.html",
        "agents",
        form,
        go,
        form=form,
        go=go,
        person=found,
        cases=open_cases_of(found),
        zones=[],
        history=history_of(f"agent:{found.pk}"),
    )


@setting(administrators)
@posted("desk:agent")
def let_go(request: HttpRequest, pk: int) -> HttpResponse:
    """End an agent's access, and give their cases to somebody."""
    found = _agent(pk)
    go = _go_form(found, request.POST)
    if go.is_valid():
        try:
            moved = commands.let_agent_go(agent_id=found.pk, **go.cleaned_data, **by(request))
        except PlazoError as error:
            go.add_error(None, error.user_message())
        else:
            words = _("%(name)s has no access any more. Cases that changed hands: %(count)s.")
            messages.success(request, words % {"name": found, "count": moved})
            return redirect("desk:agents")
    return _show_agent(request, found, _agent_form(found, None), go)


@setting(administrators)
@posted("desk:agent")
def bring_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a former agent in again."""
    found = staff.reactivate_agent(agent_id=_agent(pk).pk, **by(request))
    messages.success(request, _("%(name)s has access again.") % {"name": found})
    return redirect("desk:agent", pk=pk)


@setting(administrators)
@posted("desk:agent")
def invite_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Mail an agent another link to choose their password."""
    found = _agent(pk)
    if not found.is_active:
        raise Http404
    people.invite_agent_again(agent_id=found.pk, **by(request))
    _tell_how_they_get_in(request, found)
    return redirect("desk:agent", pk=pk)


# ── Groups ────────────────────────────────────────────────────────────────────────────────────


@setting(administrators)
@require_safe
def groups(request: HttpRequest) -> HttpResponse:
    """List the groups, with who is in them."""
    return show(
        request,
        "groups.html",
        "groups",
        groups=[(group, list(group.agents.all())) for group in queries.groups_with_people()],
    )


@setting(administrators)
@require_http_methods(["GET", "HEAD", "POST"])
def group(request: HttpRequest, key: str = "") -> HttpResponse:
    """Make a group, or change one."""
    found = queries.group_by_key(key) if key else None
    if key and found is None:
        raise Http404
    agents = queries.assignable_agents()
    form = GroupForm(
        request.POST or None, agents=agents, new=found is None, initial=_group_values(found)
    )
    if request.method == "POST" and form.is_valid():
        try:
            if found is None:
                team.add_group(**form.cleaned_data, **by(request))
            else:
                staff.change_group(group_id=found.pk, **form.cleaned_data, **by(request))
        except PlazoError as error:
            form.add_error(None, error.user_message())
        else:
            messages.success(request, _("Saved."))
            return redirect("desk:groups")
    return show(
        request,
        "group.html",
        "groups",
        form,
        form=form,
        group=found,
        history=history_of(f"group:{key}"),
    )


def _group_values(found: Group | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {
        "name": found.name,
        "level": found.level,
        "email": found.email,
        "members": list(found.agents.values_list("pk", flat=True)),
    }


@setting(administrators)
@posted("desk:group")
def remove_group(request: HttpRequest, key: str) -> HttpResponse:
    """Remove a group that nothing belongs to."""
    found = queries.group_by_key(key)
    if found is None:
        raise Http404
    try:
        staff.remove_group(group_id=found.pk, **by(request))
    except PlazoError as error:
        messages.error(request, error.user_message())
        return redirect("desk:group", key=key)
    messages.success(request, _("The group “%(name)s” is gone.") % {"name": found.name})
    return redirect("desk:groups")
