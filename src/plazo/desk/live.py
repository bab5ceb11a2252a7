"""What keeps open screens of the desk up to date: who may have a stream, and who is at a case."""

from datetime import datetime
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from plazo.accounts.models import Agent
from plazo.accounts.queries import names_of_agents
from plazo.core import limits, presence
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible
from plazo.core.live import publish
from plazo.desk.frame import agent_required
from plazo.tickets import access
from plazo.tickets.live import PLACES, TOPIC, place_of
from plazo.tickets.models import Ticket

MOST_CASES: Final = 20
TOLD: Final = limits.Limit("presence", burst=40, per_hour=1800)
DOINGS: Final = ("", "reply", "note")


@agent_required
@require_GET
def rights(request: HttpRequest) -> JsonResponse:
    """Say what a stream of this person may tell; the stream itself is `config.streams`.

    Edges: only our own pages may ask. Cases that the person may not see are left out silently.
    """
    agent: Agent = request.agent  # type: ignore[attr-defined]
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise NotVisible
    wanted = request.GET.getlist("case")[:MOST_CASES]
    cases = access.tickets_for_agent(agent).filter(number__in=wanted) if wanted else ()
    places = sorted(place_of(ticket.pk) for ticket in cases)
    return JsonResponse({"agent": agent.pk, "topics": [TOPIC, f"agent:{agent.pk}", *places]})


@agent_required
@require_http_methods(["GET", "POST"])
def here(request: HttpRequest, number: str) -> HttpResponse:
    """Note that this person looks at a case or writes there, and show who else does."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    found = access.ticket_for_agent(agent, number)
    if request.method == "POST":
        _note(found, agent, request.POST.get("doing", ""), now)
    visits = [visit for visit in presence.at(place_of(found.pk), now=now) if visit.who != agent.pk]
    names = names_of_agents(visit.who for visit in visits) if visits else {}
    people = [(names[visit.who], visit.doing) for visit in visits if visit.who in names]
    context = {"people": people, "says": [_says(name, doing) for name, doing in people]}
    return render(request, "plazo/desk/_presence.html", context)


def in_other_hands(agent: Agent, now: datetime) -> list[int]:
    """Return the keys of the cases at which somebody else is right now: nobody is sent there."""
    places = presence.places(PLACES, besides=agent.pk, now=now)
    return [int(place.removeprefix(PLACES)) for place in places]


def _note(found: Ticket, agent: Agent, doing: str, now: datetime) -> None:
    """Keep where the agent is, and tell the others if that is news to them."""
    place = place_of(found.pk)
    if doing == "gone":
        is_news = presence.go(place, agent.pk)
    else:
        is_news = presence.come(place, agent.pk, doing if doing in DOINGS else "", now=now)
    if is_news and limits.take(TOLD, str(agent.pk), now=now):
        publish(place, {"presence": agent.pk})


def _says(name: str, doing: str) -> str:
    if doing == "reply":
        return _("%(name)s is writing a reply") % {"name": name}
    if doing == "note":
        return _("%(name)s is writing a note") % {"name": name}
    return _("%(name)s is looking at this case") % {"name": name}
