"""The knowledge base as people read it: sections, articles, search, votes, files.

Everything that a page shows of articles comes through `helpcenter.access` for one reader.
"""

import re
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST, require_safe

from plazo.agreements.page import promised_first_reply
from plazo.agreements.queries import version_in_force
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible
from plazo.core.limits import Limit, take
from plazo.core.search import marked, snippet
from plazo.core.search.analyser import Language
from plazo.core.templatetags.plazo import icon
from plazo.helpcenter import access, queries, reading, rendering, searching
from plazo.helpcenter.access import Reader
from plazo.helpcenter.models import ArticleFile, Edition
from plazo.portal.site import frame, public, reader_of
from plazo.portal.words import status_words
from plazo.tickets.files import file_response
from plazo.tickets.models import Ticket
from plazo.tickets.requests import cases_about

VOTES: Final = Limit("helpcenter.vote", burst=20, per_hour=60)
SEARCHES: Final = Limit("helpcenter.search", burst=60, per_hour=600)
TYPING: Final = Limit("helpcenter.typing", burst=300, per_hour=6000)  # an office has one address
VOTER_COOKIE: Final = "plazo_voter"
MOST_CASES: Final = 3  # beside the articles; the list of requests searches all
YEAR: Final = 365 * 86400
_ARTICLES: Final = re.compile(r'href="article:([a-z0-9-]+)')


def reader_of_request(request: HttpRequest) -> Reader:
    """Return who reads: an agent may look at the site as somebody else does, by `?as=clients`."""
    return reader_of(request).seen_as(request.GET.get("as", ""))


def language_of(language: str) -> Language:
    return "en" if language == "en" else "es"


def address_of(edition: Edition, language: str) -> str:
    """Return an edition's address, read in a language of the site."""
    return reverse("portal:article", args=[language, edition.slug])


@public
@require_safe
def section(request: HttpRequest, language: str, key: str) -> HttpResponse:
    """Show the articles of one section."""
    now, reader = read_clock(), reader_of_request(request)
    found = access.section_for(reader, key)
    version = version_in_force(now)
    context = frame(request, language, now, version, "home") | {
        "section": found,
        "section_title": found.title(language),
        "section_about": found.about(language),
        "editions": queries.on_section(reader, found, language),
        "feed_url": reverse("portal:section_feed", args=[language, key]),
    }
    return render(request, "plazo/portal/section.html", context)


@public
@require_safe
@ensure_csrf_cookie
def article(request: HttpRequest, language: str, slug: str) -> HttpResponse:
    """Show an article; who comes to an address that it had is sent on."""
    now, reader = read_clock(), reader_of_request(request)
    try:
        edition = access.edition_for(reader, language, slug)
    except NotVisible:
        moved = access.moved_to(reader, language, slug)
        if moved is None:
            raise
        return redirect(address_of(moved, language), permanent=True)
    translations = queries.translations_of(reader, edition)
    if edition.language != language and language in translations:
        # The other language's address, in a page of this one: this language has one of its own.
        return redirect(address_of(translations[language], language), permanent=True)
    if reader.agent is None and not reading.is_machine(request.headers.get("User-Agent", "")):
        reading.count_view(edition, now=now)
    return _show(request, language, reader, edition, translations, now)


def _show(
    request: HttpRequest,
    language: str,
    reader: Reader,
    edition: Edition,
    translations: dict[str, Edition],
    now: datetime,
) -> HttpResponse:
    version = version_in_force(now)
    revision = edition.published
    assert revision is not None  # noqa: S101 - who reads it reads what is published
    shelf = edition.article.section
    context = frame(request, language, now, version, "home")
    other = context["other_language"]
    there = translations.get(other, edition)
    service = shelf.service
    context |= {
        "edition": edition,
        "article": edition.article,
        "revision": revision,
        "section": shelf,
        "section_title": shelf.title(language),
        "body": _filled(edition, reader, language),
        "contents": [
            {"anchor": anchor, "text": text}
            for level, anchor, text in revision.contents
            if level == 2
        ],
        "foreign": edition.language != language,
        "related": [
            (other_edition, address_of(other_edition, language))
            for other_edition in searching.related_to(reader, edition)
        ],
        "promised": promised_first_reply(version, now),
        "incident": next((a for a in context["announcements"] if a.concerns(service)), None)
        if service
        else None,
        "other_path": address_of(there, other),
        "canonical": address_of(edition, edition.language),
        "alternates": [(lang, address_of(e, lang)) for lang, e in sorted(translations.items())],
        "voted": request.GET.get("voted", ""),
        "from_form": request.GET.get("from") == "form",
        "is_public": edition.article.audience == "everyone" and shelf.audience == "everyone",
        "seen_by": reader.audience,
    }
    return render(request, "plazo/portal/article.html", context)


def _filled(edition: Edition, reader: Reader, language: str) -> Any:
    """Return an article's HTML with addresses in place of names. Two queries at most."""
    revision = edition.published
    assert revision is not None  # noqa: S101 - as above
    html = revision.body_html
    keys = set(_ARTICLES.findall(html))
    known = {}
    if keys:
        linked = access.editions_in(reader, language).for_lists().filter(article__key__in=keys)
        known = {e.article.key: address_of(e, language) for e in linked}
    files = {file.name: file for file in access.files_of(edition)} if '"file:' in html else {}
    return rendering.fill_in(html, _resolver(known, files, language), icon)


def filled_for_feed(
    editions: Sequence[Edition], language: str, absolute: Callable[[str], str]
) -> list[str]:
    """Return articles' HTML for a feed: with whole addresses, and without drawings.

    Edges: an article that not everybody may read is no link there. Costs one query for all.
    """
    htmls = [edition.published.body_html for edition in editions if edition.published]
    keys = {key for html in htmls for key in _ARTICLES.findall(html)}
    linked = access.editions_in(access.ANYONE, language).for_lists().filter(article__key__in=keys)
    known = {e.article.key: address_of(e, language) for e in linked} if keys else {}
    resolve = _resolver(known, {}, language)

    def whole(kind: str, name: str) -> str | None:
        address = resolve(kind, name)
        return absolute(address) if address else None

    return [str(rendering.fill_in(html, whole, lambda _name: "")) for html in htmls]


def _resolver(
    articles: dict[str, str], files: dict[str, ArticleFile], language: str
) -> rendering.Resolve:
    pages = {
        "new": reverse("portal:new", args=[language]),
        "sla": reverse("portal:sla", args=[language]),
        "status": reverse("portal:status", args=[language]),
        "home": reverse("portal:home", args=[language]),
    }

    def resolve(kind: str, name: str) -> str | None:
        if kind == "page":
            return pages.get(name)
        if kind == "file":
            file = files.get(name)
            return (
                reverse("portal:article_file", args=[file.public_id, file.name]) if file else None
            )
        key, hash_, anchor = name.partition("#")
        address = articles.get(key)
        return f"{address}{hash_}{anchor}" if address else None

    return resolve


@public
@require_safe
def by_key(request: HttpRequest, language: str, key: str) -> HttpResponse:
    """Send on to an article by the key that never changes."""
    found = access.editions_in(reader_of(request), language).filter(article__key=key).first()
    if found is None:
        raise NotVisible
    return redirect(address_of(found, language))


@public
@require_safe
def article_file(request: HttpRequest, file: uuid.UUID, name: str) -> FileResponse:
    """Hand out a file of an article to whoever may read the article."""
    found = access.file_for(reader_of(request), file)
    response = file_response(found)
    response["X-Robots-Tag"] = "noindex"
    return response


class VoteForm(forms.Form):
    """An answer to "was this useful?", with a sentence."""

    useful = forms.ChoiceField(choices=[("yes", "yes"), ("no", "no")])
    words = forms.CharField(required=False, max_length=500)
    solved = forms.BooleanField(required=False)


@public
@require_POST
def vote(request: HttpRequest, language: str, slug: str) -> HttpResponse:
    """Take a reader's answer about an article."""
    now, reader = read_clock(), reader_of(request)
    edition = access.edition_for(reader, language, slug)
    form = VoteForm(request.POST)
    address = request.META.get("REMOTE_ADDR", "")
    back = f"{address_of(edition, language)}?voted="
    if not form.is_valid():
        return redirect(f"{back}#util")
    if not take(VOTES, address, now=now):
        messages.error(request, _("That was too often. Please try again in a few minutes."))
        return redirect(f"{back}#util")
    cookie = request.COOKIES.get(VOTER_COOKIE, "")[:40] or get_random_string(24)
    data = form.cleaned_data
    reading.vote(
        edition=edition,
        voter=reading.voter_of(requester=reader.requester, cookie=cookie),
        useful=data["useful"] == "yes",
        words=data["words"],
        requester=reader.requester,
        now=now,
    )
    if data["solved"]:
        reading.count_deflection(edition, now=now)
    answer = redirect(f"{back}{'words' if data['words'] else data['useful']}#util")
    if reader.requester is None:
        answer.set_cookie(
            VOTER_COOKIE,
            cookie,
            max_age=YEAR,
            httponly=True,
            samesite="Lax",
            secure=request.is_secure(),
        )
    return answer


# ── Search ────────────────────────────────────────────────────────────────────────────────────


@public
@require_safe
def search(request: HttpRequest, language: str) -> HttpResponse:
    """Show what a search found, and what it may have meant."""
    now, reader = read_clock(), reader_of_request(request)
    text = request.GET.get("q", "").strip()[:200]
    chosen = [key for key in request.GET.getlist("s") if key.isascii()][:20]
    offset = _offset(request)
    version = version_in_force(now)
    context = frame(request, language, now, version, "home")
    spoken = language_of(language)
    found = searching.search(
        reader, spoken, text, sections=chosen, offset=offset, limit=searching.PAGE
    )
    sections = access.sections_for(reader)
    if offset == 0 and text and reader.agent is None:
        _note_search(request, language, text, found, now)
    announced = searching.announcements_about(spoken, "" if offset else found.query.text)
    cases = _cases(reader, "" if offset or chosen else text)
    context |= {
        "text": text,
        "found": found,
        "results": [_result(edition, found, language) for edition in found.editions],
        "total": found.total + len(announced) + len(cases),
        "announced": [
            (a, marked(a.headline(language), found.query), _said(a, found, language))
            for a in announced
        ],
        "cases": [(c, marked(c.subject, found.query), status_words(c)) for c in cases],
        "mended": found.meant if found.query.text == found.meant else "",
        "better": found.meant if found.query.text != found.meant else "",
        "filters": [
            (s.key, s.title(language), found.sections.get(s.key, 0), not chosen or s.key in chosen)
            for s in sections
            if s.key in found.sections or s.key in chosen
        ],
        "chosen": chosen,
        "first": offset + 1,
        "last": offset + len(found.editions),
        "before": max(offset - searching.PAGE, 0) if offset else None,
        "after": offset + searching.PAGE if offset + searching.PAGE < found.total else None,
        "promised": promised_first_reply(version, now),
        "featured": reading.featured(language) if not text else [],
    }
    return render(request, "plazo/portal/search.html", context)


def _cases(reader: Reader, text: str) -> Sequence[Ticket]:
    """Return a client's own cases about something; nobody else has any here."""
    if reader.requester is None:
        return []
    return cases_about(text, requester=reader.requester, limit=MOST_CASES)


def _note_search(
    request: HttpRequest, language: str, text: str, found: searching.Found, now: datetime
) -> None:
    address, program = request.META.get("REMOTE_ADDR", ""), request.headers.get("User-Agent", "")
    if not reading.is_machine(program) and take(SEARCHES, address, now=now):
        # What a mended spelling found was not found by what was typed.
        total = 0 if found.meant and found.query.text == found.meant else found.total
        reading.searched(text, language=language, found=total, now=now)


def _offset(request: HttpRequest) -> int:
    try:
        return min(max(int(request.GET.get("from", "0")), 0), 1_000)
    except ValueError:
        return 0


def _result(edition: Edition, found: searching.Found, language: str) -> dict[str, Any]:
    revision = edition.published
    assert revision is not None  # noqa: S101 - only published ones are found
    shown = marked(revision.summary, found.query)
    if "<mark>" not in shown:
        shown = snippet(revision.plain, found.query)
    return {
        "edition": edition,
        "url": address_of(edition, language),
        "title": marked(revision.title, found.query),
        "snippet": shown if "<mark>" in shown else marked(revision.summary, found.query) or shown,
        "section": edition.article.section.title(language),
        "foreign": edition.language != language,
    }


def _said(announcement: Any, found: searching.Found, language: str) -> Any:
    latest = announcement.updates.all()[0]
    return snippet(latest.words(language), found.query)


@public
@require_safe
def suggest(request: HttpRequest, language: str) -> HttpResponse:
    """Return articles for what is being typed, as a list of links; nothing where nothing fits."""
    now, reader = read_clock(), reader_of_request(request)
    text = request.GET.get("q", "")[:200]
    form = request.GET.get("for") == "form"
    address = request.META.get("REMOTE_ADDR", "")
    if len(text.strip()) < 2:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    if reader.audience == "everyone" and not take(TYPING, address, now=now):
        return HttpResponse(status=HTTPStatus.TOO_MANY_REQUESTS)
    found = searching.suggest(
        reader,
        language_of(language),
        text,
        service=request.GET.get("service", "")[:40],
        limit=3 if form else 6,
    )
    context = {
        "language": language,
        "text": text.strip(),
        "for_form": form,
        "results": suggested(found, language, for_form=form),
    }
    return render(request, "plazo/portal/_suggestions.html", context)


def suggested(
    found: searching.Found, language: str, *, for_form: bool = False
) -> list[dict[str, Any]]:
    """Return what a list of suggestions shows."""
    return [
        {
            "url": address_of(edition, language) + ("?from=form" if for_form else ""),
            "title": marked(edition.published.title, found.query),
            "summary": edition.published.summary,
            "section": edition.article.section.title(language),
        }
        for edition in found.editions
        if edition.published is not None
    ]
