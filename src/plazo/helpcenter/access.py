"""Who may read what: the only doors to articles and their files.

`editions_for` is the one predicate. Pages, lists, search, suggestions, related articles, feeds, the
sitemap and files all go through it, so that none of them can know more than the others.
"""

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from django.db.models import Exists, OuterRef, Q

from plazo.accounts.access import agent_of, requester_of
from plazo.accounts.models import Agent, Requester, Role
from plazo.core.errors import NotVisible
from plazo.helpcenter.models import (
    Article,
    ArticleFile,
    Audience,
    Edition,
    EditionQuerySet,
    FormerAddress,
    Revision,
    Section,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from plazo.accounts.models import User

LEVELS: Final = (Audience.EVERYONE, Audience.CLIENTS, Audience.STAFF)


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who reads: how far they may see, and who they are if they signed in."""

    audience: Audience = Audience.EVERYONE
    agent: Agent | None = None
    requester: Requester | None = None

    @property
    def audiences(self) -> tuple[Audience, ...]:
        """Return every level that this reader may read."""
        return LEVELS[: LEVELS.index(self.audience) + 1]

    def seen_as(self, audience: str) -> Self:
        """Return what an agent sees who looks at the site as somebody else does.

        Edges: only downwards, and only for agents; for anyone else it is the reader itself.
        """
        if self.agent is None or audience not in Audience.values:
            return self
        return type(self)(Audience(audience), None, None)


ANYONE: Final = Reader()


def reader_of(user: "User | AnonymousUser") -> Reader:
    """Return the reader behind a request. Costs nothing for who is not signed in."""
    if not user.is_authenticated:
        return ANYONE
    agent = agent_of(user)
    if agent is not None:
        return Reader(Audience.STAFF, agent, None)
    requester = requester_of(user)
    if requester is not None:
        return Reader(Audience.CLIENTS, None, requester)
    return ANYONE


def editions_for(reader: Reader) -> EditionQuerySet:
    """Return every published edition that a reader may read."""
    return Edition.objects.for_audiences(reader.audiences)


def editions_in(reader: Reader, language: str) -> EditionQuerySet:
    """Return one edition of each article: in a language, or else in the one that there is."""
    same = editions_for(reader).filter(language=language, article=OuterRef("article"))
    return editions_for(reader).filter(Q(language=language) | ~Exists(same))


def edition_for(reader: Reader, language: str, slug: str) -> Edition:
    """Return the edition at an address. Raises: NotVisible.

    Edges: an article that is not there in this language is found by its address in the other.
    """
    found = list(editions_for(reader).for_page().filter(slug=slug))
    here = next((edition for edition in found if edition.language == language), None)
    edition = here or (found[0] if found else None)
    if edition is None:
        raise NotVisible
    return edition


def moved_to(reader: Reader, language: str, slug: str) -> Edition | None:
    """Return the edition that once had an address, if the reader may see it."""
    former = FormerAddress.objects.filter(language=language, slug=slug).first()
    if former is None:
        return None
    return editions_for(reader).filter(pk=former.edition_id).first()


def section_for(reader: Reader, key: str) -> Section:
    """Return a section that a reader may see. Raises: NotVisible."""
    section = Section.objects.filter(key=key, audience__in=reader.audiences).first()
    if section is None:
        raise NotVisible
    return section


def sections_for(reader: Reader) -> list[Section]:
    """Return the sections that a reader may see, in their order, with their categories."""
    return list(Section.objects.select_related("category").filter(audience__in=reader.audiences))


def file_for(reader: Reader, public_id: uuid.UUID) -> ArticleFile:
    """Return a file of an article that the reader may read in any language. Raises: NotVisible.

    Edges: editors see the files of drafts too.
    """
    file = ArticleFile.objects.filter(public_id=public_id).first()
    if file is None:
        raise NotVisible
    if reader.agent is None and not editions_for(reader).filter(article=file.article_id).exists():
        raise NotVisible
    return file


def files_of(edition: Edition) -> list[ArticleFile]:
    """Return the files of an article that a reader has in hand. One query."""
    return list(ArticleFile.objects.filter(article=edition.article_id))


def holds_file(sha256: str) -> bool:
    """Say whether an article has a file of these bytes."""
    return ArticleFile.objects.filter(sha256=sha256).exists()


# ── For editors: every agent writes; drafts and archived articles are theirs to see ───────────


def article_for_editor(key: str) -> Article:
    """Return an article with its shelf and its owner. Raises: NotVisible."""
    found = Article.objects.select_related("section", "owner__user").filter(key=key).first()
    if found is None:
        raise NotVisible
    return found


def edition_for_editor(key: str, language: str) -> Edition:
    """Return an article in one language, with its newest and its published text.

    Raises: NotVisible.
    """
    found = (
        Edition.objects.select_related(
            "article__section", "article__owner__user", "newest", "published"
        )
        .defer("words")
        .filter(article__key=key, language=language)
        .first()
    )
    if found is None:
        raise NotVisible
    return found


def revision_for_editor(edition: Edition, number: int) -> Revision:
    """Return a text that an edition once had. Raises: NotVisible."""
    found: Revision | None = edition.revisions.filter(number=number).first()
    if found is None:
        raise NotVisible
    return found


def may_publish(agent: Agent) -> bool:
    """Say whether an agent may publish; the others send to review."""
    return agent.is_active and agent.role != Role.AGENT
