"""The mail screens of the desk: the ledger, and one mail of it."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Agent
from plazo.agreements.queries import version_in_force
from plazo.channels.email import intake, queries
from plazo.channels.email.models import IntakeRecord
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError
from plazo.desk.frame import agent_required, frame, posted
from plazo.notifications.leaving import leaving
from plazo.tickets import access, commands

LONGEST_SOURCE = 200_000


def _frame(request: HttpRequest) -> dict[str, Any]:
    now = read_clock()
    context = frame(request, now, version_in_force(now), current="mail")
    agent: Agent = request.agent  # type: ignore[attr-defined]
    return context | {"administers": agent.administers}


@agent_required
@require_GET
def ledger(request: HttpRequest) -> HttpResponse:
    """List what came in, the newest first, with what became of it."""
    fate = request.GET.get("fate", "")
    box = request.GET.get("mailbox", "")
    page = queries.ledger_page(fate=fate, mailbox=box, before=request.GET.get("before", ""))
    context = _frame(request)
    context |= {
        "page": page,
        "fate": fate if fate in queries.FATES else "",
        "mailbox": box,
        "fates": [(key, label) for key, label in queries.FATES.items()],
        "counts": queries.ledger_counts(),
        "mailboxes": queries.mailboxes_at_a_glance(),
        "leaving": leaving(),
    }
    return render(request, "plazo/desk/mail/ledger.html", context)


def _record(pk: int) -> IntakeRecord:
    found = queries.record(pk)
    if found is None:
        raise Http404
    return found


@agent_required
@require_GET
def record(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one mail of the ledger: what was found out, and its source."""
    found = _record(pk)
    source = found.raw.data[: LONGEST_SOURCE + 1]
    context = _frame(request)
    context |= {
        "record": found,
        "source": source[:LONGEST_SOURCE].decode("utf-8", "replace"),
        "cut": len(source) > LONGEST_SOURCE,
    }
    return render(request, "plazo/desk/mail/record.html", context)


@agent_required
@require_GET
def raw(request: HttpRequest, pk: int) -> HttpResponse:
    """Hand out a mail's source as a file."""
    found = _record(pk)
    response = HttpResponse(found.raw.data, content_type="application/octet-stream")
    header = content_disposition_header(True, f"mail-{found.pk}.eml")
    response["Content-Disposition"] = header or "attachment"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@agent_required
@posted("desk:mail_record")
def run_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Have a parked mail read once more; one that a rule parked becomes a case, or a note."""
    found = _record(pk)
    actor = actor_of_agent(request.agent)  # type: ignore[attr-defined]
    try:
        if intake.run_again(found.pk, actor=actor, now=read_clock()):
            messages.success(request, _("The mail is read again."))
        else:
            messages.error(request, _("Only a parked mail can be run again."))
    except PlazoError as error:
        messages.error(request, error.user_message())
    return redirect("desk:mail_record", pk=found.pk)


@agent_required
@posted("desk:ticket")
def send_again(request: HttpRequest, number: str, message: int) -> HttpResponse:
    """Send a reply that was not delivered once more."""
    found = access.ticket_for_agent(request.agent, number)  # type: ignore[attr-defined]
    try:
        commands.send_reply_again(
            ticket_id=found.pk,
            message_id=message,
            actor=actor_of_agent(request.agent),  # type: ignore[attr-defined]
            now=read_clock(),
        )
        messages.success(request, _("The reply is on its way again."))
    except PlazoError as error:
        messages.error(request, error.user_message())
    return redirect("desk:ticket", number=number)
