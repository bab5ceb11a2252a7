"""Writing an article in one language: the text with its preview, and what may be done with it."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from plazo.accounts.queries import assignable_agents
from plazo.core.errors import NotVisible, PlazoError
from plazo.desk import kb, kb_forms
from plazo.desk.articles import attempt, by
from plazo.desk.frame import agent_required
from plazo.desk.from_case import from_case
from plazo.desk.previews import markdown_of
from plazo.helpcenter import access, commands, editing, queries
from plazo.helpcenter.errors import SomebodyElseSaved
from plazo.helpcenter.models import Article, Edition

# ── A new article ─────────────────────────────────────────────────────────────────────────────


@agent_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Begin an article: its first language, on a shelf."""
    context = kb.kb_frame(request)
    form = kb_forms.StartForm(
        request.POST or None,
        sections=editing.sections(),
        language=context["language"],
        initial={
            "language": kb.one_of(request.GET.get("language", ""), context["language"]),
            "title": request.GET.get("title", "")[:160],
            "section": request.GET.get("section", ""),
            **from_case(request),
        },
    )
    previewing = request.POST.get("do") == "preview"
    if request.method == "POST" and form.is_valid() and not previewing:
        try:
            edition = _create(request, form)
        except PlazoError as error:
            form.add_error(None, error.user_message())
        else:
            _go_on(request, edition)
            return redirect("desk:article", edition.article.key, edition.language)
    context |= {
        "form": form,
        "article": None,
        "edition": None,
        "heading": _("New article"),
        "text_language": form["language"].value() or "es",
        "schedule": kb_forms.ScheduleForm(zone=context["zone"]),
        "preview": _preview(form, None, "es"),
        "draft_name": "kb-new",
    }
    status = 422 if form.errors and not previewing else 200
    return render(request, "plazo/desk/kb/editor.html", context, status=status)


def _create(request: HttpRequest, form: kb_forms.StartForm) -> Edition:
    who = by(request)
    return commands.create_article(
        section_id=form.section_id(),
        language=form.cleaned_data["language"],
        audience=form.cleaned_data["audience"],
        owner_id=who["actor"].id,
        text=form.text(),
        **who,
    )


def _preview(form: kb_forms.TextForm, article: Article | None, language: str) -> kb.Preview:
    value = {name: str(form[name].value() or "") for name in ("title", "summary", "body")}
    return kb.preview(**value, article=article, language=language)


# ── An article in one language ────────────────────────────────────────────────────────────────


@agent_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, key: str, language: str) -> HttpResponse:
    """Show and save a text; then send it to review, publish it, or plan its publication."""
    article = access.article_for_editor(key)
    editions = editing.editions_of(article)
    if language not in kb.language_names():
        raise NotVisible
    edition = editions.get(language)
    form = kb_forms.TextForm(request.POST or None, initial=_initial(edition))
    if request.method != "POST" or request.POST.get("do") == "preview":
        return _show(request, article, editions, language, form)
    if not form.is_valid():
        return _show(request, article, editions, language, form, status=422)
    try:
        saved = _save(request, article, edition, language, form)
    except PlazoError as error:
        form.add_error(None, error.user_message())
        conflict = isinstance(error, SomebodyElseSaved)
        return _show(
            request, article, editions, language, form, status=error.http_status, theirs=conflict
        )
    _go_on(request, saved)
    return redirect("desk:article", key, language)


def _initial(edition: Edition | None) -> dict[str, Any]:
    newest = edition.newest if edition else None
    if newest is None:
        return {"based_on": 0}
    return {
        "title": newest.title,
        "summary": newest.summary,
        "body": newest.body,
        "based_on": newest.number,
    }


def _save(
    request: HttpRequest,
    article: Article,
    edition: Edition | None,
    language: str,
    form: kb_forms.TextForm,
) -> Edition:
    if edition is None:
        return commands.add_edition(
            article_id=article.pk, language=language, text=form.text(), **by(request)
        )
    commands.save_revision(
        edition_id=edition.pk,
        text=form.text(),
        based_on=form.cleaned_data["based_on"],
        up_to_date=form.cleaned_data["up_to_date"],
        **by(request),
    )
    return access.edition_for_editor(article.key, language)


def _go_on(request: HttpRequest, edition: Edition) -> None:
    """Do with a text that was just saved what its button said; what is refused leaves it saved."""
    do = request.POST.get("do", "")
    number = edition.newest.number if edition.newest else None
    if do == "review":
        attempt(
            request,
            lambda: commands.ask_for_review(edition_id=edition.pk, **by(request)),
            _("Saved, and sent to review."),
        )
    elif do == "publish":
        attempt(
            request,
            lambda: commands.publish_edition(edition_id=edition.pk, number=number, **by(request)),
            _("Published: readers see it now."),
        )
    elif do == "schedule":
        _schedule(request, edition, number)
    else:
        messages.success(request, _("Saved."))


def _schedule(request: HttpRequest, edition: Edition, number: int | None) -> None:
    form = kb_forms.ScheduleForm(request.POST, zone=request.agent.user.time_zone)  # type: ignore[attr-defined]
    if not form.is_valid():
        messages.error(request, _("Saved, but not planned: write a day and a time."))
        return
    at = form.cleaned_data["at"]
    attempt(
        request,
        lambda: commands.schedule_edition(
            edition_id=edition.pk, publish_at=at, number=number, **by(request)
        ),
        _("Saved. It will be published by itself."),
    )


def _show(
    request: HttpRequest,
    article: Article,
    editions: dict[str, Edition],
    language: str,
    form: kb_forms.TextForm,
    *,
    settings: kb_forms.SettingsForm | None = None,
    status: int = 200,
    theirs: bool = False,
) -> HttpResponse:
    """Render the editor: the text, its preview, its source, its files, the settings."""
    context = kb.kb_frame(request)
    edition = editions.get(language)
    source = editions.get(article.source_language) if language != article.source_language else None
    newest = edition.newest if edition else None
    context |= {
        "article": article,
        "edition": edition,
        "newest": newest,
        "heading": newest.title if newest else _title_of(source) or article.key,
        "text_language": language,
        "marks": kb.marks(article, editions),
        "form": form,
        "settings": (settings or settings_form(context, article, editions)) if edition else None,
        "schedule": kb_forms.ScheduleForm(zone=context["zone"]),
        "preview": _preview(form, article, language),
        "files": [(file, markdown_of(file.name)) for file in editing.files_of(article)],
        "related": editing.titles_of(article.related, language),
        "stale": editing.is_stale(article, context["civil_today"]),
        "public": kb.public_address(language, edition.slug) if edition else "",
        "draft_name": f"kb-{article.key}-{language}",
        "longest_file": commands.MOST_FILE_BYTES,
        **_source(edition, source),
        **(_theirs(form, newest) if theirs else {}),
    }
    return render(request, "plazo/desk/kb/editor.html", context, status=status)


def _title_of(edition: Edition | None) -> str:
    return edition.newest.title if edition and edition.newest else ""


def _source(edition: Edition | None, source: Edition | None) -> dict[str, Any]:
    """Return the original beside a translation, and what changed in it since it was followed."""
    text = (source.published or source.newest) if source else None
    if source is None or text is None:
        return {}
    behind = edition is not None and queries.is_behind(edition, source)
    followed = editing.followed_revision(edition, source) if edition and behind else None
    return {
        "source": source,
        "source_text": text,
        "behind": behind,
        "source_changes": kb.difference(followed, text) if followed else None,
    }


def _theirs(form: kb_forms.TextForm, newest: Any) -> dict[str, Any]:
    """Return what somebody else saved meanwhile, beside what is in the form."""
    return {"theirs": newest, "conflict": kb.difference(newest, form.text().tidy())}


def settings_form(
    context: dict[str, Any], article: Article, editions: dict[str, Edition], data: Any = None
) -> kb_forms.SettingsForm:
    """Return the form of what surrounds an article's texts. Two queries."""
    return kb_forms.SettingsForm(
        data,
        article=article,
        slugs={code: edition.slug for code, edition in editions.items()},
        sections=editing.sections(),
        agents=assignable_agents(),
        language=context["language"],
        publishes=context["publishes"],
    )


@agent_required
@require_POST
def settings(request: HttpRequest, key: str, language: str) -> HttpResponse:
    """Change where an article stands, who reads it, who answers for it, and its addresses."""
    edition = access.edition_for_editor(key, language)
    article, context = edition.article, kb.kb_frame(request)
    editions = editing.editions_of(article)
    form = settings_form(context, article, editions, request.POST)
    if form.is_valid():
        try:
            commands.change_article(article_id=article.pk, **form.changes(), **by(request))
        except PlazoError as error:
            form.add_error(None, error.user_message())
        else:
            messages.success(request, _("The settings are saved."))
            return redirect(reverse("desk:article", args=[key, language]) + "#settings")
    text = kb_forms.TextForm(initial=_initial(edition))
    return _show(request, article, editions, language, text, settings=form, status=422)


# ── What is done with a text as it stands ─────────────────────────────────────────────────────

_ACTS: Final[dict[str, Callable[..., Any]]] = {
    "unpublish": commands.unpublish_edition,
    "bring_up": commands.mark_brought_up,
}


@agent_required
@require_POST
def act(request: HttpRequest, key: str, language: str, what: str) -> HttpResponse:
    """Take a text back from readers, or say that a translation follows its source."""
    edition = access.edition_for_editor(key, language)
    command = _ACTS.get(what)
    if command is None:
        raise Http404
    said = {
        "unpublish": _("Readers no longer see it; the text stays as a draft."),
        "bring_up": _("Noted: the translation follows the original."),
    }
    attempt(request, lambda: command(edition_id=edition.pk, **by(request)), said[what])
    return redirect("desk:article", key, language)


@agent_required
@require_POST
def send_back(request: HttpRequest, key: str, language: str) -> HttpResponse:
    """Give a text in review back to its author, in words."""
    edition = access.edition_for_editor(key, language)
    form = kb_forms.SendBackForm(request.POST)
    if form.is_valid():
        words = form.cleaned_data["words"]
        attempt(
            request,
            lambda: commands.send_back(edition_id=edition.pk, words=words, **by(request)),
            _("Sent back to its author."),
        )
    else:
        messages.error(request, _("Say what is missing."))
    return redirect("desk:article", key, language)
