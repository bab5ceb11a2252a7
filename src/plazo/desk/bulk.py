"""What is done to the chosen rows of the queue, or to a case, and taken back; and the next one."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Agent
from plazo.accounts.queries import all_groups, names_of_agents
from plazo.agreements.queries import version_in_force
from plazo.automation.bulk import MOST_TICKETS, OUTCOME, Outcome, do_to_tickets, undo_bulk
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError
from plazo.desk.case import show_ticket
from plazo.desk.closing import OutcomeRequired, require_outcome
from plazo.desk.frame import agent_required, posted
from plazo.desk.live import in_other_hands
from plazo.desk.queue import place_after
from plazo.desk.rows import beside, row_context
from plazo.desk.wanted import wanted_by
from plazo.tickets import access, commands
from plazo.tickets.models import Status

# How many tickets that were not changed a note names; the rest is a number.
NAMED = 5


@agent_required
@posted("desk:queue")
def bulk(request: HttpRequest) -> HttpResponse:
    """Do one thing to the chosen cases, and offer to take it back."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    numbers = request.POST.getlist("t")
    what, wanted = _asked(request, agent)
    try:
        if wanted.get("status") == Status.SOLVED:
            require_outcome(wanted.get("cause", ""), wanted.get("solution", ""))
        tickets = access.tickets_by_number(agent, numbers[: MOST_TICKETS + 1])
        outcome = do_to_tickets(
            tickets=tickets, what=what, wanted=wanted, agent_id=agent.pk, now=now
        )
    except PlazoError as error:
        messages.error(request, error.user_message())
        return _answer(request, [])
    text = " ".join([*_done(outcome), *_rest(outcome)])
    if outcome.changed:
        messages.success(request, text, extra_tags=f"undo-{outcome.action.key}")
    else:
        messages.warning(request, text)
    return _answer(request, outcome.changed)


@agent_required
@posted("desk:queue", plain=True)
def undo(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """Take an action back where the cases still are as it left them."""
    agent: Agent = request.agent  # type: ignore[attr-defined]
    try:
        outcome = undo_bulk(key=key, agent_id=agent.pk, now=read_clock())
    except PlazoError as error:
        if error.http_status == 404:
            raise
        messages.error(request, error.user_message())
        return _answer(request, [])
    count = len(outcome.changed)
    text = ngettext("Undone for %(count)s case.", "Undone for %(count)s cases.", count)
    parts = [text % {"count": count}] if count else []
    level = messages.WARNING if outcome.refused else messages.SUCCESS
    messages.add_message(request, level, " ".join([*parts, *_rest(outcome)]))
    return _answer(request, outcome.changed)


@agent_required
@posted("desk:ticket")
def resolve(request: HttpRequest, number: str) -> HttpResponse:
    """Solve the case that one looks at, with what it was about, and offer to take it back."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    found = access.ticket_for_agent(agent, number)
    told = _told(request)
    try:
        require_outcome(told.get("cause", ""), told.get("solution", ""))
    except OutcomeRequired as error:
        return show_ticket(request, found, now, error=error.user_message())
    wanted = {"status": Status.SOLVED.value, **told}
    outcome = do_to_tickets(
        tickets=[found], what="status", wanted=wanted, agent_id=agent.pk, now=now
    )
    if outcome.refused:
        return show_ticket(request, found, now, error=outcome.refused[0][1])
    if outcome.changed:
        text = " ".join(_done(outcome))
        messages.success(request, text, extra_tags=f"undo-{outcome.action.key}")
    return redirect("desk:ticket", number=number)


@agent_required
@posted("desk:queue")
def take_next(request: HttpRequest) -> HttpResponse:
    """Take the case that is due first and that nobody has, and go there."""
    agent: Agent = request.agent  # type: ignore[attr-defined]
    now = read_clock()
    found = commands.take_next(
        agent_id=agent.pk,
        besides=in_other_hands(agent, now),
        actor=actor_of_agent(agent),
        now=now,
    )
    if found is None:
        messages.warning(request, _("Nobody is waiting for somebody to take their case."))
        return redirect("desk:queue")
    messages.success(request, _("%(number)s is yours now.") % {"number": found.number})
    return redirect("desk:ticket", number=found.number)


@agent_required
@require_GET
def see_next(request: HttpRequest) -> HttpResponse:
    """Go to the case that is due first and that nobody has, without taking it."""
    agent: Agent = request.agent  # type: ignore[attr-defined]
    besides = in_other_hands(agent, read_clock())
    found = access.next_for_agent(agent, besides=besides).first()
    if found is None:
        messages.warning(request, _("Nobody is waiting for somebody to take their case."))
        return redirect("desk:queue")
    return redirect("desk:ticket", number=found.number)


def _told(request: HttpRequest) -> dict[str, str]:
    """Return what solving says a case was about, as far as the form asked."""
    sent = request.POST
    return {name: sent[name].replace("\x00", "") for name in OUTCOME if name in sent}


def _asked(request: HttpRequest, agent: Agent) -> tuple[str, dict[str, Any]]:
    """Return what a form of the queue asks for; the command refuses what makes no sense."""
    sent = request.POST
    match sent.get("do"):
        case "me":
            return "assign", {"assignee": agent.pk}
        case "assign":
            kind, _colon, key = sent.get("whom", "").partition(":")
            wanted = int(key) if key.isdecimal() and len(key) < 19 else None
            if kind not in ("agent", "group", "nobody") or (kind != "nobody" and wanted is None):
                return "", {}
            return "assign", {"assignee": None, "group": None} | (
                {"assignee" if kind == "agent" else "group": wanted} if wanted else {}
            )
        case "solve":
            return "status", {"status": Status.SOLVED.value, **_told(request)}
        case "status":
            return "status", {
                name: sent.get(name, "") for name in ("status", "waiting_for", "reason")
            }
        case "severity":
            return "severity", {"severity": sent.get("severity", "")}
        case "tags":
            words = {name: sent.get(name, "").replace("\x00", "") for name in ("add", "remove")}
            return "tags", {
                name: [word for word in text.replace(",", " ").split() if word.strip("#")]
                for name, text in words.items()
            }
        case _:
            return "", {}


def _done(outcome: Outcome) -> list[str]:
    """Say what was done to how many cases, or to which one."""
    count, wanted = len(outcome.changed), outcome.action.wanted
    if not count:
        return []
    cases = _cases(outcome.changed)
    told = {"cases": cases, "who": "", "what": ""}
    match outcome.action.what:
        case "assign":
            told["who"] = _whom(wanted)
            sentence = ngettext(
                "%(cases)s assigned to %(who)s.", "%(cases)s assigned to %(who)s.", count
            )
            if not told["who"]:
                sentence = ngettext(
                    "%(cases)s without assignee.", "%(cases)s without assignee.", count
                )
        case "status":
            told["what"] = str(Status(wanted["status"]).label)
            sentence = ngettext("%(cases)s now “%(what)s”.", "%(cases)s now “%(what)s”.", count)
        case "severity":
            told["what"] = wanted["severity"]
            sentence = ngettext(
                "%(cases)s with severity %(what)s.", "%(cases)s with severity %(what)s.", count
            )
        case _:
            sentence = ngettext("%(cases)s with other tags.", "%(cases)s with other tags.", count)
    return [sentence % told]


def _cases(numbers: list[str]) -> str:
    """Return one case by its number, and more by how many they are."""
    count = len(numbers)
    return (
        numbers[0]
        if count == 1
        else ngettext("%(count)s case", "%(count)s cases", count) % {"count": count}
    )


def _whom(wanted: dict[str, Any]) -> str:
    if wanted["assignee"]:
        return names_of_agents([wanted["assignee"]]).get(wanted["assignee"], "")
    return next((group.name for group in all_groups() if group.pk == wanted["group"]), "")


def _rest(outcome: Outcome) -> list[str]:
    """Say which cases were not changed, and why."""
    found = []
    if outcome.same:
        count = len(outcome.same)
        text = ngettext("%(cases)s was so already.", "%(cases)s were so already.", count)
        found.append(text % {"cases": _cases(outcome.same)})
    if outcome.refused:
        count = len(outcome.refused)
        text = ngettext("%(count)s was not changed:", "%(count)s were not changed:", count)
        reasons = [
            reason.rstrip(".") if number in reason else f"{number}: {reason.rstrip('.')}"
            for number, reason in outcome.refused[:NAMED]
        ]
        more = "; …" if count > NAMED else ""
        found.append(f"{text % {'count': count}} {'; '.join(reasons)}{more}.")
    return found


def _answer(request: HttpRequest, changed: list[str]) -> HttpResponse:
    """Lead back to the list; to a script, say what happened and how the rows look now."""
    if request.headers.get("X-Plazo") != "rows":
        return redirect(place_after(request))
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    version = version_in_force(now)
    columns = wanted_by(request.POST, agent).definition.columns
    tickets = list(access.tickets_by_number(agent, changed, rows=True))
    around = beside(tickets, agent, now)
    rows = {
        ticket.number: render_to_string(
            "plazo/desk/_rows.html",
            {
                "rows": [
                    row_context(
                        ticket,
                        columns=columns,
                        version=version,
                        language=request.LANGUAGE_CODE,
                        zone=agent.user.time_zone,
                        now=now,
                        **around,
                    )
                ]
            },
            request,
        )
        for ticket in tickets
    }
    note = render(request, "plazo/desk/_flash.html").content.decode()
    return JsonResponse({"note": note, "rows": rows})
