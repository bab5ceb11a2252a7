"""When a form's proof of origin is missing or old: nothing that was written is lost."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import requires_csrf_token

from plazo.core.language import language_of_request
from plazo.portal import case, views
from plazo.portal.site import private, public

# What is given back of a form that we do not know: what a person typed, not what we put there.
OURS = frozenset({"csrfmiddlewaretoken", "password", "next", "kept", "started", "website"})


@login_not_required
@requires_csrf_token
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Show the form again with everything in it, or at least give the text back.

    The usual cause is honest: a page that was open for days, or cookies cleared meanwhile. Nothing
    is done: the person reads it and sends it again, now with a good proof.
    """
    match = request.resolver_match
    words = _("The page was open for too long, so nothing was sent. Please send it again.")
    if match is not None and request.method == "POST":
        arguments: dict[str, Any] = match.kwargs
        if match.view_name == "portal:new":
            return public(views.lost_form)(request, reason=words, **arguments)
        if match.view_name == "portal:reply":
            return public(private(case.lost_reply))(request, reason=words, **arguments)
    return render(
        request,
        "plazo/portal/lost.html",
        {"language": language_of_request(request), "texts": _texts(request)},
        status=403,
    )


def _texts(request: HttpRequest) -> list[str]:
    return [
        value
        for name, values in request.POST.lists()
        for value in values
        if name not in OURS and not isinstance(value, UploadedFile) and len(value.strip()) > 1
    ]
