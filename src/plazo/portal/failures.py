"""When a form cannot be taken, its proof of origin or its sender's sign-in being too old: nothing
that was written is lost."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import requires_csrf_token

from plazo.core.failures import typed
from plazo.core.language import language_of_request
from plazo.portal import case, views
from plazo.portal.door import of_case
from plazo.portal.site import public


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
            return of_case(case.lost_reply)(request, reason=words, **arguments)
    return render(
        request,
        "plazo/portal/lost.html",
        {"language": language_of_request(request), "texts": typed(request)},
        status=403,
    )


class SignInMiddleware(LoginRequiredMiddleware):
    """Ask for a sign-in; whoever was signed out while they wrote gets back what they wrote.

    Edges: a script's own requests are led to the sign-in, as they expect.
    """

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., HttpResponseBase],
        view_args: tuple[Any, ...],
        view_kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        answer = super().process_view(request, view_func, view_args, view_kwargs)
        by_script = request.headers.get("Sec-Fetch-Dest", "document") != "document"
        if answer is None or by_script or request.method != "POST":
            return answer
        texts = typed(request)
        if not texts:
            return answer
        context = {
            "language": language_of_request(request),
            "texts": texts,
            "following": request.get_full_path(),
        }
        return render(request, "plazo/portal/signed_out.html", context, status=403)
