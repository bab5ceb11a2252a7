"""Connections to mail servers: one per thread and mailbox, kept for a while, checked before use."""

import contextlib
import smtplib
import threading
import time
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend

from plazo.mailboxes.models import Mailbox, Security, SignIn
from plazo.mailboxes.oauth import access_token

IDLE_SECONDS: Final = 20.0

_kept = threading.local()


class MailboxBackend(EmailBackend):
    """Django's SMTP backend, which can also sign in with OAuth 2 (XOAUTH2)."""

    def __init__(self, mailbox: Mailbox, **kwargs: Any) -> None:
        secrets = mailbox.secrets
        self._oauth = mailbox if mailbox.sign_in != SignIn.PASSWORD else None
        self._oauth_user = mailbox.smtp_user
        super().__init__(
            host=mailbox.smtp_host,
            port=mailbox.smtp_port,
            username="" if self._oauth else mailbox.smtp_user,
            password="" if self._oauth else secrets.get("smtp_password", ""),
            use_ssl=mailbox.smtp_security == Security.TLS,
            use_tls=mailbox.smtp_security == Security.STARTTLS,
            timeout=settings.EMAIL_TIMEOUT,
            **kwargs,
        )

    def open(self) -> bool | None:
        opened = super().open()
        if opened and self._oauth is not None and self.connection is not None:
            token = access_token(self._oauth)
            words = f"user={self._oauth_user}\x01auth=Bearer {token}\x01\x01"
            self.connection.ehlo_or_helo_if_needed()
            self.connection.auth("XOAUTH2", lambda _challenge=None: words)
        return opened


def deliver(message: EmailMessage, mailbox: Mailbox | None) -> None:
    """Hand a mail to the server of its mailbox, or to the installation's.

    Edges: in the demo, and without any server, it stays in the local outbox.
    Raises: smtplib.SMTPException; OSError; PlazoError where signing in needs somebody.
    """
    server = mailbox if mailbox is not None and mailbox.smtp_host else None
    if settings.PLAZO.demo or (server is None and not settings.PLAZO.mail_leaves):
        get_connection().send_messages([message])
        return
    key = _key(server)
    backend = _connection(server)
    try:
        backend.send_messages([message])
    except BaseException:
        _close(backend)
        raise
    _shelf()[key] = (backend, time.monotonic())


def close_kept() -> None:
    """Close this thread's connections, where no further mail follows soon."""
    while _shelf():
        _close(_shelf().popitem()[1][0])


def _connection(server: Mailbox | None) -> EmailBackend:
    """Return a connection that answers: the kept one, or a new one."""
    backend, used = _shelf().pop(_key(server), (None, 0.0))
    if backend is not None:
        if time.monotonic() - used < IDLE_SECONDS and _answers(backend):
            return backend
        _close(backend)
    made = MailboxBackend(server) if server is not None else EmailBackend()
    try:
        made.open()
    except BaseException:
        _close(made)  # connected, and then refused to encrypt or to let us in
        raise
    return made


def _key(server: Mailbox | None) -> tuple[Any, ...]:
    """Name a connection by all that it depends on: a changed password makes another one."""
    if server is None:
        return ()
    return (server.pk, server.smtp_host, server.smtp_port, server.smtp_user, server.sealed)


def _shelf() -> dict[tuple[Any, ...], tuple[EmailBackend, float]]:
    if not hasattr(_kept, "shelf"):
        _kept.shelf = {}
    shelf: dict[tuple[Any, ...], tuple[EmailBackend, float]] = _kept.shelf
    return shelf


def _answers(backend: EmailBackend) -> bool:
    try:
        return backend.connection is not None and backend.connection.noop()[0] == 250
    except (smtplib.SMTPException, OSError):
        return False


def _close(backend: EmailBackend) -> None:
    with contextlib.suppress(smtplib.SMTPException, OSError):
        backend.close()
