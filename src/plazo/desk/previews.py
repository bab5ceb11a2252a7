"""Texts as readers would see them before they do, and the images and files of an article."""

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from plazo.core.errors import NotVisible, PlazoError
from plazo.desk import kb
from plazo.desk.articles import attempt, back_to_editor, by
from plazo.desk.frame import agent_required
from plazo.helpcenter import access, commands
from plazo.helpcenter.rendering import LONGEST_BODY
from plazo.tickets.files import shown_as


@agent_required
@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """Return a text as readers would see it. Nothing is kept."""
    key = request.POST.get("article", "")
    article = access.article_for_editor(key) if key else None
    language = kb.one_of(request.POST.get("language", ""), "es")
    value = {name: request.POST.get(name, "") for name in ("title", "summary", "body")}
    shown = kb.preview(
        value["title"][:160],
        value["summary"][:300],
        value["body"][:LONGEST_BODY],
        article=article,
        language=language,
    )
    context = {"preview": shown, "text_language": language}
    return render(request, "plazo/desk/kb/_preview.html", context)


@agent_required
@require_GET
def page(request: HttpRequest, key: str, language: str) -> HttpResponse:
    """Show the newest text as a page of its own, as it would be published."""
    edition = access.edition_for_editor(key, language)
    newest = edition.newest
    if newest is None:
        raise NotVisible
    shown = kb.preview(
        newest.title, newest.summary, newest.body, article=edition.article, language=language
    )
    context = kb.kb_frame(request) | {
        "article": edition.article,
        "edition": edition,
        "newest": newest,
        "preview": shown,
        "text_language": language,
    }
    return render(request, "plazo/desk/kb/page.html", context)


def markdown_of(name: str, *, image: bool | None = None) -> str:
    """Return how a text shows a file: images in place, others as a link."""
    ending = name.rpartition(".")[2].lower()
    is_image = ending in {"png", "jpg", "jpeg", "gif", "webp"} if image is None else image
    words = name.rpartition(".")[0].replace("-", " ") or name
    return f"![{words}](file:{name})" if is_image else f"[{name}](file:{name})"


@agent_required
@require_POST
def add_file(request: HttpRequest, key: str) -> HttpResponse:
    """Take an image or a file. Script gets JSON with what to write into the text."""
    article = access.article_for_editor(key)
    wants_json = "application/json" in request.headers.get("Accept", "")
    upload = request.FILES.get("file")
    if not isinstance(upload, UploadedFile):
        return _no_file(request, key, _("Choose a file."), wants_json)
    image = shown_as(upload.read(16)) is not None
    upload.seek(0)
    try:
        stored = commands.add_file(
            article_id=article.pk,
            file=upload,
            name=upload.name or "archivo",
            content_type=upload.content_type or "",
            **by(request),
        )
    except PlazoError as error:
        return _no_file(request, key, error.user_message(), wants_json)
    if wants_json:
        words = markdown_of(stored.name, image=image)
        return JsonResponse({"name": stored.name, "markdown": words})
    messages.success(request, _("“%(name)s” is here.") % {"name": stored.name})
    return back_to_editor(request, key, "#files")


def _no_file(request: HttpRequest, key: str, words: str, wants_json: bool) -> HttpResponse:
    if wants_json:
        return JsonResponse({"error": words}, status=422)
    messages.error(request, words)
    return back_to_editor(request, key, "#files")


@agent_required
@require_POST
def remove_file(request: HttpRequest, key: str, name: str) -> HttpResponse:
    """Take a file off an article, unless its text shows it."""
    article = access.article_for_editor(key)
    attempt(
        request,
        lambda: commands.remove_file(article_id=article.pk, name=name, **by(request)),
        _("“%(name)s” is gone.") % {"name": name},
    )
    return back_to_editor(request, key, "#files")
