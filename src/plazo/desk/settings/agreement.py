"""The screen of the agreement: its draft with all that it changes, a rehearsal, its versions."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from plazo.agreements import drafting
from plazo.agreements.changes import changes, text_difference
from plazo.agreements.lint import check
from plazo.agreements.queries import key_in_use, versions
from plazo.agreements.trying import offers, questions, trials
from plazo.core import localtime
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError
from plazo.desk.frame import posted
from plazo.desk.setting_up import administrators, coordinators, history_of, setting
from plazo.desk.settings.forms import PublishForm, RehearseForm, Seen
from plazo.desk.settings.screens import by, show
from plazo.desk.settings.working import Working, frame_of, working


@setting(coordinators)
@require_safe
def agreement(request: HttpRequest) -> HttpResponse:
    """Show the draft with all that it changes, and the versions there are."""
    return _show_agreement(request, working(), None)


def _show_agreement(request: HttpRequest, found: Working, form: PublishForm | None) -> HttpResponse:
    now, language = read_clock(), getattr(request, "LANGUAGE_CODE", "es")
    zone = found.document.calendars[found.document.support_calendar].zone
    draft = found.draft
    context: dict[str, Any] = {}
    if draft is not None:
        context = {
            "changes": changes(found.base.document, draft.document, language),
            "lines": text_difference(found.base.source, draft.source),
            "findings": check(draft.source),
            **_rehearsal(request, found, now, zone, language),
        }
    publishing = form or PublishForm(
        zone=zone,
        initial={
            "revision": found.revision,
            "when": "later",
            "effective_at": localtime.next_midnight(now, zone),
        },
    )
    known = versions()
    outdated = draft is not None and known[0].pk != draft.base_id
    return show(
        request,
        "agreement.html",
        "agreement",
        publishing,
        publishing=publishing,
        versions=known,
        outdated=outdated,
        agreement_zone=zone,
        history=history_of(f"agreement:{key_in_use()}"),
        **context,
        **frame_of(request, found),
    )


def _rehearsal(
    request: HttpRequest, found: Working, now: datetime, zone: str, language: str
) -> dict[str, Any]:
    """Return what would happen to a case by the draft, and by what holds: its hours, its form."""
    document, then = found.document, found.base.document
    form = RehearseForm(
        request.GET if request.method == "GET" and "at" in request.GET else None,
        zone=zone,
        services=[(key, each.name.in_language(language)) for key, each in document.offered.items()],
        initial={"at": now, "service": ""},
        auto_id="try_%s",
    )
    asked = form.cleaned_data if form.is_bound and form.is_valid() else {}
    at, service = asked.get("at") or now, asked.get("service", "")
    in_force = then, found.base.sla
    return {
        "rehearsing": form,
        "tried_at": at,
        "tried_service": document.service_name(service, language) if service else "",
        "tried_is_new": bool(service) and service not in then.offered,
        "calendar_zone": zone,
        "trials": trials(document, found.sla, in_force, at, service),
        "offers": offers(document, then, language),
        "questions": questions(document, then, service, language) if service else [],
    }


@setting(administrators)
@posted("desk:agreement")
def publish(request: HttpRequest) -> HttpResponse:
    """Publish the draft: from its hour on it holds for cases that come in."""
    found = working()
    zone = found.document.calendars[found.document.support_calendar].zone
    form = PublishForm(request.POST, zone=zone)
    if form.is_valid():
        data = form.cleaned_data
        begins = data["effective_at"] if data["when"] == "later" else None
        try:
            version = drafting.publish_draft(
                key=key_in_use(),
                revision=data["revision"],
                effective_at=begins,
                **by(request),
            )
        except PlazoError as error:
            form.carry_on(found.revision)
            form.add_error(None, error.user_message())
        else:
            words = _("Version %(number)s is published. It holds %(when)s, %(label)s.") % {
                "number": version.number,
                "when": localtime.on_words(version.effective_at, zone),
                "label": localtime.zone_label(version.effective_at, zone),
            }
            messages.success(request, words)
            return redirect("desk:agreement")
    return _show_agreement(request, found, form)


@setting(coordinators)
@posted("desk:agreement")
def discard(request: HttpRequest) -> HttpResponse:
    """Drop the draft."""
    form = Seen(request.POST)
    if form.is_valid():
        try:
            drafting.discard_draft(key=key_in_use(), **form.cleaned_data, **by(request))
        except PlazoError as error:
            messages.error(request, error.user_message())
        else:
            messages.success(request, _("The draft is discarded. Nothing changes."))
    return redirect("desk:agreement")
