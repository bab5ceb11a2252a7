"""What somebody does with their case besides writing in it: each view ends in one command."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from plazo.accounts.commands import find_or_create_requester
from plazo.channels.forms.requests import AnswerForm
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible, PlazoError
from plazo.notifications import people
from plazo.portal.case import show
from plazo.portal.door import Seen, of_case
from plazo.tickets import access, commands
from plazo.tickets.models import SCORES, Status


def _do(
    request: HttpRequest,
    language: str,
    seen: Seen,
    act: Callable[[datetime], Any],
    done: str,
    place: str = "",
) -> HttpResponse:
    """Run one command and go back to the case; where it is refused, show why and what was typed."""
    try:
        act(read_clock())
    except PlazoError as error:
        return _refuse(request, language, seen, error.user_message(), int(error.http_status))
    messages.success(request, done)
    return redirect(seen.address(language) + place)


def _refuse(
    request: HttpRequest, language: str, seen: Seen, words: str, status: int = 422
) -> HttpResponse:
    return show(request, language, seen, AnswerForm(), fault=words, status=status)


def _first_error(form: forms.Form) -> str:
    return str(next(iter(form.errors.values()))[0])


@of_case
@require_POST
def solve(request: HttpRequest, language: str, seen: Seen) -> HttpResponse:
    """Take their word that it is solved."""
    return _do(
        request,
        language,
        seen,
        lambda now: commands.set_status(
            ticket_id=seen.ticket.pk, status=Status.SOLVED, actor=seen.actor, now=now
        ),
        _("Thank you. We have marked the case as solved."),
    )


@of_case
@require_POST
def escalate(request: HttpRequest, language: str, seen: Seen) -> HttpResponse:
    """Climb over level 1; whether that is due is decided now, whatever the page said."""
    return _do(
        request,
        language,
        seen,
        lambda now: commands.request_escalation(
            ticket_id=seen.ticket.pk,
            words=request.POST.get("words", ""),
            actor=seen.actor,
            now=now,
        ),
        _("You have escalated the case. The coordinators have been told."),
    )


class RatingForm(forms.Form):
    """A mark from 1 to 5, and a sentence."""

    score = forms.TypedChoiceField(
        coerce=int,
        choices=SCORES,
        error_messages={"required": gettext_lazy("Choose how the service was.")},
    )
    words = forms.CharField(required=False, max_length=commands.LONGEST_RATING)


@of_case
@require_POST
def rate(request: HttpRequest, language: str, seen: Seen) -> HttpResponse:
    """Take in what they think of the service."""
    form = RatingForm(request.POST)
    if not form.is_valid():
        return _refuse(request, language, seen, _first_error(form))
    return _do(
        request,
        language,
        seen,
        lambda now: commands.rate_ticket(
            ticket_id=seen.ticket.pk, actor=seen.actor, now=now, **form.cleaned_data
        ),
        _("Thank you for telling us."),
    )


class ParticipantForm(forms.Form):
    """Whom to let take part."""

    email = forms.EmailField(
        max_length=254,
        error_messages={
            "required": gettext_lazy("Write the address of who should take part."),
            "invalid": gettext_lazy("This is not a complete e-mail address."),
        },
    )


@of_case
@require_POST
def add_participant(request: HttpRequest, language: str, seen: Seen) -> HttpResponse:
    """Let somebody take part, and tell them."""
    form = ParticipantForm(request.POST)
    if not form.is_valid():
        return _refuse(request, language, seen, _first_error(form))
    email = form.cleaned_data["email"]

    def act(now: datetime) -> None:
        with transaction.atomic():
            person = find_or_create_requester(email=email, language=language, now=now)
            added = commands.add_participant(
                ticket_id=seen.ticket.pk, person_id=person.pk, actor=seen.actor, now=now
            )
            if added is not None:
                ip = request.META.get("REMOTE_ADDR", "")
                people.require_budget(person.email, ip=ip, now=now)

    done = _("%(email)s takes part from now on.") % {"email": email}
    return _do(request, language, seen, act, done, "#participants")


@of_case
@require_POST
def remove_participant(
    request: HttpRequest, language: str, seen: Seen, person: int
) -> HttpResponse:
    """Let somebody take part no more: oneself, or, by who asked and a manager, anyone."""
    ticket = seen.ticket
    rules = seen.person.pk == ticket.requester_id or seen.person.manages
    entry = ticket.participants.select_related("requester").filter(requester=person).first()
    if entry is None or not (rules or person == seen.person.pk):
        raise NotVisible
    done = (
        _("You take no part in %(number)s any more.") % {"number": ticket.number}
        if person == seen.person.pk
        else _("%(who)s takes no part any more.") % {"who": entry.requester}
    )
    answer = _do(
        request,
        language,
        seen,
        lambda now: commands.remove_participant(
            ticket_id=ticket.pk, person_id=person, actor=seen.actor, now=now
        ),
        done,
        "#participants",
    )
    if person != seen.person.pk or _still_sees(seen):
        return answer
    # They do not see the case any more, so there is no page of it to go back to.
    where = "portal:requests" if seen.signed_in else "portal:home"
    return redirect(where, language=language)


def _still_sees(seen: Seen) -> bool:
    return access.tickets_for_requester(seen.person).filter(pk=seen.ticket.pk).exists()


@of_case
@require_POST
def follow_up(request: HttpRequest, language: str, seen: Seen) -> HttpResponse:
    """Open a case that goes on where one that ended long ago left off."""
    form = AnswerForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            new = commands.open_follow_up(
                ticket_id=seen.ticket.pk,
                body=form.cleaned_data["body"],
                attachments=form.store(),
                language=language,
                actor=seen.actor,
                now=read_clock(),
            )
        except PlazoError as error:
            form.add_error(None, error.user_message())
        else:
            done = _("We have opened a case that follows this one up.")
            messages.success(request, done, extra_tags=f"case-{seen.ticket.number}")
            return redirect("portal:sent", language=language, token=seen.token_of(new))
    return show(request, language, seen, form, status=422)
