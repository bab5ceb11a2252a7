"""The mail ledger: every mail that reached us, its bytes, and the one fate that it ended with."""

from typing import ClassVar, Final, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from plazo.accounts.models import Agent
from plazo.channels.email.defects import in_words
from plazo.mailboxes.models import Mailbox, Source
from plazo.tickets.models import Authenticity, PublicMessage, Ticket


class Fate(models.TextChoices):
    WAITING = "", _("waiting")
    NEW_TICKET = "ticket", _("new case")
    APPENDED = "appended", _("added to a case")
    PARKED = "parked", _("parked")
    REJECTED = "rejected", _("rejected")


class Reason(models.TextChoices):
    """Why a mail was parked or rejected, or what was special where it was taken."""

    NONE = "", ""
    # parked: a person may look at it and run it again
    PARSER_DIED = "parser_died", _("reading it killed the reader")
    PARSER_SLOW = "parser_slow", _("reading it took too long")
    PARSER_MEMORY = "parser_memory", _("reading it took too much memory")
    FAULT = "fault", _("an error of ours, several times")
    TOO_LARGE = "too_large", _("larger than what is taken")
    NO_SENDER = "no_sender", _("it has no sender that can be answered")
    BOUNCE = "bounce", _("a delivery report about a mail that we do not know")
    AUTO_REPLY = "auto_reply", _("an automatic answer to nothing that we know")
    AUTO_GENERATED = "auto_generated", _("written by a machine that we do not know")
    LIST = "list", _("from a mailing list or a bulk sender")
    AGENT_UNPROVEN = "agent_unproven", _("in an agent's name, without proof that it is theirs")
    OWN_ADDRESS = "own_address", _("from our own address, and not sent by us")
    REFUSED = "refused", _("an agent's answer that the case does not take")
    AREA_STRANGER = "area_stranger", _("an answer for another area, from somebody else")
    # rejected: nothing is to be done
    DUPLICATE = "duplicate", _("the same mail came before")
    OWN = "own", _("our own mail came back")
    DOCTOR = "doctor", _("a test of the mail doctor")
    # taken
    BOUNCED = "bounced", _("a delivery report about a mail of ours")
    DELAYED = "delayed", _("a report that a mail of ours is late")
    MACHINE = "machine", _("an automatic answer, without effect")
    NOTE = "note", _("an agent's internal note")
    REPLY = "reply", _("an agent's reply")
    AREA = "area", _("another area's answer")


# Parked by a rule, which a person may overrule: everything else is only read once more.
BY_RULE: Final = frozenset(
    {
        Reason.NO_SENDER,
        Reason.BOUNCE,
        Reason.AUTO_REPLY,
        Reason.AUTO_GENERATED,
        Reason.LIST,
        Reason.AGENT_UNPROVEN,
        Reason.OWN_ADDRESS,
        Reason.REFUSED,
        Reason.AREA_STRANGER,
    }
)


class IntakeQuerySet(models.QuerySet["IntakeRecord"]):
    """Named, chainable conditions."""

    def waiting(self) -> Self:
        return self.filter(fate=Fate.WAITING)


class IntakeRecord(models.Model):
    """One mail as it reached us. It is committed before anybody reads what is in it.

    `source_key` names the mail at its source (an IMAP folder and UID), so that fetching it again
    after a crash finds this row. `digest` is the SHA-256 of the raw bytes; `content_digest` that of
    what does not change on the way, so that the same mail through two mailboxes is seen to be one.
    While `fate` is empty the mail waits, and `next_attempt_at` is when it must be looked at.

    `accepted_for` is the mailbox that the source named, and `occasion` tells two deliveries of the
    same bytes apart where only their moment can (`ledger`); both never change. `partial` means that
    only the header is here, and the mail itself on its server.
    """

    source = models.CharField(max_length=8, choices=Source.choices)
    mailbox = models.ForeignKey(
        Mailbox, null=True, blank=True, on_delete=models.PROTECT, related_name="records"
    )
    accepted_for = models.ForeignKey(Mailbox, null=True, on_delete=models.PROTECT, related_name="+")
    source_key = models.CharField(max_length=300, null=True, unique=True)
    occasion = models.PositiveBigIntegerField(default=0)
    partial = models.BooleanField(default=False)
    digest = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    received_at = models.DateTimeField()
    envelope_from = models.CharField(max_length=320, null=True)
    envelope_to = ArrayField(models.CharField(max_length=320), default=list)
    remote_ip = models.GenericIPAddressField(null=True)

    fate = models.CharField(max_length=8, choices=Fate.choices, default=Fate.WAITING, blank=True)
    reason = models.CharField(max_length=16, choices=Reason.choices, default="", blank=True)
    ticket = models.ForeignKey(
        Ticket, null=True, on_delete=models.PROTECT, related_name="intake_records"
    )
    public_message = models.ForeignKey(
        PublicMessage, null=True, on_delete=models.PROTECT, related_name="intake_records"
    )
    attempts = models.PositiveIntegerField(default=0)
    claim = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    processed_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    # Somebody looked at a parked mail and wants it to become a case whatever the rules say.
    insisted = models.BooleanField(default=False)
    insisted_by = models.ForeignKey(Agent, null=True, on_delete=models.PROTECT, related_name="+")

    # — what was read in it ———————————————————————————————————————————————————
    message_id = models.CharField(max_length=500, blank=True)
    content_digest = models.CharField(max_length=64, blank=True)
    sender = models.CharField(max_length=320, blank=True)
    reply_to = models.CharField(max_length=320, blank=True)
    subject = models.CharField(max_length=300, blank=True)
    machine = models.CharField(max_length=16, blank=True)
    evidence = models.CharField(max_length=300, blank=True)
    authenticity = models.CharField(max_length=8, choices=Authenticity.choices, blank=True)
    verdicts = models.JSONField(default=list)
    defects = models.JSONField(default=list)

    objects = IntakeQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # A source without keys delivers the same bytes again when it was not told in time.
            models.UniqueConstraint(
                "digest",
                Coalesce("accepted_for", 0),
                "occasion",
                condition=Q(source_key__isnull=True),
                name="intake_once_without_key",
            ),
            models.CheckConstraint(
                condition=~Q(partial=True) | Q(fate="parked"),
                name="intake_partial_is_parked",
            ),
            models.CheckConstraint(
                condition=~Q(fate="") | Q(next_attempt_at__isnull=False),
                name="intake_waits_for_a_moment",
            ),
            models.CheckConstraint(
                condition=~Q(fate__in=["ticket", "appended"]) | Q(ticket__isnull=False),
                name="intake_taken_by_a_ticket",
            ),
            models.CheckConstraint(
                condition=~Q(fate__in=["parked", "rejected"]) | ~Q(reason=""),
                name="intake_refused_for_a_reason",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["next_attempt_at"], condition=Q(fate=""), name="intake_due"),
            models.Index(fields=["fate", "-id"], name="intake_fate"),
            models.Index(fields=["mailbox", "-id"], name="intake_mailbox"),
            models.Index(fields=["message_id"], name="intake_message_id"),
        ]

    def __str__(self) -> str:
        return f"mail {self.pk}"

    @property
    def may_be_overruled(self) -> bool:
        """Whether a rule parked it, which a person may overrule."""
        return self.fate == Fate.PARKED and self.reason in BY_RULE

    @property
    def defects_in_words(self) -> list[str]:
        """What was wrong with it, in the reader's language."""
        return list(dict.fromkeys(in_words(defect) for defect in self.defects))


class IntakeRaw(models.Model):
    """The bytes of one mail, apart from its row, so that lists never load them."""

    record = models.OneToOneField(
        IntakeRecord, primary_key=True, on_delete=models.PROTECT, related_name="raw"
    )
    body = models.BinaryField()

    def __str__(self) -> str:
        return f"raw {self.pk}"

    @property
    def data(self) -> bytes:
        return bytes(self.body)


class ThreadReference(models.Model):
    """A Message-ID that belongs to a ticket: of a mail that came in, or one that it mentioned."""

    message_id = models.CharField(max_length=500)
    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["message_id", "ticket"], name="thread_reference_once"),
        ]

    def __str__(self) -> str:
        return self.message_id
