"""What an article said before, what changed between any two texts, and what was done to it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from plazo.desk import kb
from plazo.desk.articles import attempt, by
from plazo.desk.frame import agent_required
from plazo.helpcenter import access, commands, editing, queries
from plazo.helpcenter.models import Edition, Revision


@agent_required
@require_GET
def history(request: HttpRequest, key: str, language: str) -> HttpResponse:
    """List every text, compare two of them, and tell what was done."""
    edition = access.edition_for_editor(key, language)
    context = kb.kb_frame(request)
    revisions = queries.revisions_of(edition)
    old, new = _chosen(request, edition, revisions)
    context |= {
        "article": edition.article,
        "edition": edition,
        "text_language": language,
        "marks": kb.marks(edition.article, editing.editions_of(edition.article)),
        "revisions": [(revision, _restored(revision.note)) for revision in revisions],
        "old": old,
        "new": new,
        "difference": kb.difference(old, new) if old and new else None,
        "trail": [
            kb.told(event, context["zone"], context["now"])
            for event in editing.trail_of(edition.article)
        ],
    }
    return render(request, "plazo/desk/kb/history.html", context)


def _chosen(
    request: HttpRequest, edition: Edition, revisions: list[Revision]
) -> tuple[Revision | None, Revision | None]:
    """Return the two texts to compare: those asked for, or the last two. Older first."""
    numbers = [_number(request.GET.get(name)) for name in ("from", "to")]
    if None in numbers:
        numbers = [revision.number for revision in revisions[:2]]
    wanted = sorted(number for number in numbers if number is not None)
    found = [access.revision_for_editor(edition, number) for number in wanted]
    return (found[0], found[-1]) if len(found) > 1 else (None, found[0] if found else None)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 else None


def _restored(note: str) -> str:
    """Return what a revision's note says; the mark of a restored text becomes words."""
    number: Any = _number(note.removeprefix("= r")) if note.startswith("= r") else None
    return _("The text of revision %(number)s again") % {"number": number} if number else note


@agent_required
@require_POST
def restore(request: HttpRequest, key: str, language: str, number: int) -> HttpResponse:
    """Make an earlier text the newest one again."""
    edition = access.edition_for_editor(key, language)
    access.revision_for_editor(edition, number)
    attempt(
        request,
        lambda: commands.restore_revision(edition_id=edition.pk, number=number, **by(request)),
        _("Revision %(number)s is the draft again. Read it, then publish it.") % {"number": number},
    )
    return redirect("desk:article", key, language)
