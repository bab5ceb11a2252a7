"""The screens of the agreement: its draft and versions, its services, the questions of its form."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from plazo.agreements import drafting
from plazo.agreements.changes import changes, kind_words, text_difference
from plazo.agreements.edits import RemoveField, SetService
from plazo.agreements.lint import check
from plazo.agreements.queries import versions
from plazo.core import localtime
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError
from plazo.desk.frame import posted
from plazo.desk.setting_up import administrators, coordinators, history_of, setting
from plazo.desk.settings.forms import (
    FieldForm,
    PublishForm,
    Seen,
    ServiceForm,
    field_values,
)
from plazo.desk.settings.screens import by, show
from plazo.desk.settings.working import Working, edited, frame_of, working


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
        history=history_of(f"agreement:{settings.PLAZO.agreement}"),
        **context,
        **frame_of(request, found),
    )


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
                key=settings.PLAZO.agreement,
                revision=data["revision"],
                effective_at=begins,
                **by(request),
            )
        except PlazoError as error:
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
            drafting.discard_draft(key=settings.PLAZO.agreement, **form.cleaned_data, **by(request))
        except PlazoError as error:
            messages.error(request, error.user_message())
        else:
            messages.success(request, _("The draft is discarded. Nothing changes."))
    return redirect("desk:agreement")


# ── Services ──────────────────────────────────────────────────────────────────────────────────


@setting(coordinators)
@require_safe
def services(request: HttpRequest) -> HttpResponse:
    """List the services, with their names in both languages."""
    found = working()
    return show(
        request,
        "services.html",
        "services",
        services=list(found.document.services.items()),
        **frame_of(request, found),
    )


@setting(coordinators)
@require_http_methods(["GET", "HEAD", "POST"])
def service(request: HttpRequest, key: str) -> HttpResponse:
    """Name a service anew, in the draft."""
    found = working()
    entry = found.document.services.get(key)
    if entry is None:
        raise Http404
    form = ServiceForm(
        request.POST or None,
        initial={
            "revision": found.revision,
            "es": entry.name.es,
            "en": entry.name.en,
            "hint_es": entry.hint.es,
            "hint_en": entry.hint.en,
        },
    )
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        revision = data.pop("revision")
        refused = edited(request, SetService(key, **data), revision)
        if not refused:
            return redirect("desk:services")
        form.add_error(None, refused)
    return show(
        request,
        "service.html",
        "services",
        form,
        form=form,
        service=entry,
        key=key,
        **frame_of(request, found),
    )


# ── The request form's questions ──────────────────────────────────────────────────────────────


@setting(coordinators)
@require_safe
def fields(request: HttpRequest) -> HttpResponse:
    """List the questions of the request form: for which services and types, and if they must."""
    found, language = working(), getattr(request, "LANGUAGE_CODE", "es")
    document = found.document

    def names(keys: tuple[str, ...], table: str) -> str:
        known = getattr(document, table)
        return ", ".join(known[k].name.in_language(language) for k in keys if k in known)

    return show(
        request,
        "fields.html",
        "fields",
        fields=[
            (
                field,
                field.label.in_language(language),
                kind_words(field.kind),
                names(field.services, "services"),
                names(field.request_types, "request_types"),
            )
            for field in document.fields
        ],
        **frame_of(request, found),
    )


@setting(coordinators)
@require_http_methods(["GET", "HEAD", "POST"])
def field(request: HttpRequest, key: str = "") -> HttpResponse:
    """Ask something further on the form, or ask it otherwise, in the draft."""
    found, language = working(), getattr(request, "LANGUAGE_CODE", "es")
    entry = found.document.field(key) if key else None
    if key and entry is None:
        raise Http404
    form = FieldForm(
        request.POST or None,
        document=found.document,
        language=language,
        field=entry,
        initial={"revision": found.revision} | (field_values(entry) if entry else {}),
    )
    if request.method == "POST" and form.is_valid():
        refused = edited(request, form.edit(), form.cleaned_data["revision"])
        if not refused:
            return redirect("desk:fields")
        form.add_error(None, refused)
    return show(
        request,
        "field.html",
        "fields",
        form,
        form=form,
        field=entry,
        field_name=entry.label.in_language(language) if entry else "",
        **frame_of(request, found),
    )


@setting(coordinators)
@posted("desk:fields")
def remove_field(request: HttpRequest, key: str) -> HttpResponse:
    """Ask it no more, from the next version on."""
    form = Seen(request.POST)
    if form.is_valid():
        refused = edited(request, RemoveField(key), form.cleaned_data["revision"])
        if refused:
            messages.error(request, refused)
    return redirect("desk:fields")
