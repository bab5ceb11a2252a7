"""The demo's outbox in the browser. Outside the demo it does not exist: 404."""

from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import wraps
from typing import Any

from csp.decorators import csp_replace
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.clickjacking import xframe_options_sameorigin

from plazo.notifications.models import OutboxMessage

View = Callable[..., HttpResponse]


def demo_only(view: View) -> View:
    """Hide a view unless this is a demo whose mail stays here."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.PLAZO.demo:
            raise Http404
        return view(request, *args, **kwargs)

    return login_not_required(guarded)


@demo_only
def messages(request: HttpRequest) -> HttpResponse:
    """List the newest mails."""
    found = list(OutboxMessage.objects.defer("raw")[:100])
    return render(request, "plazo/outbox/list.html", {"messages_kept": found})


def _parsed(pk: int) -> tuple[OutboxMessage, EmailMessage]:
    kept = get_object_or_404(OutboxMessage, pk=pk)
    parsed = message_from_bytes(bytes(kept.raw), policy=policy.default)
    if not isinstance(parsed, EmailMessage):
        raise Http404
    return kept, parsed


def _part(parsed: EmailMessage, kind: str) -> str:
    body = parsed.get_body(preferencelist=(kind,))
    return str(body.get_content()) if body is not None else ""


@demo_only
def message(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one mail: its headers, its HTML in a frame of its own, its text."""
    kept, parsed = _parsed(pk)
    context = {
        "kept": kept,
        "headers": [
            (name, parsed[name])
            for name in ("From", "To", "Subject", "Message-ID", "References", "Auto-Submitted")
            if parsed[name]
        ],
        "text": _part(parsed, "plain"),
        "has_html": bool(_part(parsed, "html")),
    }
    return render(request, "plazo/outbox/message.html", context)


@xframe_options_sameorigin
@csp_replace(
    {
        "default-src": ["'none'"],
        "style-src": ["'unsafe-inline'"],
        "img-src": ["data:"],
        "frame-ancestors": ["'self'"],
        "sandbox": ["allow-popups", "allow-top-navigation-by-user-activation"],
    }
)
@demo_only
def html(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the HTML body alone, where nothing in it can run or load anything."""
    _, parsed = _parsed(pk)
    content = _part(parsed, "html").replace("<head>", '<head><base target="_top">', 1)
    return HttpResponse(content)


@demo_only
def raw(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the mail as it would have gone out."""
    kept, _ = _parsed(pk)
    response = HttpResponse(bytes(kept.raw), content_type="message/rfc822")
    response["Content-Disposition"] = f'attachment; filename="plazo-{pk}.eml"'
    return response
