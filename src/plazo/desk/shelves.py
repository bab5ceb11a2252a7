"""Arranging the knowledge base: categories and sections, synonyms, featured searches."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from plazo.core.errors import NotVisible, PlazoError
from plazo.desk import kb
from plazo.desk.articles import attempt, by
from plazo.desk.frame import agent_required
from plazo.desk.shelf_forms import CategoryForm, FeatureForm, SectionForm, SynonymsForm
from plazo.helpcenter import commands, editing
from plazo.helpcenter.models import Category, Section


def _who(request: HttpRequest) -> dict[str, Any]:
    return {"actor": by(request)["actor"]}


# ── Categories and sections ───────────────────────────────────────────────────────────────────


@agent_required
@require_GET
def sections(request: HttpRequest) -> HttpResponse:
    """Show every shelf, with what stands on it; who publishes may change them."""
    return _show(request, editing.shelves())


def _show(
    request: HttpRequest,
    shelves: editing.Shelves,
    bound: CategoryForm | SectionForm | None = None,
    about: Category | Section | None = None,
) -> HttpResponse:
    """Render all shelves with a form for each; `bound` stands in for the one that was sent."""
    context = kb.kb_frame(request)
    shared = {
        "categories": [category for category, _sections in shelves.categories],
        "document": context["document"],
        "language": context["language"],
    }

    def form_of(kind: type[Any], thing: Any, **choices: Any) -> Any:
        return (
            bound
            if bound is not None and type(bound) is kind and about == thing
            else kind(**choices)
        )

    context |= {
        "groups": [
            (
                category,
                form_of(CategoryForm, category, category=category),
                [
                    (
                        section,
                        section.title(context["language"]),
                        section.about(context["language"]),
                        context["document"].service_name(section.service, context["language"]),
                        shelves.articles.get(section.pk, 0),
                        form_of(SectionForm, section, section=section, **shared),
                    )
                    for section in found
                ],
            )
            for category, found in shelves.categories
        ],
        "new_category": form_of(CategoryForm, None),
        "new_section": form_of(SectionForm, None, **shared),
        "bound": bound,
    }
    return render(request, "plazo/desk/kb/sections.html", context, status=422 if bound else 200)


def _found(shelves: editing.Shelves, kind: str, key: str) -> Any:
    """Return the category or section of a key; None without a key. Raises: NotVisible."""
    if not key:
        return None
    things: list[Any] = [category for category, _sections in shelves.categories]
    if kind == "section":
        things = [section for _category, found in shelves.categories for section in found]
    thing = next((thing for thing in things if thing.key == key), None)
    if thing is None:
        raise NotVisible
    return thing


@agent_required
@require_POST
def save_category(request: HttpRequest, key: str = "") -> HttpResponse:
    """Make a category, or change one."""
    shelves = editing.shelves()
    about = _found(shelves, "category", key)
    form = CategoryForm(request.POST, category=about)
    taken = {category.key for category, _sections in shelves.categories}
    return _save(request, shelves, form, about, taken, commands.save_category)


@agent_required
@require_POST
def save_section(request: HttpRequest, key: str = "") -> HttpResponse:
    """Make a section, or change one."""
    shelves = editing.shelves()
    about = _found(shelves, "section", key)
    form = SectionForm(
        request.POST,
        section=about,
        categories=[category for category, _sections in shelves.categories],
        document=kb.kb_frame(request)["document"],
        language=request.LANGUAGE_CODE,
    )
    taken = {section.key for _category, found in shelves.categories for section in found}
    return _save(request, shelves, form, about, taken, commands.save_section)


def _save(
    request: HttpRequest,
    shelves: editing.Shelves,
    form: CategoryForm | SectionForm,
    about: Any,
    taken: set[str],
    command: Callable[..., Any],
) -> HttpResponse:
    if form.is_valid() and about is None and form.cleaned_data["key"] in taken:
        form.add_error("key", _("This key is taken. Choose a different one."))
    if not form.is_valid():
        return _show(request, shelves, form, about)
    attempt(request, lambda: command(**form.changes(), **_who(request)), _("Saved."))
    return redirect("desk:sections")


@agent_required
@require_POST
def remove_shelf(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    """Remove an empty section or category."""
    thing = _found(editing.shelves(), kind, key)
    act: Callable[..., None] = partial(commands.remove_section, section_id=thing.pk)
    if isinstance(thing, Category):
        act = partial(commands.remove_category, category_id=thing.pk)
    attempt(request, partial(act, **_who(request)), _("Removed."))
    return redirect("desk:sections")


# ── Synonyms and featured searches ────────────────────────────────────────────────────────────


@agent_required
@require_http_methods(["GET", "HEAD", "POST"])
def synonyms(request: HttpRequest) -> HttpResponse:
    """Show and replace the sets of words that mean the same."""
    lines = "\n".join(" = ".join(words) for words in editing.synonym_sets())
    form = SynonymsForm(request.POST or None, initial={"sets": lines})
    if request.method == "POST" and form.is_valid():
        try:
            commands.save_synonyms(sets=form.cleaned_data["sets"], **_who(request))
        except PlazoError as error:
            form.add_error(None, error.user_message())
        else:
            messages.success(request, _("Saved. The search knows them in some seconds."))
            return redirect("desk:synonyms")
    return _show_words(request, form, FeatureForm())


def _show_words(request: HttpRequest, form: forms.Form, feature: forms.Form) -> HttpResponse:
    context = kb.kb_frame(request)
    names = kb.language_names()
    context |= {
        "form": form,
        "feature": feature,
        "featured": [
            (search, names.get(search.language, search.language))
            for search in editing.featured_searches()
        ],
    }
    failed = bool(form.errors) or bool(feature.errors)
    return render(request, "plazo/desk/kb/synonyms.html", context, status=422 if failed else 200)


@agent_required
@require_POST
def feature(request: HttpRequest) -> HttpResponse:
    """Offer a search on the first page."""
    form = FeatureForm(request.POST)
    if not form.is_valid():
        lines = "\n".join(" = ".join(words) for words in editing.synonym_sets())
        return _show_words(request, SynonymsForm(initial={"sets": lines}), form)
    attempt(
        request,
        lambda: commands.feature_search(**form.cleaned_data, **_who(request)),
        _("The first page offers it now."),
    )
    return _back_to_words(request)


@agent_required
@require_POST
def unfeature(request: HttpRequest, pk: int) -> HttpResponse:
    """No longer offer a search."""
    attempt(
        request,
        lambda: commands.unfeature_search(pk=pk, **_who(request)),
        _("The first page no longer offers it."),
    )
    return _back_to_words(request)


def _back_to_words(request: HttpRequest) -> HttpResponse:
    name = "desk:insights" if request.POST.get("from") == "insights" else "desk:synonyms"
    return redirect(reverse(name) + "#featured")
