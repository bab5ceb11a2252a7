"""A person who asks, and a company: who they are, and their cases."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from plazo.accounts import access as people
from plazo.agreements.queries import version_in_force
from plazo.core.clock import read_clock
from plazo.desk.find import row_of
from plazo.desk.frame import agent_required, frame
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
    return render(request, "plazo/desk/person.html", context)


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
