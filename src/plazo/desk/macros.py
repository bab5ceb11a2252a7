"""Macros: the settings in which they are made, and what the composer of a case offers of them."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Agent
from plazo.accounts.queries import all_groups
from plazo.agreements.queries import version_in_force
from plazo.automation import actions, macros, queries
from plazo.automation.rule_models import Macro
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible, PlazoError
from plazo.desk.action_forms import ActionsForm, Options
from plazo.desk.frame import agent_required, posted
from plazo.desk.setting_up import setting, settings_frame
from plazo.desk.suggesting import Asked, register
from plazo.tickets import access
from plazo.tickets.models import Ticket
from plazo.tickets.queries import tag_names
from plazo.tickets.variables import VARIABLES


def everybody(agent: Agent) -> bool:
    """For `setting`: each agent has macros of their own."""
    return True


def _agent(request: HttpRequest) -> Agent:
    agent: Agent = request.agent  # type: ignore[attr-defined]
    return agent


# ── Settings ──────────────────────────────────────────────────────────────────────────────────


@setting(everybody)
@require_GET
def macro_list(request: HttpRequest) -> HttpResponse:
    """Show the macros that an agent may apply, and those that they may change."""
    now, agent = read_clock(), _agent(request)
    names = queries.names_now(request.LANGUAGE_CODE, now)
    context = settings_frame(request, now, "macros")
    context["macros"] = [
        (macro, _whose(macro), _does(macro, names), macros.may_change(agent, macro))
        for macro in macros.macros_for_settings(agent)
    ]
    return render(request, "plazo/desk/settings/macros.html", context)


def _whose(macro: Macro) -> str:
    if macro.owner_id:
        return _("Only me")
    return str(macro.group) if macro.group_id else _("Everybody")


def _does(macro: Macro, names: actions.Names) -> list[str]:
    """Return what a macro does, in sentences; nothing of an action that is no more."""
    try:
        return [action.words(names) for action in actions.read(macro.actions, "macro")]
    except PlazoError as error:
        return [error.user_message()]


@setting(everybody)
@require_http_methods(["GET", "HEAD", "POST"])
def macro_new(request: HttpRequest) -> HttpResponse:
    """Make a macro."""
    return _edit(request, None)


@setting(everybody)
@require_http_methods(["GET", "HEAD", "POST"])
def macro(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a macro."""
    return _edit(request, macros.macro_for_editor(_agent(request), pk))


def _edit(request: HttpRequest, found: Macro | None) -> HttpResponse:
    now, agent = read_clock(), _agent(request)
    options = Options(version_in_force(now), request.LANGUAGE_CODE, "macro")
    scopes = _scopes(agent, found)
    error, status = "", 200
    if request.method == "POST":
        form = ActionsForm.from_post(request.POST, options)
        values = _values(request.POST)
        do = request.POST.get("do", "save")
        if not _changed(form, do, request.POST):
            try:
                return _saved(request, found, form, values, dict(scopes), now)
            except NotVisible:
                raise
            except PlazoError as refused:
                error, status = refused.user_message(), 422
    else:
        form = ActionsForm.from_stored(found.actions if found else [], options)
        values = _values_of(found)
    context = settings_frame(request, now, "macros") | form.context()
    context |= {
        "macro": found,
        "values": values,
        "scopes": scopes,
        "error": error,
        "variables": [(f"{{{{{key}}}}}", words) for key, (words, _f) in VARIABLES.items()],
        "tag_names": tag_names(),
    }
    return render(request, "plazo/desk/settings/macro.html", context, status=status)


def _scopes(agent: Agent, found: Macro | None) -> list[tuple[str, str]]:
    """Return whose a macro can be: for who coordinates, a group's and everybody's too."""
    own = [("me", _("Only me"))] if found is None or found.owner_id == agent.pk else []
    if not agent.coordinates:
        return own
    groups = [(f"group:{group.pk}", str(group)) for group in all_groups()]
    return [*own, ("all", _("Everybody")), *groups]


def _values(sent: QueryDict) -> dict[str, Any]:
    return {
        "name": sent.get("name", "")[:80],
        "scope": sent.get("scope", "me"),
        "text_es": sent.get("text_es", "")[: actions.LONGEST_TEXT],
        "text_en": sent.get("text_en", "")[: actions.LONGEST_TEXT],
        "active": bool(sent.get("active")),
    }


def _values_of(found: Macro | None) -> dict[str, Any]:
    if found is None:
        return {"name": "", "scope": "me", "text_es": "", "text_en": "", "active": True}
    shared = f"group:{found.group_id}" if found.group_id else "all"
    return {
        "name": found.name,
        "scope": "me" if found.owner_id else shared,
        "text_es": found.text_es,
        "text_en": found.text_en,
        "active": found.active,
    }


def _changed(form: ActionsForm, do: str, sent: QueryDict) -> bool:
    """Add or take away a row, as a button says; False for a button that does more."""
    what, _dash, number = do.partition("-")
    match what:
        case "more":
            form.add(sent.get("another", ""))
        case "drop":
            form.remove(number)
        case "raise":
            form.raise_up(number)
        case _:
            return False
    return True


def _saved(
    request: HttpRequest,
    found: Macro | None,
    form: ActionsForm,
    values: dict[str, Any],
    scopes: dict[str, str],
    now: datetime,
) -> HttpResponse:
    agent, scope = _agent(request), values.pop("scope")
    if scope not in scopes:
        raise NotVisible
    kind, _colon, key = scope.partition(":")
    macros.save_macro(
        macro_id=found.pk if found else None,
        owner_id=agent.pk if kind == "me" else None,
        group_id=int(key) if kind == "group" else None,
        actions=form.actions(),
        actor=actor_of_agent(agent),
        now=now,
        **values,
    )
    messages.success(request, _("Saved."))
    return redirect("desk:macros")


@setting(everybody)
@posted("desk:macros")
def macro_act(request: HttpRequest, pk: int, what: str) -> HttpResponse:
    """Move a macro, or remove it."""
    agent = _agent(request)
    found = macros.macro_for_editor(agent, pk)
    by: dict[str, Any] = {"actor": actor_of_agent(agent), "now": read_clock()}
    match what:
        case "up" | "down":
            seen = [
                each.pk
                for each in macros.macros_for_settings(agent)
                if macros.may_change(agent, each)
            ]
            macros.move_macro(macro_id=pk, up=what == "up", among=seen, **by)
        case "remove":
            macros.remove_macro(macro_id=pk, **by)
            messages.success(request, _("“%(name)s” was removed.") % {"name": found.name})
        case _:
            raise NotVisible
    return redirect("desk:macros")


# ── On a case ─────────────────────────────────────────────────────────────────────────────────


def automation_of(ticket: Ticket, agent: Agent, now: datetime, language: str) -> dict[str, Any]:
    """Return what a case shows of automation: its macros, with their words and what they do, and
    the log of its rules. Two queries, and those for the names of whom actions name.
    """
    names = queries.names_now(language, now)
    return {
        "macros": [
            {
                "macro": macro,
                "text": macros.words_for(macro, ticket, agent, now),
                "does": _does(macro, names),
            }
            for macro in macros.offered(agent, ticket)
        ],
        "rule_lines": queries.lines(queries.runs_on(ticket), names),
    }


def words_asked(request: HttpRequest, ticket: Ticket, now: datetime) -> str:
    """Return the words of the macro that was just applied, for the composer."""
    pk = request.GET.get("macro", "")
    if not (pk.isascii() and pk.isdigit() and len(pk) < 19):
        return ""
    agent = _agent(request)
    try:
        return macros.words_for(macros.macro_for_agent(agent, int(pk)), ticket, agent, now)
    except NotVisible:
        return ""


@agent_required
@posted("desk:ticket")
def apply_macro(request: HttpRequest, number: str, pk: int) -> HttpResponse:
    """Do what a macro says on a case, and put its words into the composer."""
    now, agent = read_clock(), _agent(request)
    found = access.ticket_for_agent(agent, number)
    macro = macros.macro_for_agent(agent, pk)
    try:
        applied = macros.apply(macro, found, agent, now)
    except PlazoError as error:
        messages.warning(request, f"{macro.name}: {error.user_message()}")
        return redirect("desk:ticket", number=number)
    done = sum(each["result"] == "done" for each in applied.outcomes)
    if done:
        words = ngettext(
            "“%(name)s”: %(done)s change made.", "“%(name)s”: %(done)s changes made.", done
        )
        messages.success(request, words % {"name": macro.name, "done": done})
    for each in applied.refused:
        messages.warning(request, f"{macro.name}: {actions.refusal(each)}")
    here = reverse("desk:ticket", args=[number])
    written = request.POST.get("written") or not applied.text
    return redirect(here if written else f"{here}?macro={macro.pk}#body")


def items(asked: Asked) -> list[dict[str, Any]]:
    """Return macros as items of the composer's list: what they are called, do and say."""
    ticket, agent, now = asked.ticket, asked.agent, asked.now
    offered = macros.offered(agent, ticket, asked.text)
    names = queries.names_now(get_language() or "es", now) if offered else actions.Names()
    return [
        {
            "label": macro.name,
            "hint": " · ".join(_does(macro, names)),
            "text": macros.words_for(macro, ticket, agent, now),
            "macro": macro.pk,
        }
        for macro in offered
    ]


register("/", items)
