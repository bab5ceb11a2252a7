"""Mail by webhook, through django-anymail: the request is stored as it came, and read later.

Anymail's own check of the caller (basic authentication, a provider's signature) comes first; then
the whole request is committed to the ledger and the provider is told so. What is in it is looked at
by the worker, like any other mail.
"""

import importlib
import json
import re
from email.message import Message
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import Resolver404, resolve
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from plazo.channels.email.ledger import accept
from plazo.core.clock import read_clock
from plazo.mailboxes.models import Source

_MAGIC: Final = b"plazo-webhook 1\n"
_PROVIDER: Final = re.compile(r"[a-z][a-z_]{1,30}")


class NotAMail(Exception):
    """A stored request holds no mail, or more than one."""


@csrf_exempt
@login_not_required
@require_http_methods(["POST", "HEAD"])
def receive(request: HttpRequest, provider: str) -> HttpResponse:
    """Take a provider's request in: check who calls, commit it, and only then say yes.

    Edges: without the optional package, or for a provider that it does not know, there is nothing
        here. Any failure is an error status, so that the provider tries again.
    """
    view = _view_of(provider)
    if request.method == "HEAD":
        return HttpResponse()  # some providers look whether anybody is there
    body = request.read(settings.PLAZO.max_mail_bytes + 1)
    if len(body) > settings.PLAZO.max_mail_bytes:
        return HttpResponse(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    request._body = body
    try:
        view.run_validators(request)
    except SuspiciousOperation:
        return HttpResponse(status=HTTPStatus.FORBIDDEN)
    head = {"provider": provider, "content_type": request.META.get("CONTENT_TYPE", "")}
    stored = _MAGIC + json.dumps(head).encode() + b"\n" + body
    accept(stored, source=Source.WEBHOOK, now=read_clock())
    return HttpResponse()


def mail_of_request(stored: bytes) -> bytes:
    """Return the mail in a request that was stored. Raises: NotAMail."""
    if not stored.startswith(_MAGIC):
        raise NotAMail("it was not stored by the webhook")
    line, _, body = stored[len(_MAGIC) :].partition(b"\n")
    head = json.loads(line)
    request = RequestFactory().generic(
        "POST", "/", data=body, content_type=head["content_type"] or "application/octet-stream"
    )
    events = _view_of(head["provider"]).parse_events(request)
    mails = [event.message for event in events if isinstance(event.message, Message)]
    if len(mails) != 1:
        raise NotAMail(f"the request holds {len(mails)} mails")
    return bytes(mails[0].as_bytes())


def _view_of(provider: str) -> Any:
    """Return anymail's inbound view of a provider. Raises: Http404."""
    if not _PROVIDER.fullmatch(provider) or not settings.PLAZO.webhook_secret:
        raise Http404
    try:
        importlib.import_module("anymail.urls")
        found = resolve(f"/{provider}/inbound/", urlconf="anymail.urls")
    except (ModuleNotFoundError, Resolver404) as error:
        raise Http404 from error
    return found.func.view_class()  # type: ignore[attr-defined]
