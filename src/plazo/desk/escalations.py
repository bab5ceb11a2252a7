"""The escalations board: what rings, who has it, who is on call, what rang; and "I have it"."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Agent
from plazo.accounts.queries import agent_by_key
from plazo.agreements.document import AgreementDocument
from plazo.agreements.queries import version_in_force
from plazo.core import chips, clockview, drawing, localtime
from plazo.core.actor import Actor
from plazo.core.clock import read_clock
from plazo.desk.acting import act
from plazo.desk.frame import agent_required, frame, posted
from plazo.escalation import letters, queries
from plazo.escalation.labels import cause_words, due_words, role_of, why_words
from plazo.escalation.models import Ring, RingState
from plazo.tickets import access, commands
from plazo.tickets.errors import NothingRings
from plazo.tickets.queries import live_clock

WEEK: Final = timedelta(days=7)
DAY: Final = timedelta(days=1)
MOST_AT_ONCE: Final = 100


@agent_required
@require_safe
def board(request: HttpRequest) -> HttpResponse:
    """Show what rings now, who has what, who is on call this week, and what rang."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    version = version_in_force(now)
    context = frame(request, now, version, current="escalations")
    zone, document, language = context["zone"], version.document, context["language"]
    monday = _monday(now, zone)
    calls = queries.on_call(version, now=now, begins_at=monday, ends_at=monday + WEEK)
    lanes = queries.lanes(agent, [entry.level for entry in document.ladder], now=now)
    rows, older = queries.history(agent, before=request.GET.get("before", ""))
    context |= {
        "lanes": [
            {
                "lane": lane,
                "role": role_of(document, lane.step, language),
                "on_call": call,
                "people": _(" or ").join(str(person) for person in call.present),
                "until": call.turn.ends_at if call.turn else None,
                "silences": _silences(version.sla.ladder.silence, lane.step, len(document.ladder)),
                "ringing": [_card(ring, agent, now) for ring in lane.ringing],
                "in_hand": [_card(ring, agent, now) for ring in lane.in_hand],
                "more": max(lane.count - len(lane.ringing), 0),
            }
            for lane, call in zip(lanes, calls, strict=True)
        ],
        "week": _week(calls, document, language, monday, zone, now),
        "nobody": [role_of(document, call.step, language) for call in calls if call.is_nobody],
        "history": [(ring, cause_words(ring.cause)) for ring in rows],
        "older": older,
        "page_is_first": not request.GET.get("before"),
    }
    return render(request, "plazo/desk/escalations.html", context)


def _card(ring: Ring, agent: Agent, now: datetime) -> dict[str, Any]:
    """Return what a card says of a ring. Costs no query."""
    ticket = ring.ticket
    live = live_clock(ticket)
    clock = clockview.of_projection(live, now) if live else None
    return {
        "ring": ring,
        "ticket": ticket,
        "severity": chips.severity(ticket.severity),
        "clock": clock,
        "why": cause_words(ring.cause),
        "mine": agent.pk in ring.agents,
    }


def _silences(silence: Mapping[str, timedelta], step: int, top: int) -> str:
    """Say after how much silence the next step is rung, by severity."""
    if step >= top:
        return _("The last step: it is rung until somebody answers.")
    words = [f"{severity} {localtime.span_words(span)}" for severity, span in silence.items()]
    if not words:
        return _("Silence rings nobody further.")
    return _("Without an answer it goes up: %(spans)s") % {"spans": " · ".join(words)}


def _monday(now: datetime, zone: str) -> datetime:
    """Return when this week began, by a person's own clock."""
    there = localtime.local(now, zone)
    day = there.date() - timedelta(days=there.weekday())
    return localtime.utc(datetime.combine(day, datetime.min.time()), zone)


def _week(
    calls: list[queries.OnCall],
    document: AgreementDocument,
    language: str,
    monday: datetime,
    zone: str,
    now: datetime,
) -> dict[str, Any]:
    """Return the week's drawing: for each step the turns, as stretches in percent, and in words."""
    names = queries.names_of({turn.agent for call in calls for turn in call.turns})
    ends = monday + WEEK
    members: dict[int, int] = {}
    rows = []
    for call in calls:
        spans = []
        for turn in call.turns:
            begins, over = max(turn.begins_at, monday), min(turn.ends_at, ends)
            spans.append(
                {
                    "x": drawing.percent(begins - monday, WEEK),
                    "width": drawing.percent(over - begins, WEEK),
                    "name": names.get(turn.agent, ""),
                    "kind": members.setdefault(turn.agent, len(members)) % 3 + 1,
                    "begins_at": begins,
                    "ends_at": over,
                }
            )
        rows.append(
            {
                "step": call.step,
                "role": role_of(document, call.step, language),
                "spans": spans,
                "people": ", ".join(str(person) for person in call.present),
            }
        )
    return {
        "rows": rows,
        "now": drawing.percent(now - monday, WEEK),
        "days": [
            (f"{number / 7 * 100:.3f}%", monday + number * DAY + timedelta(hours=12))
            for number in range(7)
        ],
    }


@agent_required
@posted("desk:ticket")
def answer(request: HttpRequest, number: str) -> HttpResponse:
    """Say "I have it" about one case."""
    return act(
        request,
        number,
        forms.Form(request.POST),
        lambda found, _data, by: commands.answer_ladder(ticket_id=found.pk, by="desk", **by),
        done=_("You have it: nothing rings any more."),
    )


@agent_required
@posted("desk:escalations", plain=True)
def answer_all(request: HttpRequest) -> HttpResponse:
    """Say "I have it" about all that rings for oneself, or about one case of the board."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    number = request.POST.get("number", "")
    if number:
        tickets = [access.ticket_for_agent(agent, number).pk]
    else:
        tickets = queries.tickets_ringing_for(agent, limit=MOST_AT_ONCE)
    taken = _answer_each(tickets, actor_of_agent(agent), now, by="desk")
    messages.success(request, _taken_words(taken))
    return redirect("desk:escalations")


def _answer_each(
    tickets: list[int], actor: Actor, now: datetime, *, by: Any, contact: int | None = None
) -> int:
    """Answer for some cases, each by itself; return how many rang still."""
    taken = 0
    for pk in tickets:
        try:
            commands.answer_ladder(ticket_id=pk, by=by, contact_id=contact, actor=actor, now=now)
        except NothingRings:
            continue
        taken += 1
    return taken


def _taken_words(count: int) -> str:
    if not count:
        return _("Nothing rang any more: somebody was faster, or it was done.")
    words = ngettext("You have %(count)s case.", "You have %(count)s cases.", count)
    return words % {"count": count}


# ── By the link of the mail, without signing in ───────────────────────────────────────────────


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def by_link(request: HttpRequest, token: str) -> HttpResponse:
    """Let whoever got the mail say "I have it"; opening the page says nothing yet.

    Edges: mail scanners open links, so only the form's button answers. Somebody who is no agent any
        more is let in no more. A link that is over says so, and where to look instead.
    """
    mail = letters.mail_of(token)
    if mail is None:
        return _over(request, token)
    person, actor, contact = _who(mail.about)
    if actor is None:
        raise Http404
    now = read_clock()
    with translation.override(mail.language):
        request.LANGUAGE_CODE = mail.language
        rings = queries.rings_of_mail(mail, limit=MOST_AT_ONCE)
        taken: list[Ring] = []
        if request.method == "POST":
            wanted = request.POST.get("number", "")
            taken = [
                ring
                for ring in rings
                if wanted in ("", ring.ticket.number)
                and _answer_each([ring.ticket_id], actor, now, by="link", contact=contact)
            ]
            rings = [ring for ring in rings if ring not in taken]
        zone = _zone_of(person, now)
        last = queries.last_ring(mail) if not rings and not taken else None
        context = {
            "language": mail.language,
            "desk_name": version_in_force(now).document.name.in_language(mail.language),
            "rings": [
                (ring, why_words(ring, zone), due_words(ring.ticket, zone, now)) for ring in rings
            ],
            "taken": taken,
            "taken_rows": [(ring, due_words(ring.ticket, zone, now)) for ring in taken],
            "last": last,
            "answered": last is not None and last.state == RingState.ANSWERED,
            "is_agent": person is not None,
            "zone": zone,
            "now": now,
            "posted": request.method == "POST",
        }
        return render(request, "plazo/desk/ring_link.html", context)


def _over(request: HttpRequest, token: str) -> HttpResponse:
    """Say that a link is over. Raises: Http404 for what we did not sign."""
    mail = letters.mail_of(token, over=True)
    if mail is None:
        raise Http404
    person, actor, _contact = _who(mail.about)
    if actor is None:
        raise Http404
    with translation.override(mail.language):
        request.LANGUAGE_CODE = mail.language
        desk_name = version_in_force(read_clock()).document.name.in_language(mail.language)
        context = {
            "language": mail.language,
            "desk_name": desk_name,
            "over": True,
            "taken": [],
            "rings": [],
            "is_agent": person is not None,
        }
        return render(request, "plazo/desk/ring_link.html", context, status=410)


def _who(about: dict[str, Any]) -> tuple[Agent | None, Actor | None, int | None]:
    """Return who speaks through a mail's link: an agent, or a contact of the agreement."""
    if "agent" in about:
        agent = agent_by_key(about["agent"])
        if agent is None or not agent.is_active or not agent.user.is_active:
            return None, None, None
        return agent, actor_of_agent(agent), None
    contact = queries.contact_by_key(about.get("contact", 0))
    if contact is None:
        return None, None, None
    return None, Actor.system(contact.name), contact.pk


def _zone_of(person: Agent | None, now: datetime) -> str:
    if person is not None:
        return person.user.time_zone
    agreement = version_in_force(now).sla
    return agreement.calendars[agreement.support_calendar].zone
