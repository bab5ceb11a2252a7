"""Mail to be sent: the row is the truth, the job only a nudge."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from plazo.mailboxes.models import Mailbox
from plazo.tickets.models import Ticket, TicketEvent


class MailKind(models.TextChoices):
    ACKNOWLEDGEMENT = "acknowledgement", _("Receipt")
    REPLY = "reply", _("Reply")
    COPY = "copy", _("Copy of a reply")
    AT_RISK = "at_risk", _("At-risk notice")
    BREACHED = "breached", _("Breach notice")
    ANSWERED = "answered", _("Notice that the requester wrote")
    ASSIGNED = "assigned", _("Notice of an assignment")
    DIGEST = "digest", _("Digest of receipts that were not sent")
    CLIMBED = "climbed", _("Notice that the requester escalated")
    SIGN_IN = "sign_in", _("Link to sign in")
    INVITATION = "invitation", _("Invitation")
    ACCOUNT = "account", _("Message about an account")
    ANNOUNCEMENT = "announcement", _("Announcement")
    FOLLOW = "follow", _("Question whether to follow announcements")
    ARTICLE = "article", _("Article to look at")
    JOINED = "joined", _("Notice of taking part in a case")
    ANSWER = "answer", _("Automatic answer")
    RULE = "rule", _("Notice by a rule")


class MailState(models.TextChoices):
    QUEUED = "queued", _("queued")
    SENDING = "sending", _("sending")
    SENT = "sent", _("sent")
    DEFERRED = "deferred", _("trying again")
    FAILED = "failed", _("failed")
    SUPPRESSED = "suppressed", _("not needed any more")
    BOUNCED = "bounced", _("sent back by the other side")


WAITING = (MailState.QUEUED, MailState.SENDING, MailState.DEFERRED)


class OutboundMail(models.Model):
    """One mail to one person about one event, from its planning to its end.

    `next_attempt_at` is when somebody must look at the row again: at once when it is queued,
    after the back-off when the server was busy, and after the claim's end while it is being sent,
    so that a row whose sender died is taken up by another.
    """

    kind = models.CharField(max_length=16, choices=MailKind.choices)
    ticket = models.ForeignKey(Ticket, null=True, on_delete=models.PROTECT, related_name="mails")
    event = models.ForeignKey(
        TicketEvent, null=True, on_delete=models.PROTECT, related_name="mails"
    )
    mailbox = models.ForeignKey(
        Mailbox, null=True, on_delete=models.PROTECT, related_name="outgoing"
    )
    # What a mail that is about no ticket is about: keys that its renderer knows.
    about = models.JSONField(default=dict)
    # Planned again under the same key, it is the same mail.
    once = models.CharField(max_length=160, null=True, unique=True)
    recipient = models.EmailField()
    recipient_name = models.CharField(max_length=120, blank=True)
    language = models.CharField(max_length=2)
    message_id = models.CharField(max_length=200, unique=True)
    state = models.CharField(max_length=10, choices=MailState.choices, default=MailState.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    claim = models.PositiveIntegerField(default=0)
    subject = models.CharField(max_length=300, blank=True)
    body_text = models.TextField(blank=True)
    body_html = models.TextField(blank=True)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["event", "kind", "recipient"], name="outbound_mail_once"
            ),
            models.CheckConstraint(
                condition=Q(event__isnull=True, ticket__isnull=True)
                | Q(event__isnull=False, ticket__isnull=False),
                name="outbound_mail_about_an_event",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(state__in=WAITING),
                name="outbound_mail_due",
            ),
            models.Index(
                fields=["mailbox", "-sent_at"],
                condition=Q(state=MailState.SENT),
                name="outbound_mail_lately",
            ),
            models.Index(fields=["ticket", "recipient"], name="outbound_mail_thread"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.recipient} about {self.ticket_id}"


class Spent(models.Model):
    """How many receipts a budget has given in an hour, and how many it refused.

    `scope` is what is counted (an address, a domain, a network, a thread, a likeness) and `key`
    which one. The row is the brake's memory and, once told, the digest's.
    """

    scope = models.CharField(max_length=12)
    key = models.CharField(max_length=320)
    hour = models.DateTimeField()
    given = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    told_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["scope", "key", "hour"], name="spent_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["hour"], condition=Q(refused__gt=0, told_at=None), name="spent_untold"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"


class OutboxMessage(models.Model):
    """A mail that the demo kept here instead of sending it."""

    at = models.DateTimeField()
    recipient = models.CharField(max_length=320)
    subject = models.CharField(max_length=400)
    raw = models.BinaryField()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.subject
