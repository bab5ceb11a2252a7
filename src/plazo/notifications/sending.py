"""Sending one mail: claim, render, send, record.

Each step commits before the next begins, so a process may die between any two of them:

- before the claim: the row is due and another job takes it;
- after the claim: the claim ends by itself, and another job takes it;
- after the server's yes and before the record: the mail is sent twice, with the same Message-ID,
  which is the one double that mail cannot exclude.
"""

import logging
import random
import smtplib
from datetime import datetime, timedelta

from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import transaction
from django.utils import translation

from plazo.core.actor import Actor
from plazo.notifications import rendering
from plazo.notifications.models import WAITING, MailKind, MailState, OutboundMail
from plazo.tickets import commands
from plazo.tickets.models import Delivery

logger = logging.getLogger(__name__)

ACTOR = Actor.system("mail")
CLAIM = timedelta(minutes=2)
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)


class Permanent(Exception):
    """This mail will never be taken; the message says why."""


def send(mail_id: int, *, now: datetime) -> str:
    """Take one mail as far as it goes; return its state.

    Edges: a row that is not due, or that another worker holds, is left alone.
    """
    mail = _claim(mail_id, now)
    if mail is None:
        return ""
    try:
        _render(mail, now)
        _deliver(mail)
    except Permanent as error:
        return _record_failure(mail, str(error), now)
    except Exception as error:
        logger.warning("mail %s was not sent: %s", mail.pk, error, exc_info=not _expected(error))
        return _record_trouble(mail, error, now)
    return _record_sent(mail, now)


def _claim(mail_id: int, now: datetime) -> OutboundMail | None:
    """Take the row for a while. The attempt counts before it is made: a mail that kills its
    worker each time must not be tried for ever at once.
    """
    with transaction.atomic():
        mail = (
            OutboundMail.objects.select_for_update(skip_locked=True)
            .filter(pk=mail_id, state__in=WAITING, next_attempt_at__lte=now)
            .first()
        )
        if mail is None:
            return None
        mail.state = MailState.SENDING
        mail.attempts += 1
        mail.claim += 1
        mail.next_attempt_at = now + max(CLAIM, pause_after(mail.attempts))
        mail.save(update_fields=["state", "attempts", "claim", "next_attempt_at"])
    return mail


def _render(mail: OutboundMail, now: datetime) -> None:
    """Write the mail down once: every later attempt sends the same words."""
    if mail.body_text:
        return
    with translation.override(mail.language):
        rendered = rendering.render(mail)
    if rendered is None:
        raise Permanent("nothing to say any more")
    mail.subject, mail.body_text, mail.body_html = rendered
    mail.save(update_fields=["subject", "body_text", "body_html"])


def _deliver(mail: OutboundMail) -> None:
    message = build(mail)
    try:
        get_connection().send_messages([message])
    except smtplib.SMTPRecipientsRefused as error:
        # One mail has one recipient; the key is the address as it was spelt in the header.
        (answer,) = error.recipients.values()
        if answer[0] >= 500:
            raise Permanent(_answer(answer)) from error
        raise
    except smtplib.SMTPResponseException as error:
        # 535 is our own sign-in, and 554 at the greeting our own address: both can be mended.
        if 550 <= error.smtp_code <= 553:
            raise Permanent(_answer((error.smtp_code, error.smtp_error))) from error
        raise


def build(mail: OutboundMail) -> EmailMultiAlternatives:
    """Return the mail as it goes out. Source: RFC 5322 §3.6.4, RFC 3834 §5."""
    automatic = {
        MailKind.ACKNOWLEDGEMENT: "auto-replied",
        MailKind.AT_RISK: "auto-generated",
        MailKind.BREACHED: "auto-generated",
    }
    headers = {"Message-ID": mail.message_id}
    if mail.kind in automatic:
        headers["Auto-Submitted"] = automatic[MailKind(mail.kind)]
        headers["X-Auto-Response-Suppress"] = "All"
    before = _references(mail)
    if before:
        headers["In-Reply-To"] = before[-1]
        headers["References"] = " ".join(before)
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=mail.body_text,
        to=[rendering.address(mail.recipient_name, mail.recipient)],
        headers=headers,
    )
    if mail.body_html:
        message.attach_alternative(mail.body_html, "text/html")
    return message


def _references(mail: OutboundMail) -> list[str]:
    """Return the Message-IDs of earlier mails to the same person about the same ticket."""
    return list(
        OutboundMail.objects.filter(
            ticket_id=mail.ticket_id, recipient=mail.recipient, pk__lt=mail.pk
        )
        .order_by("-pk")
        .values_list("message_id", flat=True)[:10]
    )[::-1]


def _expected(error: Exception) -> bool:
    return isinstance(error, smtplib.SMTPException | OSError)


def _answer(reply: tuple[int, bytes | str]) -> str:
    code, text = reply
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {words}"


def pause_after(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts: doubling, with a cap and some chance."""
    doubled: timedelta = FIRST_PAUSE * float(2 ** min(attempts - 1, 12))
    return min(doubled, LONGEST_PAUSE) * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load


def _record_sent(mail: OutboundMail, now: datetime) -> str:
    with transaction.atomic():
        if not _still_ours(mail):
            return ""
        OutboundMail.objects.filter(pk=mail.pk).update(
            state=MailState.SENT, sent_at=now, next_attempt_at=None, last_error=""
        )
        if mail.kind == MailKind.ACKNOWLEDGEMENT:
            commands.record_acknowledged(
                ticket_id=mail.ticket_id, mail_id=mail.pk, actor=ACTOR, now=now
            )
        elif mail.kind == MailKind.REPLY:
            commands.record_delivery(message_id=_message_of(mail), state=Delivery.SENT)
    return MailState.SENT


def _record_failure(mail: OutboundMail, reason: str, now: datetime) -> str:
    with transaction.atomic():
        if not _still_ours(mail):
            return ""
        OutboundMail.objects.filter(pk=mail.pk).update(
            state=MailState.FAILED, next_attempt_at=None, last_error=reason
        )
        if mail.kind == MailKind.REPLY:
            commands.record_delivery_failure(
                ticket_id=mail.ticket_id,
                message_id=_message_of(mail),
                reason=reason,
                actor=ACTOR,
                now=now,
            )
    return MailState.FAILED


def _record_trouble(mail: OutboundMail, error: Exception, now: datetime) -> str:
    reason = f"{type(error).__name__}: {error}"
    if now - mail.created_at > GIVE_UP_AFTER:
        return _record_failure(mail, reason, now)
    with transaction.atomic():
        if not _still_ours(mail):
            return ""
        OutboundMail.objects.filter(pk=mail.pk).update(
            state=MailState.DEFERRED,
            next_attempt_at=now + pause_after(mail.attempts),
            last_error=reason,
        )
        if mail.kind == MailKind.REPLY:
            commands.record_delivery(message_id=_message_of(mail), state=Delivery.DEFERRED)
    return MailState.DEFERRED


def _still_ours(mail: OutboundMail) -> bool:
    """Say whether nobody claimed the row after us; locks it for the rest of the transaction."""
    return (
        OutboundMail.objects.select_for_update()
        .filter(pk=mail.pk, claim=mail.claim, state=MailState.SENDING)
        .exists()
    )


def _message_of(mail: OutboundMail) -> int:
    return int(mail.event.payload["message"])
