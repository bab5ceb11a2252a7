"""What every public page shares: its frame, who may open it, and what is said when it cannot be."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from plazo.agreements.errors import NoAgreementInForce
from plazo.agreements.models import AgreementVersion
from plazo.agreements.page import opening_now
from plazo.core.errors import NotVisible

View = Callable[..., HttpResponseBase]


def public(view: View) -> View:
    """Open a view to everyone; what its link does not show is a 404."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except NotVisible as error:
            raise Http404 from error
        except NoAgreementInForce as error:
            return render(
                request,
                "plazo/portal/not_yet.html",
                {"reason": error.user_message()},
                status=error.http_status,
            )

    return login_not_required(guarded)


def private(view: View) -> View:
    """Mark a page behind a signed link: no cache keeps it, no search engine lists it."""

    @wraps(view)
    def marked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return never_cache(marked)


def frame(
    request: HttpRequest, language: str, now: datetime, version: AgreementVersion, nav: str = ""
) -> dict[str, Any]:
    """Return what the frame of every public page shows."""
    document = version.document
    support = version.sla.calendars[document.support_calendar]
    other = "en" if language == "es" else "es"
    limit = settings.PLAZO.max_upload_bytes
    return {
        "nav": nav,
        "language": language,
        "other_language": other,
        "other_path": request.get_full_path().replace(f"/hc/{language}/", f"/hc/{other}/", 1),
        "now": now,
        "site_name": document.name.in_language(language),
        "zone": support.zone,
        "opening": opening_now(support, now),
        "max_upload": limit,
        "max_upload_mb": limit // (1024 * 1024),
    }
