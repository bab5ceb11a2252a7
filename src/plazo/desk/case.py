"""One case: its conversation, its clocks and what can be done with it."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from plazo.accounts.models import RequesterRole
from plazo.accounts.queries import assignable_agents, organizations
from plazo.agreements.labels import metric_label
from plazo.agreements.why import why_context
from plazo.channels.email import queries as mail
from plazo.core import clockview
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible
from plazo.desk import forms
from plazo.desk.frame import agent_required, frame
from plazo.desk.macros import automation_of, words_asked
from plazo.desk.queue import way_back
from plazo.helpcenter import queries as titles
from plazo.sla import UnknownTarget
from plazo.tickets import access, commands, queries
from plazo.tickets.files import file_response
from plazo.tickets.models import Status, Ticket, TicketEvent


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
    words: str = "",
) -> HttpResponse:
    """Render the ticket page, with `words` to write on from.

    Edges: with an error, as 422 and with what was typed still there.
    """
    version = found.agreement_version
    chain = queries.chain_of(found)
    evaluation = queries.evaluation_of(found, chain, now=now)
    context = frame(request, now, version)
    language = context["language"]
    document = version.document
    clocks = [(metric_label(a.metric), clockview.of_applied(a, now)) for a in evaluation.applied]
    live = sorted(
        (pair for pair in clocks if pair[1].live or pair[1].sla == "paused"),
        key=lambda pair: pair[1].due_at or now + timedelta(days=9999),
    )
    severity_text = document.severity(found.severity)
    organization = found.organization
    context |= {
        "ticket": found,
        "back": way_back(request),
        "entries": queries.conversation(found, chain, internal=True),
        "last_sequence": found.last_sequence,
        "main_clock": live[0] if live else None,
        "clocks": [pair for pair in clocks if not live or pair is not live[0]],
        "severities": [
            (s.key, s.name.in_language(language), s.description.in_language(language))
            for s in document.severities
        ],
        "severity_name": severity_text.name.in_language(language) if severity_text else "",
        "service_name": document.service_name(found.service, language),
        "environment_name": document.environments[found.environment].name.in_language(language)
        if found.environment in document.environments
        else found.environment,
        "clauses": [(c.key, c.topic.in_language(language)) for c in document.clauses],
        "suggested_clause": document.clause_for(found.environment, found.request_type),
        "verdict_clause": document.clause(found.verdict),
        "verdict_topic": _topic(document.clause(found.verdict), language),
        "suggested_topic": _topic(
            document.clause_for(found.environment, found.request_type), language
        ),
        "ladder": [
            (s.level, s.role.in_language(language), _(" or ").join(s.contacts))
            for s in document.ladder
        ],
        "entitled": organization is not None and organization.stage == document.stages.entitled,
        # A mail names no service: then nobody can say that it is not covered.
        "contracted": organization is not None
        and (not found.service or found.service in organization.services),
        "covered": ", ".join(
            document.service_name(key, language)
            for key in (organization.services if organization else [])
        ),
        "asked": _asked(found, chain, language),
        "agents": assignable_agents(),
        "participants": list(found.participants.select_related("requester")),
        "rating": queries.last_rating(found, chain),
        "roles": RequesterRole.choices,
        "companies": organizations() if found.requester.organization_id is None else [],
        "records": mail.records_of(found) if found.mailbox_id else {},
        "form": form or forms.WriteForm(initial={"kind": "reply", "body": words}),
        "staged": form.carry() if form is not None and form.is_bound else [],
        "error": error,
        "waiting_for_choices": forms.WriteForm.base_fields["waiting_for"].choices,  # type: ignore[attr-defined]
        "then_choices": forms.WriteForm.base_fields["then"].choices,  # type: ignore[attr-defined]
        "newer": bool(form and form.is_bound and seen_by(form) < found.last_sequence),
        "status_choices": [
            (value, Status(value).label)
            for value in (Status.OPEN, Status.ON_HOLD, Status.SOLVED)
            if value in commands.TRANSITIONS[found.status]
        ],
        **automation_of(found, context["agent"], now, language),
    }
    failed = bool(error) or (form is not None and form.is_bound and bool(form.errors))
    return render(request, "plazo/desk/ticket.html", context, status=422 if failed else 200)


def _asked(found: Ticket, chain: Sequence[TicketEvent], language: str) -> dict[str, Any]:
    """Return what the request form asked and told, and what was answered. Two queries at most."""
    opened, document = chain[0].payload, found.agreement_version.document
    article = opened.get("article", "")
    return {
        "answers": queries.answers_of(found, chain, language),
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
