"""What every public page shares: its frame, who may open it, and what is said when it cannot be."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from plazo.agreements.errors import NoAgreementInForce
from plazo.agreements.models import AgreementVersion
from plazo.agreements.page import opening_now
from plazo.core.errors import NotVisible
from plazo.helpcenter.access import Reader
from plazo.helpcenter.access import reader_of as helpcenter_reader
from plazo.helpcenter.models import Announcement, Impact
from plazo.helpcenter.queries import active_announcements

View = Callable[..., HttpResponseBase]

# How grave an announcement looks: the states of the design language.
STATE_OF_IMPACT: Final = {Impact.OUTAGE: "late", Impact.DEGRADED: "risk", Impact.NONE: "ok"}


def public(view: View, *, signed_in: bool = False) -> View:
    """Open a view to everyone, unless it asks for a sign-in; what cannot be seen is a 404."""

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

    return guarded if signed_in else login_not_required(guarded)


def private(view: View) -> View:
    """Mark a page that is somebody's own: no cache keeps it, no search engine lists it."""

    @wraps(view)
    def marked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return never_cache(marked)


def client_required(view: View) -> View:
    """Let signed-in clients in; agents are led to their desk, for anyone else it is a 404."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        reader = reader_of(request)
        if reader.requester is not None:
            request.requester = reader.requester  # type: ignore[attr-defined]
            return view(request, *args, **kwargs)
        if reader.agent is not None and request.method in ("GET", "HEAD"):
            return redirect("desk:queue")
        raise NotVisible

    return private(public(guarded, signed_in=True))


def reader_of(request: HttpRequest) -> Reader:
    """Return who reads, found out once for each request. Costs nothing for a stranger."""
    known: Reader | None = getattr(request, "_plazo_reader", None)
    if known is None:
        known = request._plazo_reader = helpcenter_reader(request.user)  # type: ignore[attr-defined]
    return known


@dataclass(frozen=True, slots=True)
class Me:
    """The signed-in person, as the head of a page shows them."""

    name: str
    is_agent: bool
    manages: bool


def me_of(reader: Reader) -> Me | None:
    """Return the person for the head of a page; None for a stranger."""
    if reader.agent is not None:
        return Me(str(reader.agent), True, False)
    if reader.requester is not None:
        return Me(str(reader.requester), False, reader.requester.manages)
    return None


def _banner(announcements: list[Announcement], language: str) -> dict[str, Any] | None:
    """Return what stands over every page: the gravest of what goes on, and how many more."""
    grave = [a for a in announcements if a.impact != Impact.NONE or a.kind == "notice"]
    if not grave:
        return None
    first = grave[0]
    return {
        "title": first.headline(language),
        "state": STATE_OF_IMPACT[Impact(first.impact)],
        "url": reverse("portal:announcement", args=[language, first.public_id]),
        "more": len(grave) - 1,
        "next_update_at": first.next_update_at,
    }


def frame(
    request: HttpRequest, language: str, now: datetime, version: AgreementVersion, nav: str = ""
) -> dict[str, Any]:
    """Return what the frame of every public page shows: the site, what goes on, and who reads.

    Edges: `zone` is the agreement's own; a person's pages put theirs in its place. Costs one query,
        and who reads, which is found out once for a request.
    """
    document = version.document
    support = version.sla.calendars[document.support_calendar]
    other = "en" if language == "es" else "es"
    limit = settings.PLAZO.max_upload_bytes
    announcements = active_announcements(now=now)
    return {
        "announcements": announcements,
        "banner": _banner(announcements, language),
        "nav": nav,
        "language": language,
        "other_language": other,
        "other_path": request.get_full_path().replace(f"/hc/{language}/", f"/hc/{other}/", 1),
        "now": now,
        "site_name": document.name.in_language(language),
        "site_url": settings.PLAZO.base_url,
        "zone": support.zone,
        "opening": opening_now(support, now),
        "me": me_of(reader_of(request)),
        "max_upload": limit,
        "max_upload_mb": limit // (1024 * 1024),
    }
