"""The screen of the team's short lists: causes, kinds of solution, reasons to wait."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from plazo.core.errors import PlazoError
from plazo.desk.frame import posted
from plazo.desk.setting_up import coordinators, setting
from plazo.desk.settings.screens import by, show
from plazo.tickets import outcomes
from plazo.tickets.outcome_models import Asks, Outcome, OutcomeKind

PAGE = "desk:outcomes"
ABOUT = {
    OutcomeKind.CAUSE: gettext_lazy("Why it happened: chosen when a case is solved."),
    OutcomeKind.SOLUTION: gettext_lazy("How it was solved: chosen when a case is solved."),
    OutcomeKind.WAIT: gettext_lazy(
        "Offered where one says what a case waits for. The requester reads it, in their language."
    ),
}


class NamesForm(forms.Form):
    """An entry's name in both languages."""

    name_es = forms.CharField(max_length=80, required=False)
    name_en = forms.CharField(max_length=80, required=False)


@setting(coordinators)
@require_safe
def lists(request: HttpRequest) -> HttpResponse:
    """Show the lists, and whether solving requires them."""
    return _page(request)


def _page(request: HttpRequest, fault: str = "", typed: Any = None) -> HttpResponse:
    found = outcomes.every()
    answer = show(
        request,
        "outcomes.html",
        "outcomes",
        lists=[
            (kind.value, str(kind.label), ABOUT[kind], found[kind.value]) for kind in OutcomeKind
        ],
        asks=outcomes.asks(),
        asks_choices=Asks.choices,
        fault=fault,
        typed=typed or {},
    )
    if fault:
        answer.status_code = 422
    return answer


def _do(request: HttpRequest, act: Callable[[], Any]) -> HttpResponse:
    try:
        act()
    except PlazoError as error:
        return _page(request, error.user_message(), request.POST)
    except Outcome.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, _("Saved."))
    return redirect(PAGE)


def _names(request: HttpRequest) -> dict[str, Any]:
    form = NamesForm(request.POST)
    form.is_valid()
    return {name: form.cleaned_data.get(name, "") for name in ("name_es", "name_en")}


@setting(coordinators)
@posted(PAGE, plain=True)
def add(request: HttpRequest, kind: str) -> HttpResponse:
    """Put an entry at the end of a list."""
    if kind not in OutcomeKind.values:
        raise Http404
    return _do(request, lambda: outcomes.add_outcome(kind=kind, **_names(request), **by(request)))


@setting(coordinators)
@posted(PAGE, plain=True)
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Call an entry otherwise."""
    return _do(
        request,
        lambda: outcomes.change_outcome(outcome_id=pk, **_names(request), **by(request)),
    )


@setting(coordinators)
@posted(PAGE, plain=True)
def act(request: HttpRequest, pk: int, what: str) -> HttpResponse:
    """Move an entry up, offer it no more, or offer it again."""
    match what:
        case "up":
            return _do(request, lambda: outcomes.raise_outcome(outcome_id=pk, **by(request)))
        case "retire" | "restore":
            retired = what == "retire"
            return _do(
                request,
                lambda: outcomes.retire_outcome(outcome_id=pk, retired=retired, **by(request)),
            )
        case _:
            raise Http404


@setting(coordinators)
@posted(PAGE, plain=True)
def ask(request: HttpRequest) -> HttpResponse:
    """Say whether solving requires a cause and a solution."""
    value = request.POST.get("asks", "")
    return _do(request, lambda: outcomes.set_asks(value=value, **by(request)))
