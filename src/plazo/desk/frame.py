"""What every screen of the desk stands in: who may come in, the rail with its counts, the day."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from plazo.accounts.models import Agent
from plazo.accounts.queries import TEAM
from plazo.agreements.errors import NoAgreementInForce
from plazo.agreements.models import AgreementVersion
from plazo.agreements.page import opening_now
from plazo.automation import views
from plazo.automation.models import SavedView
from plazo.core import drawing
from plazo.core.errors import NotVisible, PlazoError
from plazo.core.kept import kept
from plazo.escalation import queries as ladder
from plazo.notifications import inbox
from plazo.tickets import access, filters, listing, queries

View = Callable[..., HttpResponseBase]

FOLLOWS = "X-Plazo-Live"  # the header of a fetch by a screen that follows along
STREAMS = "plazo.streams"  # the server's word that it has live streams


def agent_required(view: View) -> View:
    """Let agents in; for anyone else who is signed in, the desk does not exist."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            request.agent = access.require_agent(request.user)  # type: ignore[attr-defined]
            return view(request, *args, **kwargs)
        except NotVisible as error:
            raise Http404 from error
        except NoAgreementInForce as error:
            context = {"reason": error.user_message()}
            return render(request, "plazo/desk/not_yet.html", context, status=error.http_status)

    return never_cache(guarded)


def posted(page: str, *, plain: bool = False) -> Callable[[View], View]:
    """Let a view be reached by sending its form only, and lead whoever comes otherwise to `page`.

    Units: `plain` is a page that takes nothing of the form's own address.
    Edges: that is where a person lands who had to sign in before their form could be taken: they
        are told that nothing was done.
    """

    def only_posted(view: View) -> View:
        takes_posts: View = require_POST(view)

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method not in ("GET", "HEAD"):
                return takes_posts(request, *args, **kwargs)
            messages.warning(request, _("Nothing was sent. Please send it again."))
            place = {"number": kwargs["number"]} if "number" in kwargs else kwargs
            return redirect(reverse(page, kwargs={} if plain else place))

        return guarded

    return only_posted


def view_labels() -> dict[str, tuple[str, str, str]]:
    """Return each view of the queue: its name, its icon, and the second key of its sequence."""
    return {
        "due": (_("Due next"), "list-ordered", "q"),
        "overdue": (pgettext("cases", "Overdue"), "alarm-clock-off", "v"),
        "mine": (_("Assigned to me"), "user-round", "m"),
        "unassigned": (_("Unassigned"), "circle-dashed", "s"),
        "pending": (_("Waiting for an answer"), "pause", "w"),
        "solved": (_("Solved lately"), "circle-check", "d"),
    }


def frame(
    request: HttpRequest, now: datetime, version: AgreementVersion, current: str = ""
) -> dict[str, Any]:
    """Return what every page of the desk shows: the rail with its counts, the day, the person.

    Costs one query: all counts of the desk's views and of the notices that are unread; and one more
    where there are saved views, for all their counts.
    """
    agent: Agent = request.agent  # type: ignore[attr-defined]
    document = version.document
    support = version.sla.calendars[document.support_calendar]
    cap = listing.COUNT_CAP
    counts = queries.counts(agent=agent, now=now, besides=_besides(agent))
    unread, rings = counts.pop("unread"), counts.pop("rings")
    ringing = counts.pop("ringing")
    counted = {key: f"{cap}+" if count > cap else count for key, count in counts.items()}
    saved = views.views_for(agent)
    counted |= _counted(saved, agent, now)
    # A page that a screen fetches to follow along must not use up what another page is to say.
    quiet = {"messages": ()} if FOLLOWS in request.headers else {}
    return {
        **quiet,
        "stream": reverse("desk:live") if request.META.get(STREAMS) else "",
        "now": now,
        "agent": agent,
        "document": document,
        "language": request.LANGUAGE_CODE,
        "zone": agent.user.time_zone,
        "support_zone": support.zone,
        "opening": opening_now(support, now),
        "today": drawing.day_ruler(support, now, now=now, label=_("Support hours of today")),
        "current_view": current,
        "rail": [
            (key, label, icon, letter, counted[key])
            for key, (label, icon, letter) in view_labels().items()
        ],
        "saved_rail": [(view.key.hex, view.name, counted.get(view.key.hex, "")) for view in saved],
        "counted": counted,
        "density": agent.preferences.get("density", ""),
        "unread_notices": inbox.unread_words(unread),
        "rings_for_me": rings,
        "ringing": inbox.unread_words(ringing),
        "demo_outbox": settings.PLAZO.demo,
        "max_upload": settings.PLAZO.max_upload_bytes,
    }


@kept(TEAM)
def _besides(agent: Agent) -> dict[str, queries.Count]:
    """Return the texts of what else the frame counts: notices unread, and what rings, for oneself
    and at all. They are the same for every page of an agent."""
    return {
        "unread": queries.count_of(inbox.unread_of(agent)),
        "rings": queries.count_of(ladder.bells_of(agent)),
        "ringing": queries.count_of(ladder.ringing_for(agent)),
    }


def _counted(saved: list[SavedView], agent: Agent, now: datetime) -> dict[str, str | int]:
    """Return what stands beside each saved view: how many open tickets it holds.

    Edges: “12+” where there may be more, and a dash where it may hold none or some. A view that
        reaches into what has ended has no number: nobody needs it, and it could cost anything.
    """
    context, wanted = filters.Context(now, agent), {}
    for view in saved:
        try:
            conditions = views.definition_of(view).conditions
        except PlazoError:
            continue  # written by a later release: its page says so
        if not listing.reaches_ended(conditions):
            wanted[view.key.hex] = filters.all_q(conditions, context)
    counted = listing.counts(wanted, tickets=access.tickets_for_agent(agent))
    return {
        key: (f"{count}+" if count else "–") if more else count
        for key, (count, more) in counted.items()
    }
