"""What a person was told: their notices, what they have read of them, and how they are told."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Agent
from plazo.agreements.queries import version_in_force
from plazo.core import drawing, localtime
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible, PlazoError
from plazo.desk.frame import agent_required, frame, posted
from plazo.desk.notice_forms import PreferenceForm
from plazo.desk.setting_up import settings_frame
from plazo.notifications import inbox, preferences, quiet
from plazo.notifications.models import Preference
from plazo.notifications.news import ALL, Concern, ways_of
from plazo.sla import Calendar


@agent_required
@require_GET
def notices(request: HttpRequest) -> HttpResponse:
    """Show what a person was told, the latest first: what is unread, or all of it."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    everything = request.GET.get("show") == "all"
    context = frame(request, now, version_in_force(now), current="notices")
    lines, following = inbox.page(
        agent,
        only_unread=not everything,
        after=request.GET.get("after", ""),
        now=now,
        zone=context["zone"],
    )
    after = {"show": "all" if everything else "", "after": following}
    context |= {
        "days": _by_day(lines, context["zone"], now),
        "everything": everything,
        "next_page": "?" + urlencode({k: v for k, v in after.items() if v}) if following else "",
    }
    return render(request, "plazo/desk/notices.html", context)


def _by_day(
    lines: list[inbox.Line], zone: str, now: datetime
) -> list[tuple[str, list[inbox.Line]]]:
    days: dict[str, list[inbox.Line]] = {}
    for line in lines:
        days.setdefault(localtime.day_word(line.notice.at, zone, now), []).append(line)
    return list(days.items())


@agent_required
@require_GET
def notice_news(request: HttpRequest) -> HttpResponse:
    """Say what an open screen shows of a notice that just came, or of those that waited.

    Edges: with neither, only how many are unread.
    """
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    said: dict[str, Any] = {"unread": inbox.unread_words(inbox.unread(agent))}
    pk, waited = _number(request.GET.get("notice")), _number(request.GET.get("waited"))
    if pk is not None:
        found = inbox.notices_for(agent).select_related("ticket", "in_place_of__user").filter(pk=pk)
        lines = inbox.lines(list(found), now=now, zone=agent.user.time_zone)
        if not lines:
            raise NotVisible
        ticket = lines[0].notice.ticket
        said |= {
            "key": f"{pk}.{lines[0].notice.count}",
            "tag": f"plazo-notice-{pk}",
            "title": lines[0].words,
            "body": f"{ticket.number} · {ticket.subject}",
            "url": reverse("desk:ticket", args=[ticket.number]),
        }
    elif waited is not None:
        words = ngettext(
            "%(count)s notice came meanwhile", "%(count)s notices came meanwhile", waited
        )
        said |= {
            "key": f"waited.{int(now.timestamp()) // 60}",
            "tag": "plazo-notices",
            "title": words % {"count": waited},
            "body": _("Open your notices."),
            "url": reverse("desk:notices"),
        }
    return JsonResponse(said)


@agent_required
@posted("desk:notices")
def read(request: HttpRequest) -> HttpResponse:
    """Take a notice, or all of them, as read."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    one = _number(request.POST.get("notice"))
    if one is None and "notice" in request.POST:
        raise NotVisible
    count = inbox.read_notices(agent_id=agent.pk, notices=None if one is None else [one], now=now)
    if count and "silent" not in request.POST:
        words = ngettext("%(count)s notice read.", "%(count)s notices read.", count)
        messages.success(request, words % {"count": count}, extra_tags=f"undo {now.isoformat()}")
    return redirect(_back(request))


@agent_required
@posted("desk:notices")
def unread(request: HttpRequest) -> HttpResponse:
    """Take back what was read in one go."""
    agent: Agent = request.agent  # type: ignore[attr-defined]
    try:
        at = datetime.fromisoformat(request.POST.get("at", ""))
    except ValueError:
        raise NotVisible from None
    if at.tzinfo is not None:
        inbox.unread_notices(agent_id=agent.pk, read_at=at)
    return redirect(_back(request))


def _number(text: str | None) -> int | None:
    """Return a key or a count that a screen sent; None where it is none."""
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


def _back(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    here = {request.get_host()}
    if url_has_allowed_host_and_scheme(wanted, here, require_https=request.is_secure()):
        return wanted
    return reverse("desk:notices")


# ── How a person is told ──────────────────────────────────────────────────────────────────────


@agent_required
@require_http_methods(["GET", "HEAD", "POST"])
def notice_settings(request: HttpRequest) -> HttpResponse:
    """Let a person choose by which ways they are told of what, and when."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    actor = actor_of_agent(agent)
    preference = preferences.preference_of(agent)
    if request.method == "POST" and "reset" in request.POST:
        preferences.reset_preference(agent_id=agent.pk, actor=actor, now=now)
        messages.success(request, _("You are told as the defaults say again."))
        return redirect("desk:notice_settings")
    form = PreferenceForm(request.POST or None, preference=preference)
    if request.method == "POST" and form.is_valid():
        try:
            preferences.save_preference(
                agent_id=agent.pk, actor=actor, now=now, **form.as_arguments()
            )
        except PlazoError as error:
            form.add_error(None, error.user_message())
        else:
            messages.success(request, _("Saved."))
            return redirect("desk:notice_settings")
    context = settings_frame(request, now, "notices")
    context |= _shown(form, preference, agent, now)
    failed = form.is_bound and bool(form.errors)
    return render(
        request, "plazo/desk/settings/notices.html", context, status=422 if failed else 200
    )


def _shown(
    form: PreferenceForm, preference: Preference | None, agent: Agent, now: datetime
) -> dict[str, Any]:
    zone, support = agent.user.time_zone, preferences.support_calendar(now)
    hours = quiet.hours_of(preference, zone, support)
    opens = quiet.next_open(hours, now)
    return {
        "form": form,
        "is_default": preference is None,
        "parts": [
            (name, form.rows(concern))
            for name, concern in (
                (_("What is mine"), Concern.OWN),
                (_("What is my group's"), Concern.GROUP),
            )
        ],
        "told_now": opens <= now,
        "opens": opens,
        "next_digest": quiet.next_open(hours, quiet.next_digest(preference, zone, now)),
        "has_digest": any(ways_of(news, preference).mail == "digest" for news in ALL),
        "week": _week(hours, now) if hours is not None else [],
        "hours_zone": hours.zone if hours is not None else zone,
        "group_addresses": [group.email for group in agent.groups.all() if group.email],
    }


def _week(hours: Calendar, now: datetime) -> list[tuple[str, drawing.Ruler]]:
    """Draw the seven days from today: when a person would be told."""
    days, at = [], now
    for number in range(7):
        name = localtime.long_date(at, hours.zone)
        ruler = drawing.day_ruler(hours, at, now=now if number == 0 else None, label=name)
        days.append((name, ruler))
        at = localtime.next_midnight(at, hours.zone)
    return days
