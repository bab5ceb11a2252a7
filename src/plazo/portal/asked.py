"""What a requester is asked by mail: do they still need help, is it solved.

Opening the page changes nothing, since mail scanners open links too; its buttons do.
"""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError
from plazo.portal.case import context_of
from plazo.portal.door import Seen, of_case
from plazo.tickets import commands
from plazo.tickets.models import Channel, Status, WaitingFor


@of_case
@require_safe
def answer(request: HttpRequest, language: str, seen: Seen) -> HttpResponse:
    """Ask what is asked as the case stands now; with nothing to ask, lead to the case."""
    if not waits_for_them(seen) and not asks_whether_solved(seen):
        return redirect(seen.address(language))
    return _show(request, language, seen)


def waits_for_them(seen: Seen) -> bool:
    """Say whether we wait for the requester's side."""
    ticket = seen.ticket
    return (ticket.status, ticket.waiting_for) == (Status.PENDING, WaitingFor.REQUESTER)


def asks_whether_solved(seen: Seen) -> bool:
    """Say whether they can still say that it is solved, or not yet."""
    return seen.ticket.status == Status.SOLVED


def _show(
    request: HttpRequest, language: str, seen: Seen, fault: str = "", status: int = 200
) -> HttpResponse:
    now = read_clock()
    context = context_of(request, language, seen, now) | {
        "fault": fault,
        "waits": waits_for_them(seen),
        "can_reopen": seen.ticket.can_be_answered(now),
        "typed_words": request.POST.get("words", ""),
    }
    return render(request, "plazo/portal/asked.html", context, status=status)


def _do(request: HttpRequest, language: str, seen: Seen, act: Any, done: str) -> HttpResponse:
    try:
        act(read_clock())
    except PlazoError as error:
        seen.ticket.refresh_from_db()
        return _show(request, language, seen, error.user_message(), int(error.http_status))
    messages.success(request, done)
    return redirect(seen.address(language))


@of_case
@require_POST
def still_needed(request: HttpRequest, language: str, seen: Seen) -> HttpResponse:
    """Take their word that they still need help."""
    return _do(
        request,
        language,
        seen,
        lambda now: commands.still_needed(ticket_id=seen.ticket.pk, actor=seen.actor, now=now),
        _("Thank you. The case is with us again."),
    )


@of_case
@require_POST
def confirm_solution(request: HttpRequest, language: str, seen: Seen) -> HttpResponse:
    """Take their word that it is solved."""
    return _do(
        request,
        language,
        seen,
        lambda now: commands.confirm_solution(ticket_id=seen.ticket.pk, actor=seen.actor, now=now),
        _("Thank you. We are glad that it is solved."),
    )


@of_case
@require_POST
def not_yet(request: HttpRequest, language: str, seen: Seen) -> HttpResponse:
    """Open the case again, with what they say is missing, if they say something."""
    words = request.POST.get("words", "").strip()

    def act(now: datetime) -> None:
        if words:
            commands.reply_as_requester(
                ticket_id=seen.ticket.pk,
                body=words[:20_000],
                channel=Channel.PORTAL if seen.signed_in else Channel.FORM,
                actor=seen.actor,
                now=now,
            )
        else:
            commands.reopen_ticket(ticket_id=seen.ticket.pk, actor=seen.actor, now=now)

    return _do(request, language, seen, act, _("The case is open again. We go on with it."))
