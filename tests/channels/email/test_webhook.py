"""Mail by a provider's webhook: who calls is checked, all is stored, and read only afterwards."""

import base64
import hashlib
import hmac
import json
from email import message_from_bytes
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from plazo.channels.email import intake
from plazo.channels.email.models import Fate, IntakeRecord
from plazo.channels.email.webhook import NotAMail, mail_of_request
from plazo.mailboxes.models import Source
from tests.factory import an_agent, publish_iws
from tests.mails import a_mail, a_mailbox

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "proveedor:una-clave-larga"
BASIC = "Basic " + base64.b64encode(SECRET.encode()).decode()
KEY = "la-llave-con-que-firma"


@pytest.fixture(autouse=True)
def set_up(settings):
    """An installation that takes webhooks, from a provider that signs too."""
    settings.PLAZO = settings.PLAZO.model_copy(update={"webhook_secret": SECRET})
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET, "MAILGUN_WEBHOOK_SIGNING_KEY": KEY}


def post(provider: str, body: bytes, kind: str = "application/json", auth: str = BASIC) -> int:
    """Call as the provider does: with no cookie and no token against forged forms."""
    client = Client(enforce_csrf_checks=True)
    path, headers = f"/mail/hook/{provider}/", {"Authorization": auth}
    answer = client.generic("POST", path, body, content_type=kind, headers=headers)
    return answer.status_code


def postmark(raw: bytes, **fields: Any) -> bytes:
    """Return what Postmark sends, as its documentation has it."""
    return json.dumps(
        {
            "FromFull": {"Email": "compras@andina.example", "Name": "Compras Andina"},
            "OriginalRecipient": "soporte@iws.example",
            "Headers": [{"Name": "Return-Path", "Value": "<compras@andina.example>"}],
            "RawEmail": raw.decode(),
            **fields,
        }
    ).encode()


def mailgun_fields(key: str = KEY) -> dict[str, Any]:
    """Return what each request of Mailgun has, signed over timestamp and token."""
    stamp, token = "1780000000", "a" * 50
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {
        "timestamp": stamp,
        "token": token,
        "signature": signature,
        "sender": "rebotes@andina.example",
        "recipient": "soporte@iws.example",
    }


def mailgun(raw: bytes, *, key: str = KEY) -> bytes:
    """Return what Mailgun sends to an address that ends in `mime`."""
    return encode_multipart(BOUNDARY, mailgun_fields(key) | {"body-mime": raw.decode()})


def test_a_request_is_stored_whole_and_read_later():
    """The row holds the request; the mail comes out of it with the envelope's addresses."""
    raw = a_mail("hola ñ")
    assert post("postmark", postmark(raw)) == 200
    record = IntakeRecord.objects.get()
    assert (record.source, record.fate) == (Source.WEBHOOK, Fate.WAITING)
    mail = message_from_bytes(mail_of_request(record.raw.data))
    assert mail["Message-ID"] == message_from_bytes(raw)["Message-ID"]
    assert mail["X-Original-To"] == "soporte@iws.example"
    assert mail["Return-Path"] == "<compras@andina.example>"
    assert "hola ñ" in mail.get_payload(decode=True).decode()


def test_it_becomes_a_ticket_like_any_other_mail():
    """From the provider's call to a new case."""
    publish_iws()
    an_agent()
    a_mailbox()
    assert post("postmark", postmark(a_mail(to="lista@andina.example"))) == 200
    record = IntakeRecord.objects.get()
    intake.process(record.pk, now=record.next_attempt_at)  # the door read the clock itself
    record.refresh_from_db()
    assert (record.fate, record.mailbox.address) == (Fate.NEW_TICKET, "soporte@iws.example")


@pytest.mark.parametrize(
    "auth",
    [
        pytest.param("", id="nothing"),
        pytest.param("Basic " + base64.b64encode(b"proveedor:otra").decode(), id="another"),
        pytest.param("Basic nonsense", id="nonsense"),
    ],
)
def test_whoever_is_not_the_provider_is_refused(auth):
    """Nothing of a stranger's request is stored."""
    assert post("postmark", postmark(a_mail()), auth=auth) == 403
    assert not IntakeRecord.objects.exists()


@pytest.mark.parametrize(("key", "status"), [(KEY, 200), ("otra-llave", 403)])
def test_a_signature_is_checked_as_well(key, status):
    """Mailgun signs; knowing the address and the password is not enough there."""
    assert post("mailgun_mime", mailgun(a_mail(), key=key), MULTIPART_CONTENT) == status
    assert IntakeRecord.objects.count() == (status == 200)


@pytest.mark.parametrize("provider", ["postmark", "mailgun_mime"])
def test_a_mail_larger_than_peoples_forms_is_taken(provider):
    """Django's limit for fields is for people; a mail of some megabytes is an ordinary one."""
    raw = a_mail(files={"informe.bin": b"x" * django_settings.DATA_UPLOAD_MAX_MEMORY_SIZE})
    body, kind = postmark(raw), "application/json"
    if provider == "mailgun_mime":
        body, kind = mailgun(raw), MULTIPART_CONTENT
    assert post(provider, body, kind) == 200
    record = IntakeRecord.objects.get()
    assert len(mail_of_request(record.raw.data)) > len(raw) * 0.9


def test_files_in_a_form_come_along():
    """Mailgun also sends mails taken apart: their files are files of the form."""
    content = bytes(range(256)) + b"\r\n\n\r"
    fields = mailgun_fields() | {
        "message-headers": json.dumps([["From", "compras@andina.example"], ["Subject", "Año"]]),
        "body-plain": "hola ñ",
        "attachment-count": "1",
        "attachment-1": SimpleUploadedFile("año.bin", content, "application/x-nosotros"),
    }
    assert post("mailgun", encode_multipart(BOUNDARY, fields), MULTIPART_CONTENT) == 200
    mail = message_from_bytes(mail_of_request(IntakeRecord.objects.get().raw.data))
    text, file = [part for part in mail.walk() if not part.is_multipart()]
    assert text.get_payload(decode=True).decode().strip() == "hola ñ"
    assert (file.get_payload(decode=True), file.get_filename()) == (content, "año.bin")


def test_the_same_request_twice_is_one_row():
    """A provider that did not hear our yes calls again."""
    body = postmark(a_mail())
    assert {post("postmark", body), post("postmark", body)} == {200}
    assert IntakeRecord.objects.count() == 1


def test_what_holds_no_mail_says_so():
    """It is parked by whoever reads it, and not taken for a mail."""
    assert post("postmark", b"{}") == 200
    stored = IntakeRecord.objects.get().raw.data
    mail_of_request(stored)  # an empty mail is a mail
    with pytest.raises(NotAMail):
        mail_of_request(b"From: a@b.example\n\nnot from here")


def test_too_large_a_request_is_refused(settings):
    """413, and nothing is stored."""
    settings.PLAZO = settings.PLAZO.model_copy(update={"max_mail_bytes": 1000})
    assert post("postmark", postmark(a_mail("x" * 2000))) == 413
    assert not IntakeRecord.objects.exists()


@pytest.mark.parametrize("provider", ["nobody", "mailersend"])
def test_there_is_no_door_for_others(provider):
    """A provider that is not known, or whose key is not set, has no address here."""
    assert post(provider, b"{}") == 404


def test_without_a_secret_there_is_no_door(settings):
    """Who has not asked for webhooks has none."""
    settings.PLAZO = settings.PLAZO.model_copy(update={"webhook_secret": ""})
    assert post("postmark", postmark(a_mail())) == 404
    assert Client().head("/mail/hook/postmark/").status_code == 404


def test_a_provider_may_look_whether_anybody_is_there():
    """Some ask before they send the first mail."""
    assert Client().head("/mail/hook/postmark/").status_code == 200
