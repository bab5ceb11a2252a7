"""What an agent does to a case: each a form that is sent and one command."""

from collections.abc import Callable
from typing import Any

from django import forms as django_forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Agent
from plazo.core import failures
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError
from plazo.desk import forms
from plazo.desk.case import show_ticket
from plazo.desk.closing import require_outcome
from plazo.desk.frame import agent_required, posted
from plazo.notifications import people
from plazo.tickets import access, commands, drafts
from plazo.tickets.models import Status, Ticket
from plazo.triage.scope_suggesting import judge_scope


def act(
    request: HttpRequest,
    number: str,
    form: django_forms.Form,
    command: Callable[[Ticket, dict[str, Any], dict[str, Any]], Any],
    *,
    done: str = "",
    typed: Callable[[str], dict[str, Any]] | None = None,
) -> HttpResponse:
    """Run one command of the side panel; on an error show the ticket again with the sentence.

    Units: `typed` returns what the page needs to show a promise's form again as it was filled in;
        of any other form the words that were written are given back, to copy.
    """
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    found = access.ticket_for_agent(agent, number)
    if not form.is_valid():
        first = next(iter(form.errors.values()))[0]
        return show_ticket(request, found, now, **_again(request, str(first), typed))
    try:
        command(found, form.cleaned_data, {"actor": actor_of_agent(agent), "now": now})
    except PlazoError as error:
        return show_ticket(request, found, now, **_again(request, error.user_message(), typed))
    if done:
        messages.success(request, done)
    return redirect("desk:ticket", number=number)


def _again(
    request: HttpRequest, words: str, typed: Callable[[str], dict[str, Any]] | None
) -> dict[str, Any]:
    if typed is not None:
        return {"error": words, "promise_asked": typed(words)}
    return {"error": words, "given_back": failures.typed(request)}


@agent_required
@posted("desk:ticket")
def assign(request: HttpRequest, number: str) -> HttpResponse:
    """Give the ticket to somebody, or to nobody. What one has begun to write goes along."""
    agent: Agent = request.agent  # type: ignore[attr-defined]

    def command(found: Ticket, data: dict[str, Any], by: dict[str, Any]) -> None:
        begun = bool(drafts.begun_on(agent, [found.pk]))
        commands.assign_ticket(ticket_id=found.pk, assignee_id=data["assignee"], **by)
        if begun:  # also to whoever has the ticket already
            drafts.hand_over(found, to=data["assignee"], of={agent.pk})
        if begun and not drafts.begun_on(agent, [found.pk]):
            # The tag names the draft, which this browser may forget.
            messages.success(request, _("Your draft went along."), extra_tags=f"desk-{number}")

    return act(request, number, forms.AssignForm(request.POST), command)


@agent_required
@posted("desk:ticket")
def severity(request: HttpRequest, number: str) -> HttpResponse:
    """Judge the impact."""
    return act(
        request,
        number,
        forms.SeverityForm(request.POST),
        lambda found, data, by: commands.set_severity(
            ticket_id=found.pk, severity=data["severity"], why=data["why"], **by
        ),
    )


@agent_required
@posted("desk:ticket")
def level(request: HttpRequest, number: str) -> HttpResponse:
    """Hand the ticket up to another level."""
    return act(
        request,
        number,
        forms.LevelForm(request.POST),
        lambda found, data, by: commands.enter_level(
            ticket_id=found.pk,
            level=data["level"],
            severity=data["severity"],
            impact=data["impact"],
            **by,
        ),
    )


@agent_required
@posted("desk:ticket")
def verdict(request: HttpRequest, number: str) -> HttpResponse:
    """Decide whether the ticket is in scope, or out by which clause, perhaps with why."""
    return act(
        request,
        number,
        forms.VerdictForm(request.POST),
        lambda found, data, by: judge_scope(ticket_id=found.pk, **data, **by),
        done=_("The verdict is on record. You can change it; the first one stays."),
    )


@agent_required
@posted("desk:ticket")
def status(request: HttpRequest, number: str) -> HttpResponse:
    """Put the ticket in another status."""

    def command(found: Ticket, data: dict[str, Any], by: dict[str, Any]) -> Any:
        cause, solution = data.pop("cause"), data.pop("solution")
        if data["status"] == Status.SOLVED:
            require_outcome(cause, solution)
        outcome = commands.Outcomes(cause, solution)
        return commands.set_status(ticket_id=found.pk, outcome=outcome, **data, **by)

    return act(request, number, forms.StatusForm(request.POST), command)


@agent_required
@posted("desk:ticket")
def outcome(request: HttpRequest, number: str) -> HttpResponse:
    """Say afterwards what a solved case was about."""
    return act(
        request,
        number,
        forms.OutcomeForm(request.POST),
        lambda found, data, by: commands.set_outcome(ticket_id=found.pk, **data, **by),
        done=_("Saved."),
    )


@agent_required
@posted("desk:ticket")
def reopen(request: HttpRequest, number: str) -> HttpResponse:
    """Open a solved ticket again."""
    return act(
        request,
        number,
        django_forms.Form(request.POST),
        lambda found, data, by: commands.reopen_ticket(ticket_id=found.pk, **by),
    )


@agent_required
@require_POST
def invite(request: HttpRequest, number: str) -> HttpResponse:
    """Invite the requester into the portal, bound to their company."""
    return act(
        request,
        number,
        forms.InviteForm(request.POST),
        lambda found, data, by: people.invite(
            email=found.requester.email,
            name=found.requester.name,
            organization_id=found.requester.organization_id or data["organization"],
            role=data["role"],
            language=found.requester.language,
            **by,
        ),
        done=_("The invitation is on its way."),
    )
