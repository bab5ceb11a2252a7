"""The local outbox: in the demo, mail stays here and is read in the browser."""

from collections.abc import Sequence
from email.errors import HeaderParseError
from email.header import decode_header, make_header

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

from plazo.notifications.models import OutboxMessage


def readable(header: str) -> str:
    """Return a header's value as a person reads it: encoded words are decoded (RFC 2047).

    Edges: what only looks like an encoded word stays as it is.
    """
    try:
        return str(make_header(decode_header(header)))
    except (HeaderParseError, LookupError, UnicodeError):
        return header


class LocalOutboxBackend(BaseEmailBackend):
    """Keeps each mail as the bytes that would have gone to the server."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            OutboxMessage.objects.create(
                at=timezone.now(),
                recipient=", ".join(readable(who) for who in message.recipients())[:320],
                subject=readable(str(message.subject))[:400],
                raw=bytes(message.message().as_bytes(linesep="\r\n")),  # type: ignore[call-arg]  # Django's own takes it
            )
        return len(email_messages)
