"""The status of the services: what goes on, what is planned, what was; and how to hear of it."""

import uuid
from datetime import datetime
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from plazo.agreements.document import AgreementDocument
from plazo.agreements.queries import version_in_force
from plazo.core.clock import read_clock
from plazo.core.limits import Limit, take
from plazo.helpcenter import announcing, queries
from plazo.helpcenter.models import Announcement, Impact
from plazo.portal.site import STATE_OF_IMPACT, frame, private, public, reader_of

ASKING: Final = Limit("helpcenter.follow", burst=5, per_hour=10)


class FollowForm(forms.Form):
    """An address that wants to hear of announcements."""

    email = forms.EmailField(
        label=gettext_lazy("Your e-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"class": "input", "autocomplete": "email"}),
        error_messages={
            "required": gettext_lazy("Write your e-mail."),
            "invalid": gettext_lazy("This is not a complete e-mail address."),
        },
    )
    services = forms.MultipleChoiceField(required=False)

    def __init__(
        self, *args: Any, document: AgreementDocument, language: str, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        services = self.fields["services"]
        assert isinstance(services, forms.MultipleChoiceField)  # noqa: S101 - for the type checker
        services.choices = [
            (key, service.name.in_language(language)) for key, service in document.offered.items()
        ]


def states_of_services(
    document: AgreementDocument, active: list[Announcement], language: str
) -> list[dict[str, Any]]:
    """Return each service with how it is: the gravest of what goes on about it, or nothing."""
    rows = []
    for key, service in document.offered.items():
        about = next((a for a in active if a.concerns(key) and a.impact != Impact.NONE), None)
        rows.append(
            {
                "key": key,
                "name": service.name.in_language(language),
                "icon": service.icon,
                "announcement": about,
                "title": about.headline(language) if about else "",
                "state": STATE_OF_IMPACT[Impact(about.impact)] if about else "met",
                "word": about.get_impact_display() if about else _("Working"),
            }
        )
    return rows


def shown(announcement: Announcement, language: str, document: AgreementDocument) -> dict[str, Any]:
    """Return what pages show of an announcement, with all that was said, the latest first."""
    return {
        "announcement": announcement,
        "title": announcement.headline(language),
        "foreign": language not in announcement.title,
        "kind": announcement.get_kind_display(),
        "state": "met"
        if announcement.resolved_at
        else STATE_OF_IMPACT[Impact(announcement.impact)],
        "services": [document.service_name(key, language) for key in announcement.services],
        "updates": [
            {"at": update.at, "words": update.words(language), "resolves": update.resolves}
            for update in announcement.updates.all()
        ],
        "url": reverse("portal:announcement", args=[language, announcement.public_id]),
    }


@public
@require_safe
def status(request: HttpRequest, language: str) -> HttpResponse:
    """Show how the services are now, what is planned, and what was."""
    now = read_clock()
    return _show(request, language, now, None)


def _show(
    request: HttpRequest, language: str, now: datetime, form: FollowForm | None
) -> HttpResponse:
    version = version_in_force(now)
    document = version.document
    context = frame(request, language, now, version, "status")
    active = context["announcements"]
    context |= {
        "services": states_of_services(document, active, language),
        "active": [shown(a, language, document) for a in queries.with_updates(active)],
        "upcoming": [
            shown(a, language, document)
            for a in queries.with_updates(queries.upcoming_announcements(now=now))
        ],
        "past": [shown(a, language, document) for a in queries.past_announcements(now=now)],
        "form": form or _form(request, document, language),
        "feed_url": reverse("portal:status_feed", args=[language]),
    }
    return render(
        request, "plazo/portal/status.html", context, status=422 if form is not None else 200
    )


def _form(request: HttpRequest, document: AgreementDocument, language: str) -> FollowForm:
    requester = reader_of(request).requester
    initial = {"email": requester.email} if requester else {}
    return FollowForm(initial=initial, document=document, language=language)


@public
@require_safe
def announcement(request: HttpRequest, language: str, announcement: uuid.UUID) -> HttpResponse:
    """Show one announcement with all that was said."""
    now = read_clock()
    version = version_in_force(now)
    found = announcing.announcement_by_id(announcement)
    context = frame(request, language, now, version, "status")
    context |= {
        "shown": shown(found, language, version.document),
        "form": _form(request, version.document, language),
    }
    return render(request, "plazo/portal/announcement.html", context)


@public
@never_cache
@require_POST
def follow(request: HttpRequest, language: str) -> HttpResponse:
    """Ask an address whether it wants to hear; who signed in with it is not asked."""
    now = read_clock()
    document = version_in_force(now).document
    form = FollowForm(request.POST, document=document, language=language)
    if not form.is_valid():
        return _show(request, language, now, form)
    if not take(ASKING, request.META.get("REMOTE_ADDR", ""), now=now):
        form.add_error(None, _("That was too often. Please try again in a few minutes."))
        return _show(request, language, now, form)
    requester = reader_of(request).requester
    email = form.cleaned_data["email"].lower()
    about = request.POST.get("announcement", "")
    follower = announcing.ask_to_follow(
        email=email,
        language=language,
        services=form.cleaned_data["services"],
        announcement=announcing.announcement_by_id(uuid.UUID(about)) if _is_uuid(about) else None,
        confirmed=requester is not None and requester.email == email,
        now=now,
    )
    if requester is not None and requester.email == email and follower.confirmed_at:
        messages.success(request, _("We will write to you when there is something to say."))
    else:
        messages.success(
            request,
            _("We have sent a mail to %(email)s: open the link in it to confirm.")
            % {"email": email},
        )
    return redirect(reverse("portal:status", args=[language]) + "#follow")


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


@public
@private
@require_http_methods(["GET", "HEAD", "POST"])
def following(request: HttpRequest, language: str, token: str) -> HttpResponse:
    """Let an address's owner confirm that they want to hear, or stop.

    Edges: opening the link changes nothing, since mail scanners open links too: a button does.
    """
    now = read_clock()
    follower = announcing.follower_by_token(token)
    version = version_in_force(now)
    if request.method == "POST":
        if "stop" in request.POST:
            announcing.stop_following(follower)
            messages.success(request, _("We will not write to you again."))
        else:
            announcing.confirm_following(follower, now=now)
            messages.success(request, _("We will write to you when there is something to say."))
        return redirect("portal:status", language=language)
    context = frame(request, language, now, version, "status") | {
        "follower": follower,
        "services": [version.document.service_name(s, language) for s in follower.services],
        "title": follower.announcement.headline(language) if follower.announcement else "",
        "token": token,
    }
    return render(request, "plazo/portal/following.html", context)


@public
@private
@csrf_exempt
@require_POST
def stop_at_once(request: HttpRequest, language: str, token: str) -> HttpResponse:
    """Stop following as mail programs do it, with one request. Source: RFC 8058 §3.2.

    Edges: the token proves who asks, so there is nothing to forge.
    """
    announcing.stop_following(announcing.follower_by_token(token))
    return HttpResponse(status=204)
