"""The knowledge base as a folder of Markdown files, out and in again, without losing a letter.

    categories.toml              categories with their sections
    synonyms.toml                sets of words
    searches.toml                the searches that the first page offers
    <language>/<section>/<slug>.md         a text as it is published, or as it was drafted
    <language>/<section>/<slug>.draft.md   what was written after it and is not published
    files/<article>/<name>       images and files

A text begins with its front matter, TOML between lines of `+++`. What concerns the article and not
the language (its shelf, audience, labels …) stands in each of its files and must agree. Exporting
an import gives the same bytes. Histories, votes and readings are not part of it.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final, Literal, TypeVar

import tomlkit
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plazo.accounts.models import Agent
from plazo.core.actor import Actor
from plazo.core.storing import storage_path
from plazo.helpcenter import commands, queries
from plazo.helpcenter.errors import FolderRefused
from plazo.helpcenter.models import (
    LANGUAGES,
    Article,
    ArticleFile,
    Category,
    Edition,
    FeaturedSearch,
    FormerAddress,
    Revision,
    Section,
    State,
    Synonyms,
)
from plazo.helpcenter.rendering import render_article

FENCE: Final = "+++\n"
_T = TypeVar("_T", bound=BaseModel)
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=120)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Texts(_Strict):
    es: Annotated[str, Field(min_length=1)]
    en: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"es": self.es} | ({"en": self.en} if self.en else {})


class SectionEntry(_Strict):
    key: Slug
    service: str = ""
    icon: str = "book-open"
    audience: Literal["everyone", "clients", "staff"] = "everyone"
    name: Texts
    description: Texts | None = None


class CategoryEntry(_Strict):
    key: Slug
    name: Texts
    sections: tuple[SectionEntry, ...] = ()


class Categories(_Strict):
    categories: tuple[CategoryEntry, ...] = ()


class SynonymEntry(_Strict):
    words: tuple[str, ...]


class SynonymSets(_Strict):
    synonyms: tuple[SynonymEntry, ...] = ()


class Searches(_Strict):
    es: tuple[str, ...] = ()
    en: tuple[str, ...] = ()


class FrontMatter(_Strict):
    """What stands above a text. The fields up to `created_at` are the article's."""

    key: Annotated[str, Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=80)]
    section: Slug
    title: Annotated[str, Field(min_length=1, max_length=160)]
    summary: Annotated[str, Field(max_length=300)] = ""
    audience: Literal["everyone", "clients", "staff"] = "everyone"
    labels: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    position: int = 0
    review_by: date | None = None
    owner: str = ""
    source_language: Literal["es", "en"] = "es"
    created_at: datetime | None = None
    verified_at: datetime | None = None
    archived_at: datetime | None = None
    state: Literal["draft", "review", "scheduled", "published"] = "published"
    publish_at: datetime | None = None
    published_at: datetime | None = None
    first_published_at: datetime | None = None
    behind: bool = False
    former: tuple[str, ...] = ()


OF_THE_ARTICLE: Final = (
    "section", "audience", "labels", "related", "position", "review_by", "owner",
    "source_language", "created_at", "verified_at", "archived_at",
)  # fmt: skip


# ── Out ───────────────────────────────────────────────────────────────────────────────────────


def export_articles(folder: Path) -> int:
    """Write the whole knowledge base into an empty or missing folder; return how many texts.

    Raises: FolderRefused if there is anything in the folder.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FolderRefused(problems=[f"{folder} is not empty"])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in _tables().items():
        _write(folder / name, content.encode())
    written = 0
    editions = Edition.objects.select_related(
        "article__section", "article__owner__user", "newest", "published"
    ).prefetch_related("former")
    for edition in editions.order_by("article__key", "language").defer("words"):
        for path, content in _files_of(edition):
            _write(folder / path, content.encode())
            written += 1
    for file in ArticleFile.objects.select_related("article").order_by("pk"):
        with default_storage.open(storage_path(file.sha256)) as stored:
            _write(folder / "files" / file.article.key / file.name, stored.read())
    return written


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _tables() -> dict[str, str]:
    categories = [
        {
            "key": category.key,
            "name": category.name,
            "sections": [
                _without_empty(
                    {
                        "key": section.key,
                        "service": section.service,
                        "icon": section.icon,
                        "audience": section.audience,
                        "name": section.name,
                        "description": section.description,
                    }
                )
                for section in category.sections.order_by("position", "key")
            ],
        }
        for category in Category.objects.order_by("position", "key")
    ]
    return {
        "categories.toml": tomlkit.dumps({"categories": categories}),
        "synonyms.toml": tomlkit.dumps(
            {"synonyms": [{"words": s.words} for s in Synonyms.objects.order_by("pk")]}
        ),
        "searches.toml": tomlkit.dumps(
            {
                language: list(
                    FeaturedSearch.objects.filter(language=language).values_list("words", flat=True)
                )
                for language in LANGUAGES
            }
        ),
    }


def _files_of(edition: Edition) -> Iterator[tuple[PurePosixPath, str]]:
    place = PurePosixPath(edition.language) / edition.article.section.key
    published, newest = edition.published, edition.newest
    if published is not None:
        yield place / f"{edition.slug}.md", _text(edition, published, State.PUBLISHED)
    if newest is not None and newest != published:
        name = f"{edition.slug}.draft.md" if published is not None else f"{edition.slug}.md"
        yield place / name, _text(edition, newest, edition.state)


def _text(edition: Edition, revision: Revision, state: str) -> str:
    article = edition.article
    waiting = state == State.SCHEDULED
    head = {
        "key": article.key,
        "section": article.section.key,
        "title": revision.title,
        "summary": revision.summary,
        "audience": article.audience,
        "labels": article.labels,
        "related": article.related,
        "position": article.position,
        "review_by": article.review_by,
        "owner": article.owner.user.email if article.owner else "",
        "source_language": "" if article.source_language == "es" else article.source_language,
        "created_at": _utc(article.created_at),
        "verified_at": _utc(article.verified_at),
        "archived_at": _utc(article.archived_at),
        "state": "" if state == State.PUBLISHED else state,
        "publish_at": _utc(edition.publish_at) if waiting else None,
        "published_at": _utc(edition.published_at),
        "first_published_at": _utc(edition.first_published_at),
        "behind": queries.is_behind(edition, queries.source_of(edition)) or None,
        "former": sorted(former.slug for former in edition.former.all()),
    }
    return f"{FENCE}{tomlkit.dumps(_without_empty(head))}{FENCE}\n{revision.body}"


def _utc(instant: datetime | None) -> datetime | None:
    return instant.astimezone(UTC) if instant else None


def _without_empty(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if value not in (None, "", [], {}, ())}


# ── In ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Entry:
    """One file of a text, read."""

    path: str
    language: str
    slug: str
    is_draft: bool
    head: FrontMatter
    body: str


@dataclass(slots=True)
class _Folder:
    """A folder, read whole before anything is written: with every problem it has."""

    categories: Categories = field(default_factory=Categories)
    synonyms: SynonymSets | None = None
    searches: Searches | None = None
    entries: list[_Entry] = field(default_factory=list)
    files: dict[str, list[Path]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def import_articles(folder: Path, *, actor: Actor, now: datetime) -> int:
    """Read a folder into the knowledge base; return how many texts there were.

    Edges: an article that is there already gets what is new as another revision; what the folder
        does not have stays as it is. All or nothing.
    Raises: FolderRefused with everything that is wrong in the folder.
    """
    found = _read(folder)
    if found.problems:
        raise FolderRefused(problems=found.problems)
    with transaction.atomic():
        sections = _write_shelves(found)
        if found.synonyms is not None:
            commands.save_synonyms(sets=[entry.words for entry in found.synonyms.synonyms])
        if found.searches is not None:
            FeaturedSearch.objects.all().delete()
            for language in LANGUAGES:
                for words in getattr(found.searches, language):
                    commands.feature_search(language=language, words=words)
        by_key: dict[str, list[_Entry]] = {}
        for entry in found.entries:
            by_key.setdefault(entry.head.key, []).append(entry)
        for key, entries in by_key.items():
            # The source first: a translation is measured by it.
            entries.sort(key=lambda e: (e.language != e.head.source_language, e.is_draft))
            _write_article(key, entries, sections, found.files.get(key, []), actor, now)
    return len(found.entries)


def _read(folder: Path) -> _Folder:
    found = _Folder()
    if not folder.is_dir():
        found.problems.append(f"{folder} is no folder")
        return found
    found.categories = _table(folder, "categories.toml", Categories, found) or Categories()
    found.synonyms = _table(folder, "synonyms.toml", SynonymSets, found)
    found.searches = _table(folder, "searches.toml", Searches, found)
    for language in LANGUAGES:
        for path in sorted((folder / language).rglob("*.md")):
            entry = _entry(folder, path, language, found)
            if entry is not None:
                found.entries.append(entry)
    for path in sorted((folder / "files").glob("*/*")):
        found.files.setdefault(path.parent.name, []).append(path)
    _check(found)
    return found


def _table(folder: Path, name: str, model: type[_T], found: _Folder) -> _T | None:
    path = folder / name
    if not path.exists():
        return None
    try:
        return model.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        found.problems += _sentences(name, error)
        return None


_PATH: Final = re.compile(r"^(?P<slug>[a-z0-9]+(?:-[a-z0-9]+)*)(?P<draft>\.draft)?\.md$")


def _entry(folder: Path, path: Path, language: str, found: _Folder) -> _Entry | None:
    name = path.relative_to(folder).as_posix()
    match = _PATH.match(path.name)
    if match is None:
        found.problems.append(f"{name}: the name must be letters a–z, digits and hyphens")
        return None
    try:
        text = path.read_text(encoding="utf-8")
        opening, head, body = text.partition(FENCE)[0], *text.removeprefix(FENCE).split(FENCE, 1)
        if opening:
            raise ValueError("the first line must be +++")
        matter = FrontMatter.model_validate(tomllib.loads(head))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        found.problems += _sentences(name, error)
        return None
    except ValueError as error:
        found.problems.append(f"{name}: no front matter between two lines of +++ ({error})")
        return None
    draft = match["draft"] is not None
    return _Entry(name, language, match["slug"], draft, matter, body.removeprefix("\n"))


def _sentences(name: str, error: Exception) -> list[str]:
    if isinstance(error, ValidationError):
        return [
            f"{name}: {'.'.join(str(part) for part in e['loc'])}: {e['msg']}"
            for e in error.errors()
        ]
    return [f"{name}: {error}"]


def _check(found: _Folder) -> None:
    """Note what no single file shows: unknown shelves and links, languages that disagree."""
    known = {s.key for category in found.categories.categories for s in category.sections}
    known |= set(Section.objects.values_list("key", flat=True))
    keys = {entry.head.key for entry in found.entries}
    keys |= set(Article.objects.values_list("key", flat=True))
    first: dict[str, _Entry] = {}
    places: dict[tuple[str, str, bool], _Entry] = {}
    for entry in found.entries:
        head = entry.head
        if head.section not in known:
            found.problems.append(f"{entry.path}: there is no section {head.section!r}")
        elif entry.path.split("/")[1:-1] != [head.section]:
            found.problems.append(f"{entry.path}: it says that its section is {head.section!r}")
        if not entry.body.strip():
            found.problems.append(f"{entry.path}: there is no text")
        rendered = render_article(entry.body)
        # A draft may point to what is still to be written; what people read may not.
        is_read = head.state in ("published", "scheduled")
        linked = rendered.articles if is_read else frozenset()
        for key in sorted({*head.related, *linked} - keys):
            found.problems.append(f"{entry.path}: there is no article {key!r}")
        have = {path.name for path in found.files.get(head.key, [])}
        have |= set(
            ArticleFile.objects.filter(article__key=head.key).values_list("name", flat=True)
        )
        for name in sorted(rendered.files - have) if is_read else ():
            found.problems.append(f"{entry.path}: there is no file {name!r}")
        other = places.setdefault((entry.language, head.key, entry.is_draft), entry)
        if other is not entry:
            found.problems.append(f"{entry.path}: {other.path} has the same key")
        model = first.setdefault(head.key, entry)
        found.problems += [
            f"{entry.path}: {name} differs from {model.path}"
            for name in OF_THE_ARTICLE
            if getattr(head, name) != getattr(model.head, name)
        ]
        if head.owner and not Agent.objects.filter(user__email=head.owner).exists():
            found.problems.append(f"{entry.path}: no agent has the address {head.owner}")


def _write_shelves(found: _Folder) -> dict[str, int]:
    for number, category in enumerate(found.categories.categories):
        made = commands.save_category(
            key=category.key, name=category.name.as_dict(), position=number
        )
        for place, section in enumerate(category.sections):
            commands.save_section(
                key=section.key,
                category_id=made.pk,
                name=section.name.as_dict(),
                description=section.description.as_dict() if section.description else {},
                service=section.service,
                icon=section.icon,
                audience=section.audience,
                position=place,
            )
    return dict(Section.objects.values_list("key", "pk"))


def _write_article(
    key: str,
    entries: list[_Entry],
    sections: dict[str, int],
    files: list[Path],
    actor: Actor,
    now: datetime,
) -> None:
    head = entries[0].head
    owner = Agent.objects.filter(user__email=head.owner).first() if head.owner else None
    owner_id = owner.pk if owner else None
    article = Article.objects.filter(key=key).first()
    was_there = article is not None
    for entry in entries:
        edition = article.editions.filter(language=entry.language).first() if article else None
        text = commands.Text(title=entry.head.title, body=entry.body, summary=entry.head.summary)
        if article is None:
            edition = commands.create_article(
                section_id=sections[head.section],
                language=entry.language,
                text=text,
                key=key,
                slug=entry.slug,
                audience=head.audience,
                owner_id=owner_id,
                labels=head.labels,
                related=head.related,
                position=head.position,
                review_by=head.review_by,
                actor=actor,
                now=head.created_at or now,
            )
            article = edition.article
        elif edition is None:
            edition = commands.add_edition(
                article_id=article.pk,
                language=entry.language,
                text=text,
                slug=entry.slug,
                actor=actor,
                now=now,
            )
        else:
            commands.save_revision(
                edition_id=edition.pk,
                text=text,
                up_to_date=not entry.head.behind,
                actor=actor,
                now=now,
            )
        _settle(edition, entry, actor, now)
    assert article is not None  # noqa: S101 - there is at least one entry
    # A new one was made with all this, in the language of its first entry.
    if was_there or head.source_language != entries[0].language:
        commands.change_article(
            article_id=article.pk,
            section_id=sections[head.section],
            audience=head.audience,
            owner_id=owner_id,
            labels=head.labels,
            related=head.related,
            position=head.position,
            review_by=head.review_by,
            source_language=head.source_language,
            slugs={entry.language: entry.slug for entry in entries},
            actor=actor,
            now=now,
        )
    Article.objects.filter(pk=article.pk).update(
        **{
            name: value
            for name in ("created_at", "verified_at", "archived_at")
            if (value := getattr(head, name)) is not None
        }
    )
    for path in files:
        if not article.files.filter(name=path.name).exists():
            content = ContentFile(path.read_bytes(), name=path.name)
            commands.add_file(
                article_id=article.pk,
                file=content,
                name=path.name,
                content_type=commands.type_of_name(path.name),
                actor=actor,
                now=now,
            )


def _settle(edition: Edition, entry: _Entry, actor: Actor, now: datetime) -> None:
    """Bring an edition to the state that its file says."""
    head = entry.head
    match head.state:
        case "published":
            commands.publish_edition(edition_id=edition.pk, actor=actor, now=now)
        case "review":
            commands.ask_for_review(edition_id=edition.pk, actor=actor, now=now)
        case "scheduled" if head.publish_at is not None and head.publish_at <= now:
            commands.publish_edition(edition_id=edition.pk, actor=actor, now=now)
        case "scheduled" if head.publish_at is not None:
            commands.schedule_edition(
                edition_id=edition.pk, publish_at=head.publish_at, actor=actor, now=now
            )
        case _:
            pass
    changes: dict[str, Any] = {
        name: value
        for name in ("published_at", "first_published_at")
        if (value := getattr(head, name)) is not None
    }
    if head.behind:
        changes["brought_up_to"] = 0
    if changes:
        Edition.objects.filter(pk=edition.pk).update(**changes)
    for slug in head.former:
        FormerAddress.objects.get_or_create(
            language=edition.language, slug=slug, defaults={"edition": edition}
        )
