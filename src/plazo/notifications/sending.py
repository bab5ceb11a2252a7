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
from email.mime.application import MIMEApplication
from email.mime.image import MIMEImage
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import QuerySet
from django.utils import translation

from plazo.agreements.queries import version
from plazo.core.actor import Actor
from plazo.core.sealing import CannotUnseal
from plazo.core.storing import storage_path
from plazo.mailboxes import tokens
from plazo.mailboxes.models import Mailbox
from plazo.mailboxes.oauth import ConsentWithdrawn, TokenTrouble
from plazo.notifications import addresses, rendering, threads
from plazo.notifications.models import WAITING, MailKind, MailState, OutboundMail
from plazo.notifications.planning import letter_of
from plazo.notifications.transport import deliver
from plazo.tickets import commands
from plazo.tickets.files import shown_as
from plazo.tickets.models import Attachment, Delivery

logger = logging.getLogger(__name__)

ACTOR = Actor.system("mail")
CLAIM = timedelta(minutes=2)
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)
# How long a mailbox rests when its server says that it is busy, or does not answer.
HOLD = timedelta(seconds=30)
MINUTE = timedelta(minutes=1)


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

    Edges: of several workers that saw the same row, the one whose update finds it unchanged has it.
    """
    due = OutboundMail.objects.filter(pk=mail_id, state__in=WAITING, next_attempt_at__lte=now)
    mail = due.select_related("mailbox", "event", "ticket__requester").first()
    if mail is None:
        return None
    if mail.ticket is not None:
        mail.ticket.agreement_version = version(mail.ticket.agreement_version_id)
    unchanged = due.filter(claim=mail.claim)
    rest = _rest_of(mail.mailbox, now)
    if rest is not None:
        unchanged.update(next_attempt_at=rest)
        return None
    mail.state = MailState.SENDING
    mail.attempts += 1
    mail.claim += 1
    mail.next_attempt_at = now + max(CLAIM, pause_after(mail.attempts))
    taken = unchanged.update(
        state=mail.state,
        attempts=mail.attempts,
        claim=mail.claim,
        next_attempt_at=mail.next_attempt_at,
    )
    return mail if taken else None


def _rest_of(mailbox: Mailbox | None, now: datetime) -> datetime | None:
    """Return until when a mailbox sends nothing: its server was busy, or its minute is full.

    Edges: several workers at once may go over the limit by as many mails as there are workers.
    """
    if mailbox is None:
        return None
    if mailbox.held_until is not None and mailbox.held_until > now:
        return mailbox.held_until + timedelta(seconds=random.uniform(0, 5))  # noqa: S311 - spreads load
    lately = OutboundMail.objects.filter(
        mailbox=mailbox, state=MailState.SENT, sent_at__gt=now - MINUTE
    )
    if mailbox.per_minute and lately.count() >= mailbox.per_minute:
        return now + timedelta(seconds=random.uniform(5, 60))  # noqa: S311 - spreads load
    return None


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
    reason = addresses.undeliverable(mail.recipient)
    if reason:
        raise Permanent(reason)
    message = build(mail)
    try:
        deliver(message, mail.mailbox)
    except smtplib.SMTPRecipientsRefused as error:
        # One mail has one recipient; the key is the address as it was spelt in the header.
        (answer,) = error.recipients.values()
        if answer[0] >= 500:
            raise Permanent(_answer(answer)) from error
        raise
    except smtplib.SMTPDataError as error:
        if error.smtp_code >= 500:  # it has seen the mail itself, and does not want it
            raise Permanent(_answer((error.smtp_code, error.smtp_error))) from error
        raise
    except smtplib.SMTPResponseException as error:
        # 535 is our own sign-in, and 554 at the greeting our own address: both can be mended.
        if 550 <= error.smtp_code <= 553:
            raise Permanent(_answer((error.smtp_code, error.smtp_error))) from error
        raise


# The mails by whose fate the delivery of a message is told.
WRITTEN = (MailKind.REPLY, MailKind.ANSWER)
AUTOMATIC = {
    MailKind.ACKNOWLEDGEMENT: "auto-replied",
    MailKind.ANSWER: "auto-replied",
    MailKind.RULE: "auto-generated",
    MailKind.AT_RISK: "auto-generated",
    MailKind.BREACHED: "auto-generated",
    MailKind.ANSWERED: "auto-generated",
    MailKind.ASSIGNED: "auto-generated",
    MailKind.DIGEST: "auto-generated",
    MailKind.CLIMBED: "auto-generated",
    MailKind.SIGN_IN: "auto-generated",
    MailKind.INVITATION: "auto-generated",
    MailKind.ACCOUNT: "auto-generated",
    MailKind.ANNOUNCEMENT: "auto-generated",
    MailKind.FOLLOW: "auto-generated",
    MailKind.ARTICLE: "auto-generated",
    MailKind.JOINED: "auto-generated",
    MailKind.NEWS: "auto-generated",
    MailKind.NEWS_BUNDLE: "auto-generated",
    MailKind.AREA_REMINDED: "auto-generated",
    MailKind.AREA_WITHDRAWN: "auto-generated",
    MailKind.PROMISE: "auto-generated",
    MailKind.REMINDER: "auto-generated",
    MailKind.SOLVED: "auto-generated",
    MailKind.RING: "auto-generated",
    MailKind.FLOOD: "auto-generated",
}


def build(mail: OutboundMail) -> EmailMultiAlternatives:
    """Return the mail as it goes out.

    Edges: the envelope's sender carries a token of this very mail, so that a report about it
        names it (where the mailbox takes such addresses); the reply address carries the ticket's.
        What we send by ourselves says which list it is of; what a person wrote does not, since
        other desks and answering machines take a List-Id for bulk mail. To a sender who is not
        proven goes nothing that they wrote, their name included.
    Source: RFC 5322 §3.6.4, RFC 3834 §5, RFC 2919.
    """
    mailbox = mail.mailbox
    headers = {"Message-ID": mail.message_id, "X-Plazo": tokens.make(tokens.BOUNCE, mail.pk)}
    sender = settings.DEFAULT_FROM_EMAIL
    if mailbox is not None:
        sender = mailbox.address
        headers["From"] = rendering.address(mailbox.name, mailbox.address)
        headers["Reply-To"] = rendering.reply_address(mail)
        if mailbox.plus_addressing:
            sender = tokens.plus_address(sender, tokens.make(tokens.BOUNCE, mail.pk))
    if mail.kind in AUTOMATIC:
        headers["Auto-Submitted"] = AUTOMATIC[MailKind(mail.kind)]
        headers["X-Auto-Response-Suppress"] = "All"
    if mail.kind in AUTOMATIC and mailbox is not None:
        headers["List-Id"] = f"<{mailbox.key}.{mailbox.address.rpartition('@')[2]}>"
    letter = letter_of(mail)
    if letter is not None:
        headers |= letter.headers(mail)
    headers |= threads.headers_of(mail)
    name = "" if threads.echoes_nothing(mail) else mail.recipient_name
    to = [rendering.address(name, mail.recipient)]
    shown = threads.shown_recipients(mail)
    if shown is not None:
        headers["To"], cc = shown
        if cc:
            headers["Cc"] = cc
    message = EmailMultiAlternatives(
        subject=mail.subject, body=mail.body_text, from_email=sender, to=to, headers=headers
    )
    if mail.body_html:
        message.attach_alternative(mail.body_html, "text/html")
    _attach_files(mail, message)
    return message


def _attach_files(mail: OutboundMail, message: EmailMultiAlternatives) -> None:
    """Put the small files of a reply inside the mail; the others are behind its link."""
    letter = letter_of(mail)
    if letter is not None:
        for file in rendering.carried(list(letter.files(mail)))[0]:
            message.attach(file.name, _content_of(file), file.content_type)
        return
    if mail.kind not in (MailKind.REPLY, MailKind.COPY) or rendering.is_bare(mail):
        return
    about = rendering.message_of(mail)
    inside, _linked = rendering.carried(list(about.attachments.all()) if about else [])
    for file in inside:
        content = _content_of(file)
        if about is not None and f'src="cid:{file.content_id}"' in about.body_html:
            message.attach(_shown_in_place(content, file))
        else:
            message.attach(file.name, content, file.content_type)


def _content_of(file: Attachment) -> bytes:
    with default_storage.open(storage_path(file.sha256)) as stored:
        return bytes(stored.read())


def _shown_in_place(content: bytes, file: Attachment) -> MIMEImage | MIMEApplication:
    """Return an image that the mail's HTML shows by its Content-ID. Source: RFC 2392."""
    shown = shown_as(content[:16])
    if shown is None:
        part: MIMEImage | MIMEApplication = MIMEApplication(content)
    else:
        part = MIMEImage(content, _subtype=shown.partition("/")[2])
    part.add_header("Content-ID", f"<{file.content_id}>")
    part.add_header("Content-Disposition", "inline", filename=file.name)
    return part


def _expected(error: Exception) -> bool:
    return isinstance(
        error, smtplib.SMTPException | OSError | ConsentWithdrawn | TokenTrouble | CannotUnseal
    )


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
        ours = _ours(mail).update(
            state=MailState.SENT,
            sent_at=now,
            next_attempt_at=None,
            last_error="",
            **_forgotten(mail),
        )
        if not ours:
            return ""
        if mail.kind == MailKind.ACKNOWLEDGEMENT and mail.ticket_id is not None:
            commands.record_acknowledged(
                ticket_id=mail.ticket_id, mail_id=mail.pk, actor=ACTOR, now=now
            )
        elif mail.kind in WRITTEN:
            commands.record_delivery(message_id=_message_of(mail), state=Delivery.SENT)
    return MailState.SENT


def _record_failure(mail: OutboundMail, reason: str, now: datetime) -> str:
    with transaction.atomic():
        ours = _ours(mail).update(
            state=MailState.FAILED, next_attempt_at=None, last_error=reason, **_forgotten(mail)
        )
        if not ours:
            return ""
        _reply_failed(mail, reason, Delivery.FAILED, now)
    return MailState.FAILED


def _forgotten(mail: OutboundMail) -> dict[str, Any]:
    """Return the columns to empty once a mail has come to its end: a key is kept nowhere."""
    letter = letter_of(mail)
    if letter is None or not letter.forgets:
        return {}
    words: dict[str, Any] = {"body_text": "", "body_html": ""}
    return words if letter.keeps_about else words | {"about": {}}


def record_bounce(mail_id: int, *, reason: str, permanent: bool, now: datetime) -> OutboundMail:
    """Note what a report says of a mail that we sent.

    Edges: a permanent one is final: the reply counts as never sent. A temporary one only shows
        that the mail is late, and never undoes anything.
    Raises: OutboundMail.DoesNotExist.
    """
    with transaction.atomic():
        mail = (
            OutboundMail.objects.select_for_update(of=("self",))
            .select_related("event", "ticket")
            .get(pk=mail_id)
        )
        if not permanent:
            if mail.kind in WRITTEN and not _sent_again_since(mail):
                commands.record_delivery(message_id=_message_of(mail), state=Delivery.DEFERRED)
            return mail
        OutboundMail.objects.filter(pk=mail.pk).update(
            state=MailState.BOUNCED, next_attempt_at=None, last_error=reason
        )
        _reply_failed(mail, reason, Delivery.BOUNCED, now)
    return mail


def _reply_failed(mail: OutboundMail, reason: str, state: str, now: datetime) -> None:
    """Put the clocks back for a reply. A copy that did not arrive is no failure of the reply, and
    an automatic answer, which is none, only shows it.
    """
    letter = letter_of(mail)
    if letter is not None:
        letter.failed(mail, reason, now)
    if mail.kind == MailKind.ANSWER:
        commands.record_delivery(message_id=_message_of(mail), state=state)
    if mail.kind != MailKind.REPLY or mail.ticket_id is None:
        return
    commands.record_delivery_failure(
        ticket_id=mail.ticket_id,
        message_id=_message_of(mail),
        attempt=_attempt_of(mail),
        reason=reason,
        state=state,
        actor=ACTOR,
        now=now,
    )


def _record_trouble(mail: OutboundMail, error: Exception, now: datetime) -> str:
    reason = f"{type(error).__name__}: {error}"
    if now - mail.created_at > GIVE_UP_AFTER:
        return _record_failure(mail, reason, now)
    with transaction.atomic():
        ours = _ours(mail).update(
            state=MailState.DEFERRED,
            next_attempt_at=now + pause_after(mail.attempts),
            last_error=reason,
        )
        if not ours:
            return ""
        if mail.mailbox_id is not None and _is_busy(error):
            Mailbox.objects.filter(pk=mail.mailbox_id).update(
                held_until=now + HOLD, held_reason=reason[:300]
            )
        if mail.kind in WRITTEN:
            commands.record_delivery(message_id=_message_of(mail), state=Delivery.DEFERRED)
    return MailState.DEFERRED


def _is_busy(error: Exception) -> bool:
    """Say whether the whole server is in trouble, rather than this mail or this recipient."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return False
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code in {421, 450, 451, 452, 454}
    return isinstance(error, OSError | ConsentWithdrawn | TokenTrouble | CannotUnseal)


def _ours(mail: OutboundMail) -> QuerySet[OutboundMail]:
    """Return the row if nobody claimed it after us: what is written to it is written by one."""
    return OutboundMail.objects.filter(pk=mail.pk, claim=mail.claim, state=MailState.SENDING)


def _attempt_of(mail: OutboundMail) -> int:
    """Return which sending of its reply a mail is, from 1."""
    return int(mail.event.payload.get("attempt", 1)) if mail.event is not None else 1


def _sent_again_since(mail: OutboundMail) -> bool:
    """Say whether a reply was sent again after this mail: what is late of it matters no more."""
    return OutboundMail.objects.filter(
        ticket=mail.ticket,
        kind=MailKind.REPLY,
        pk__gt=mail.pk,
        event__payload__message=_message_of(mail),
    ).exists()


def _message_of(mail: OutboundMail) -> int:
    assert mail.event is not None  # noqa: S101 - the database says so too
    return int(mail.event.payload["message"])
