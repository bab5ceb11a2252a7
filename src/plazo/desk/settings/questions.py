"""The screens of the request form's questions: for which services, in which order, of what kind."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from plazo.agreements.changes import kind_words, options_words
from plazo.agreements.document import AgreementDocument, FormField
from plazo.agreements.edits import RemoveField
from plazo.agreements.errors import NothingThere
from plazo.desk.frame import posted
from plazo.desk.setting_up import coordinators, setting
from plazo.desk.settings.screens import show
from plazo.desk.settings.service_forms import FieldForm, field_values
from plazo.desk.settings.services import move_one
from plazo.desk.settings.working import frame_of, kept, pressed, working


def _shown(document: AgreementDocument, service: str) -> list[FormField]:
    """Return the questions that are asked for a service, in their order; all of them without."""
    return [field for field in document.fields if not service or field.is_for(service)]


@setting(coordinators)
@require_safe
def fields(request: HttpRequest) -> HttpResponse:
    """List the questions of the request form: for which services and types, and if they must."""
    found, language = working(), getattr(request, "LANGUAGE_CODE", "es")
    document = found.document
    chosen = request.GET.get("service", "")
    service = chosen if chosen in document.services else ""

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
                options_words(field, language) or kind_words(field.kind),
                names(field.services, "services"),
                names(field.request_types, "request_types"),
            )
            for field in _shown(document, service)
        ],
        service=service,
        services=[(key, each.name.in_language(language)) for key, each in document.offered.items()],
        moved=(request.GET.get("moved", ""), request.GET.get("way", "")),
        **frame_of(request, found),
    )


@setting(coordinators)
@require_http_methods(["GET", "HEAD", "POST"])
def field(request: HttpRequest, key: str = "") -> HttpResponse:
    """Ask something further on the form, or ask it otherwise, in the draft."""
    found, language = working(), getattr(request, "LANGUAGE_CODE", "es")
    entry = found.document.field(key) if key else None
    gone = bool(key) and entry is None
    if gone and request.method != "POST":
        raise Http404
    values = field_values(entry) if entry else {"services": request.GET.getlist("service")}
    form = FieldForm(
        request.POST or None,
        document=found.document,
        language=language,
        field=entry,
        initial={"revision": found.revision} | values,
    )
    if gone:
        form.carry_on(found.revision, key)
        form.add_error(None, NothingThere(what=key).user_message())
    if request.method == "POST" and form.is_valid() and kept(request, form, form.edit(), found):
        return redirect("desk:fields")
    return show(
        request,
        "field.html",
        "fields",
        form,
        form=form,
        gone=gone,
        field=entry,
        field_name=entry.label.in_language(language) if entry else "",
        **frame_of(request, found),
    )


@setting(coordinators)
@posted("desk:fields", plain=True)
def field_act(request: HttpRequest, key: str, what: str) -> HttpResponse:
    """Move a question up or down among those shown, or ask it no more."""
    document, language = working().document, getattr(request, "LANGUAGE_CODE", "es")
    entry = document.field(key)
    name = entry.label.in_language(language) if entry else key
    service = request.POST.get("service", "")
    back = {"service": service} if service in document.services else {}
    match what:
        case "up" | "down":
            keys = [each.key for each in _shown(document, back.get("service", ""))]
            move_one(request, "fields", keys, key, what, name)
            back |= {"moved": key, "way": what}
        case "remove":
            pressed(request, RemoveField(key), _("“%(name)s” is asked no more.") % {"name": name})
        case _:
            raise Http404
    return redirect(reverse("desk:fields", query=back))
