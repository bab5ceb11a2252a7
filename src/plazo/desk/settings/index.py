"""The first page of the settings, and the trail of what was changed in them."""

from datetime import datetime, time, timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from plazo.core import audit, localtime
from plazo.core.clock import read_clock
from plazo.desk.setting_up import administrators, setting
from plazo.desk.settings.absences import everyone
from plazo.desk.settings.audit_words import KINDS, Reader, told
from plazo.desk.settings.forms import AuditForm
from plazo.desk.settings.screens import agent_of, show
from plazo.notifications.leaving import leaving

# What each screen is for, where its name does not say it.
ABOUT: Final[dict[str, Promise]] = {
    "me": _("Your language and your time zone."),
    "absences": _("Who is away and until when, and who stands in."),
    "views": _("Lists of cases by conditions of your own, the team's or a group's."),
    "notices": _("What you hear of, how, and when not."),
    "agents": _("Who works here, in which role; invite somebody, or let them go."),
    "groups": _("Who shares a queue, and at which support level."),
    "mailboxes": _("Our addresses: how their mail comes in and goes out."),
    "agreement": _("What is promised: the draft of the next version, and every version so far."),
    "calendars": _("When time counts: the week, holidays and other special days."),
    "ladder": _("Whom each step rings, whose turn it is, and webhooks to chats."),
    "services": _("What clients can have support for, by name."),
    "fields": _("What the request form asks further, service by service."),
    "companies": _("How far each is, what it contracts, and who of sales answers for it."),
    "macros": _("Words and actions that you apply to a case in one go."),
    "rules": _("What happens by itself: on an event, or after a time."),
    "outcomes": _("What is chosen when a case is solved, and what cases wait for."),
    "scope": _("What was out of scope, how proposals fared, and what was learned."),
    "audit": _("Who changed which setting, when, from what to what."),
}


@setting(everyone)
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """List the settings that a person may see."""
    return show(request, "index.html", "", about=ABOUT, leaving=leaving())


@setting(administrators)
@require_safe
def trail(request: HttpRequest) -> HttpResponse:
    """Show the audit trail, the newest first: of one thing, one person, or some days."""
    zone = agent_of(request).user.time_zone
    kinds = [(key, str(name)) for key, name in KINDS.items()]
    form = AuditForm(request.GET or None, kinds=kinds)
    asked: dict[str, Any] = {}
    if form.is_bound and form.is_valid():
        data = form.cleaned_data
        asked = {
            "about": data["about"],
            "who": data["who"].strip(),
            "subject": data["subject"],
            "since": _midnight(data["since"], zone),
            "until": _midnight(data["until"], zone, timedelta(days=1)),
        }
    reader = Reader(zone, request.LANGUAGE_CODE, read_clock())
    page = audit.page_of(**asked, before=request.GET.get("before", ""))
    query = request.GET.copy()
    query.pop("before", None)
    return show(
        request,
        "audit.html",
        "audit",
        form,
        filters=form,
        entries=[told(entry, reader) for entry in page.entries],
        older=page.older,
        query=query.urlencode(),
        subject=asked.get("subject", ""),
    )


def _midnight(day: Any, zone: str, later: timedelta = timedelta()) -> datetime | None:
    if day is None:
        return None
    return localtime.utc(datetime.combine(day + later, time.min), zone)
