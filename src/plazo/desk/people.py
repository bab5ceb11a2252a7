"""A person who asks, and a company: who they are, and their cases."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from plazo.accounts import access as people
from plazo.accounts.access import actor_of_agent
from plazo.accounts.companies import place_person
from plazo.accounts.queries import organization_names
from plazo.agreements.queries import version_in_force
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible, PlazoError
from plazo.desk.find import row_of
from plazo.desk.frame import agent_required, frame, posted
from plazo.tickets import queries


@agent_required
@require_GET
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """Show somebody who asks: their company, their way in, their latest cases."""
    now = read_clock()
    agent = request.agent  # type: ignore[attr-defined]
    found = people.requester_for_agent(agent, pk)
    tickets = queries.latest_of(agent=agent, requester=found)
    context = frame(request, now, version_in_force(now)) | {
        "person": found,
        "rows": [(ticket, row_of(ticket, now)) for ticket in tickets],
    }
    if found.organization_id is None and found.erased_at is None and agent.coordinates:
        context["companies"] = organization_names()
    return render(request, "plazo/desk/person.html", context)


@agent_required
@posted("desk:person")
def place(request: HttpRequest, pk: int) -> HttpResponse:
    """Say of which company somebody is whose company was not known."""
    agent = request.agent  # type: ignore[attr-defined]
    found = people.requester_for_agent(agent, pk)
    if not agent.coordinates:
        raise NotVisible
    chosen = [key for key, _name in organization_names() if str(key) == request.POST.get("company")]
    if not chosen:
        messages.error(request, _("Choose a company of the list."))
        return redirect("desk:person", pk=pk)
    try:
        place_person(
            requester_id=found.pk,
            organization_id=chosen[0],
            actor=actor_of_agent(agent),
            now=read_clock(),
        )
    except PlazoError as error:
        messages.error(request, error.user_message())
    else:
        messages.success(request, _("Saved. It holds for the cases that they open from now on."))
    return redirect("desk:person", pk=pk)


@agent_required
@require_GET
def organization(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a company: what it is entitled to, its people, its latest cases."""
    now = read_clock()
    agent = request.agent  # type: ignore[attr-defined]
    found = people.organization_for_agent(agent, slug)
    version = version_in_force(now)
    tickets = queries.latest_of(agent=agent, organization=found)
    context = frame(request, now, version)
    document = version.document
    context |= {
        "organization": found,
        "entitled": found.stage == document.stages.entitled,
        "covered": ", ".join(
            document.service_name(key, context["language"]) for key in found.services
        ),
        "people": people.people_of(agent, found),
        "rows": [(ticket, row_of(ticket, now)) for ticket in tickets],
    }
    return render(request, "plazo/desk/organization.html", context)
