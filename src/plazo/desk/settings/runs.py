"""The screens of which calendars there are, and of what runs on each."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from plazo.agreements.arranging import AddCalendar, RemoveCalendar
from plazo.agreements.changes import week_of
from plazo.agreements.document import AgreementDocument
from plazo.agreements.labels import runs
from plazo.desk.frame import posted
from plazo.desk.setting_up import coordinators, setting
from plazo.desk.settings.forms import NewCalendarForm, zones
from plazo.desk.settings.screens import show
from plazo.desk.settings.working import frame_of, kept, pressed, working


@setting(coordinators)
@require_http_methods(["GET", "HEAD", "POST"])
def new_calendar(request: HttpRequest) -> HttpResponse:
    """Add a calendar to the draft: from nothing, or beginning with the hours of another."""
    found, language = working(), getattr(request, "LANGUAGE_CODE", "es")
    document = found.document
    asked = request.POST.get("days_of", "") or request.GET.get("copy", "")
    entry = document.calendars.get(asked)
    copied = asked if entry is not None and not entry.always else ""
    form = NewCalendarForm(
        request.POST or None,
        document=document,
        copied=copied,
        initial={"revision": found.revision} | _begun(document, copied),
        auto_id="calendar_%s",
    )
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        days_of = copied if data.get("special_days") else ""
        names = (data["key"], data["es"], data["en"], data["zone"])
        if kept(request, form, AddCalendar(*names, form.week(), days_of), found):
            return redirect("desk:calendar", key=data["key"])
    return show(
        request,
        "calendar_new.html",
        "calendars",
        form,
        new_form=form,
        copied=copied,
        calendars=[
            (key, each.name.in_language(language))
            for key, each in document.calendars.items()
            if not each.always
        ],
        zones=zones(),
        **frame_of(request, found),
    )


def _begun(document: AgreementDocument, copied: str) -> dict[str, Any]:
    """Return what the form of a new calendar begins with."""
    support = document.calendars[document.support_calendar]
    if not copied:
        return {"zone": support.zone}
    entry = document.calendars[copied]
    return {
        "zone": entry.zone,
        "days_of": copied,
        "special_days": True,
        **{f"day{number}": spans for number, spans in enumerate(week_of(entry))},
    }


def movable(document: AgreementDocument, key: str, language: str) -> list[tuple[str, str]]:
    """Return what could run on a calendar and runs on another one, with that one's name."""
    return [
        (each, f"{words} ({document.calendars[on].name.in_language(language)})")
        for each, words, on in runs(document, language)
        if on != key
    ]


@setting(coordinators)
@posted("desk:calendars", plain=True)
def remove_calendar(request: HttpRequest, key: str) -> HttpResponse:
    """Take a calendar that nothing runs on out of the draft."""
    entry = working().document.calendars.get(key)
    if entry is None:
        raise Http404
    name = entry.name.in_language(getattr(request, "LANGUAGE_CODE", "es"))
    pressed(request, RemoveCalendar(key), _("“%(name)s” was removed.") % {"name": name})
    if key in working().document.calendars:
        return redirect("desk:calendar", key=key)
    return redirect("desk:calendars")
