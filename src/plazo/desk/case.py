"""One case: its conversation, its clocks and what can be done with it."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from plazo.accounts.models import Agent, RequesterRole
from plazo.accounts.queries import (
    absences_at,
    assignable_agents,
    names_of_agents,
    organizations,
)
from plazo.agreements.labels import clock_label
from plazo.agreements.why import why_context
from plazo.channels.email import queries as mail
from plazo.core import clockview
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible
from plazo.desk import forms
from plazo.desk.areas_shown import areas_of, without_areas
from plazo.desk.away import away_of, to_choose_from, with_absences
from plazo.desk.belonging import side_of
from plazo.desk.closing import ending_context, severity_history, wait_context
from plazo.desk.composer import composer_of
from plazo.desk.frame import agent_required, frame
from plazo.desk.macros import automation_of, words_asked
from plazo.desk.promised import promises_context
from plazo.desk.queue import way_back
from plazo.desk.scoping import scope_of
from plazo.escalation.labels import role_of
from plazo.helpcenter import queries as titles
from plazo.notifications import inbox
from plazo.sla import Metric, UnknownTarget
from plazo.tickets import access, commands, joins, queries
from plazo.tickets.files import file_response
from plazo.tickets.models import Status, Ticket, TicketEvent
from plazo.triage.scope_reading import Read, read

# Of a longer conversation its beginning and its end are shown, and the rest at a click.
SHOWN: Final = (2, 58)
MOST_ENDED_SHOWN: Final = 3
# Fetched ahead by the browser, or by a screen that follows along: nobody may be looking.
UNSEEN = {"sec-purpose", "x-plazo-live"}


@agent_required
@require_GET
def ticket(request: HttpRequest, number: str) -> HttpResponse:
    """Show a ticket: its conversation, its clocks, and what can be done."""
    now = read_clock()
    found = access.ticket_for_agent(request.agent, number)  # type: ignore[attr-defined]
    return show_ticket(request, found, now, words=words_asked(request, found, now))


def show_ticket(
    request: HttpRequest,
    found: Ticket,
    now: datetime,
    *,
    form: forms.WriteForm | None = None,
    error: str = "",
    doubts: Sequence[tuple[str, str]] = (),
    words: str = "",
    promise_asked: dict[str, Any] | None = None,
    given_back: Sequence[str] = (),
) -> HttpResponse:
    """Render the ticket page; with an error or a doubt, as 422 and with what was typed still there.

    Units: `doubts` are what is asked before something is sent: a key and a sentence each. `words`
        are those to write on from. `promise_asked` is a promise whose instant is shown once before
        it is given, `given_back` are words of a form that could not be taken, to copy.
    """
    agent: Agent = request.agent  # type: ignore[attr-defined]
    version = found.agreement_version
    chain = queries.chain_of(found)
    evaluation = queries.evaluation_of(found, chain, now=now)
    context = frame(request, now, version)
    context |= _read(request, found, context["unread_notices"], now)
    language = context["language"]
    document = version.document
    clocks = [(clock_label(a.key), clockview.of_applied(a, now)) for a in evaluation.applied]
    clocks, taken_in = without_areas(clocks), joins.taken_in(chain)
    live = sorted(
        (pair for pair in clocks if pair[1].live or pair[1].sla == "paused"),
        key=lambda pair: pair[1].due_at or now + timedelta(days=9999),
    )
    severity_text = document.severity(found.severity)
    away, zone = absences_at(now), context["zone"]
    agents = with_absences(assignable_agents(), away, zone, now)
    organization = found.organization
    entries = queries.conversation(
        found,
        chain,
        internal=True,
        merged=taken_in,
        ends=None if request.GET.get("all") else SHOWN,
    )
    said = _said(found, chain, entries)
    context |= side_of(found, chain, agent, said.values, language, now=now)
    context |= scope_of(found, chain, said, language)
    verdict_clocks = (c for _label, c in clocks if c.metric == Metric.SCOPE_VERDICT and c.live)
    context["scope_clock"] = next(verdict_clocks, None)
    participants = list(found.participants.select_related("requester"))
    context |= areas_of(found, chain, evaluation, taken_in, language, now)
    context |= {
        "ticket": found,
        "back": way_back(request),
        "entries": entries,
        "last_sequence": found.last_sequence,
        "main_clock": live[0] if live else None,
        "clocks": [pair for pair in clocks if not live or pair is not live[0]],
        "ended_clocks": _ended([pair for pair in clocks if pair not in live]),
        "severities": [
            (
                s.key,
                s.name.in_language(language),
                s.description.in_language(language),
                [example.in_language(language) for example in s.examples],
            )
            for s in document.severities
        ],
        "severity_name": severity_text.name.in_language(language) if severity_text else "",
        "severity_guide": severity_text.description.in_language(language) if severity_text else "",
        "verdict_clause": document.clause(found.verdict),
        "verdict_topic": _topic(document.clause(found.verdict), language),
        "ladder": _ladder(found, chain, language),
        "rung": _rung(found, language),
        "has_it": queries.who_has_it(chain),
        "entitled": organization is not None and organization.stage == document.stages.entitled,
        # A mail names no service: then nobody can say that it is not covered.
        "contracted": organization is not None
        and (not found.service or found.service in organization.services),
        "covered": ", ".join(
            document.service_name(key, language)
            for key in (organization.services if organization else [])
        ),
        "asked": _asked(found, chain, language),
        "assignees": to_choose_from(agents, levels=True),
        "owners": to_choose_from(agents),
        "away": away_of(found.assignee_id, away, zone, now),
        "participants": participants,
        "promise_asked": promise_asked,
        "given_back": given_back,
        "severity_history": severity_history(found, chain),
        "next_level": next((s.level for s in document.ladder if s.level > found.level), None),
        "last_cases": queries.last_cases(found, agent),
        "their_zone": found.requester.time_zone,
        "rating": queries.last_rating(found, chain),
        "roles": RequesterRole.choices,
        "companies": organizations() if found.requester.organization_id is None else [],
        "records": mail.records_of(found) if found.mailbox_id else {},
        "error": error,
        "doubts": doubts,
        "waiting_for_choices": forms.WriteForm.base_fields["waiting_for"].choices,  # type: ignore[attr-defined]
        "then_choices": forms.WriteForm.base_fields["then"].choices,  # type: ignore[attr-defined]
        "newer": bool(form and form.is_bound and seen_by(form) < found.last_sequence),
        "status_choices": [
            (value, Status(value).label)
            for value in (Status.OPEN, Status.ON_HOLD)
            if value in commands.TRANSITIONS[found.status]
        ],
        "can_solve": Status.SOLVED in commands.TRANSITIONS[found.status],
        "pause_ends_at": evaluation.pause_ends_at,
        **ending_context(found, chain, language),
        **wait_context(found),
        **automation_of(found, context["agent"], now, language),
    }
    context |= promises_context(found, chain, evaluation, agents)
    context |= composer_of(found, agent, participants, form, words=words, now=now)
    failed = bool(error or doubts or promise_asked) or (
        form is not None and form.is_bound and bool(form.errors)
    )
    return render(request, "plazo/desk/ticket.html", context, status=422 if failed else 200)


def _read(request: HttpRequest, found: Ticket, unread: str, now: datetime) -> dict[str, str]:
    """Take the case's notices as read where somebody looks; return what is left of the count."""
    if not unread or UNSEEN & {name.lower() for name in request.headers}:
        return {}
    agent: Agent = request.agent  # type: ignore[attr-defined]
    if not inbox.read_notices(agent_id=agent.pk, ticket_id=found.pk, now=now):
        return {}
    return {"unread_notices": inbox.unread_words(inbox.unread(agent))}


def _said(found: Ticket, chain: Sequence[TicketEvent], entries: Sequence[queries.Entry]) -> Read:
    """Return what a case says: the request is mostly shown, and the details cost a query where
    there are any."""
    first = chain[0].payload["message"]
    for entry in entries:
        if entry.message is not None and entry.message.pk == first:
            return Read(entry.message.body_text, queries.values_of(found, chain))
    return read(found, chain)


def _asked(found: Ticket, chain: Sequence[TicketEvent], language: str) -> dict[str, Any]:
    """Return what the request form told, and what was answered to it. One query at most."""
    opened, document = chain[0].payload, found.agreement_version.document
    article = opened.get("article", "")
    return {
        "clause": _topic(document.clause(opened.get("clause")), language),
        "answer": opened.get("answer", ""),
        "article_key": article,
        "article": titles.title_of(article, language) if article else "",
        "announcement": opened.get("announcement", ""),
        "entitlement": opened.get("entitlement", ""),
    }


def _topic(clause: Any, language: str) -> str:
    return clause.topic.in_language(language) if clause is not None else ""


def seen_by(form: forms.WriteForm) -> int:
    try:
        return int(form.data.get("seen") or 0)
    except ValueError:
        return 0


@agent_required
@require_GET
def why(request: HttpRequest, number: str, key: str) -> HttpResponse:
    """Explain one deadline of a ticket."""
    now = read_clock()
    found = access.ticket_for_agent(request.agent, number)  # type: ignore[attr-defined]
    chain = queries.chain_of(found)
    try:
        explanation = queries.explanation_of(found, chain, key.replace("~", "#"), now=now)
    except UnknownTarget as error:
        raise NotVisible from error
    context = frame(request, now, found.agreement_version)
    context |= why_context(explanation, found.agreement_version, context["language"], now)
    context["ticket"] = found
    return render(request, "plazo/desk/why.html", context)


@agent_required
@require_GET
def file(request: HttpRequest, file: uuid.UUID) -> HttpResponseBase:
    """Hand out a file of a message or a note."""
    return file_response(access.attachment_for_agent(request.agent, file))  # type: ignore[attr-defined]


def _ended(clocks: Sequence[tuple[str, clockview.ClockView]]) -> dict[str, Any]:
    """Return the clocks that ended: a few are shown, more are folded, saying how many were late."""
    few = len(clocks) <= MOST_ENDED_SHOWN
    return {
        "shown": clocks if few else [],
        "folded": [] if few else clocks,
        "late": sum(clock.sla == "late" for _label, clock in clocks),
    }


def _ladder(found: Ticket, chain: Sequence[TicketEvent], language: str) -> list[dict[str, Any]]:
    """Return the steps of the agreement's ladder, each with when the case was at its level."""
    entered = {1: chain[0].recorded_at} | {
        event.payload["level"]: event.recorded_at
        for event in chain
        if event.kind == "level.entered"
    }
    return [
        {
            "step": step.level,
            "role": step.role.in_language(language),
            "contacts": _(" or ").join(step.contacts),
            "since": entered.get(step.level),
            "until": entered.get(step.level + 1),
            "rings": found.ladder.get("step") == step.level,
        }
        for step in found.agreement_version.document.ladder
    ]


def _rung(found: Ticket, language: str) -> dict[str, Any] | None:
    """Return what rings on a ticket now, for its side panel; None where nothing does."""
    ringing = queries.ringing_on(found)
    if ringing is None:
        return None
    rung, next_at = ringing
    names = names_of_agents(found.ladder["agents"])
    return {
        "role": role_of(found.agreement_version.document, rung.step, language),
        "since": datetime.fromisoformat(found.ladder["at"]),
        "next_at": next_at,
        "people": ", ".join(names.values()),
    }
