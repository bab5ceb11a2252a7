"""The knowledge base: shelves, articles in two languages with every revision, and what readers do.

An `Article` is one subject; an `Edition` is it in one language, with an address of its own; a
`Revision` is what somebody wrote at one time and never changes. What people read is the revision
that an edition names as published; what editors go on with is its newest one.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, NoReturn, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from plazo.accounts.models import Agent, Language, Requester

LANGUAGES = tuple(Language.values)


def in_language(texts: dict[str, str], language: str) -> str:
    """Return a text of a small table by language; Spanish where it has none of that language."""
    return texts.get(language) or texts.get("es") or next(iter(texts.values()), "")


class Audience(models.TextChoices):
    """Who may read: each level may read what the ones before it may."""

    EVERYONE = "everyone", _("Everyone")
    CLIENTS = "clients", _("Signed-in clients")
    STAFF = "staff", _("Our own people")


class Category(models.Model):
    """A part of the knowledge base: some sections under one heading."""

    key = models.SlugField(unique=True)
    name = models.JSONField()
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("position", "key")

    def __str__(self) -> str:
        return self.key


class Section(models.Model):
    """A shelf: the articles about one service, or general ones."""

    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="sections")
    key = models.SlugField(unique=True)
    service = models.CharField(max_length=40, blank=True, default="")
    icon = models.CharField(max_length=40, default="book-open")
    name = models.JSONField()
    description = models.JSONField(default=dict)
    audience = models.CharField(max_length=10, choices=Audience.choices, default=Audience.EVERYONE)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("category__position", "position", "key")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(audience__in=Audience.values), name="section_audience_known"
            ),
        ]

    def __str__(self) -> str:
        return self.key

    def title(self, language: str) -> str:
        return in_language(self.name, language)

    def about(self, language: str) -> str:
        return in_language(self.description, language)


class Article(models.Model):
    """One subject, whatever the language. `key` never changes: other articles link by it."""

    key = models.SlugField(max_length=80, unique=True)
    section = models.ForeignKey(Section, on_delete=models.PROTECT, related_name="articles")
    audience = models.CharField(max_length=10, choices=Audience.choices, default=Audience.EVERYONE)
    owner = models.ForeignKey(Agent, null=True, blank=True, on_delete=models.PROTECT)
    labels = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    related = ArrayField(models.SlugField(max_length=80), default=list, blank=True)
    position = models.PositiveIntegerField(default=0)
    source_language = models.CharField(
        max_length=2, choices=Language.choices, default=Language.SPANISH
    )
    review_by = models.DateField(null=True, blank=True)
    reminded_for = models.DateField(null=True, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("position", "key")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(audience__in=Audience.values), name="article_audience_known"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["review_by"],
                condition=Q(review_by__isnull=False, archived_at=None),
                name="article_review",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class State(models.TextChoices):
    """What happens with an edition's newest revision."""

    DRAFT = "draft", _("Draft")
    REVIEW = "review", _("In review")
    SCHEDULED = "scheduled", _("Scheduled")
    PUBLISHED = "published", _("Published")


class EditionQuerySet(models.QuerySet["Edition"]):
    """What readers may see is decided here and nowhere else."""

    def published(self) -> Self:
        return self.filter(published__isnull=False, article__archived_at=None)

    def for_audiences(self, audiences: Iterable[str]) -> Self:
        """Keep what every level in `audiences` covers: the article's own and its section's.

        This is the one predicate of pages, lists, search, suggestions, feeds, the sitemap and
        files.
        """
        wanted = list(audiences)
        return self.published().filter(
            article__audience__in=wanted, article__section__audience__in=wanted
        )

    def for_lists(self) -> Self:
        """Load what a list shows, in the same query, and not the texts themselves."""
        return self.select_related("article__section", "published").defer(
            "words", "published__body", "published__body_html", "published__plain"
        )

    def for_results(self) -> Self:
        """Load what a list shows, and the words to show where something was found."""
        return self.select_related("article__section", "published").defer(
            "words", "published__body", "published__body_html"
        )

    def for_page(self) -> Self:
        """Load what an article's page shows, in the same query."""
        return self.select_related("article__section__category", "published").defer("words")


class Edition(models.Model):
    """An article in one language, with its own address."""

    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="editions")
    language = models.CharField(max_length=2, choices=Language.choices)
    slug = models.SlugField(max_length=120)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    newest = models.ForeignKey("Revision", null=True, on_delete=models.PROTECT, related_name="+")
    published = models.ForeignKey("Revision", null=True, on_delete=models.PROTECT, related_name="+")
    published_at = models.DateTimeField(null=True, blank=True)
    first_published_at = models.DateTimeField(null=True, blank=True)
    publish_at = models.DateTimeField(null=True, blank=True)
    # Up to which generation of the source language's edition this translation was brought.
    brought_up_to = models.PositiveIntegerField(default=0)
    useful = models.PositiveIntegerField(default=0)
    not_useful = models.PositiveIntegerField(default=0)
    # The words of the published text as they are written, folded: for spelling and beginnings.
    words = ArrayField(models.CharField(max_length=64), default=list, blank=True)

    objects = EditionQuerySet.as_manager()

    class Meta:
        ordering = ("article", "language")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["article", "language"], name="edition_once"),
            models.UniqueConstraint(fields=["language", "slug"], name="edition_address"),
            models.CheckConstraint(
                condition=~Q(state="scheduled") | Q(publish_at__isnull=False),
                name="edition_scheduled_has_an_instant",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["publish_at"],
                condition=Q(state="scheduled"),
                name="edition_scheduled",
            ),
            models.Index(
                fields=["language", "-published_at", "-id"],
                condition=Q(published__isnull=False),
                name="edition_lately",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.article_id}/{self.language}"

    @property
    def votes(self) -> int:
        return self.useful + self.not_useful

    @property
    def has_changes(self) -> bool:
        """Say whether something was written after what is published."""
        return self.published_id is not None and self.newest_id != self.published_id


class Posting(models.Model):
    """That a published text has a word, and how much it says there.

    The weight is worked out when the text is published (BM25, with the title's words counting more
    than the text's), so that a search only adds up what its words' postings say.
    """

    edition = models.ForeignKey(Edition, on_delete=models.CASCADE, related_name="postings")
    language = models.CharField(max_length=2, choices=Language.choices)
    term = models.CharField(max_length=64)
    weight = models.FloatField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["language", "term", "-weight"], include=["edition"], name="posting_term"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.term} in {self.edition_id}"


class Unchanging(models.QuerySet[Any]):
    """Reads and inserts. The database refuses changes as well."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("a revision never changes: save a new one")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("a revision never changes: save a new one")


class Revision(models.Model):
    """What an edition said at one time. Its HTML is rendered when it is saved."""

    edition = models.ForeignKey(Edition, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    # Grows with each revision that means something new; a corrected comma leaves it.
    generation = models.PositiveIntegerField()
    title = models.CharField(max_length=160)
    summary = models.CharField(max_length=300, blank=True)
    body = models.TextField()
    body_html = models.TextField()
    plain = models.TextField()
    contents = models.JSONField(default=list)
    words = models.PositiveIntegerField(default=0)
    author = models.ForeignKey(Agent, null=True, on_delete=models.PROTECT)
    author_name = models.CharField(max_length=120)
    at = models.DateTimeField()
    note = models.CharField(max_length=200, blank=True)

    objects = Unchanging.as_manager()

    class Meta:
        ordering = ("-number",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["edition", "number"], name="revision_number"),
        ]

    def __str__(self) -> str:
        return f"{self.edition_id} r{self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("a revision never changes: save a new one")
        super().save(*args, **kwargs)

    @property
    def minutes(self) -> int:
        """Return how long reading it takes, at two hundred words a minute."""
        return max(1, round(self.words / 200))


class ArticleEvent(models.Model):
    """What was done to an article, by whom: the trail that editors see."""

    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=24)
    language = models.CharField(max_length=2, blank=True)
    data = models.JSONField(default=dict)
    actor_name = models.CharField(max_length=120)
    at = models.DateTimeField()

    class Meta:
        ordering = ("-id",)
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["article", "-id"], name="article_event_trail"),
        ]

    def __str__(self) -> str:
        return f"{self.article_id} {self.kind}"


class FormerAddress(models.Model):
    """An address that an edition had: whoever comes to it is sent on, for ever."""

    language = models.CharField(max_length=2, choices=Language.choices)
    slug = models.SlugField(max_length=120)
    edition = models.ForeignKey(Edition, on_delete=models.CASCADE, related_name="former")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["language", "slug"], name="former_address_once"),
        ]

    def __str__(self) -> str:
        return f"{self.language}/{self.slug}"


class ArticleFile(models.Model):
    """An image or a file of an article. Whoever may read the article may have it."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=160)
    sha256 = models.CharField(max_length=64)
    content_type = models.CharField(max_length=100)
    size = models.PositiveBigIntegerField()
    added_at = models.DateTimeField()

    class Meta:
        ordering = ("name",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["article", "name"], name="article_file_name"),
        ]

    def __str__(self) -> str:
        return self.name


# ── What readers do ───────────────────────────────────────────────────────────────────────────


class Reading(models.Model):
    """How an edition was read on one day: views, votes, and requests that it made needless."""

    edition = models.ForeignKey(Edition, on_delete=models.CASCADE, related_name="readings")
    day = models.DateField()
    views = models.PositiveIntegerField(default=0)
    useful = models.PositiveIntegerField(default=0)
    not_useful = models.PositiveIntegerField(default=0)
    deflected = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["edition", "day"], name="reading_once_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.edition_id} {self.day}"


class Feedback(models.Model):
    """One reader's answer to "was this useful?", with what they said about it."""

    edition = models.ForeignKey(Edition, on_delete=models.CASCADE, related_name="feedback")
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="+")
    voter = models.CharField(max_length=64)
    requester = models.ForeignKey(Requester, null=True, on_delete=models.SET_NULL)
    useful = models.BooleanField()
    words = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-at", "-pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["edition", "voter"], name="feedback_one_vote"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["-at"],
                condition=~Q(words="") & Q(handled_at=None),
                name="feedback_to_read",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.edition_id}: {'useful' if self.useful else 'not useful'}"


class SearchTally(models.Model):
    """How often something was looked for, and what the last time found."""

    language = models.CharField(max_length=2, choices=Language.choices)
    words = models.CharField(max_length=120)
    times = models.PositiveIntegerField(default=0)
    found = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["language", "words"], name="search_tally_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["-times"],
                condition=Q(found=0, handled_at=None),
                name="search_tally_in_vain",
            ),
            models.Index(fields=["language", "-times"], name="search_tally_often"),
        ]

    def __str__(self) -> str:
        return self.words


class FeaturedSearch(models.Model):
    """A search that the first page offers. Chosen by editors: what strangers type is not shown."""

    language = models.CharField(max_length=2, choices=Language.choices)
    words = models.CharField(max_length=60)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("position", "pk")

    def __str__(self) -> str:
        return self.words


class Synonyms(models.Model):
    """Words that mean the same to a reader: whoever looks for one finds the others."""

    words = ArrayField(models.CharField(max_length=60))

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return " = ".join(self.words)


class VocabularyWord(models.Model):
    """A word of what is published for an audience, and how many editions have it.

    `is_stem` tells stems, which weigh terms, from words as written, which mend spelling. An
    audience has its own: a suggestion must not tell what only staff may read.
    """

    language = models.CharField(max_length=2, choices=Language.choices)
    audience = models.CharField(max_length=10, choices=Audience.choices)
    word = models.CharField(max_length=64)
    is_stem = models.BooleanField()
    documents = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["language", "audience", "is_stem", "word"], name="vocabulary_once"
            ),
        ]

    def __str__(self) -> str:
        return self.word


class VocabularyState(models.Model):
    """Up to which event of the articles' trail the words were counted. One row."""

    counted_event = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"counted up to {self.counted_event}"


# ── Announcements and the status of services ──────────────────────────────────────────────────


class AnnouncementKind(models.TextChoices):
    INCIDENT = "incident", _("Incident")
    MAINTENANCE = "maintenance", _("Maintenance")
    NOTICE = "notice", _("Notice")


class Impact(models.TextChoices):
    NONE = "none", _("No impact")
    DEGRADED = "degraded", _("Degraded")
    OUTAGE = "outage", _("Out of service")


class AnnouncementQuerySet(models.QuerySet["Announcement"]):
    def active(self, *, now: datetime) -> Self:
        """Keep what goes on at `now`: it has begun, and is neither resolved nor over."""
        return self.filter(starts_at__lte=now, resolved_at=None).filter(
            ~Q(kind=AnnouncementKind.NOTICE) | Q(ends_at=None) | Q(ends_at__gt=now)
        )

    def upcoming(self, *, now: datetime) -> Self:
        return self.filter(starts_at__gt=now, resolved_at=None)

    def gravest_first(self) -> Self:
        rank = models.Case(
            models.When(impact=Impact.OUTAGE, then=0),
            models.When(impact=Impact.DEGRADED, then=1),
            default=2,
        )
        return self.order_by(rank, "-starts_at", "-pk")


class Announcement(models.Model):
    """Something that all clients should know: an incident, a maintenance, a notice."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=12, choices=AnnouncementKind.choices)
    impact = models.CharField(max_length=10, choices=Impact.choices, default=Impact.NONE)
    services = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    title = models.JSONField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    next_update_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    search_es = SearchVectorField(null=True)
    search_en = SearchVectorField(null=True)

    objects = AnnouncementQuerySet.as_manager()

    class Meta:
        ordering = ("-starts_at", "-pk")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["starts_at"], condition=Q(resolved_at=None), name="announcement_unresolved"
            ),
            models.Index(fields=["-starts_at", "-id"], name="announcement_history"),
        ]

    def __str__(self) -> str:
        return in_language(self.title, "es")

    def headline(self, language: str) -> str:
        return in_language(self.title, language)

    def concerns(self, service: str) -> bool:
        """Say whether it is about a service; without any named, it is about all."""
        return not self.services or service in self.services


class AnnouncementUpdate(models.Model):
    """What was said about an announcement at one time. The first one opened it.

    `told_at` is when mails to the followers were planned; until then a job is due.
    """

    announcement = models.ForeignKey(Announcement, on_delete=models.CASCADE, related_name="updates")
    text = models.JSONField()
    resolves = models.BooleanField(default=False)
    author_name = models.CharField(max_length=120)
    at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-at", "-pk")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["at"], condition=Q(told_at=None), name="announcement_untold"),
        ]

    def __str__(self) -> str:
        return f"{self.announcement_id} at {self.at}"

    def words(self, language: str) -> str:
        return in_language(self.text, language)


class Follower(models.Model):
    """An address that hears of announcements, once its owner said so."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    email = models.EmailField()
    language = models.CharField(max_length=2, choices=Language.choices)
    services = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    announcement = models.ForeignKey(
        Announcement, null=True, blank=True, on_delete=models.CASCADE, related_name="followers"
    )
    asked_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["email", "announcement"], name="follower_of_one"),
            models.UniqueConstraint(
                fields=["email"], condition=Q(announcement=None), name="follower_of_all"
            ),
        ]

    def __str__(self) -> str:
        return self.email


def order_of_shelves() -> tuple[models.OrderBy, ...]:
    """Return the order in which articles stand: by category, section, and place on the shelf."""
    return (
        F("article__section__category__position").asc(),
        F("article__section__position").asc(),
        F("article__position").asc(),
        F("article__key").asc(),
    )
