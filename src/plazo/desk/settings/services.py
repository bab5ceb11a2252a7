"""The screens of services: which there are, in which order, and what each is called and asked."""

from typing import Literal

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from plazo.agreements.arranging import Move, RemoveService, RetireService
from plazo.agreements.errors import NothingThere
from plazo.desk.frame import posted
from plazo.desk.setting_up import coordinators, setting
from plazo.desk.settings.screens import show
from plazo.desk.settings.service_forms import ServiceForm, service_values
from plazo.desk.settings.working import frame_of, kept, pressed, working


@setting(coordinators)
@require_safe
def services(request: HttpRequest) -> HttpResponse:
    """List the services in the order of the form, with what is new and what is retired."""
    found, language = working(), getattr(request, "LANGUAGE_CODE", "es")
    document = found.document
    return show(
        request,
        "services.html",
        "services",
        services=[
            (
                key,
                each,
                each.name.in_language(language),
                sum(field.is_for(key) for field in document.fields),
                not found.is_published(key),
            )
            for key, each in document.services.items()
        ],
        moved=(request.GET.get("moved", ""), request.GET.get("way", "")),
        **frame_of(request, found),
    )


@setting(coordinators)
@require_http_methods(["GET", "HEAD", "POST"])
def service(request: HttpRequest, key: str = "") -> HttpResponse:
    """Add a service, or say otherwise what one is called, asked and promised, in the draft."""
    found, language = working(), getattr(request, "LANGUAGE_CODE", "es")
    document = found.document
    entry = document.services.get(key)
    gone = bool(key) and entry is None
    if gone and request.method != "POST":
        raise Http404
    values = service_values(document, key) if entry else {"icon": "package"}
    form = ServiceForm(
        request.POST or None,
        document=document,
        language=language,
        key=key if entry else "",
        initial={"revision": found.revision} | values,
    )
    if gone:
        form.carry_on(found.revision, key)
        form.add_error(None, NothingThere(what=key).user_message())
    if request.method == "POST" and form.is_valid() and kept(request, form, form.edit(), found):
        return redirect("desk:services")
    return show(
        request,
        "service.html",
        "services",
        form,
        form=form,
        gone=gone,
        service=entry,
        service_name=entry.name.in_language(language) if entry else "",
        key=key,
        is_published=found.is_published(key),
        **frame_of(request, found),
    )


@setting(coordinators)
@posted("desk:services", plain=True)
def service_act(request: HttpRequest, key: str, what: str) -> HttpResponse:
    """Move a service up or down, retire it, offer it again, or remove one never published."""
    document = working().document
    name = document.service_name(key, getattr(request, "LANGUAGE_CODE", "es"))
    match what:
        case "up" | "down":
            move_one(request, "services", list(document.services), key, what, name)
            return redirect(reverse("desk:services", query={"moved": key, "way": what}))
        case "retire":
            pressed(request, RetireService(key), _("“%(name)s” is retired.") % {"name": name})
        case "offer":
            done = _("“%(name)s” is offered again.") % {"name": name}
            pressed(request, RetireService(key, retired=False), done)
        case "remove":
            pressed(request, RemoveService(key), _("“%(name)s” was removed.") % {"name": name})
        case _:
            raise Http404
    return redirect("desk:services")


def move_one(
    request: HttpRequest,
    table: Literal["services", "fields"],
    keys: list[str],
    key: str,
    way: str,
    name: str,
) -> None:
    """Move something one step `up` or `down` the list that is shown, and say where it is: a screen
    reader reads it. Nothing happens at the list's end.
    """
    at = keys.index(key) + (1 if way == "down" else -1) if key in keys else -1
    if not 0 <= at < len(keys):
        return
    words = _("“%(name)s” is number %(place)s of %(all)s now.") % {
        "name": name, "place": at + 1, "all": len(keys),
    }  # fmt: skip
    pressed(request, Move(table, key, keys[at], after=way == "down"), words)
