"""Signing in with OAuth 2: a real token service, a real IMAP server, and what goes over SMTP."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from django.core.mail import EmailMessage

from plazo.channels.email import imap
from plazo.core import sealing
from plazo.mailboxes import oauth
from plazo.mailboxes.models import Mailbox, Security, SignIn, Source
from plazo.notifications.transport import deliver
from tests.mails import a_mailbox
from tests.mailservers import PASSWORD, Dovecot
from tests.ports import free_port

pytestmark = pytest.mark.django_db


class TokenService(HTTPServer):
    """What Google and Microsoft have at their token address; `answer` is what it says next."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.asked: list[dict[str, str]] = []
        self.status = 200
        self.answer: object = {"access_token": PASSWORD, "expires_in": 3600}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/token"


class _Answers(BaseHTTPRequestHandler):
    server: TokenService

    def do_POST(self) -> None:
        """Note the form, and answer."""
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append({name: values[0] for name, values in parse_qs(form).items()})
        answer = self.server.answer
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[TokenService]:
    """A token service of this test's own."""
    with TokenService() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def a_modern_mailbox(service: TokenService, user: str = "moderno", **fields: object) -> Mailbox:
    """Return a mailbox that somebody has consented to."""
    box = a_mailbox(f"{user}@iws.example", **{"sign_in": SignIn.MICROSOFT, **fields})
    box.keep_secrets(
        client_id="la-aplicacion",
        client_secret="su-clave",
        refresh_token="el-consentimiento",
        token_url=service.url,
    )
    box.save()
    return box


def test_a_token_is_fetched_once_and_kept_sealed(service):
    """The form is what RFC 6749 §6 asks for; the next sign-in asks nobody."""
    box = a_modern_mailbox(service)
    assert [oauth.access_token(box), oauth.access_token(box)] == [PASSWORD, PASSWORD]
    assert oauth.access_token(Mailbox.objects.get(pk=box.pk)) == PASSWORD
    assert service.asked == [
        {
            "grant_type": "refresh_token",
            "refresh_token": "el-consentimiento",
            "client_id": "la-aplicacion",
            "client_secret": "su-clave",
        }
    ]
    assert PASSWORD not in Mailbox.objects.get(pk=box.pk).sealed


@pytest.mark.parametrize(("seconds", "renewed"), [(299, True), (301, False)])
def test_a_token_is_renewed_some_minutes_before_its_end(service, seconds, renewed):
    """A connection that begins with it must not end at once."""
    box = a_modern_mailbox(service)
    box.keep_secrets(access_token="de-antes", access_until=str(time.time() + seconds))
    assert (oauth.access_token(box) == PASSWORD) is renewed


def test_a_new_refresh_token_takes_the_place_of_the_old(service):
    """Microsoft gives one with each answer, and the old one ends some day."""
    box = a_modern_mailbox(service)
    service.answer = {"access_token": "uno", "expires_in": 1, "refresh_token": "el-siguiente"}
    oauth.access_token(box)
    oauth.access_token(box)
    assert [form["refresh_token"] for form in service.asked] == [
        "el-consentimiento",
        "el-siguiente",
    ]


def test_consent_that_was_withdrawn_says_what_to_do(service):
    """Trying again would not help: a person must consent."""
    service.status, service.answer = 400, {"error": "invalid_grant"}
    with pytest.raises(oauth.ConsentWithdrawn, match="vuelva a autorizar el buzón"):
        oauth.access_token(a_modern_mailbox(service))


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        pytest.param(503, {"error": "temporarily_unavailable"}, id="busy"),
        pytest.param(200, b"<html>proxy</html>", id="a page"),
        pytest.param(200, b"", id="nothing"),
        pytest.param(200, {"token_type": "Bearer"}, id="no token"),
        pytest.param(200, ["what"], id="not an object"),
        pytest.param(401, {"error": "invalid_client"}, id="the application is unknown"),
    ],
)
def test_a_service_that_does_not_answer_well_is_trouble_for_now(service, status, answer):
    """Whatever comes back, the fetcher notes it and tries again."""
    service.status, service.answer = status, answer
    with pytest.raises(oauth.TokenTrouble):
        oauth.access_token(a_modern_mailbox(service))


def test_nobody_at_the_address_is_trouble_for_now(service):
    """The network may be back in a minute."""
    box = a_modern_mailbox(service)
    box.keep_secrets(token_url=f"http://127.0.0.1:{free_port()}/token")
    with pytest.raises(oauth.TokenTrouble):
        oauth.access_token(box)


def imap_fields(server: Dovecot, user: str) -> dict[str, object]:
    return {
        "source": Source.IMAP,
        "imap_host": "127.0.0.1",
        "imap_port": server.imap_port,
        "imap_security": Security.PLAIN,
        "imap_user": user,
    }


def test_the_server_takes_the_token(service, dovecot_server):
    """Dovecot's own XOAUTH2 lets us in, with a token from the service."""
    box = a_modern_mailbox(service, **imap_fields(dovecot_server, "moderno"))
    connected = imap.connect(box)
    assert connected.folder.get() == "INBOX"
    imap.close(connected)


def test_a_token_that_the_server_refuses_is_not_tried_again(service, dovecot_server):
    """It may be called back long before its end; the next sign-in fetches another."""
    box = a_modern_mailbox(service, "devuelto", **imap_fields(dovecot_server, "devuelto"))
    service.answer = {"access_token": "devuelto", "expires_in": 3600}
    with pytest.raises(imap.TROUBLE):
        imap.connect(box)
    service.answer = {"access_token": PASSWORD, "expires_in": 3600}
    imap.close(imap.connect(Mailbox.objects.get(pk=box.pk)))
    assert len(service.asked) == 2


class Submission:
    """A mail server that wants XOAUTH2, and notes what it heard."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.mails = 0

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:
        self.heard.append(base64.b64decode(args[1]))
        return AuthResult(success=True)

    async def handle_DATA(self, server, session, envelope) -> str:
        assert session.authenticated
        self.mails += 1
        return "250 OK"


def test_sending_signs_in_the_same_way(service):
    """user, Bearer and two control-A: Google's and Microsoft's form of the SASL string."""
    keeper = Submission()
    controller = Controller(keeper, hostname="127.0.0.1", port=free_port(), auth_require_tls=False)
    controller.start()
    try:
        box = a_modern_mailbox(
            service,
            smtp_host="127.0.0.1",
            smtp_port=controller.port,
            smtp_security=Security.PLAIN,
            smtp_user="moderno@iws.example",
        )
        deliver(EmailMessage("x", "y", "moderno@iws.example", ["a@andina.example"]), box)
    finally:
        controller.stop()
    assert keeper.heard == [f"user=moderno@iws.example\x01auth=Bearer {PASSWORD}\x01\x01".encode()]
    assert keeper.mails == 1


def test_another_key_of_the_installation_is_told_and_nothing_is_guessed(service, settings):
    """Secrets sealed under another PLAZO_SECRET_KEY must be entered again."""
    box = a_modern_mailbox(service)
    settings.SECRET_KEY = "another key than when this was sealed, and long enough"
    with pytest.raises(sealing.CannotUnseal):
        oauth.access_token(box)
