"""A case as somebody on its requester's side sees it: promises, conversation, and why."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from plazo.agreements.document import AgreementDocument
from plazo.agreements.labels import clock_label, target_words
from plazo.agreements.page import sla_page
from plazo.agreements.why import why_context
from plazo.channels.forms.cards import Elsewhere, elsewhere
from plazo.channels.forms.requests import AnswerForm
from plazo.core import clockview
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible, PlazoError
from plazo.mailboxes import queries as mailboxes
from plazo.portal.door import Seen, of_case
from plazo.portal.site import frame
from plazo.portal.words import status_words
from plazo.sla import Metric, State, UnknownTarget
from plazo.tickets import access, commands, joins, queries
from plazo.tickets.events import LadderAnswered
from plazo.tickets.files import file_response
from plazo.tickets.models import SCORES, Channel, Status, Ticket, TicketEvent

PROMISES = queries.PROMISED


def context_of(request: HttpRequest, language: str, seen: Seen, now: datetime) -> dict[str, Any]:
    """Return what all pages of a case show. Costs one query: the chain of its events."""
    ticket = seen.ticket
    document = ticket.agreement_version.document
    chain = queries.chain_of(ticket)
    evaluation = queries.evaluation_of(ticket, chain, now=now)
    severity = document.severity(ticket.severity)
    environment = document.environments.get(ticket.environment)
    framed = frame(request, language, now, ticket.agreement_version, "requests")
    clocks = [
        (_label_of(view), view)
        for view in (clockview.of_applied(applied, now) for applied in evaluation.applied)
        if view.metric in PROMISES and view.state != State.CANCELLED
    ]
    past = [pair for pair in clocks if _is_past(pair[1])]
    return framed | {
        "seen": seen,
        "ticket": ticket,
        "token": seen.token,
        "zone": seen.person.time_zone or framed["zone"],
        "chain": chain,
        "clocks": [pair for pair in clocks if pair not in past],
        "past_promises": past,
        "status_words": status_words(ticket),
        "severity_name": severity.name.in_language(language) if severity else "",
        "service_name": document.service_name(ticket.service, language),
        "environment_name": environment.name.in_language(language) if environment else "",
        "elsewhere": _elsewhere(ticket, document, language),
        "ladder": [
            (step.level, step.role.in_language(language), _(" or ").join(step.contacts))
            for step in document.ladder
        ],
    }


def _elsewhere(ticket: Ticket, document: AgreementDocument, language: str) -> Elsewhere | None:
    """Return who attends what the form's answers are about; nothing where a person decided
    otherwise, or the case is over.
    """
    clause = document.clause_for(ticket.environment, ticket.request_type)
    decided = bool(ticket.verdict)
    if ticket.is_ended or clause is None or (decided and ticket.verdict != clause.key):
        return None
    return elsewhere(document, clause, language)


def _is_past(clock: clockview.ClockView) -> bool:
    """Say whether a clock is a promise of a person that was kept or broken, and is over."""
    return clock.metric == Metric.PROMISED_UPDATE and clock.done_at is not None


def _label_of(clock: clockview.ClockView) -> str:
    """Return what a requester calls a clock: of what is still to come, what it brings."""
    is_update = clock.metric == Metric.PROMISED_UPDATE and ":solution" not in clock.key
    return _("Next update") if is_update and not _is_past(clock) else clock_label(clock.key)


@of_case
@require_safe
def sent(request: HttpRequest, language: str, seen: Seen) -> HttpResponse:
    """Confirm a case: its number, and what to expect by when."""
    now = read_clock()
    context = context_of(request, language, seen, now)
    version = seen.ticket.agreement_version
    requested = context["chain"][0].payload["requested_severity"]
    target = version.document.target(Metric.ESCALATED_REPLY, requested) if requested else None
    context |= {
        "first": next((c for _l, c in context["clocks"] if c.metric == Metric.FIRST_REPLY), None),
        "requested": requested,
        "escalated": target_words(version.document, target),
        "receipt": not context["chain"][0].payload.get("quiet"),
        "page": sla_page(version, language, now),
        "by_mail": mailboxes.takes_answers(seen.ticket.mailbox),
    }
    return render(request, "plazo/portal/sent.html", context)


@of_case
@require_safe
def case(request: HttpRequest, language: str, seen: Seen) -> HttpResponse:
    """Show a case: promises, conversation, and a place to answer."""
    return show(request, language, seen, AnswerForm())


def show(
    request: HttpRequest,
    language: str,
    seen: Seen,
    form: AnswerForm,
    *,
    fault: str = "",
    status: int = 200,
) -> HttpResponse:
    """Render a case; with a fault, as what was typed could not be taken."""
    now = read_clock()
    ticket = seen.ticket
    context = context_of(request, language, seen, now)
    chain = context["chain"]
    before, after = _follow_ups(seen, queries.follow_ups(chain))
    context |= {
        "answers": queries.answers_of(ticket, chain, language),
        "entries": [
            entry
            for entry in queries.conversation(
                ticket, chain, internal=False, merged=_merged(seen, chain)
            )
            if _tells_the_requester_something(entry)
        ],
        "form": form,
        "fault": fault,
        "typed_words": request.POST.get("words", ""),
        "typed_email": request.POST.get("email", ""),
        "staged": form.carry() if form.is_bound else [],
        "waits_for_you": ticket.status == Status.PENDING and ticket.waiting_for == "requester",
        "unconfirmed": seen.person.email_confirmed_at is None,
        # Waiting pauses what the agreement names, and only while its longest pause lasts.
        "clock_stops": any(clock.sla == State.PAUSED for _label, clock in context["clocks"]),
        "can_solve": not ticket.is_ended,
        "can_answer": ticket.can_be_answered(now),
        "rung": _rung(chain, ticket.agreement_version.document, language),
        "climb": None if ticket.is_ended else queries.climb(ticket, chain, now=now),
        "follows": before,
        "followed_by": after,
        "rating": queries.last_rating(ticket, chain),
        "asks_solved": ticket.status == Status.SOLVED and not queries.confirmed(ticket, chain),
        "can_rate": ticket.status == Status.SOLVED and seen.person.pk == ticket.requester_id,
        "scores": SCORES,
        "participants": _participants(seen),
        "can_add": ticket.status != Status.CLOSED and seen.person.confirmed(now),
    }
    return render(request, "plazo/portal/case.html", context, status=status)


def _merged(seen: Seen, chain: Sequence[TicketEvent]) -> list[int]:
    """Return the tickets that were merged into a case and that the reader may see themselves."""
    return access.sees(seen.person, joins.taken_in(chain), part=seen.part)


def _participants(seen: Seen) -> list[tuple[Any, bool]]:
    """Return who takes part, each with whether the reader may take them out."""
    rules = seen.person.pk == seen.ticket.requester_id or seen.person.manages
    return [
        (entry.requester, rules or entry.requester_id == seen.person.pk)
        for entry in seen.ticket.participants.select_related("requester")
    ]


def _follow_ups(
    seen: Seen, related: tuple[list[int], list[int]]
) -> tuple[list[tuple[Ticket, str]], list[tuple[Ticket, str]]]:
    """Return the cases before and after this one that the reader sees too, with their tokens."""
    if not any(related):
        return [], []
    visible = access.tickets_for_requester(seen.person)
    found = visible.select_related("requester").in_bulk([pk for some in related for pk in some])
    before, after = (
        [(found[pk], seen.token_of(found[pk])) for pk in some if pk in found] for some in related
    )
    return before, after


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


@of_case
@require_POST
def confirm(request: HttpRequest, language: str, seen: Seen) -> HttpResponse:
    """Take the word of whoever has a mail's link that the address is theirs; the door notes it."""
    if not seen.by_mail:
        raise NotVisible
    messages.success(request, _("Thank you. From now on our answers come whole by mail."))
    return redirect(seen.address(language))


@of_case
@require_POST
def reply(request: HttpRequest, language: str, seen: Seen) -> HttpResponse:
    """Take in what somebody adds to a case."""
    form = AnswerForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            commands.reply_as_requester(
                ticket_id=seen.ticket.pk,
                body=form.cleaned_data["body"],
                attachments=form.store(),
                channel=Channel.PORTAL if seen.signed_in else Channel.FORM,
                actor=seen.actor,
                now=read_clock(),
            )
        except PlazoError as error:
            form.add_error(None, error.user_message())
        else:
            messages.success(
                request, _("We have your answer."), extra_tags=f"case-{seen.ticket.number}"
            )
            return redirect(seen.address(language) + "#end")
    return show(request, language, seen, form, status=422)


def lost_reply(request: HttpRequest, language: str, seen: Seen, reason: str) -> HttpResponse:
    """Give back an answer that could not be taken, whole, with the reason why."""
    form = AnswerForm(request.POST, request.FILES)
    form.is_valid()
    form.add_error(None, reason)
    return show(request, language, seen, form, status=403)


@of_case
@require_safe
def why(request: HttpRequest, language: str, seen: Seen, key: str) -> HttpResponse:
    """Explain one of the promises made to the requester."""
    now = read_clock()
    ticket = seen.ticket
    context = context_of(request, language, seen, now)
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


@of_case
@require_safe
def file(request: HttpRequest, language: str, seen: Seen, file: uuid.UUID) -> FileResponse:
    """Hand out a file of a public message."""
    merged = _merged(seen, queries.chain_of(seen.ticket))
    return file_response(access.attachment_of(seen.ticket, file, merged=merged))


def _rung(
    chain: Sequence[TicketEvent], document: AgreementDocument, language: str
) -> list[dict[str, Any]]:
    """Return what became of their own escalating: which steps were rung, and whether somebody has
    it. By role: who of us it is stays with us.
    """
    roles = {step.level: step.role.in_language(language) for step in document.ladder}
    return [
        {
            "at": event.recorded_at,
            "answered": event.kind == LadderAnswered.kind,
            "role": roles.get(event.payload["step"], ""),
        }
        for event in queries.rang_after_climb(chain)
    ]
