"""Announcements: any agent opens one, says what is new, and resolves it. It cannot wait for one
who may publish.
"""

import uuid
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from plazo.agreements.document import AgreementDocument
from plazo.core.errors import PlazoError
from plazo.desk import kb
from plazo.desk.announcement_forms import OpenForm, UpdateForm
from plazo.desk.articles import by
from plazo.desk.frame import agent_required
from plazo.helpcenter import announcing, queries
from plazo.helpcenter.models import Announcement, AnnouncementKind, Impact


@agent_required
@require_GET
def announcements(request: HttpRequest) -> HttpResponse:
    """List what goes on, what is planned, and what is over."""
    context = kb.kb_frame(request, "announcements")
    now, document, language = context["now"], context["document"], context["language"]
    groups = [
        ("active", _("Going on now"), queries.active_announcements(now=now)),
        ("upcoming", _("Planned"), queries.upcoming_announcements(now=now)),
        ("past", _("Over"), queries.past_announcements(now=now)),
    ]
    context["groups"] = [
        (key, name, [_row(found, document, language, now) for found in rows])
        for key, name, rows in groups
    ]
    return render(request, "plazo/desk/kb/announcements.html", context)


def _row(
    found: Announcement, document: AgreementDocument, language: str, now: datetime
) -> dict[str, Any]:
    icons = {
        AnnouncementKind.INCIDENT: "octagon-alert",
        AnnouncementKind.MAINTENANCE: "calendar-clock",
    }
    late = found.next_update_at is not None and found.next_update_at < now
    return {
        "announcement": found,
        "headline": found.headline(language),
        "services": ", ".join(document.service_name(key, language) for key in found.services),
        "icon": icons.get(AnnouncementKind(found.kind), "megaphone"),
        "mood": {Impact.OUTAGE: "late", Impact.DEGRADED: "risk"}.get(Impact(found.impact), "ok"),
        "update_late": late and found.resolved_at is None,
    }


@agent_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Open an announcement: it stands on every page of the site while it goes on."""
    context = kb.kb_frame(request, "announcements")
    form = OpenForm(
        request.POST or None,
        zone=context["zone"],
        document=context["document"],
        language=context["language"],
        initial={"kind": AnnouncementKind.INCIDENT, "starts_at": context["now"]},
    )
    if request.method == "POST" and form.is_valid():
        try:
            opened = announcing.open_announcement(**form.choices(), **by(request))
        except PlazoError as error:
            form.add_error(None, error.user_message())
        else:
            messages.success(request, _("Announced. Its followers are told by mail."))
            return redirect("desk:announcement", opened.public_id)
    context["form"] = form
    status = 422 if form.errors else 200
    return render(request, "plazo/desk/kb/announcement_new.html", context, status=status)


@agent_required
@require_http_methods(["GET", "HEAD", "POST"])
def announcement(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Show an announcement with all that was said; say what is new, or that it is over."""
    context = kb.kb_frame(request, "announcements")
    found = announcing.announcement_by_id(public_id)
    form = UpdateForm(
        request.POST or None,
        zone=context["zone"],
        initial={"impact": found.impact, "ends_at": found.ends_at},
    )
    if request.method == "POST" and form.is_valid():
        resolves = request.POST.get("do") == "resolve"
        try:
            announcing.update_announcement(
                announcement_id=found.pk,
                text=form.texts("text"),
                impact=form.cleaned_data["impact"],
                next_update_at=form.cleaned_data["next_update_at"],
                ends_at=form.cleaned_data["ends_at"],
                resolves=resolves,
                **by(request),
            )
        except PlazoError as error:
            form.add_error(None, error.user_message())
        else:
            done = _("Resolved, and its followers are told.") if resolves else _("Said.")
            messages.success(request, done)
            return redirect("desk:announcement", public_id)
    told = announcing.told(found)
    context |= _row(found, context["document"], context["language"], context["now"])
    context |= {
        "form": form,
        "updates": [(update, told[update.pk]) for update in found.updates.all()],
        "public": f"/hc/{context['language']}/status/{found.public_id}/",
    }
    status = 422 if form.errors else 200
    return render(request, "plazo/desk/kb/announcement.html", context, status=status)
