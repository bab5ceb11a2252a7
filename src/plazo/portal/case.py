"""A case as its requester sees it, behind a signed link: promises, conversation, and why."""

import uuid
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from plazo.accounts.access import actor_of_requester
from plazo.accounts.commands import confirm_address
from plazo.agreements.labels import metric_label, target_words
from plazo.agreements.page import sla_page
from plazo.agreements.why import why_context
from plazo.channels.forms.cards import elsewhere
from plazo.channels.forms.requests import AnswerForm
from plazo.core import clockview
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible, PlazoError
from plazo.mailboxes import queries as mailboxes
from plazo.portal.site import frame, private, public
from plazo.sla import Metric, State, UnknownTarget
from plazo.tickets import access, commands, queries
from plazo.tickets.files import file_response
from plazo.tickets.models import Status, Ticket

# What a customer sees of our clocks: the promises that were made to them.
PROMISES = (
    Metric.FIRST_REPLY,
    Metric.ESCALATED_REPLY,
    Metric.NEXT_REPLY,
    Metric.PROMISED_UPDATE,
    Metric.RESOLUTION,
)


def _context(
    request: HttpRequest, language: str, ticket: Ticket, token: str, now: datetime
) -> dict[str, Any]:
    """Return what all pages of a case show. Costs one query: the chain of its events."""
    document = ticket.agreement_version.document
    chain = queries.chain_of(ticket)
    evaluation = queries.evaluation_of(ticket, chain, now=now)
    severity = document.severity(ticket.severity)
    environment = document.environments.get(ticket.environment)
    return frame(request, language, now, ticket.agreement_version) | {
        "ticket": ticket,
        "token": token,
        "chain": chain,
        "clocks": [
            (metric_label(applied.metric), clockview.of_applied(applied, now))
            for applied in evaluation.applied
            if applied.metric in PROMISES and applied.state is not State.CANCELLED
        ],
        "severity_name": severity.name.in_language(language) if severity else "",
        "service_name": document.service_name(ticket.service, language),
        "environment_name": environment.name.in_language(language) if environment else "",
        "elsewhere": elsewhere(
            document, document.clause_for(ticket.environment, ticket.request_type), language
        ),
        "ladder": [
            (step.level, step.role.in_language(language), _(" or ").join(step.contacts))
            for step in document.ladder
        ],
    }


@public
@private
@require_safe
def sent(request: HttpRequest, language: str, token: str) -> HttpResponse:
    """Confirm a case: its number, and what to expect by when."""
    now = read_clock()
    ticket = access.ticket_by_link(token)
    context = _context(request, language, ticket, token, now)
    version = ticket.agreement_version
    requested = context["chain"][0].payload["requested_severity"]
    target = version.document.target(Metric.ESCALATED_REPLY, requested) if requested else None
    context |= {
        "first": next((c for _l, c in context["clocks"] if c.metric == Metric.FIRST_REPLY), None),
        "requested": requested,
        "escalated": target_words(version.document, target),
        "receipt": not context["chain"][0].payload.get("quiet"),
        "page": sla_page(version, language, now),
        "by_mail": mailboxes.takes_answers(ticket.mailbox),
    }
    return render(request, "plazo/portal/sent.html", context)


@public
@private
@require_safe
def case(request: HttpRequest, language: str, token: str) -> HttpResponse:
    """Show a case to its requester: promises, conversation, and a place to answer."""
    ticket = access.ticket_by_link(token)
    return _show(request, language, token, ticket, AnswerForm())


def _show(
    request: HttpRequest,
    language: str,
    token: str,
    ticket: Ticket,
    form: AnswerForm,
    *,
    status: int = 200,
) -> HttpResponse:
    now = read_clock()
    context = _context(request, language, ticket, token, now)
    context |= {
        "entries": [
            entry
            for entry in queries.conversation(ticket, context["chain"], internal=False)
            if _tells_the_requester_something(entry)
        ],
        "form": form,
        "staged": form.carry() if form.is_bound else [],
        "waits_for_you": ticket.status == Status.PENDING and ticket.waiting_for == "requester",
        "unconfirmed": ticket.requester.email_confirmed_at is None,
        # Waiting pauses what the agreement names, and only while its longest pause lasts.
        "clock_stops": any(clock.sla == State.PAUSED for _label, clock in context["clocks"]),
        "can_solve": ticket.status not in (Status.SOLVED, Status.CLOSED),
    }
    return render(request, "plazo/portal/case.html", context, status=status)


def _tells_the_requester_something(entry: queries.Entry) -> bool:
    """Leave out what is public but no news: clocks of ours, and that a first reply opens a case."""
    payload = entry.event.payload
    match entry.event.kind:
        case "clock.breached":
            return payload["metric"] in PROMISES
        case "status.changed":
            return (payload["previous"], payload["status"]) != (Status.NEW, Status.OPEN)
        case "ticket.opened":
            return entry.kind == "message"
        case _:
            return True


@public
@private
@require_POST
def confirm(request: HttpRequest, language: str, token: str) -> HttpResponse:
    """Take the word of whoever has the receipt's link that the address is theirs.

    Edges: opening the link confirms nothing, since mail scanners open links too: a button does,
        and so does anything else that is done behind it.
    """
    now = read_clock()
    ticket = access.ticket_by_link(token)
    confirm_address(requester_id=ticket.requester_id, now=now)
    messages.success(request, _("Thank you. From now on our answers come whole by mail."))
    return redirect("portal:case", language=language, token=token)


@public
@private
@require_POST
def reply(request: HttpRequest, language: str, token: str) -> HttpResponse:
    """Take in what the requester adds to their case."""
    ticket = access.ticket_by_link(token)
    form = AnswerForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            commands.reply_as_requester(
                ticket_id=ticket.pk,
                body=form.cleaned_data["body"],
                attachments=form.store(),
                actor=actor_of_requester(ticket.requester),
                now=read_clock(),
            )
            confirm_address(requester_id=ticket.requester_id, now=read_clock())
        except PlazoError as error:
            form.add_error(None, error.user_message())
        else:
            messages.success(request, _("We have your answer."), extra_tags=f"case-{ticket.number}")
            return redirect(reverse("portal:case", args=[language, token]) + "#end")
    return _show(request, language, token, ticket, form, status=422)


def lost_reply(request: HttpRequest, language: str, token: str, reason: str) -> HttpResponse:
    """Give back an answer that could not be taken, whole, with the reason why."""
    ticket = access.ticket_by_link(token)
    form = AnswerForm(request.POST, request.FILES)
    form.is_valid()
    form.add_error(None, reason)
    return _show(request, language, token, ticket, form, status=403)


@public
@private
@require_POST
def solve(request: HttpRequest, language: str, token: str) -> HttpResponse:
    """Take the requester's word that it is solved."""
    ticket = access.ticket_by_link(token)
    try:
        commands.set_status(
            ticket_id=ticket.pk,
            status=Status.SOLVED,
            actor=actor_of_requester(ticket.requester),
            now=read_clock(),
        )
    except PlazoError as error:
        messages.error(request, error.user_message())
    else:
        messages.success(request, _("Thank you. We have marked the case as solved."))
    return redirect("portal:case", language=language, token=token)


@public
@private
@require_safe
def why(request: HttpRequest, language: str, token: str, key: str) -> HttpResponse:
    """Explain one of the promises made to the requester."""
    now = read_clock()
    ticket = access.ticket_by_link(token)
    context = _context(request, language, ticket, token, now)
    try:
        explanation = queries.explanation_of(
            ticket, context["chain"], key.replace("~", "#"), now=now
        )
    except UnknownTarget as error:
        raise NotVisible from error
    if explanation.applied.metric not in PROMISES:
        raise NotVisible
    context |= why_context(explanation, ticket.agreement_version, language, now)
    return render(request, "plazo/portal/why.html", context)


@public
@private
@require_safe
def file(request: HttpRequest, language: str, token: str, file: uuid.UUID) -> FileResponse:
    """Hand out a file of a public message."""
    return file_response(access.attachment_by_link(token, file))
