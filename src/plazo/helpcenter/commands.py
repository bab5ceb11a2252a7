"""Writes on the knowledge base: one transaction on one locked article each, with a trail."""

import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.core.files.base import File
from django.db import models, transaction
from django.db.models import Max

from plazo.accounts.models import Agent
from plazo.core.actor import Actor, ActorKind
from plazo.core.errors import PlazoError
from plazo.core.naming import free_name
from plazo.helpcenter import lexicon
from plazo.helpcenter.access import may_publish
from plazo.helpcenter.errors import (
    AddressTaken,
    EditionExists,
    FileInUse,
    FileRefused,
    KeyTaken,
    LeadsNowhere,
    MayNotArrange,
    MayNotPublish,
    NothingWritten,
    NotInReview,
    NotYetPossible,
    ShelfInUse,
    SomebodyElseSaved,
)
from plazo.helpcenter.indexing import index_edition
from plazo.helpcenter.models import (
    Article,
    ArticleEvent,
    ArticleFile,
    Audience,
    Category,
    Edition,
    FeaturedSearch,
    FormerAddress,
    Revision,
    Section,
    State,
    Synonyms,
)
from plazo.helpcenter.rendering import (
    LONGEST_BODY,
    RenderedArticle,
    article_slug,
    render_article,
)
from plazo.tickets.bodies import store_upload


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What an editor writes: the words of one edition."""

    title: str
    body: str
    summary: str = ""
    note: str = ""
    minor: bool = False

    def tidy(self) -> "Text":
        """Return it in one form. Raises: NothingWritten."""
        title = " ".join(self.title.split())[:160]
        body = self.body.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").strip("\n")
        if not title or not body.strip():
            raise NothingWritten
        return Text(
            title=title,
            body=body[:LONGEST_BODY].rstrip("\n") + "\n",
            summary=" ".join(self.summary.split())[:300],
            note=" ".join(self.note.split())[:200],
            minor=self.minor,
        )


# ── Writing ───────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def create_article(
    *,
    section_id: int,
    language: str,
    text: Text,
    key: str = "",
    slug: str = "",
    audience: str = Audience.EVERYONE,
    owner_id: int | None = None,
    labels: Sequence[str] = (),
    related: Sequence[str] = (),
    position: int | None = None,
    review_by: date | None = None,
    actor: Actor,
    now: datetime,
) -> Edition:
    """Start an article as a draft in one language.

    Edges: without a key or an address both are made from the title; a key of one's own that is
        taken is refused, a made one gets a number. Without a position it stands last on its shelf.
    Raises: NothingWritten; KeyTaken; AddressTaken.
    """
    text = text.tidy()
    if key and Article.objects.filter(key=key).exists():
        raise KeyTaken(key=key)
    if position is None:
        last = Article.objects.filter(section=section_id).aggregate(last=Max("position"))["last"]
        position = (last or 0) + 10
    article = Article.objects.create(
        key=key or _free_key(article_slug(text.title)[:70].rstrip("-")),
        section_id=section_id,
        audience=audience,
        owner_id=owner_id,
        labels=tidy_labels(labels),
        related=list(dict.fromkeys(related)),
        position=position,
        source_language=language,
        review_by=review_by,
        created_at=now,
    )
    _trail(article, "created", actor, now, language=language)
    return _add_edition(article, language, text, slug, actor, now)


@transaction.atomic
def add_edition(
    *, article_id: int, language: str, text: Text, slug: str = "", actor: Actor, now: datetime
) -> Edition:
    """Start an article's translation, as a draft.

    Raises: EditionExists; NothingWritten; AddressTaken.
    """
    article = _locked(article_id)
    if article.editions.filter(language=language).exists():
        raise EditionExists
    _trail(article, "translated", actor, now, language=language)
    return _add_edition(article, language, text.tidy(), slug, actor, now)


def _add_edition(
    article: Article, language: str, text: Text, slug: str, actor: Actor, now: datetime
) -> Edition:
    address = slug or _free_address(language, article_slug(text.title))
    _require_free(language, address, None)
    edition = Edition.objects.create(article=article, language=language, slug=address)
    _write(edition, text, actor, now)
    _bring_up(edition)
    return edition


def _free_key(wanted: str) -> str:
    taken = set(Article.objects.filter(key__startswith=wanted).values_list("key", flat=True))
    return free_name(wanted, taken)


def _free_address(language: str, wanted: str) -> str:
    stem = wanted[:110].rstrip("-")
    alike = {"language": language, "slug__startswith": stem}
    taken = {
        *Edition.objects.filter(**alike).values_list("slug", flat=True),
        *FormerAddress.objects.filter(**alike).values_list("slug", flat=True),
    }
    return free_name(wanted, taken, stem=stem)


def _require_free(language: str, slug: str, edition: Edition | None) -> None:
    """Raise AddressTaken unless an edition may have an address.

    Edges: an address that the edition itself had before is free for it again.
    """
    others = Edition.objects.filter(language=language, slug=slug)
    former = FormerAddress.objects.filter(language=language, slug=slug)
    if edition is not None:
        others, former = others.exclude(pk=edition.pk), former.exclude(edition=edition)
    if others.exists() or former.exists():
        raise AddressTaken(slug=slug)


def _write(edition: Edition, text: Text, actor: Actor, now: datetime) -> Revision:
    before = edition.newest
    rendered = render_article(text.body)
    revision = Revision.objects.create(
        edition=edition,
        number=1 if before is None else before.number + 1,
        generation=1 if before is None else before.generation + (0 if text.minor else 1),
        title=text.title,
        summary=text.summary,
        body=text.body,
        body_html=rendered.html,
        plain=rendered.plain,
        contents=[[h.level, h.anchor, h.text] for h in rendered.contents],
        words=rendered.words,
        author_id=_agent_id(actor),
        author_name=actor.name[:120],
        at=now,
        note=text.note,
    )
    edition.newest = revision
    edition.save(update_fields=["newest"])
    return revision


def _agent_id(actor: Actor) -> int | None:
    return actor.id if actor.id and Agent.objects.filter(pk=actor.id).exists() else None


@transaction.atomic
def save_revision(
    *,
    edition_id: int,
    text: Text,
    based_on: int | None = None,
    up_to_date: bool = False,
    actor: Actor,
    now: datetime,
) -> Revision:
    """Keep a new text of an edition. What is published stays as it is.

    Units: `based_on` is the number of the revision that the editor opened; `up_to_date` says of a
        translation that it now follows the source.
    Edges: the same words again make no revision. What was in review or scheduled is a draft again:
        nobody has read this text yet.
    Raises: NothingWritten; SomebodyElseSaved.
    """
    edition = _locked_edition(edition_id)
    text = text.tidy()
    newest = edition.newest
    assert newest is not None  # noqa: S101 - every edition has one from its first moment
    if based_on is not None and newest.number != based_on and not _same(newest, text):
        raise SomebodyElseSaved(name=newest.author_name, number=newest.number)
    if up_to_date:
        _bring_up(edition)
    if _same(newest, text):
        return newest
    revision = _write(edition, text, actor, now)
    if edition.state in (State.REVIEW, State.SCHEDULED, State.PUBLISHED):
        edition.state, edition.publish_at = State.DRAFT, None
        edition.save(update_fields=["state", "publish_at"])
    _trail(
        edition.article, "saved", actor, now, edition=edition, data={"revision": revision.number}
    )
    return revision


def _same(revision: Revision, text: Text) -> bool:
    return (revision.title, revision.summary, revision.body) == (
        text.title,
        text.summary,
        text.body,
    )


def _bring_up(edition: Edition) -> None:
    """Note that a translation follows its source as it is published now, or else written."""
    article = edition.article
    if edition.language == article.source_language:
        return
    source = (
        Edition.objects.select_related("published", "newest")
        .filter(article=article, language=article.source_language)
        .first()
    )
    followed = (source.published or source.newest) if source else None
    edition.brought_up_to = followed.generation if followed else 0
    edition.save(update_fields=["brought_up_to"])


@transaction.atomic
def restore_revision(*, edition_id: int, number: int, actor: Actor, now: datetime) -> Revision:
    """Make an earlier text the newest one again, as a revision of its own.

    Raises: Revision.DoesNotExist.
    """
    edition = _locked_edition(edition_id)
    old = Revision.objects.get(edition=edition, number=number)
    return save_revision(
        edition_id=edition_id,
        text=Text(title=old.title, summary=old.summary, body=old.body, note=f"= r{number}"),
        actor=actor,
        now=now,
    )


# ── Review and publishing ─────────────────────────────────────────────────────────────────────


@transaction.atomic
def ask_for_review(*, edition_id: int, actor: Actor, now: datetime) -> Edition:
    """Send the newest text to those who publish. What is published already needs no review."""
    edition = _locked_edition(edition_id)
    if edition.state != State.REVIEW and edition.newest_id != edition.published_id:
        edition.state, edition.publish_at = State.REVIEW, None
        edition.save(update_fields=["state", "publish_at"])
        _trail(edition.article, "review_asked", actor, now, edition=edition)
    return edition


@transaction.atomic
def send_back(*, edition_id: int, words: str, actor: Actor, now: datetime) -> Edition:
    """Give a text in review back to its author, with what is missing.

    Raises: MayNotPublish; NotInReview.
    """
    _require_publisher(actor)
    edition = _locked_edition(edition_id)
    if edition.state != State.REVIEW:
        raise NotInReview
    edition.state, edition.publish_at = State.DRAFT, None
    edition.save(update_fields=["state", "publish_at"])
    data = {"words": " ".join(words.split())[:300]}
    _trail(edition.article, "sent_back", actor, now, edition=edition, data=data)
    return edition


@transaction.atomic
def publish_edition(
    *, edition_id: int, number: int | None = None, actor: Actor, now: datetime
) -> Edition:
    """Let people read the newest text, from now on. It counts as verified.

    Units: `number` is the revision that was read before saying so.
    Raises: MayNotPublish; SomebodyElseSaved if another is the newest by now; LeadsNowhere.
    """
    _require_publisher(actor)
    edition = _locked_edition(edition_id)
    _require_fit(edition, number, actor)
    return _publish(edition, actor, now)


def _require_fit(edition: Edition, number: int | None, actor: Actor) -> None:
    """Raise unless the newest text is the one that was read, and leads somewhere.

    Edges: an import's links are checked by the folder, since articles come one after the other.
    """
    newest = edition.newest
    if newest is None:
        raise NothingWritten
    if number is not None and newest.number != number:
        raise SomebodyElseSaved(name=newest.author_name, number=newest.number)
    names = (
        [] if actor.id is None else leading_nowhere(edition.article_id, render_article(newest.body))
    )
    if names:
        raise LeadsNowhere(names=names)


def leading_nowhere(article_id: int | None, rendered: RenderedArticle) -> list[str]:
    """Return the articles and files that a text points to and that are not there. Two queries."""
    keys = set(Article.objects.filter(key__in=rendered.articles).values_list("key", flat=True))
    files = set(
        ArticleFile.objects.filter(article=article_id, name__in=rendered.files).values_list(
            "name", flat=True
        )
    )
    return sorted(
        [f"article:{key}" for key in rendered.articles - keys]
        + [f"file:{name}" for name in rendered.files - files]
    )


def _publish(edition: Edition, actor: Actor, now: datetime) -> Edition:
    article = edition.article
    edition.state, edition.publish_at = State.PUBLISHED, None
    edition.published, edition.published_at = edition.newest, now
    edition.first_published_at = edition.first_published_at or now
    edition.save(
        update_fields=["state", "publish_at", "published", "published_at", "first_published_at"]
    )
    index_edition(edition)
    article.verified_at = now
    article.save(update_fields=["verified_at"])
    number = edition.newest.number if edition.newest else 0
    _trail(article, "published", actor, now, edition=edition, data={"revision": number})
    return edition


@transaction.atomic
def schedule_edition(
    *,
    edition_id: int,
    publish_at: datetime,
    number: int | None = None,
    actor: Actor,
    now: datetime,
) -> Edition:
    """Publish the newest text at an instant to come.

    Raises: MayNotPublish; NotYetPossible; SomebodyElseSaved and LeadsNowhere as publishing does.
    """
    _require_publisher(actor)
    if publish_at <= now:
        raise NotYetPossible
    edition = _locked_edition(edition_id)
    _require_fit(edition, number, actor)
    edition.state, edition.publish_at = State.SCHEDULED, publish_at
    edition.save(update_fields=["state", "publish_at"])
    _trail(
        edition.article,
        "scheduled",
        actor,
        now,
        edition=edition,
        data={"at": publish_at.isoformat()},
    )
    return edition


def publish_due(*, now: datetime) -> int:
    """Publish what was scheduled for an instant that has come; return how many editions."""
    done = 0
    due = Edition.objects.filter(state=State.SCHEDULED, publish_at__lte=now)
    for pk in list(due.values_list("pk", flat=True)):
        with transaction.atomic():
            edition = _locked_edition(pk)
            if (
                edition.state == State.SCHEDULED
                and edition.publish_at
                and edition.publish_at <= now
            ):
                _publish(edition, Actor.system("schedule"), now)
                done += 1
    return done


@transaction.atomic
def unpublish_edition(*, edition_id: int, actor: Actor, now: datetime) -> Edition:
    """Take an edition back from readers; its text stays as a draft. Raises: MayNotPublish."""
    _require_publisher(actor)
    edition = _locked_edition(edition_id)
    edition.state, edition.published, edition.publish_at = State.DRAFT, None, None
    edition.save(update_fields=["state", "published", "publish_at"])
    index_edition(edition)
    _trail(edition.article, "unpublished", actor, now, edition=edition)
    return edition


def _require_publisher(actor: Actor, refusal: type[PlazoError] = MayNotPublish) -> None:
    if actor.id is None:
        return  # the system publishes what a person scheduled, and what an operator imports
    agent = Agent.objects.filter(pk=actor.id).first() if actor.kind == ActorKind.AGENT else None
    if agent is None or not may_publish(agent):
        raise refusal


def render_anew() -> int:
    """Render and index every text again; return how many. What was written stays as it is."""
    count = 0
    for revision in Revision.objects.order_by("pk").iterator(chunk_size=200):
        rendered = render_article(revision.body)
        # A revision's own words never change; what is drawn from them may.
        models.QuerySet(Revision).filter(pk=revision.pk).update(
            body_html=rendered.html,
            plain=rendered.plain,
            contents=[[h.level, h.anchor, h.text] for h in rendered.contents],
            words=rendered.words,
        )
        count += 1
    for edition in Edition.objects.select_related("article", "published").iterator(chunk_size=200):
        index_edition(edition)
    lexicon.count_words()
    return count


# ── The article around its texts ──────────────────────────────────────────────────────────────


@transaction.atomic
def change_article(
    *,
    article_id: int,
    section_id: int | None = None,
    audience: str | None = None,
    owner_id: int | None = None,
    labels: Sequence[str] | None = None,
    related: Sequence[str] | None = None,
    position: int | None = None,
    review_by: date | None = None,
    source_language: str | None = None,
    slugs: Mapping[str, str] | None = None,
    actor: Actor,
    now: datetime,
) -> Article:
    """Change where an article stands, who may read it, who answers for it, and its addresses.

    Units: `slugs` maps languages to new addresses. `owner_id` and `review_by` are set to what is
        given, also to None; of the others None means: as before.
    Edges: whoever comes to an old address is sent on. A wider audience is a publication, so it
        takes somebody who may publish.
    Raises: AddressTaken; MayNotPublish.
    """
    article = _locked(article_id)
    before = _described(article)
    if audience is not None and audience != article.audience:
        _require_publisher(actor)
        article.audience = audience
    if section_id is not None:
        if section_id != article.section_id:
            _require_publisher(actor)
        article.section_id = section_id
    if labels is not None:
        article.labels = tidy_labels(labels)
    if related is not None:
        article.related = [key for key in dict.fromkeys(related) if key != article.key]
    if position is not None:
        article.position = position
    article.owner_id, article.review_by = owner_id, review_by
    article.save()
    _turn_to(article, source_language)
    for language, slug in (slugs or {}).items():
        edition = article.editions.filter(language=language).first()
        if edition is not None and slug:
            _move(edition, article_slug(slug))
    for edition in article.editions.select_related("article", "published"):
        index_edition(edition)
    article.refresh_from_db()
    after = _described(article)
    changed = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
    if changed:
        _trail(article, "changed", actor, now, data=changed)
    return article


def _turn_to(article: Article, language: str | None) -> None:
    """Make another language the source; what was the source is a translation that follows it."""
    if language is None or language == article.source_language:
        return
    article.source_language = language
    article.save(update_fields=["source_language"])
    for edition in article.editions.select_related("article"):
        _bring_up(edition)


def _described(article: Article) -> dict[str, Any]:
    return {
        "section": Section.objects.get(pk=article.section_id).key,
        "audience": article.audience,
        "owner": str(article.owner) if article.owner else None,
        "labels": article.labels,
        "related": article.related,
        "position": article.position,
        "review_by": article.review_by.isoformat() if article.review_by else None,
        "source_language": article.source_language,
        "slugs": dict(article.editions.order_by("language").values_list("language", "slug")),
    }


def _move(edition: Edition, slug: str) -> None:
    if slug == edition.slug:
        return
    _require_free(edition.language, slug, edition)
    FormerAddress.objects.filter(language=edition.language, slug=slug).delete()
    FormerAddress.objects.create(edition=edition, language=edition.language, slug=edition.slug)
    edition.slug = slug
    edition.save(update_fields=["slug"])


@transaction.atomic
def archive_article(*, article_id: int, actor: Actor, now: datetime) -> Article:
    """Take an article away from readers in every language; nothing of it is lost.

    Raises: MayNotPublish.
    """
    _require_publisher(actor)
    article = _locked(article_id)
    if article.archived_at is None:
        article.archived_at = now
        article.save(update_fields=["archived_at"])
        _trail(article, "archived", actor, now)
    return article


@transaction.atomic
def unarchive_article(*, article_id: int, actor: Actor, now: datetime) -> Article:
    """Give an archived article back to its readers. Raises: MayNotPublish."""
    _require_publisher(actor)
    article = _locked(article_id)
    if article.archived_at is not None:
        article.archived_at = None
        article.save(update_fields=["archived_at"])
        _trail(article, "unarchived", actor, now)
    return article


@transaction.atomic
def verify_article(
    *, article_id: int, review_by: date | None, actor: Actor, now: datetime
) -> Article:
    """Say that an article is still right, and when somebody must look again."""
    article = _locked(article_id)
    article.verified_at, article.review_by = now, review_by
    article.save(update_fields=["verified_at", "review_by"])
    _trail(article, "verified", actor, now)
    return article


@transaction.atomic
def mark_brought_up(*, edition_id: int, actor: Actor, now: datetime) -> Edition:
    """Say that a translation follows its source, as it is."""
    edition = _locked_edition(edition_id)
    _bring_up(edition)
    _trail(edition.article, "brought_up", actor, now, edition=edition)
    return edition


MOST_FILE_BYTES = 10 * 1024 * 1024


def add_file(
    *, article_id: int, file: "File[Any]", name: str, content_type: str, actor: Actor, now: datetime
) -> ArticleFile:
    """Give an article an image or a file, under a name that its text can use.

    Edges: a name that is taken by other bytes gets a number; the same bytes are the same file.
    Raises: FileRefused.
    """
    if not file.size or file.size > MOST_FILE_BYTES:
        raise FileRefused(name=name)
    stored = store_upload(file, name=name, content_type=content_type)
    with transaction.atomic():
        article = _locked(article_id)
        same = article.files.filter(sha256=stored.sha256).first()
        if same is not None:
            return same
        found = ArticleFile.objects.create(
            article=article,
            name=_free_name(article, stored.name),
            sha256=stored.sha256,
            content_type=stored.content_type,
            size=stored.size,
            added_at=now,
        )
        _trail(article, "file_added", actor, now, data={"name": found.name})
    return found


def type_of_name(name: str) -> str:
    """Return the content type that a file's name stands for."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _free_name(article: Article, name: str) -> str:
    """Return a name for an address: letters, digits, dots and hyphens, not taken yet."""
    stem, dot, ending = name.rpartition(".")
    clean = article_slug(stem or ending)[:100]
    tail = f".{article_slug(ending)[:10]}" if dot and stem else ""
    taken = set(article.files.values_list("name", flat=True))
    return next(
        free for n in range(1, len(taken) + 2)
        if (free := f"{clean}{tail}" if n == 1 else f"{clean}-{n}{tail}") not in taken
    )  # fmt: skip


@transaction.atomic
def remove_file(*, article_id: int, name: str, actor: Actor, now: datetime) -> None:
    """Take a file off an article. Its bytes stay while anything else has them.

    Raises: FileInUse while a published text, or the newest one of a language, shows it.
    """
    article = _locked(article_id)
    for edition in article.editions.select_related("newest", "published"):
        for revision in (edition.newest, edition.published):
            if revision is not None and name in render_article(revision.body).files:
                raise FileInUse(name=name)
    deleted, _ = article.files.filter(name=name).delete()
    if deleted:
        _trail(article, "file_removed", actor, now, data={"name": name})


def tidy_labels(labels: Sequence[str]) -> list[str]:
    """Return labels in one form: lower case, hyphens, each once."""
    return list(dict.fromkeys(article_slug(x)[:40] for x in labels if x.strip()))


def _locked(article_id: int) -> Article:
    return Article.objects.select_for_update().get(pk=article_id)


def _locked_edition(edition_id: int) -> Edition:
    """Lock an edition by its article: what concerns one article happens one after the other."""
    article_id = Edition.objects.values_list("article_id", flat=True).get(pk=edition_id)
    article = _locked(article_id)
    edition = Edition.objects.select_related("newest", "published").get(pk=edition_id)
    edition.article = article
    return edition


def _trail(
    article: Article,
    kind: str,
    actor: Actor,
    now: datetime,
    *,
    edition: Edition | None = None,
    language: str = "",
    data: Mapping[str, Any] | None = None,
) -> None:
    ArticleEvent.objects.create(
        article=article,
        kind=kind,
        language=edition.language if edition else language,
        data=dict(data or {}),
        actor_name=actor.name[:120],
        at=now,
    )


# ── Shelves, synonyms, featured searches ──────────────────────────────────────────────────────


OPERATOR = Actor.system("operator")


@transaction.atomic
def save_category(
    *, key: str, name: Mapping[str, str], position: int = 0, actor: Actor = OPERATOR
) -> Category:
    """Make a category, or change the one of this key. Raises: MayNotArrange."""
    _require_publisher(actor, MayNotArrange)
    category, _made = Category.objects.update_or_create(
        key=key, defaults={"name": dict(name), "position": position}
    )
    return category


@transaction.atomic
def save_section(
    *,
    key: str,
    category_id: int,
    name: Mapping[str, str],
    description: Mapping[str, str],
    service: str = "",
    icon: str = "book-open",
    audience: str = Audience.EVERYONE,
    position: int = 0,
    actor: Actor = OPERATOR,
) -> Section:
    """Make a section, or change the one of this key. Its audience holds at once.

    Raises: MayNotArrange.
    """
    _require_publisher(actor, MayNotArrange)
    section, _made = Section.objects.update_or_create(
        key=key,
        defaults={
            "category_id": category_id,
            "name": dict(name),
            "description": dict(description),
            "service": service,
            "icon": icon,
            "audience": audience,
            "position": position,
        },
    )
    return section


@transaction.atomic
def remove_section(*, section_id: int, actor: Actor = OPERATOR) -> None:
    """Remove an empty section. Raises: ShelfInUse; MayNotArrange."""
    _require_publisher(actor, MayNotArrange)
    section = Section.objects.select_for_update().get(pk=section_id)
    if section.articles.exists():
        raise ShelfInUse
    section.delete()


@transaction.atomic
def remove_category(*, category_id: int, actor: Actor = OPERATOR) -> None:
    """Remove an empty category. Raises: ShelfInUse; MayNotArrange."""
    _require_publisher(actor, MayNotArrange)
    category = Category.objects.select_for_update().get(pk=category_id)
    if category.sections.exists():
        raise ShelfInUse
    category.delete()


@transaction.atomic
def save_synonyms(*, sets: Sequence[Sequence[str]], actor: Actor = OPERATOR) -> None:
    """Replace all sets of synonyms. A set of fewer than two words says nothing and is left out.

    Raises: MayNotArrange.
    """
    _require_publisher(actor, MayNotArrange)
    Synonyms.objects.all().delete()
    tidy = [
        list(dict.fromkeys(" ".join(w.split())[:60] for w in words if w.strip())) for words in sets
    ]
    Synonyms.objects.bulk_create(Synonyms(words=words) for words in tidy if len(words) > 1)
    transaction.on_commit(lexicon.forget)


@transaction.atomic
def feature_search(*, language: str, words: str, actor: Actor = OPERATOR) -> FeaturedSearch | None:
    """Offer a search on the first page, last of all. None where it is offered already.

    Raises: MayNotArrange.
    """
    _require_publisher(actor, MayNotArrange)
    tidy = " ".join(words.split())[:60]
    if not tidy or FeaturedSearch.objects.filter(language=language, words__iexact=tidy).exists():
        return None
    last = FeaturedSearch.objects.filter(language=language).aggregate(x=Max("position"))["x"] or 0
    return FeaturedSearch.objects.create(language=language, words=tidy, position=last + 1)


def unfeature_search(*, pk: int, actor: Actor = OPERATOR) -> None:
    """No longer offer a search. Raises: MayNotArrange."""
    _require_publisher(actor, MayNotArrange)
    FeaturedSearch.objects.filter(pk=pk).delete()
