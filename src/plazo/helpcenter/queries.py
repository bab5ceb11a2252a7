"""Reads on the knowledge base, for readers and for editors; each says what it costs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from django.db.models import Count, F, QuerySet, Window, prefetch_related_objects
from django.db.models.functions import RowNumber
from rapidfuzz.distance import Indel

from plazo.core.storing import Kept
from plazo.helpcenter.access import Reader, editions_for, editions_in, sections_for
from plazo.helpcenter.models import (
    Announcement,
    Article,
    ArticleFile,
    Category,
    Edition,
    Revision,
    Section,
    order_of_shelves,
)

ON_A_SHELF: Final = 3


@dataclass(frozen=True, slots=True)
class Shelf:
    """A section with the first of its articles, and how many there are in all."""

    section: Section
    editions: Sequence[Edition]
    total: int


def title_of(key: str, language: str) -> str:
    """Return an article's title for our own people, in a language if there is one. One query."""
    editions = (
        Edition.objects.filter(article__key=key)
        .select_related("newest")
        .only("language", "newest__title")
    )
    found = sorted(editions, key=lambda edition: edition.language != language)
    return found[0].newest.title if found and found[0].newest else ""


def shelves(reader: Reader, language: str) -> list[tuple[Category, list[Shelf]]]:
    """Return every category with its sections, what stands first in them, and how much there is.

    Costs two queries, and no more than the first of each section is fetched. Edges: an empty
        section is left out; so is a category of empty sections.
    """
    section_of = F("article__section_id")
    editions = (
        editions_in(reader, language)
        .for_lists()
        .annotate(
            place=Window(RowNumber(), partition_by=section_of, order_by=order_of_shelves()),
            in_all=Window(Count("pk"), partition_by=section_of),
        )
        .filter(place__lte=2 * ON_A_SHELF)
        .order_by("place")
    )
    by_section: dict[int, list[Any]] = {}
    for edition in editions:
        by_section.setdefault(edition.article.section_id, []).append(edition)
    found: dict[int, tuple[Category, list[Shelf]]] = {}
    for section in sections_for(reader):
        there = by_section.get(section.pk, [])
        if there:
            _category, row = found.setdefault(section.category_id, (section.category, []))
            row.append(Shelf(section, there, there[0].in_all))
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
_LINES: Final = re.compile(r"[^\n]*\n|[^\n]+")
_WHOLE: Final = re.compile(r".+", re.DOTALL)
# Beyond so many comparisons larger parts are compared: a hundred megabytes are enough for a page.
_MOST_COMPARED: Final = 1_000_000_000


@dataclass(slots=True)
class _Change:
    """What stayed, and then what went and what came in its place."""

    same: str = ""
    gone: str = ""
    new: str = ""

    @property
    def size(self) -> int:
        return max(len(self.gone), len(self.new))


def word_diff(old: str, new: str) -> list[Piece]:
    """Return what changed from one text to another, word by word, as pieces in order.

    Edges: pieces joined without the `gone` ones are the new text exactly; without the `new` ones,
        the old one. What stayed between two changes and is no longer than either counts as changed
        with them, so that a sentence written anew reads as one. Very long texts are compared line
        by line.
    """
    before, after = next(
        (parts_old, parts_new)
        for cut in (_TOKENS, _LINES, _WHOLE)
        if len(parts_old := cut.findall(old)) * len(parts_new := cut.findall(new)) <= _MOST_COMPARED
    )
    changes = [_Change()]
    for step in Indel.opcodes(before, after):
        there = "".join(before[step.src_start : step.src_end])
        last = changes[-1]
        if step.tag == "equal":
            if last.size:
                changes.append(last := _Change())
            last.same += there
        else:
            last.gone += there
            last.new += "".join(after[step.dest_start : step.dest_end])
    pieces: list[Piece] = []
    for change in _grouped(changes):
        parts: list[Piece] = [("same", change.same), ("gone", change.gone), ("new", change.new)]
        pieces += [part for part in parts if part[1]]
    return pieces


def _grouped(changes: list[_Change]) -> list[_Change]:
    """Join changes that only a word or two parts, within one paragraph."""
    kept = changes[:1]
    for change in changes[1:]:
        last = kept[-1]
        if len(change.same) <= min(last.size, change.size) and "\n\n" not in change.same:
            last.gone += change.same + change.gone
            last.new += change.same + change.new
        else:
            kept.append(change)
    return kept


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


# ── Files ─────────────────────────────────────────────────────────────────────────────────────


def kept_files() -> Iterator[Kept]:
    """Yield every file of an article, for verifying."""
    rows = ArticleFile.objects.order_by("pk").values_list("article__key", "name", "sha256", "size")
    for key, name, sha256, size in rows.iterator(2000):
        yield Kept(key, name, sha256, size)
