"""Mail by webhook, through django-anymail: the request is stored as it came, and read later.

Anymail's own check of the caller (basic authentication, a provider's signature) comes first; then
the whole request is committed to the ledger and the provider is told so. What is in it is looked at
by the worker, like any other mail.
"""

import importlib
import json
import logging
import re
from email.encoders import encode_base64
from email.message import Message
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.test import RequestFactory
from django.urls import Resolver404, resolve
from django.utils.datastructures import MultiValueDict
from django.utils.http import parse_header_parameters
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from plazo.channels.email.ledger import accept
from plazo.core.clock import read_clock
from plazo.mailboxes.models import Source

logger = logging.getLogger(__name__)

_MAGIC: Final = b"plazo-webhook 1\n"
_ARMOURED: Final = {"base64", "quoted-printable"}
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
    _give(request, body)
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
    request = RequestFactory().generic("POST", "/", CONTENT_TYPE=head["content_type"])
    _give(request, body)
    events = _view_of(head["provider"]).parse_events(request)
    mails = [event.message for event in events if isinstance(event.message, Message)]
    if len(mails) != 1:
        raise NotAMail(f"the request holds {len(mails)} mails")
    _armour(mails[0])
    return _envelope(mails[0]) + bytes(mails[0].as_bytes())


def _armour(mail: Message) -> None:
    """Write raw files as base64: written as they are, their line ends would be made alike."""
    for part in mail.walk():
        coding = part.get("Content-Transfer-Encoding", "").strip().lower()
        if part.get_content_maintype() in {"multipart", "message", "text"} or coding in _ARMOURED:
            continue
        data = part.get_payload(decode=True)
        del part["Content-Transfer-Encoding"]
        part.set_payload(data)
        encode_base64(part)


def _envelope(mail: Any) -> bytes:
    """Return what the provider knows of the envelope as the headers that a mail server adds."""
    lines = b""
    for name, value in (
        ("Return-Path", getattr(mail, "envelope_sender", None)),
        ("X-Original-To", getattr(mail, "envelope_recipient", None)),
    ):
        if value is not None and name not in mail and not re.search(r"[\r\n]", value):
            shown = f"<{value}>" if name == "Return-Path" else value
            lines += f"{name}: {shown}\n".encode("utf-8", "replace")
    return lines


def _give(request: HttpRequest, body: bytes) -> None:
    """Give a request its body, and the fields of a form in it, however large they are.

    Edges: Django's own reading stops at a limit that is meant for people's forms; a provider puts
        a whole mail into one field.
    """
    request._body = body
    if request.content_type != "multipart/form-data":
        return
    fields, files = QueryDict(mutable=True), MultiValueDict[str, Any]()
    boundary = (request.content_params or {}).get("boundary", "").encode("latin-1", "replace")
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:]:
        head, gap, data = part.partition(b"\r\n\r\n")
        if not gap:
            continue  # the end
        names = _parameters(head, "content-disposition")
        if "filename" in names:
            kind = _parameters(head, "content-type").get("", "application/octet-stream")
            files.appendlist(
                names.get("name", ""), SimpleUploadedFile(names["filename"], data, kind)
            )
        else:
            fields.appendlist(names.get("name", ""), data.decode("utf-8", "replace"))
    request.__dict__.update(_post=fields, _files=files)


def _parameters(head: bytes, name: str) -> dict[str, str]:
    """Return a header's parameters, with its value under no name."""
    for line in head.decode("utf-8", "replace").splitlines():
        field, _, value = line.partition(":")
        if field.strip().lower() == name:
            main, parameters = parse_header_parameters(value)
            return {**parameters, "": main}
    return {}


def _view_of(provider: str) -> Any:
    """Return anymail's inbound view of a provider. Raises: Http404."""
    if not _PROVIDER.fullmatch(provider) or not settings.PLAZO.webhook_secret:
        raise Http404
    # Mailgun sends whole mails to an address that ends so, and taken apart ones to others.
    name, mime, _rest = provider.partition("_mime")
    try:
        importlib.import_module("anymail.urls")
        found = resolve(f"/{name}/inbound{mime}/", urlconf="anymail.urls")
        return found.func.view_class()  # type: ignore[attr-defined]
    except (ModuleNotFoundError, Resolver404) as error:
        raise Http404 from error
    except ImproperlyConfigured as error:
        logger.error("the webhook of %s is not set up: %s", provider, error)
        raise Http404 from error
