"""What editors see: the list of articles with all their languages, one article, its trail."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from django.db.models import Count, Exists, F, Max, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from plazo.accounts.models import Agent
from plazo.helpcenter.models import (
    LANGUAGES,
    Article,
    ArticleEvent,
    ArticleFile,
    Category,
    Edition,
    FeaturedSearch,
    Revision,
    Section,
    State,
    Synonyms,
)
from plazo.helpcenter.queries import is_behind

PAGE: Final = 50
TRAIL: Final = 200
# What each tab of the list holds, as a condition on one edition of an article.
STATES: Final = {
    "draft": Q(state=State.DRAFT, published=None),
    "review": Q(state=State.REVIEW),
    "scheduled": Q(state=State.SCHEDULED),
    "published": Q(published__isnull=False),
    "changes": Q(published__isnull=False) & ~Q(published=F("newest")),
}
ORDERS: Final = {
    "shelf": ("section__category__position", "section__position", "position", "key"),
    "changed": ("-changed_at", "key"),
    "review": (F("review_by").asc(nulls_last=True), "key"),
    "votes": ("-against", "key"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which articles an editor asked for."""

    state: str = ""
    section: str = ""
    audience: str = ""
    language: str = ""
    label: str = ""
    owner: int | None = None
    words: str = ""
    order: str = "shelf"


@dataclass(frozen=True, slots=True)
class Mark:
    """How an article stands in one language: `missing` where it is not there."""

    language: str
    state: str
    edition: Edition | None = None
    behind: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """An article of the list."""

    article: Article
    title: str
    section: str
    marks: Sequence[Mark]
    useful: int
    votes: int
    stale: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Some articles of the list. `next` is the number of the page after it; None on the last."""

    rows: Sequence[Row]
    number: int
    next: int | None

    @property
    def previous(self) -> int:
        return self.number - 1


def articles_page(wanted: Wanted, *, language: str, today: date, number: int = 1) -> Page:
    """Return a page of the editors' list. Two queries, whatever the number of rows."""
    first = (max(number, 1) - 1) * PAGE
    found = list(
        _matching(wanted)
        .select_related("section", "owner__user")
        .prefetch_related(Prefetch("editions", _editions_for_rows()))[first : first + PAGE + 1]
    )
    rows = [_row(article, language, today) for article in found[:PAGE]]
    return Page(rows, max(number, 1), number + 1 if len(found) > PAGE else None)


def _editions_for_rows() -> QuerySet[Edition]:
    texts = ("body", "body_html", "plain", "contents")
    heavy = [f"{which}__{name}" for which in ("newest", "published") for name in texts]
    return Edition.objects.select_related("newest", "published").defer("words", *heavy)


def _matching(wanted: Wanted) -> QuerySet[Article]:
    editions = Edition.objects.filter(article=OuterRef("pk"))
    found = Article.objects.filter(archived_at__isnull=wanted.state != "archived")
    if wanted.state in STATES:
        found = found.filter(Exists(editions.filter(STATES[wanted.state])))
    if wanted.section:
        found = found.filter(section__key=wanted.section)
    if wanted.audience:
        found = found.filter(audience=wanted.audience)
    if wanted.language in LANGUAGES:
        found = found.filter(Exists(editions.filter(language=wanted.language)))
    elif wanted.language == "missing":
        gaps = [~Exists(editions.filter(language=language)) for language in LANGUAGES]
        found = found.filter(gaps[0] | gaps[1])
    elif wanted.language == "behind":
        found = found.filter(Exists(_behind(editions)))
    if wanted.label:
        found = found.filter(labels__contains=[wanted.label])
    if wanted.owner:
        found = found.filter(owner=wanted.owner)
    if wanted.words:
        said = Q(newest__title__icontains=wanted.words) | Q(newest__body__icontains=wanted.words)
        found = found.filter(Q(key__icontains=wanted.words) | Exists(editions.filter(said)))
    if wanted.order == "changed":
        found = found.annotate(changed_at=Max("editions__newest__at"))
    elif wanted.order == "votes":
        found = found.annotate(against=Max("editions__not_useful"))
    return found.order_by(*ORDERS.get(wanted.order, ORDERS["shelf"]))


def _behind(editions: QuerySet[Edition]) -> QuerySet[Edition]:
    source = Edition.objects.filter(
        article=OuterRef("article"), language=OuterRef("article__source_language")
    ).values(said=Coalesce("published__generation", "newest__generation"))
    return editions.exclude(language=F("article__source_language")).filter(
        brought_up_to__lt=Subquery(source)
    )


def _row(article: Article, language: str, today: date) -> Row:
    editions = {edition.language: edition for edition in article.editions.all()}
    shown = editions.get(language) or editions.get(article.source_language)
    shown = shown or next(iter(editions.values()), None)
    return Row(
        article,
        shown.newest.title if shown and shown.newest else article.key,
        article.section.title(language),
        marks_of(article, editions),
        sum(edition.useful for edition in editions.values()),
        sum(edition.votes for edition in editions.values()),
        is_stale(article, today),
    )


def is_stale(article: Article, today: date) -> bool:
    """Say whether somebody was to look at an article again by now."""
    return article.archived_at is None and (article.review_by or date.max) <= today


def marks_of(article: Article, editions: dict[str, Edition]) -> list[Mark]:
    """Return how an article stands in each language, the source's first."""
    source = editions.get(article.source_language)
    order = sorted(LANGUAGES, key=lambda language: language != article.source_language)
    marks = []
    for language in order:
        edition = editions.get(language)
        if edition is None:
            marks.append(Mark(language, "missing"))
        else:
            follows = language != article.source_language
            behind = follows and is_behind(edition, source)
            marks.append(Mark(language, state_of(edition), edition, behind))
    return marks


def state_of(edition: Edition) -> str:
    """Return the one word for an edition: what happens with its newest text comes first."""
    if edition.state in (State.REVIEW, State.SCHEDULED):
        return edition.state
    if edition.has_changes:
        return "changes"
    return State.PUBLISHED if edition.published_id else State.DRAFT


def states_of_articles() -> dict[str, int]:
    """Return how many articles each tab of the list holds. One query."""
    here, gone = Q(article__archived_at=None), Q(article__archived_at__isnull=False)
    wanted = {"": here, **{name: here & q for name, q in STATES.items()}, "archived": gone}
    counts = Edition.objects.aggregate(
        **{f"n_{name}": Count("article", filter=q, distinct=True) for name, q in wanted.items()}
    )
    return {name: counts[f"n_{name}"] for name in wanted}


def labels_in_use() -> list[str]:
    """Return every label that an article has, in order. One query."""
    found = Article.objects.exclude(labels=[]).values_list("labels", flat=True)
    return sorted({label for labels in found for label in labels})


def owners() -> list[Agent]:
    """Return the agents who answer for an article, by name. One query."""
    owned = Article.objects.filter(owner=OuterRef("pk"))
    return list(Agent.objects.select_related("user").filter(Exists(owned)).order_by("user__name"))


# ── One article ───────────────────────────────────────────────────────────────────────────────


def editions_of(article: Article) -> dict[str, Edition]:
    """Return an article's editions by language, with their texts. One query."""
    found = Edition.objects.select_related("newest", "published").defer("words")
    editions = {edition.language: edition for edition in found.filter(article=article)}
    for edition in editions.values():
        edition.article = article
    return editions


def files_of(article: Article) -> list[ArticleFile]:
    """Return an article's images and files by name. One query."""
    return list(ArticleFile.objects.filter(article=article))


def titles_of(keys: Sequence[str], language: str) -> dict[str, str]:
    """Return the titles of some articles by key: in a language, or else in the one there is."""
    found = _by_key(keys, language)
    return {key: edition.newest.title for key, edition in found.items() if edition.newest}


def addresses_of(keys: Sequence[str], language: str) -> dict[str, tuple[str, str]]:
    """Return where some articles stand, drafts included: language and address by key. One query."""
    return {key: (e.language, e.slug) for key, e in _by_key(keys, language).items()}


def _by_key(keys: Sequence[str], language: str) -> dict[str, Edition]:
    if not keys:
        return {}
    found = _editions_for_rows().select_related("article").filter(article__key__in=keys)
    ordered = sorted(found, key=lambda edition: edition.language == language)
    return {edition.article.key: edition for edition in ordered if edition.newest}


def find_articles(words: str, language: str, *, limit: int = 8) -> list[tuple[str, str, str]]:
    """Return articles whose title or key holds some words: key, title and section. One query."""
    found = (
        _editions_for_rows()
        .select_related("article__section")
        .filter(article__archived_at=None)
        .filter(Q(newest__title__icontains=words) | Q(article__key__icontains=words))
        .order_by("newest__title", "pk")[: limit * len(LANGUAGES)]
    )
    by_key: dict[str, Edition] = {}
    for edition in found:
        if edition.article.key not in by_key or edition.language == language:
            by_key[edition.article.key] = edition
    return [
        (key, edition.newest.title, edition.article.section.title(language))
        for key, edition in list(by_key.items())[:limit]
        if edition.newest
    ]


def followed_revision(edition: Edition, source: Edition) -> Revision | None:
    """Return the source's text that a translation was last brought up to. One query."""
    return (
        Revision.objects.filter(edition=source, generation=edition.brought_up_to)
        .order_by("-number")
        .first()
    )


def trail_of(article: Article) -> list[ArticleEvent]:
    """Return what was done to an article, the latest first. One query."""
    return list(ArticleEvent.objects.filter(article=article)[:TRAIL])


# ── Shelves and words ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Shelves:
    """Every category with its sections, empty ones too, and how many articles stand on each."""

    categories: Sequence[tuple[Category, Sequence[Section]]] = field(default_factory=tuple)
    articles: dict[int, int] = field(default_factory=dict)


def sections() -> list[Section]:
    """Return every section in its order, with its category. One query."""
    return list(Section.objects.select_related("category"))


def shelves() -> Shelves:
    """Return all shelves for the editors. Three queries."""
    by_category: dict[int, list[Section]] = {}
    for section in sections():
        by_category.setdefault(section.category_id, []).append(section)
    counted = Article.objects.order_by().values_list("section").annotate(n=Count("pk"))
    return Shelves(
        [(category, by_category.get(category.pk, [])) for category in Category.objects.all()],
        dict(counted),
    )


def synonym_sets() -> list[list[str]]:
    """Return every set of synonyms. One query."""
    return list(Synonyms.objects.values_list("words", flat=True))


def featured_searches() -> list[FeaturedSearch]:
    """Return the searches that the first pages offer, by language. One query."""
    return list(FeaturedSearch.objects.order_by("-language", "position", "pk"))
