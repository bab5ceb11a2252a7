"""My profile: who somebody is to us, what they hear, where they are signed in, their own data."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from plazo.accounts import commands, erasure
from plazo.accounts.access import actor_of_requester
from plazo.accounts.models import Language, Requester
from plazo.accounts.sessions import Place, end_others, places_of
from plazo.agreements.queries import version_in_force
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError
from plazo.core.language import speak
from plazo.helpcenter import announcing
from plazo.notifications import people
from plazo.portal.adapter import is_fresh
from plazo.portal.site import client_required, frame
from plazo.portal.takeout import archive_of
from plazo.portal.words import device_words

# Zones named for a city. A bare abbreviation, such as EST, means another thing to each reader.
CONTINENTS = (
    "Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/",
    "Pacific/",
)  # fmt: skip


class ProfileForm(forms.Form):
    """What somebody may say of themselves, and of the mails that they want."""

    name = forms.CharField(
        label=gettext_lazy("Your name"),
        max_length=120,
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "name"}),
        error_messages={"required": gettext_lazy("Write your name.")},
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        help_text=gettext_lazy("Of your pages and of our mails."),
        choices=Language.choices,
        widget=forms.Select(attrs={"class": "input"}),
    )
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        help_text=gettext_lazy("Every hour of your cases is shown in it."),
        required=False,
        widget=forms.Select(attrs={"class": "input"}),
    )
    wants_copies = forms.BooleanField(
        label=gettext_lazy("Copies of our answers in colleagues' cases in which I take part"),
        required=False,
    )
    announcements = forms.BooleanField(
        label=gettext_lazy("Announcements about the state of the services"), required=False
    )

    def __init__(self, *args: Any, site_zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone = self.fields["time_zone"]
        assert isinstance(zone, forms.ChoiceField)  # noqa: S101 - for the type checker
        unsaid = _("The support team's: %(zone)s") % {"zone": site_zone}
        cities = sorted(name for name in available_timezones() if name.startswith(CONTINENTS))
        zone.choices = [
            ("", unsaid),
            *((name, name.replace("_", " ")) for name in cities),
            ("UTC", "UTC"),
        ]


def _me(request: HttpRequest) -> Requester:
    me: Requester = request.requester  # type: ignore[attr-defined]
    return me


@client_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest, language: str) -> HttpResponse:
    """Show a person what we know of them, and keep what they change."""
    me, now = _me(request), read_clock()
    version = version_in_force(now)
    context = frame(request, language, now, version, "profile")
    follower = announcing.follows(me.email)
    initial = {
        "name": me.name,
        "language": me.language,
        "time_zone": me.time_zone,
        "wants_copies": me.wants_copies,
        "announcements": follower is not None,
    }
    form = ProfileForm(request.POST or None, initial=initial, site_zone=context["zone"])
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        wants = data.pop("announcements")
        commands.save_profile(requester_id=me.pk, actor=actor_of_requester(me), now=now, **data)
        if wants and follower is None:
            announcing.ask_to_follow(
                email=me.email, language=data["language"], confirmed=True, now=now
            )
        elif follower is not None and not wants:
            announcing.stop_following(follower)
        messages.success(request, _("Saved."))
        response = redirect("portal:profile", language=data["language"])
        speak(response, data["language"])
        return response
    context |= {
        "requester": me,
        "zone": me.time_zone or context["zone"],
        "form": form,
        "places": _places(request),
        "has_password": _has_password(request),
    }
    status = 422 if form.is_bound else 200
    return render(request, "plazo/portal/profile.html", context, status=status)


def _has_password(request: HttpRequest) -> bool:
    return request.user.is_authenticated and request.user.has_usable_password()


def _places(request: HttpRequest) -> list[tuple[str, Place]]:
    """Return where somebody is signed in, each with its browser in words."""
    places = places_of(request.user.pk, here=request.session.session_key)
    return [(device_words(place.user_agent), place) for place in places]


@client_required
@require_POST
def sign_out_elsewhere(request: HttpRequest, language: str) -> HttpResponse:
    """End every other session of the person who asks."""
    end_others(request.user.pk, here=request.session.session_key)
    messages.success(request, _("You are signed in only here now."))
    return redirect("portal:profile", language=language)


@client_required
@require_safe
def export(request: HttpRequest, language: str) -> StreamingHttpResponse:
    """Hand out a person's own data, as it is now."""
    me, now = _me(request), read_clock()
    response = StreamingHttpResponse(archive_of(me, now=now), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="plazo-{now:%Y-%m-%d}.zip"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


@client_required
@require_http_methods(["GET", "HEAD", "POST"])
def erase(request: HttpRequest, language: str) -> HttpResponse:
    """Say what erasing takes away and what stays, and do it for who has just shown who they are."""
    me, now = _me(request), read_clock()
    fresh, fault = is_fresh(request, now), ""
    if request.method == "POST":
        if not (fresh or request.user.check_password(request.POST.get("password", ""))):
            fault = _("That is not your password. Nothing was erased.")
        elif not request.POST.get("sure"):
            fault = _("Tick that you know what is erased. Nothing was erased yet.")
        else:
            try:
                erasure.erase_requester(requester_id=me.pk, actor=actor_of_requester(me), now=now)
            except PlazoError as error:
                fault = error.user_message()
            else:
                return _erased(request, language)
    context = frame(request, language, now, version_in_force(now), "profile") | {
        "requester": me,
        "fresh": fresh,
        "fault": fault,
        "has_password": _has_password(request),
    }
    return render(request, "plazo/portal/erase.html", context, status=422 if fault else 200)


def _erased(request: HttpRequest, language: str) -> HttpResponse:
    logout(request)
    now = read_clock()
    del request._plazo_reader  # type: ignore[attr-defined]  # nobody reads any more
    context = frame(request, language, now, version_in_force(now))
    return render(request, "plazo/portal/erased.html", context)


@client_required
@require_POST
def confirm_by_link(request: HttpRequest, language: str) -> HttpResponse:
    """Send a link that leads back to the erasing, for who has no password to show."""
    try:
        people.send_link(
            email=_me(request).email,
            following=reverse("portal:erase", args=[language]),
            language=language,
            ip=request.META.get("REMOTE_ADDR", ""),
            now=read_clock(),
        )
    except PlazoError as error:
        messages.error(request, error.user_message())
        return redirect("portal:erase", language=language)
    return redirect("signin_link_sent")
