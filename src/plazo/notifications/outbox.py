"""The local outbox: in the demo, mail stays here and is read in the browser."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

from plazo.notifications.models import OutboxMessage


class LocalOutboxBackend(BaseEmailBackend):
    """Keeps each mail as the bytes that would have gone to the server."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            OutboxMessage.objects.create(
                at=timezone.now(),
                recipient=", ".join(message.recipients())[:320],
                subject=str(message.subject)[:400],
                raw=bytes(message.message().as_bytes(linesep="\r\n")),  # type: ignore[call-arg]  # Django's own takes it
            )
        return len(email_messages)
