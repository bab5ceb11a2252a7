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
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError
from plazo.desk import forms
from plazo.desk.case import seen_by, show_ticket
from plazo.desk.frame import agent_required, posted
from plazo.notifications import people
from plazo.tickets import access, commands, queries
from plazo.tickets.models import Ticket


def _act(
    request: HttpRequest,
    number: str,
    form: django_forms.Form,
    command: Callable[[Ticket, dict[str, Any], dict[str, Any]], Any],
    *,
    done: str = "",
) -> HttpResponse:
    """Run one command of the side panel; on an error show the ticket again with the sentence."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    found = access.ticket_for_agent(agent, number)
    if not form.is_valid():
        first = next(iter(form.errors.values()))[0]
        return show_ticket(request, found, now, error=str(first))
    try:
        command(found, form.cleaned_data, {"actor": actor_of_agent(agent), "now": now})
    except PlazoError as error:
        return show_ticket(request, found, now, error=error.user_message())
    if done:
        messages.success(request, done)
    return redirect("desk:ticket", number=number)


@agent_required
@posted("desk:ticket")
def write(request: HttpRequest, number: str) -> HttpResponse:
    """Send a public reply, or keep an internal note."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    found = access.ticket_for_agent(agent, number)
    form = forms.WriteForm(request.POST, request.FILES)
    if not form.is_valid():
        return show_ticket(request, found, now, form=form)
    data, actor = form.cleaned_data, actor_of_agent(agent)
    if data["kind"] == "reply" and (warning := _written_since(found, seen_by(form), agent)):
        return show_ticket(request, found, now, form=form, error=warning)
    try:
        if data["kind"] == "note":
            commands.add_internal_note(
                ticket_id=found.pk,
                body=data["body"],
                attachments=form.store(),
                actor=actor,
                now=now,
            )
        else:
            commands.reply_to_ticket(
                ticket_id=found.pk,
                body=data["body"],
                attachments=form.store(),
                copies=_copies(found, data),
                then=data["then"],
                waiting_for=data["waiting_for"],
                reason=data["reason"],
                actor=actor,
                now=now,
            )
    except PlazoError as error:
        return show_ticket(request, found, now, form=form, error=error.user_message())
    done = _("Note saved.") if data["kind"] == "note" else _("Reply sent.")
    # The tag names the draft, which the page that shows this may forget.
    messages.success(request, done, extra_tags=f"desk-{number}")
    return redirect("desk:ticket", number=number)


def _copies(found: Ticket, data: dict[str, Any]) -> list[int] | None:
    """Return the participants that the agent left ticked; all of them where none were shown."""
    if not data["copies_shown"]:
        return None
    taking_part = found.participants.values_list("requester_id", flat=True)
    return [pk for pk in taking_part if str(pk) in data["copies"]]


def _written_since(found: Ticket, seen: int, agent: Agent) -> str:
    """Return what to tell somebody whose reply crosses another message; empty if none does."""
    if not seen:
        return ""
    since = [event for event in queries.chain_of(found) if event.sequence > seen]
    if any(event.kind == "requester.replied" for event in since):
        return _("The requester wrote while you were writing. Read it, then send again.")
    for event in since:
        if event.kind == "ticket.replied" and event.actor_id != agent.pk:
            return _("%(name)s replied while you were writing. Read it, then send again.") % {
                "name": event.actor_name
            }
    return ""


@agent_required
@posted("desk:ticket")
def assign(request: HttpRequest, number: str) -> HttpResponse:
    """Give the ticket to somebody, or to nobody."""
    return _act(
        request,
        number,
        forms.AssignForm(request.POST),
        lambda found, data, by: commands.assign_ticket(
            ticket_id=found.pk, assignee_id=data["assignee"], **by
        ),
    )


@agent_required
@posted("desk:ticket")
def severity(request: HttpRequest, number: str) -> HttpResponse:
    """Judge the impact."""
    return _act(
        request,
        number,
        forms.SeverityForm(request.POST),
        lambda found, data, by: commands.set_severity(
            ticket_id=found.pk, severity=data["severity"], **by
        ),
    )


@agent_required
@posted("desk:ticket")
def level(request: HttpRequest, number: str) -> HttpResponse:
    """Hand the ticket up to another level."""
    return _act(
        request,
        number,
        forms.LevelForm(request.POST),
        lambda found, data, by: commands.enter_level(
            ticket_id=found.pk, level=data["level"], severity=data["severity"], **by
        ),
    )


@agent_required
@posted("desk:ticket")
def verdict(request: HttpRequest, number: str) -> HttpResponse:
    """Decide whether the ticket is in scope, or out by which clause."""
    return _act(
        request,
        number,
        forms.VerdictForm(request.POST),
        lambda found, data, by: commands.give_verdict(
            ticket_id=found.pk,
            in_scope=data["verdict"] == "in_scope",
            clause="" if data["verdict"] == "in_scope" else data["verdict"],
            **by,
        ),
    )


@agent_required
@posted("desk:ticket")
def status(request: HttpRequest, number: str) -> HttpResponse:
    """Put the ticket in another status."""
    return _act(
        request,
        number,
        forms.StatusForm(request.POST),
        lambda found, data, by: commands.set_status(ticket_id=found.pk, **data, **by),
    )


@agent_required
@posted("desk:ticket")
def reopen(request: HttpRequest, number: str) -> HttpResponse:
    """Open a solved ticket again."""
    return _act(
        request,
        number,
        django_forms.Form(request.POST),
        lambda found, data, by: commands.reopen_ticket(ticket_id=found.pk, **by),
    )


@agent_required
@require_POST
def invite(request: HttpRequest, number: str) -> HttpResponse:
    """Invite the requester into the portal, bound to their company."""
    return _act(
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
