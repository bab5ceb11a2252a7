"""Promises on a case: giving one's word by an instant in words, moving it, handing it over.

What was read out of somebody's words is shown before it is promised: by script as one types, and
without it by asking once.
"""

from datetime import datetime
from typing import Any

from django import forms as django_forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from plazo.accounts.models import Agent
from plazo.core import localtime
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError
from plazo.desk.acting import act
from plazo.desk.case import show_ticket
from plazo.desk.frame import agent_required, posted
from plazo.desk.promised import instant_words, is_exact, understand
from plazo.tickets import access, commands
from plazo.tickets.models import Ticket


class PromiseForm(django_forms.Form):
    """An instant in words; moving one says why."""

    promise = django_forms.CharField(required=False, max_length=40)
    kind = django_forms.ChoiceField(
        required=False, choices=[("update", "update"), ("solution", "solution")]
    )
    at = django_forms.CharField(
        max_length=80, error_messages={"required": gettext_lazy("Say by when.")}
    )
    owner = django_forms.IntegerField(required=False)
    reason = django_forms.CharField(required=False, max_length=300)
    understood = django_forms.CharField(required=False, max_length=40)


class HandForm(django_forms.Form):
    """Who answers for a promise."""

    promise = django_forms.CharField(max_length=40)
    owner = django_forms.IntegerField()


@agent_required
@posted("desk:ticket")
def promise(request: HttpRequest, number: str) -> HttpResponse:
    """Promise an update or a solution, or move what is promised."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    zone, form = agent.user.time_zone, PromiseForm(request.POST)
    found = access.ticket_for_agent(agent, number)
    if form.is_valid() and not is_exact(form.cleaned_data["at"]):
        try:
            at = understand(found, form.cleaned_data["at"], zone, now)
        except PlazoError as error:
            words = error.user_message()
            return show_ticket(request, found, now, error=words, promise_asked=_typed(form, words))
        if _told(form.cleaned_data["understood"]) != at:
            asked = form.cleaned_data | {
                "understood": localtime.iso(at),
                "words": instant_words(at, zone, now),
            }
            return show_ticket(request, found, now, promise_asked=asked)

    def command(found: Ticket, data: dict[str, Any], by: dict[str, Any]) -> Any:
        # In words it was confirmed with its instant: a minute later “in 2 hours” is another one.
        instant = _told(data["understood"]) or understand(found, data["at"], zone, by["now"])
        if not data["promise"]:
            return commands.make_promise(
                ticket_id=found.pk,
                by=instant,
                promised=data["kind"] or "update",
                owner_id=data["owner"],
                **by,
            )
        return commands.move_promise(
            ticket_id=found.pk,
            promise=data["promise"],
            by=instant,
            reason=data["reason"],
            **by,
        )

    return act(request, number, form, command, typed=lambda words: _typed(form, words))


def _typed(form: PromiseForm, fault: str) -> dict[str, Any]:
    """Return the form as it was filled in, with what is wrong with it."""
    typed = {name: form[name].value() or "" for name in form.fields}
    owner = form.cleaned_data.get("owner") if hasattr(form, "cleaned_data") else None
    return typed | {"owner": owner, "understood": "", "fault": fault}


def _told(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


@agent_required
@posted("desk:ticket")
def hand(request: HttpRequest, number: str) -> HttpResponse:
    """Let somebody else answer for a promise."""
    return act(
        request,
        number,
        HandForm(request.POST),
        lambda found, data, by: commands.hand_promise(
            ticket_id=found.pk, promise=data["promise"], owner_id=data["owner"], **by
        ),
    )


@agent_required
@require_GET
def read(request: HttpRequest, number: str) -> JsonResponse:
    """Say which instant some words mean, as JSON: nothing is promised by it."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    found = access.ticket_for_agent(agent, number)
    zone = agent.user.time_zone
    try:
        at = understand(found, request.GET.get("text", ""), zone, now)
    except PlazoError as error:
        return JsonResponse({"error": error.user_message()})
    return JsonResponse({"at": localtime.iso(at), "words": instant_words(at, zone, now)})
