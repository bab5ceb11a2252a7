"""Mail to be sent, and what our own people are told: the row is the truth, the job only a nudge."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from plazo.accounts.models import Agent
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
    NEWS = "news", _("News of a case")
    NEWS_BUNDLE = "news_bundle", _("News of cases, together")
    AREA_ASKED = "area_asked", _("Question to another area")
    AREA_WRITTEN = "area_written", _("Further message to an area")
    AREA_REMINDED = "area_reminded", _("Reminder to an area")
    AREA_WITHDRAWN = "area_withdrawn", _("Withdrawal of a question to an area")
    PROMISE = "promise", _("Promise of a time")
    REMINDER = "reminder", _("Reminder that we wait")
    SOLVED = "solved", _("Question whether it is solved")
    RING = "ring", _("Ring of the ladder")
    FLOOD = "flood", _("Many deadlines at once")


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

    `scope` is what is counted (an address, a domain, a network, a thread, a likeness, a notice
    of a rule) and `key` which one. The row is the brake's memory and, once told, the digest's.
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


class Digest(models.TextChoices):
    HOURLY = "hourly", _("every hour")
    DAILY = "daily", _("once a day")


class Hours(models.TextChoices):
    """When a person is told by browser and mail; what comes at other times waits."""

    ALWAYS = "always", _("At any hour")
    SUPPORT = "support", _("In support hours")
    OWN = "own", _("In my own hours")


class Preference(models.Model):
    """How an agent wants to be told. Without a row, everything is as it comes.

    `choices` holds what they chose themselves, by the key of the news: `desk` and `browser` as
        yes or no, `mail` as a way. `windows` are weekday, opening and closing, in minutes of their
        own civil time. `reads_group_mail` says that what goes to their group's address reaches
        them.
    """

    agent = models.OneToOneField(Agent, on_delete=models.CASCADE, related_name="notice_preference")
    choices = models.JSONField(default=dict)
    digest = models.CharField(max_length=6, choices=Digest.choices, default=Digest.DAILY)
    digest_hour = models.PositiveSmallIntegerField(default=8)
    hours = models.CharField(max_length=7, choices=Hours.choices, default=Hours.ALWAYS)
    windows = models.JSONField(default=list)
    reads_group_mail = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"preference of {self.agent_id}"


class Notice(models.Model):
    """What one person was told of one case: a line of their inbox at the desk.

    While it is unread, more of the same in the same case only counts it up: `bundle` names what
    is the same. `mail_at` and `browser_at` are when it must still go out by these ways; null where
    it went out, or never will. `details` holds keys, numbers and instants for its words.
    """

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="notices")
    in_place_of = models.ForeignKey(Agent, null=True, on_delete=models.CASCADE, related_name="+")
    news = models.CharField(max_length=24)
    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="notices")
    event = models.ForeignKey(TicketEvent, on_delete=models.PROTECT, related_name="+")
    bundle = models.CharField(max_length=60)
    count = models.PositiveIntegerField(default=1)
    details = models.JSONField(default=list)
    severity = models.CharField(max_length=1, blank=True)
    first_at = models.DateTimeField()
    at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    mail_at = models.DateTimeField(null=True)
    browser_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["agent", "bundle"], condition=Q(read_at=None), name="notice_one_unread"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["agent", "-at", "-id"], name="notice_inbox"),
            models.Index(
                fields=["agent", "ticket"], condition=Q(read_at=None), name="notice_unread"
            ),
            models.Index(
                fields=["mail_at"], condition=Q(mail_at__isnull=False), name="notice_mail_due"
            ),
            models.Index(
                fields=["browser_at"],
                condition=Q(browser_at__isnull=False),
                name="notice_browser_due",
            ),
            models.Index(fields=["at"], name="notice_age"),
        ]

    def __str__(self) -> str:
        return f"{self.news} to {self.agent_id} about {self.ticket_id}"


class Told(models.Model):
    """A moment of a clock that a person was told of: the same one is never told to them again."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="+")
    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="+")
    clock = models.CharField(max_length=60)
    threshold = models.CharField(max_length=12)
    due_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["agent", "ticket", "clock", "threshold", "due_at"], name="told_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.threshold} of {self.clock} to {self.agent_id}"
