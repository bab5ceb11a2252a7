"""Tickets and their timeline.

The timeline is the truth. Of a ticket's columns only its identity (who asked, about what, under
which number and agreement) is written once; all the others are a projection of the events, kept so
that lists can sort and filter, and rebuilt at will.
"""

import uuid
from datetime import UTC, datetime
from typing import Any, ClassVar, NoReturn, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from plazo.accounts.models import Agent, Group, Language, Organization, Requester
from plazo.agreements.models import AgreementVersion
from plazo.mailboxes.models import Mailbox
from plazo.tickets import outcome_models, wait_models  # noqa: F401 - their tables are this app's

# Stands where a projection was not made yet.
UNKNOWN = datetime(2000, 1, 1, tzinfo=UTC)


class Status(models.TextChoices):
    NEW = "new", _("New")
    OPEN = "open", _("Open")
    PENDING = "pending", _("Pending")
    ON_HOLD = "on_hold", _("On hold")
    SOLVED = "solved", _("Solved")
    CLOSED = "closed", _("Closed")


class WaitingFor(models.TextChoices):
    """Whom a pending ticket waits for. Only waiting for the requester pauses clocks."""

    REQUESTER = "requester", _("the requester")
    AREA = "area", _("another area")
    THIRD_PARTY = "third_party", _("a third party")


class Channel(models.TextChoices):
    FORM = "form", _("form")
    EMAIL = "email", _("e-mail")
    PORTAL = "portal", _("portal")
    INTERNAL = "internal", _("internal channel")
    API = "api", _("API")


# What a row of a list shows, whatever its columns: all the rest stays in the table.
SHOWN_IN_ROWS = (
    "number", "subject", "status", "waiting_for", "waiting_reason", "severity", "level",
    "service", "environment", "request_type", "tags", "clocks", "promised_by", "opened_at",
    "updated_at", "solved_at", "sort_due_at", "requester__name", "requester__email",
    "requester__erased_at", "organization__name", "organization__stage",
    "organization__services", "assignee__user__name",
    "assignee__user__email", "group__name", "ladder",
)  # fmt: skip


class TicketQuerySet(models.QuerySet["Ticket"]):
    """Named, chainable conditions; each says what it reads."""

    def unsolved(self) -> Self:
        return self.exclude(status__in=(Status.SOLVED, Status.CLOSED))

    def overdue(self, *, now: datetime) -> Self:
        """Unsolved tickets with a deadline that has passed, by the projected column alone.

        A ticket due exactly at `now` is still on time.
        """
        return self.unsolved().filter(late_since__lt=now)

    def assigned_to(self, agent: Agent) -> Self:
        return self.filter(assignee=agent)

    def unassigned(self) -> Self:
        return self.filter(assignee=None)

    def by_deadline(self) -> Self:
        """Order as the queue does: what is due first stands first; without a deadline, last."""
        return self.order_by(F("sort_due_at").asc(), "pk")

    def ended(self) -> Self:
        return self.filter(status__in=(Status.SOLVED, Status.CLOSED))

    def for_queue_page(self) -> Self:
        """Load what a queue row shows and nothing else, every relation in the same query."""
        related = self.select_related("requester", "organization", "assignee__user", "group")
        return related.only(*SHOWN_IN_ROWS)


def reason_of(text: str) -> str:
    """Return a reason as it is kept: one line of 300 signs at most."""
    return " ".join(text.split())[:300]


class Ticket(models.Model):
    """One request with one requester, one timeline, one number."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number = models.CharField(max_length=24, unique=True)
    requester = models.ForeignKey(Requester, on_delete=models.PROTECT, related_name="tickets")
    organization = models.ForeignKey(
        Organization, null=True, blank=True, on_delete=models.PROTECT, related_name="tickets"
    )
    subject = models.CharField(max_length=200)
    language = models.CharField(max_length=2, choices=Language.choices)
    channel = models.CharField(max_length=12, choices=Channel.choices)
    agreement_version = models.ForeignKey(AgreementVersion, on_delete=models.PROTECT)
    submission_key = models.CharField(max_length=64, null=True, blank=True, unique=True)
    mailbox = models.ForeignKey(Mailbox, null=True, blank=True, on_delete=models.PROTECT)

    # — projection of the events ———————————————————————————————————————————————
    service = models.CharField(max_length=40)
    environment = models.CharField(max_length=40)
    request_type = models.CharField(max_length=40)
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="absorbed"
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.NEW)
    waiting_for = models.CharField(max_length=16, blank=True, default="")
    waiting_reason = models.CharField(max_length=300, blank=True, default="")
    severity = models.CharField(max_length=1, blank=True, default="")
    requested_severity = models.CharField(max_length=1, blank=True, default="")
    level = models.PositiveSmallIntegerField(default=1)
    assignee = models.ForeignKey(
        Agent, null=True, blank=True, on_delete=models.PROTECT, related_name="tickets"
    )
    group = models.ForeignKey(
        Group, null=True, blank=True, on_delete=models.PROTECT, related_name="tickets"
    )
    policy = models.CharField(max_length=60, blank=True, default="")
    opened_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    # Since when it is in its status, or waits for whom it waits for.
    status_since = models.DateTimeField(default=UNKNOWN)
    solved_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    verdict = models.CharField(max_length=60, blank=True, default="")
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    next_due_at = models.DateTimeField(null=True, blank=True)
    late_since = models.DateTimeField(null=True, blank=True)
    sort_due_at = models.DateTimeField()
    # The same, of the clocks that the requester is shown: what their list is sorted by.
    requester_due_at = models.DateTimeField()
    next_alarm_at = models.DateTimeField(null=True, blank=True)
    # What was promised, by its key: its kind, its instant, its owner, how often it was moved.
    promises = models.JSONField(default=dict)
    # The earliest promise that is still owed, late or not.
    promised_by = models.DateTimeField(null=True, blank=True)
    # When a solved ticket closes by itself; keys of the team's own lists say what it was about.
    closes_at = models.DateTimeField(null=True, blank=True)
    cause = models.CharField(max_length=40, blank=True, default="")
    solution = models.CharField(max_length=40, blank=True, default="")
    clocks = models.JSONField(default=list)
    announced = models.JSONField(default=list)
    # What rings now (`projection.ringing`); nothing where somebody has it, or nobody is called.
    ladder = models.JSONField(default=dict, blank=True)
    evaluated_at = models.DateTimeField()
    last_sequence = models.PositiveIntegerField(default=0)
    last_hash = models.CharField(max_length=64, blank=True, default="")
    last_at = models.DateTimeField()
    # A sweep that failed on this ticket looks at it again only then; no part of the projection.
    sweep_after = models.DateTimeField(null=True, blank=True)

    objects = TicketQuerySet.as_manager()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["sort_due_at", "id"],
                condition=~Q(status__in=("solved", "closed")),
                name="ticket_queue",
            ),
            models.Index(
                fields=["next_alarm_at"],
                condition=Q(next_alarm_at__isnull=False),
                name="ticket_next_alarm",
            ),
            models.Index(
                fields=["assignee", "sort_due_at", "id"],
                condition=~Q(status__in=("solved", "closed")),
                name="ticket_assignee_queue",
            ),
            models.Index(
                fields=["late_since"],
                condition=Q(late_since__isnull=False) & ~Q(status__in=("solved", "closed")),
                name="ticket_late",
            ),
            models.Index(
                fields=["-solved_at", "id"],
                condition=Q(status="solved"),
                name="ticket_solved",
            ),
            models.Index(
                fields=["sort_due_at", "id"],
                condition=Q(status="pending"),
                name="ticket_pending",
            ),
            # Lists that reach into what has ended.
            models.Index(fields=["sort_due_at", "id"], name="ticket_due"),
            models.Index(fields=["-opened_at", "-id"], name="ticket_newest"),
            models.Index(fields=["-updated_at", "-id"], name="ticket_changed"),
            models.Index(
                fields=["opened_at", "id"],
                condition=~Q(status__in=("solved", "closed")),
                name="ticket_open_oldest",
            ),
            models.Index(
                fields=["-solved_at", "id"],
                condition=Q(solved_at__isnull=False),
                name="ticket_solved_last",
            ),
            models.Index(fields=["requester", "-id"], name="ticket_requester"),
            models.Index(
                fields=["organization", "requester_due_at", "id"],
                condition=~Q(status__in=("solved", "closed")),
                name="ticket_company_open",
            ),
            models.Index(fields=["organization", "-updated_at", "-id"], name="ticket_company"),
            GinIndex(fields=["tags"], name="ticket_tags"),
            models.Index(
                fields=["closes_at"],
                condition=Q(closes_at__isnull=False),
                name="ticket_closes",
            ),
            models.Index(
                fields=["promised_by", "id"],
                condition=Q(level__gte=2) & ~Q(status__in=("solved", "closed")),
                name="ticket_promised",
            ),
            models.Index(
                fields=["status", "status_since"],
                condition=~Q(status__in=("solved", "closed")),
                name="ticket_status_since",
            ),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in Status]),
                name="ticket_status_known",
            ),
            models.CheckConstraint(
                condition=~Q(status="pending") | ~Q(waiting_for=""),
                name="ticket_pending_waits_for_somebody",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_ended(self) -> bool:
        return self.status in (Status.SOLVED, Status.CLOSED)

    @property
    def reopens_until(self) -> datetime:
        """Return the last instant at which the requester can open it again, once it is solved."""
        window = self.agreement_version.document.closing.reopen_within
        return (self.solved_at or self.updated_at) + window

    def stands(self, status: str, waiting_for: str = "", reason: str = "") -> bool:
        """Say whether it has a status already: two waits are the same one if both are for the same.

        Units: `reason` as it was written.
        """
        if status != Status.PENDING:
            return self.status == status
        kept = (self.status, self.waiting_for, self.waiting_reason)
        return kept == (status, waiting_for, reason_of(reason))

    def can_be_answered(self, now: datetime) -> bool:
        """Say whether somebody on the requester's side can still write in it at `now`."""
        if self.status == Status.CLOSED:
            return False
        return self.status != Status.SOLVED or now <= self.reopens_until


class Tag(models.Model):
    """A tag that some ticket has or had: what is offered while one types."""

    name = models.CharField(max_length=40, unique=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class TicketWords(models.Model):
    """What the search knows of a ticket: its words, stemmed and folded (`tickets.search`).

    One row, or several parts where a ticket holds more than a tsvector does. `names` is who asked
    and for which company, as they were called when the words were written down.
    """

    # Tickets are never deleted; without a constraint the index waits for no command's lock.
    ticket = models.ForeignKey(
        Ticket, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    part = models.PositiveSmallIntegerField()
    names = models.TextField()
    words = SearchVectorField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            # Without a pending list: a search never reads what was not sorted in yet.
            GinIndex(fields=["words"], name="ticket_words", fastupdate=False),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["ticket", "part"], name="ticket_words_part"),
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id}/{self.part}"


class WordsDue(models.Model):
    """A ticket whose words changed. Written by the command that changed them, in its transaction;
    deleted with the index's own, so neither a crash nor two writers at once lose a word.
    """

    ticket = models.ForeignKey(
        Ticket, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )

    def __str__(self) -> str:
        return str(self.ticket_id)


class AppendOnly(models.QuerySet[Any]):
    """Reads and inserts; refuses what would change history. The database refuses it as well."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("the timeline is append-only: corrections are new events")

    def delete(self) -> NoReturn:
        raise TypeError("the timeline is append-only: nothing is deleted")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("the timeline is append-only: corrections are new events")


class TicketEvent(models.Model):
    """One immutable fact on a ticket's timeline, chained to the one before by its hash.

    `at` is when it happened; `recorded_at` when it was written down. They differ only for what
    was noticed later, such as a breach while the workers were down.
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="events")
    sequence = models.PositiveIntegerField()
    kind = models.CharField(max_length=40)
    version = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    actor_kind = models.CharField(max_length=12)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=120)
    correlation = models.UUIDField()
    payload = models.JSONField()
    audience = models.CharField(max_length=8)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    objects = AppendOnly.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["ticket", "sequence"], name="event_sequence"),
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id}/{self.sequence} {self.kind}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("the timeline is append-only: corrections are new events")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("the timeline is append-only: nothing is deleted")


class Participant(models.Model):
    """Somebody besides the requester who takes part in a ticket, by mail or in the portal."""

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="participants")
    requester = models.ForeignKey(
        Requester, on_delete=models.PROTECT, related_name="participations"
    )
    added_at = models.DateTimeField()

    class Meta:
        ordering = ("pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["ticket", "requester"], name="participant_once"),
        ]

    def __str__(self) -> str:
        return str(self.requester)


class TicketField(models.Model):
    """An answer to one of the form's further questions: a row of its own, erased with the text."""

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="answers")
    key = models.CharField(max_length=60)
    value = models.CharField(max_length=2000)

    class Meta:
        ordering = ("pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["ticket", "key"], name="ticket_field_once"),
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id} {self.key}"


class ReferralRole(models.TextChoices):
    """Who of our own people passes requests on: the agreement's internal channel."""

    SALES = "sales", _("a sales executive")
    PRODUCT = "product", _("a product manager")
    OTHER = "other", _("somebody else of the company")


class Referral(models.Model):
    """Who of our own people asked for a ticket in its requester's name: a row, to be erased."""

    ticket = models.OneToOneField(Ticket, on_delete=models.PROTECT, related_name="referral")
    role = models.CharField(max_length=10, choices=ReferralRole.choices)
    name = models.CharField(max_length=120)
    email = models.EmailField(blank=True, default="")

    def __str__(self) -> str:
        return self.name


class StagedUpload(models.Model):
    """Bytes that belong to nothing: they came before their form, or were erased. They go after two
    days, unless something holds them.
    """

    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["at"], name="staged_upload_at"),
        ]

    def __str__(self) -> str:
        return self.sha256


class Delivery(models.TextChoices):
    NONE = "none", _("not sent by mail")
    QUEUED = "queued", _("queued")
    SENT = "sent", _("sent")
    DEFERRED = "deferred", _("trying again")
    FAILED = "failed", _("not delivered")
    BOUNCED = "bounced", _("sent back by the other side")


class Authenticity(models.TextChoices):
    """Whether a mail was shown to come from whom it says (SPF, DKIM, DMARC)."""

    UNKNOWN = "", _("nobody checked the sender")
    PASSED = "passed", _("the sender is genuine")
    FAILED = "failed", _("the sender may be forged")


class PublicMessage(models.Model):
    """What the requester wrote, or an agent wrote to them. The requester sees it.

    Edges: what a rule of the team's own wrote has neither author; it is in the desk's name.
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="messages")
    author_agent = models.ForeignKey(Agent, null=True, on_delete=models.PROTECT)
    author_requester = models.ForeignKey(Requester, null=True, on_delete=models.PROTECT)
    author_name = models.CharField(max_length=120)
    body_text = models.TextField()
    body_html = models.TextField()
    quoted_text = models.TextField(blank=True, default="")
    quoted_html = models.TextField(blank=True, default="")
    # The Message-ID of the mail that brought it; answers refer to it.
    message_id = models.CharField(max_length=500, blank=True, default="")
    digest = models.CharField(max_length=64)
    at = models.DateTimeField()
    authenticity = models.CharField(
        max_length=8, choices=Authenticity.choices, default=Authenticity.UNKNOWN, blank=True
    )
    delivery = models.CharField(max_length=10, choices=Delivery.choices, default=Delivery.NONE)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["ticket", "id"], name="public_message_ticket"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(author_agent__isnull=True) | Q(author_requester__isnull=True),
                name="public_message_one_author",
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"

    @property
    def from_agent(self) -> bool:
        return self.author_requester_id is None

    @property
    def author(self) -> str:
        """Return who wrote it, in their name at that time; an erased person has none."""
        return self.author_name or gettext("Erased person")


class InternalNote(models.Model):
    """What agents, and rules of theirs, tell agents. It has no way to a requester: no address, no
    delivery.
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="notes")
    author_agent = models.ForeignKey(Agent, null=True, on_delete=models.PROTECT)
    author_name = models.CharField(max_length=120)
    body_text = models.TextField()
    body_html = models.TextField()
    digest = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["ticket", "id"], name="internal_note_ticket"),
        ]

    def __str__(self) -> str:
        return f"note {self.pk}"


class AreaAsk(models.Model):
    """Another area, or a client's own representative, whom we asked for something on a ticket.

    One thread of mails with one address, apart from the requester's. What became of it is on the
    timeline (`tickets.areas`), and kept here for those who look for it: `standing` is that of
    `tickets.areas.Ask`, `due_at` by when an answer that we wait for is owed, `remind_at` when the
    area must next be reminded, each or null.
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="asks")
    key = models.CharField(max_length=16)
    area = models.CharField(max_length=40)
    name = models.CharField(max_length=120, blank=True)
    email = models.EmailField()
    language = models.CharField(max_length=2, choices=Language.choices)
    at = models.DateTimeField()
    remind_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    standing = models.CharField(max_length=10, default="asked")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["ticket", "key"], name="area_ask_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["remind_at"], condition=Q(remind_at__isnull=False), name="area_ask_remind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id} {self.key}"

    @property
    def whom(self) -> str:
        return self.name or self.email


class AreaMessage(models.Model):
    """What was said between us and another area about a ticket. It has no way to a requester."""

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="area_messages")
    ask = models.ForeignKey(AreaAsk, on_delete=models.PROTECT, related_name="messages")
    author_agent = models.ForeignKey(Agent, null=True, on_delete=models.PROTECT)
    author_name = models.CharField(max_length=120)
    body_text = models.TextField()
    body_html = models.TextField()
    quoted_text = models.TextField(blank=True, default="")
    quoted_html = models.TextField(blank=True, default="")
    message_id = models.CharField(max_length=500, blank=True, default="")
    digest = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["ticket", "id"], name="area_message_ticket"),
            models.Index(
                fields=["message_id"], condition=~Q(message_id=""), name="area_message_mail"
            ),
        ]

    def __str__(self) -> str:
        return f"area message {self.pk}"


class Rating(models.Model):
    """What a requester thinks of the service on one case. The latest one counts."""

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="ratings")
    requester = models.ForeignKey(Requester, on_delete=models.PROTECT, related_name="ratings")
    score = models.PositiveSmallIntegerField()
    words = models.TextField(blank=True)
    digest = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(score__gte=1, score__lte=5), name="rating_from_one_to_five"
            ),
        ]

    def __str__(self) -> str:
        return f"rating {self.pk}"

    @property
    def score_words(self) -> str:
        return str(dict(SCORES)[self.score])


# Worst first, in words: a figure alone means another thing in every country.
SCORES = (
    (1, _("Very bad")),
    (2, _("Bad")),
    (3, _("Fair")),
    (4, _("Good")),
    (5, _("Very good")),
)


class Attachment(models.Model):
    """A file of a message, of a note, or of what an area was told or said. The bytes are stored
    under their SHA-256.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    public_message = models.ForeignKey(
        PublicMessage, null=True, on_delete=models.PROTECT, related_name="attachments"
    )
    internal_note = models.ForeignKey(
        InternalNote, null=True, on_delete=models.PROTECT, related_name="attachments"
    )
    area_message = models.ForeignKey(
        AreaMessage, null=True, on_delete=models.PROTECT, related_name="attachments"
    )
    sha256 = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    content_id = models.CharField(max_length=250, blank=True, default="")
    content_type = models.CharField(max_length=100)
    size = models.PositiveBigIntegerField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(
                    public_message__isnull=False,
                    internal_note__isnull=True,
                    area_message__isnull=True,
                )
                | Q(
                    public_message__isnull=True,
                    internal_note__isnull=False,
                    area_message__isnull=True,
                )
                | Q(
                    public_message__isnull=True,
                    internal_note__isnull=True,
                    area_message__isnull=False,
                ),
                name="attachment_one_owner",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Draft(models.Model):
    """What an agent is writing on a ticket; and, with `send_at`, a reply that waits to go out.

    `agent` has it and `author` wrote it: they differ where it was handed over. `choices` are the
    composer's own fields, for giving it back as it was; `sending` is what will be sent. No fact of
    the timeline: nobody was told anything yet.
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="drafts")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="drafts")
    author = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=5, choices=[("reply", "reply"), ("note", "note")])
    body = models.TextField(blank=True)
    choices = models.JSONField(default=dict)
    files = models.JSONField(default=list)
    sending = models.JSONField(default=dict)
    seen = models.PositiveIntegerField(default=0)
    at = models.DateTimeField()
    send_at = models.DateTimeField(null=True)
    # Why what was held could not be sent, as a sentence for its author. It stands by itself then,
    # so that what they write meanwhile does not write over it.
    refused = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["send_at"], condition=Q(send_at__isnull=False), name="draft_send_at"
            ),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["ticket", "agent", "author"],
                condition=Q(send_at__isnull=True, refused=""),
                name="draft_one_open",
            ),
            models.CheckConstraint(
                condition=Q(send_at__isnull=True) | Q(kind="reply"), name="draft_only_replies_wait"
            ),
        ]

    def __str__(self) -> str:
        return f"draft {self.pk}"
