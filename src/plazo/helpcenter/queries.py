"""Reads on the knowledge base, for readers and for editors; each says what it costs."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from django.db.models import Count, F, Q, QuerySet, prefetch_related_objects

from plazo.helpcenter.access import Reader, editions_for, editions_in, sections_for
from plazo.helpcenter.models import (
    Announcement,
    Article,
    Category,
    Edition,
    Revision,
    Section,
    State,
    order_of_shelves,
)

ON_A_SHELF: Final = 3


@dataclass(frozen=True, slots=True)
class Shelf:
    """A section with the first of its articles, and how many there are in all."""

    section: Section
    editions: Sequence[Edition]
    total: int


def shelves(reader: Reader, language: str) -> list[tuple[Category, list[Shelf]]]:
    """Return every category with its sections, what stands first in them, and how much there is.

    Costs two queries. Edges: an empty section is left out; so is a category of empty sections.
    """
    editions = editions_in(reader, language).for_lists().order_by(*order_of_shelves())
    by_section: dict[int, list[Edition]] = {}
    for edition in editions:
        by_section.setdefault(edition.article.section_id, []).append(edition)
    found: dict[int, tuple[Category, list[Shelf]]] = {}
    for section in sections_for(reader):
        there = by_section.get(section.pk, [])
        if there:
            _category, row = found.setdefault(section.category_id, (section.category, []))
            row.append(Shelf(section, there[: 2 * ON_A_SHELF], len(there)))
    return list(found.values())


def on_section(reader: Reader, section: Section, language: str) -> list[Edition]:
    """Return the articles of a section in their order. One query."""
    return list(
        editions_in(reader, language)
        .for_lists()
        .filter(article__section=section)
        .order_by(*order_of_shelves())
    )


def translations_of(reader: Reader, edition: Edition) -> dict[str, Edition]:
    """Return the editions of the same article that a reader may read, by language. One query."""
    return {
        other.language: other
        for other in editions_for(reader).for_lists().filter(article=edition.article_id)
    }


def lately(reader: Reader, language: str, section: Section | None = None) -> list[Edition]:
    """Return what was published last in a language, for a feed. One query."""
    found = editions_for(reader).filter(language=language)
    if section is not None:
        found = found.filter(article__section=section)
    return list(
        found.select_related("article__section", "published")
        .defer("words", "published__plain")
        .order_by("-published_at", "-pk")[:30]
    )


def for_sitemap(reader: Reader) -> QuerySet[Edition]:
    """Return every edition that a reader may read, with what a sitemap says of it."""
    return (
        editions_for(reader)
        .select_related("article")
        .only("language", "slug", "published_at", "article__key")
        .order_by("article__key", "language")
    )


# ── For editors ───────────────────────────────────────────────────────────────────────────────


def articles_for_editors(
    *,
    section: str = "",
    state: str = "",
    audience: str = "",
    language: str = "",
    label: str = "",
    owner: int | None = None,
    words: str = "",
    archived: bool = False,
) -> QuerySet[Edition]:
    """Return editions for the editors' list, drafts included, by shelf."""
    found = (
        Edition.objects.select_related(
            "article__section", "article__owner__user", "newest", "published"
        )
        .defer(
            "words",
            "newest__body",
            "newest__body_html",
            "newest__plain",
            "published__body",
            "published__body_html",
            "published__plain",
        )
        .filter(article__archived_at__isnull=not archived)
        .order_by(*order_of_shelves(), "language")
    )
    if section:
        found = found.filter(article__section__key=section)
    if state == "changes":
        found = found.filter(published__isnull=False).exclude(published=F("newest"))
    elif state == State.PUBLISHED:
        found = found.filter(published__isnull=False)
    elif state:
        found = found.filter(state=state)
    if audience:
        found = found.filter(article__audience=audience)
    if language:
        found = found.filter(language=language)
    if label:
        found = found.filter(article__labels__contains=[label])
    if owner is not None:
        found = found.filter(article__owner=owner)
    if words:
        found = found.filter(
            Q(newest__title__icontains=words)
            | Q(article__key__icontains=words)
            | Q(newest__body__icontains=words)
        )
    return found


def states_of_editions() -> dict[str, int]:
    """Return how many editions are in each state, for the editors' tabs. One query."""
    rows = (
        Edition.objects.filter(article__archived_at=None)
        .values_list("state")
        .annotate(n=Count("pk"))
    )
    return dict(rows)


def source_of(edition: Edition) -> Edition | None:
    """Return the edition that a translation is made from; None for the source itself."""
    article: Article = edition.article
    if edition.language == article.source_language:
        return None
    return (
        article.editions.select_related("published", "newest")
        .filter(language=article.source_language)
        .first()
    )


def is_behind(edition: Edition, source: Edition | None) -> bool:
    """Say whether a translation's source has said something new since it was brought up to it."""
    followed = (source.published or source.newest) if source else None
    return followed is not None and followed.generation > edition.brought_up_to


Piece = tuple[Literal["same", "gone", "new"], str]
_TOKENS: Final = re.compile(r"\s+|\w+|[^\w\s]")


def word_diff(old: str, new: str) -> list[Piece]:
    """Return what changed from one text to another, word by word, as pieces in order.

    Edges: pieces joined without the `gone` ones are the new text exactly; without the `new` ones,
        the old one.
    """
    before, after = _TOKENS.findall(old), _TOKENS.findall(new)
    pieces: list[Piece] = []

    def add(kind: Literal["same", "gone", "new"], tokens: list[str]) -> None:
        if tokens:
            pieces.append((kind, "".join(tokens)))

    for tag, a, b, c, d in difflib.SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        if tag == "equal":
            add("same", before[a:b])
        else:
            add("gone", before[a:b])
            add("new", after[c:d])
    return pieces


def revisions_of(edition: Edition) -> list[Revision]:
    """Return an edition's texts, the newest first, without their bodies. One query."""
    return list(
        Revision.objects.filter(edition=edition)
        .defer("body", "body_html", "plain")
        .order_by("-number")
    )


# ── Announcements ─────────────────────────────────────────────────────────────────────────────


def active_announcements(*, now: datetime) -> list[Announcement]:
    """Return what goes on now, the gravest first. One query on a partial index."""
    return list(Announcement.objects.active(now=now).gravest_first()[:20])


def with_updates(announcements: Sequence[Announcement]) -> Sequence[Announcement]:
    """Load all that was said about some announcements. One query."""
    prefetch_related_objects(list(announcements), "updates")
    return announcements


def latest_announcements(*, limit: int = 30) -> list[Announcement]:
    """Return the latest announcements with all that was said. Two queries."""
    return list(
        Announcement.objects.prefetch_related("updates").order_by("-starts_at", "-pk")[:limit]
    )


def upcoming_announcements(*, now: datetime) -> list[Announcement]:
    """Return what is planned, the next first. One query."""
    return list(Announcement.objects.upcoming(now=now).order_by("starts_at")[:20])


def past_announcements(*, now: datetime, limit: int = 30) -> list[Announcement]:
    """Return what is over, the latest first, with all that was said. Two queries."""
    return list(
        Announcement.objects.filter(starts_at__lte=now)
        .exclude(pk__in=Announcement.objects.active(now=now).values("pk"))
        .prefetch_related("updates")
        .order_by("-starts_at", "-pk")[:limit]
    )
