"""The editors' list of articles, their insights, and what is done to an article as a whole."""

import uuid
from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from plazo.accounts.access import actor_of_agent
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError
from plazo.desk import kb, kb_forms
from plazo.desk.frame import agent_required
from plazo.helpcenter import access, commands, editing, reading
from plazo.helpcenter.access import reader_of
from plazo.tickets.files import file_response


def by(request: HttpRequest) -> dict[str, Any]:
    """Return who acts and when, as every command takes it."""
    return {"actor": actor_of_agent(request.agent), "now": read_clock()}  # type: ignore[attr-defined]


def attempt(request: HttpRequest, act: Callable[[], Any], done: str = "") -> bool:
    """Run a command; say what came of it on the next page. Return whether it went well."""
    try:
        act()
    except PlazoError as error:
        messages.error(request, error.user_message())
        return False
    if done:
        messages.success(request, done)
    return True


@agent_required
@require_GET
def articles(request: HttpRequest) -> HttpResponse:
    """List the articles, by shelf, with all their languages."""
    context = kb.kb_frame(request)
    language = context["language"]
    form = kb_forms.ArticlesFilter(
        request.GET,
        sections=editing.sections(),
        labels=editing.labels_in_use(),
        owners=editing.owners(),
        language=language,
    )
    wanted = form.wanted()
    page = editing.articles_page(
        wanted, language=language, today=context["civil_today"], number=form.page_number()
    )
    counts = editing.states_of_articles()
    kept = [(k, str(v)) for k, v in request.GET.items() if v and k in form.fields and k != "page"]
    context |= {
        "form": form,
        "rows": [(row, kb.words_of(row.marks)) for row in page.rows],
        "page": page,
        "tabs": [(name, label, counts[name]) for name, label in _tabs()],
        "state": wanted.state,
        "tab_query": urlencode([(k, v) for k, v in kept if k != "state"]),
        "page_query": urlencode(kept),
    }
    return render(request, "plazo/desk/kb/articles.html", context)


def _tabs() -> list[tuple[str, str]]:
    return [
        ("", _("All articles")),
        ("draft", _("Drafts")),
        ("review", _("To review")),
        ("scheduled", _("To be published")),
        ("published", _("Published articles")),
        ("changes", _("With unpublished changes")),
        ("archived", _("Archived")),
    ]


@agent_required
@require_GET
def find(request: HttpRequest) -> HttpResponse:
    """Return articles whose title or key holds some words, for the picker."""
    words = request.GET.get("q", "").strip()[:80]
    language = request.GET.get("language", "es")[:2]
    found = editing.find_articles(words, language)
    return JsonResponse(
        {"articles": [{"key": key, "title": t, "section": s} for key, t, s in found]}
    )


@agent_required
@require_GET
def file(request: HttpRequest, file: uuid.UUID) -> HttpResponseBase:
    """Hand out an image or a file of an article, a draft's too."""
    return file_response(access.file_for(reader_of(request.user), file))


# ── An article as a whole ─────────────────────────────────────────────────────────────────────

_WHOLE: Final[dict[str, Callable[..., Any]]] = {
    "archive": commands.archive_article,
    "unarchive": commands.unarchive_article,
}


@agent_required
@require_POST
def act(request: HttpRequest, key: str, what: str) -> HttpResponse:
    """Archive an article, or take it out of the archive."""
    found = access.article_for_editor(key)
    command = _WHOLE.get(what)
    if command is None:
        raise Http404
    said = {"archive": _("Archived: readers no longer see it."), "unarchive": _("It is back.")}
    attempt(request, lambda: command(article_id=found.pk, **by(request)), said[what])
    return back_to_editor(request, key)


@agent_required
@require_POST
def verify(request: HttpRequest, key: str) -> HttpResponse:
    """Note that an article is still right, and when somebody must look again."""
    found = access.article_for_editor(key)
    form = kb_forms.VerifyForm(request.POST)
    if form.is_valid():
        review_by = form.cleaned_data["review_by"]
        attempt(
            request,
            lambda: commands.verify_article(
                article_id=found.pk, review_by=review_by, **by(request)
            ),
            _("Noted: it is still right."),
        )
    else:
        messages.error(request, _("Write a day, or leave it empty."))
    return back_to_editor(request, key)


def back_to_editor(request: HttpRequest, key: str, part: str = "") -> HttpResponse:
    """Return to the language that the form came from, and to a part of its page."""
    language = kb.one_of(request.POST.get("language", ""), "es")
    return redirect(reverse("desk:article", args=[key, language]) + part)


# ── How the knowledge base does ───────────────────────────────────────────────────────────────


@agent_required
@require_GET
def insights(request: HttpRequest) -> HttpResponse:
    """Show how the knowledge base does, and what asks for work."""
    context = kb.kb_frame(request)
    found = reading.insights(now=context["now"], today=context["civil_today"])
    offered = editing.featured_searches()
    context |= {
        "insights": found,
        "percent": None if found.usefulness is None else round(found.usefulness * 100),
        "featured": offered,
        "frequent": [
            (tally, any(_same(tally, search) for search in offered)) for tally in found.frequent
        ],
        "languages": kb.language_names(),
    }
    return render(request, "plazo/desk/kb/insights.html", context)


def _same(tally: Any, search: Any) -> bool:
    return (tally.language, tally.words) == (search.language, search.words.lower())


@agent_required
@require_POST
def handled(request: HttpRequest, what: str, pk: int) -> HttpResponse:
    """Put a search that found nothing, or a reader's sentence, aside."""
    done = {"search": reading.handle_search, "sentence": reading.handle_feedback}.get(what)
    if done is None:
        raise Http404
    done(pk=pk, now=read_clock())
    messages.success(request, _("Put aside."))
    return redirect(reverse("desk:insights") + f"#{what}")
