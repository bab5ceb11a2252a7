"""What the screens of the knowledge base share: the frame, previews, words for what was done."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from plazo.agreements.queries import version_in_force
from plazo.core import localtime
from plazo.core.clock import read_clock
from plazo.core.templatetags.plazo import day, icon
from plazo.desk.frame import frame
from plazo.helpcenter import commands, editing
from plazo.helpcenter.access import may_publish
from plazo.helpcenter.models import Article, ArticleEvent, Audience, Edition
from plazo.helpcenter.queries import Piece, word_diff
from plazo.helpcenter.rendering import RenderedArticle, fill_in, render_article

PAGES: Final = {"new": "requests/new/", "sla": "sla/", "status": "status/"}


def kb_frame(request: HttpRequest, current: str = "articles") -> dict[str, Any]:
    """Return what every screen of the knowledge base shows around its own."""
    now = read_clock()
    context = frame(request, now, version_in_force(now), current=current)
    return context | {
        "civil_today": localtime.local(now, context["zone"]).date(),
        "publishes": may_publish(context["agent"]),
    }


def language_names() -> dict[str, str]:
    """Return the languages of articles, as one says them."""
    return {"es": _("Spanish"), "en": _("English")}


def one_of(language: str, otherwise: str) -> str:
    """Return a language that articles may have, or another one."""
    return language if language in language_names() else otherwise


def state_words() -> dict[str, tuple[str, str]]:
    """Return the word and the icon of each state of an edition, for marks and tabs."""
    return {
        "missing": (_("missing"), "circle-dashed"),
        "draft": (_("draft"), "square-pen"),
        "review": (_("in review"), "eye"),
        "scheduled": (_("scheduled"), "calendar-clock"),
        "changes": (_("published, with changes"), "file-text"),
        "published": (_("published"), "circle-check"),
    }


def public_address(language: str, slug: str) -> str:
    """Return where readers find an article."""
    return f"/hc/{language}/articles/{slug}/"


# ── Previews ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Preview:
    """A text as readers would see it, and what it points to that is not there."""

    title: str
    summary: str
    html: SafeString
    rendered: RenderedArticle
    nowhere: list[str]


def preview(
    title: str, summary: str, body: str, *, article: Article | None, language: str
) -> Preview:
    """Render a text for its editor. Four queries at most."""
    rendered = render_article(body)
    return Preview(
        title,
        summary,
        _drawn(rendered, article, language),
        rendered,
        commands.leading_nowhere(article.pk if article else None, rendered),
    )


def _drawn(rendered: RenderedArticle, article: Article | None, language: str) -> SafeString:
    """Fill in where links lead: drafts too, and files by the desk's own address."""
    addresses = editing.addresses_of(sorted(rendered.articles), language)
    wanted = editing.files_of(article) if article and rendered.files else []
    files = {file.name: reverse("desk:kb_file", args=[file.public_id]) for file in wanted}

    def resolve(kind: str, name: str) -> str | None:
        name, _sign, anchor = name.partition("#")
        tail = f"#{anchor}" if anchor else ""
        if kind == "article" and name in addresses:
            return public_address(*addresses[name]) + tail
        if kind == "page" and name in PAGES:
            return f"/hc/{language}/{PAGES[name]}{tail}"
        return files.get(name) if kind == "file" else None

    return fill_in(rendered.html, resolve, icon)


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed from one text to another: title, summary and body, as pieces."""

    title: list[Piece]
    summary: list[Piece]
    body: list[Piece]

    @property
    def changed(self) -> dict[str, bool]:
        """Say of each part whether it changed."""
        names = ("title", "summary", "body")
        return {n: any(kind != "same" for kind, _text in getattr(self, n)) for n in names}

    @property
    def is_none(self) -> bool:
        return not any(self.changed.values())

    @property
    def words(self) -> tuple[int, int]:
        """Return how many words came and how many went."""
        count = {"new": 0, "gone": 0, "same": 0}
        for part in self._parts():
            for kind, text in part:
                count[kind] += len(text.split())
        return count["new"], count["gone"]

    def _parts(self) -> Iterator[list[Piece]]:
        yield from (self.title, self.summary, self.body)


def difference(old: Any, new: Any) -> Difference:
    """Compare two texts: anything that has a title, a summary and a body."""
    return Difference(
        word_diff(old.title, new.title),
        word_diff(old.summary, new.summary),
        word_diff(old.body, new.body),
    )


# ── What was done, in words ───────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of an article's trail."""

    icon: str
    sentence: str
    details: list[str]
    actor: str
    at: datetime


def told(event: ArticleEvent, zone: str, now: datetime) -> Told:
    """Return what an event says, in the reader's language."""
    drawing, sentence = _sentence(event, zone, now)
    in_language = language_names().get(event.language)
    if in_language:
        sentence = f"{sentence} · {in_language.lower()}"
    details = _changes(event.data) if event.kind == "changed" else []
    if event.kind == "sent_back":
        details = [event.data.get("words", "")]
    return Told(drawing, sentence, details, event.actor_name, event.at)


def _sentence(event: ArticleEvent, zone: str, now: datetime) -> tuple[str, str]:
    data = event.data
    match event.kind:
        case "saved":
            return "save", _("Saved revision %(number)s") % {"number": data.get("revision")}
        case "published":
            number = {"number": data.get("revision")}
            return "circle-check", _("Published revision %(number)s") % number
        case "scheduled":
            at = datetime.fromisoformat(data["at"])
            moment = localtime.at_words(at, zone, now), localtime.zone_label(at, zone)
            return "calendar-clock", _("Will be published %(moment)s") % {
                "moment": " ".join(moment)
            }
        case "file_added":
            return "paperclip", _("Added the file %(name)s") % {"name": data.get("name")}
        case "file_removed":
            return "x", _("Removed the file %(name)s") % {"name": data.get("name")}
        case kind:
            plain = {
                "created": ("plus", _("Began the article")),
                "translated": ("languages", _("Began a translation")),
                "review_asked": ("eye", _("Asked for review")),
                "sent_back": ("reply", _("Sent it back")),
                "unpublished": ("lock", _("Took it back from readers")),
                "changed": ("settings-2", _("Changed the settings")),
                "archived": ("archive", _("Archived the article")),
                "unarchived": ("undo-2", _("Took it out of the archive")),
                "verified": ("badge-check", _("Verified that it is right")),
                "brought_up": ("languages", _("Brought the translation up to date")),
            }
            return plain.get(kind, ("info", kind))


def _changes(data: dict[str, Any]) -> list[str]:
    names = {
        "section": _("Section"),
        "audience": _("Audience"),
        "owner": _("Owner"),
        "labels": _("Labels"),
        "related": _("Related articles"),
        "position": _("Place on the shelf"),
        "review_by": _("To be looked at by"),
        "source_language": _("Language of the original"),
        "slugs": _("Address"),
    }
    return [
        f"{names.get(name, name)}: {_shown(name, old)} → {_shown(name, new)}"
        for name, (old, new) in data.items()
    ]


def _shown(name: str, value: Any) -> str:
    if name == "audience":
        return str(Audience(value).label)
    if name == "source_language":
        return language_names().get(str(value), str(value))
    if name == "review_by" and value:
        return day(date.fromisoformat(value))
    if isinstance(value, dict):
        return ", ".join(f"{key}/{text}" for key, text in value.items())
    if isinstance(value, list):
        return ", ".join(value) or "–"
    return str(value) if value not in (None, "") else "–"


def marks(article: Article, editions: dict[str, Edition]) -> list[dict[str, Any]]:
    """Return how an article stands in each language, with words, for tabs and rows."""
    return words_of(editing.marks_of(article, editions))


def words_of(found: Any) -> list[dict[str, Any]]:
    """Return marks with their words and icons."""
    states, names = state_words(), language_names()
    return [
        {
            "language": mark.language,
            "name": names[mark.language],
            "state": mark.state,
            "word": states[mark.state][0],
            "icon": states[mark.state][1],
            "behind": mark.behind,
            "edition": mark.edition,
        }
        for mark in found
    ]
