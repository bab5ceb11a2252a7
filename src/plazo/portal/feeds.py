"""What machines read: feeds in Atom, the sitemap, and what robots may do."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from plazo.agreements.queries import version_in_force
from plazo.core.clock import read_clock
from plazo.core.language import LANGUAGES
from plazo.helpcenter import access, queries
from plazo.helpcenter.access import ANYONE
from plazo.helpcenter.models import Edition, Section
from plazo.portal.knowledge import address_of, filled_for_feed
from plazo.portal.site import public
from plazo.portal.status import shown

ATOM = "application/atom+xml; charset=utf-8"


def absolute(path: str) -> str:
    return f"{settings.PLAZO.base_url}{path}"


def _feed(title: str, path: str, page: str, language: str, updated: datetime) -> "Atom1Feed":
    return _Atom(
        title=title,
        link=absolute(page),
        description="",
        language=language,
        feed_url=absolute(path),
        feed_guid=absolute(path),
        updated=updated,
    )


class _Atom(Atom1Feed):
    """Django's Atom, which says when it was last changed even where it is empty."""

    def latest_post_date(self) -> datetime:
        dates = [item["updateddate"] for item in self.items if item["updateddate"]]
        latest: datetime = max(dates, default=self.feed["updated"])
        return latest


@public
@require_safe
@cache_control(max_age=300, public=True)
def articles(request: HttpRequest, language: str) -> HttpResponse:
    """Return what was published last, for everyone."""
    return _articles(request, language, None)


@public
@require_safe
@cache_control(max_age=300, public=True)
def section(request: HttpRequest, language: str, key: str) -> HttpResponse:
    """Return what was published last in one section."""
    return _articles(request, language, access.section_for(ANYONE, key))


def _articles(request: HttpRequest, language: str, shelf: Section | None) -> HttpResponse:
    now = read_clock()
    name = version_in_force(now).document.name.in_language(language)
    title = f"{name} · {shelf.title(language) if shelf else _('Knowledge base')}"
    page = (
        reverse("portal:section", args=[language, shelf.key])
        if shelf
        else reverse("portal:home", args=[language])
    )
    feed = _feed(title, request.path, page, language, now)
    editions = queries.lately(ANYONE, language, shelf)
    for edition, html in zip(editions, filled_for_feed(editions, language, absolute), strict=True):
        _add(feed, edition, html, language)
    return HttpResponse(feed.writeString("utf-8"), content_type=ATOM)


def _add(feed: Atom1Feed, edition: Edition, html: str, language: str) -> None:
    revision = edition.published
    assert revision is not None  # noqa: S101 - only published ones are in a feed
    feed.add_item(
        title=revision.title,
        link=absolute(address_of(edition, language)),
        description=html,
        unique_id=f"urn:plazo:article:{edition.article.key}:{edition.language}",
        pubdate=edition.first_published_at,
        updateddate=edition.published_at,
        categories=[edition.article.section.title(language), *edition.article.labels],
    )


@public
@require_safe
@cache_control(max_age=60, public=True)
def status(request: HttpRequest, language: str) -> HttpResponse:
    """Return the announcements with all that was said, the latest first."""
    now = read_clock()
    document = version_in_force(now).document
    name = document.name.in_language(language)
    page = reverse("portal:status", args=[language])
    feed = _feed(f"{name} · {_('Status of the services')}", request.path, page, language, now)
    for announcement in queries.latest_announcements():
        entry: dict[str, Any] = shown(announcement, language, document)
        feed.add_item(
            title=f"{entry['kind']}: {entry['title']}",
            link=absolute(entry["url"]),
            description="\n\n".join(update["words"] for update in entry["updates"]),
            unique_id=f"urn:uuid:{announcement.public_id}",
            pubdate=announcement.starts_at,
            updateddate=entry["updates"][0]["at"] if entry["updates"] else announcement.created_at,
        )
    return HttpResponse(feed.writeString("utf-8"), content_type=ATOM)


@public
@require_safe
@cache_control(max_age=3600, public=True)
def sitemap(request: HttpRequest) -> HttpResponse:
    """Return every page that anyone may read, in both languages.

    Source: sitemaps.org; alternates as search engines document them.
    """
    by_article: dict[str, list[Edition]] = {}
    for edition in queries.for_sitemap(ANYONE):
        by_article.setdefault(edition.article.key, []).append(edition)
    entries = []
    for editions in by_article.values():
        alternates = [(e.language, absolute(address_of(e, e.language))) for e in editions]
        entries += [
            {
                "url": absolute(address_of(e, e.language)),
                "changed": e.published_at,
                "alternates": alternates if len(alternates) > 1 else [],
            }
            for e in editions
        ]
    pages: list[dict[str, Any]] = []
    for name in ("home", "sla", "status", "new"):
        pages += _in_both(name)
    for shelf in access.sections_for(ANYONE):
        pages += _in_both("section", shelf.key)
    return render(
        request,
        "plazo/portal/sitemap.xml",
        {"entries": pages + entries},
        content_type="application/xml; charset=utf-8",
    )


def _in_both(name: str, *arguments: str) -> list[dict[str, Any]]:
    """Return the entries of a page that is there in every language."""
    alternates = [
        (language, absolute(reverse(f"portal:{name}", args=[language, *arguments])))
        for language in LANGUAGES
    ]
    return [
        {"url": url, "changed": None, "alternates": alternates} for _language, url in alternates
    ]


@public
@require_safe
@cache_control(max_age=3600, public=True)
def robots(request: HttpRequest) -> HttpResponse:
    """Tell search engines what is not for them, and where the sitemap is."""
    lines = [
        "User-agent: *",
        "Disallow: /desk/",
        "Disallow: /accounts/",
        "Disallow: /outbox/",
        "Disallow: /hc/*/requests/",
        "Allow: /hc/*/requests/new/",
        "Disallow: /hc/*/search/",
        "Disallow: /hc/*/status/follow/",
        f"Sitemap: {absolute(reverse('portal:sitemap'))}",
        "",
    ]
    return HttpResponse("\n".join(lines), content_type="text/plain; charset=utf-8")
