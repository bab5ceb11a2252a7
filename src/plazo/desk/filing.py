"""How a case is filed: its tags, what it is about, and its further details."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from plazo.accounts.access import actor_of_agent
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError
from plazo.desk.case import show_ticket
from plazo.desk.composer import company_domains
from plazo.desk.frame import agent_required, posted
from plazo.tickets import access, commands
from plazo.tickets.models import Ticket
from plazo.tickets.queries import tag_names


def _file(
    request: HttpRequest, number: str, command: Callable[[Ticket, dict[str, Any]], Any], done: str
) -> HttpResponse:
    """Run one command on a case; say so where something changed, and why where it was refused."""
    now: datetime = read_clock()
    found = access.ticket_for_agent(request.agent, number)  # type: ignore[attr-defined]
    by = {"actor": actor_of_agent(request.agent), "now": now}  # type: ignore[attr-defined]
    try:
        changed = command(found, by)
    except PlazoError as error:
        return show_ticket(request, found, now, error=error.user_message())
    if changed is not None:
        messages.success(request, done)
    return redirect("desk:ticket", number=number)


@agent_required
@require_GET
def known(request: HttpRequest, number: str) -> JsonResponse:
    """Return what a case's fields know, once one of them is used: the tags that there are, and the
    domains of whom a copy may go to without a word."""
    found = access.ticket_for_agent(request.agent, number)  # type: ignore[attr-defined]
    return JsonResponse({"tags": tag_names(), "domains": company_domains(found)})


@agent_required
@posted("desk:ticket")
def tags(request: HttpRequest, number: str) -> HttpResponse:
    """Put tags on a case, with commas or spaces in between, or take one off."""
    add = request.POST.get("add", "").replace(",", " ").split()
    remove = [tag for tag in request.POST.getlist("remove") if tag.strip()]
    return _file(
        request,
        number,
        lambda found, by: commands.change_tags(ticket_id=found.pk, add=add, remove=remove, **by),
        _("Tags changed."),
    )


@agent_required
@posted("desk:ticket")
def classify(request: HttpRequest, number: str) -> HttpResponse:
    """Put right which service, environment and type of request a case is about."""
    sent = request.POST
    return _file(
        request,
        number,
        lambda found, by: commands.classify_ticket(
            ticket_id=found.pk,
            service=sent.get("service", ""),
            environment=sent.get("environment", ""),
            request_type=sent.get("request_type", ""),
            **by,
        ),
        _("Put right. The deadlines stay what they were promised as."),
    )


@agent_required
@posted("desk:ticket")
def fields(request: HttpRequest, number: str) -> HttpResponse:
    """Fill in the further details of a case."""
    values = {
        name.removeprefix("field_"): str(value)
        for name, value in request.POST.items()
        if name.startswith("field_")
    }
    return _file(
        request,
        number,
        lambda found, by: commands.set_fields(ticket_id=found.pk, values=values, **by),
        _("Details saved."),
    )
