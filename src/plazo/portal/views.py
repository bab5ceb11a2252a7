"""The public screens: help center, agreement, request form, confirmation, conversation."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from plazo.accounts.access import actor_of_requester
from plazo.agreements.labels import metric_label
from plazo.agreements.models import AgreementVersion
from plazo.agreements.page import opening_now, promised_first_reply, sla_page
from plazo.agreements.queries import version_in_force
from plazo.channels.forms.requests import AnswerForm, RequestForm, started_token
from plazo.core import clockview, drawing, localtime
from plazo.core.errors import NotVisible, PlazoError
from plazo.core.language import language_of_request
from plazo.tickets.files import file_response
from plazo.agreements.why import why_context
from plazo.sla import Metric, State, UnknownTarget
from plazo.tickets import access, commands, queries
from plazo.tickets.models import Ticket

View = Callable[..., HttpResponse]

# What a customer may see of our clocks: the promises that were made to them.
PROMISES = (
    Metric.FIRST_REPLY,
    Metric.ESCALATED_REPLY,
    Metric.NEXT_REPLY,
    Metric.PROMISED_UPDATE,
    Metric.RESOLUTION,
)


def public(view: View) -> View:
    """Open a view to everyone; what its link does not show is a 404."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except NotVisible as error:
            raise Http404 from error

    return login_not_required(guarded)


def private(view: View) -> View:
    """Mark a page behind a signed link: no cache keeps it, no search engine lists it."""

    @wraps(view)
    def marked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return never_cache(marked)


def _site(
    request: HttpRequest, language: str, now: datetime, version: AgreementVersion
) -> dict[str, Any]:
    """Return what the frame of every public page shows."""
    document = version.document
    support = version.sla.calendars[document.support_calendar]
    other = "en" if language == "es" else "es"
    path = request.path.replace(f"/hc/{language}/", f"/hc/{other}/", 1)
    limit = settings.PLAZO.max_upload_bytes
    return {
        "max_upload": limit,
        "max_upload_mb": limit // (1024 * 1024),
        "language": language,
        "other_language": other,
        "other_path": path,
        "now": now,
        "document": document,
        "site_name": document.name.in_language(language),
        "zone": support.zone,
        "opening": opening_now(support, now),
        "areas_elsewhere": [
            (c.topic.in_language(language), document.areas[c.area].name.in_language(language))
            for c in document.clauses
            if c.area != "client"
        ],
    }


@login_not_required
def root(request: HttpRequest) -> HttpResponse:
    """Send people to the help center in their language."""
    return redirect("portal:home", language=language_of_request(request))


@public
@require_GET
def home(request: HttpRequest, language: str) -> HttpResponse:
    """Show the help center: the day, the services, and how to open a case."""
    now = timezone.now()
    version = version_in_force(now)
    context = _site(request, language, now, version)
    support = version.sla.calendars[version.document.support_calendar]
    context |= {
        "day": drawing.day_ruler(support, now, now=now, label=_("Support hours of today")),
        "promised": promised_first_reply(version, now),
        "services": [
            (key, s.icon, s.name.in_language(language), s.hint.in_language(language), s.clients.in_language(language))
            for key, s in version.document.services.items()
        ],
    }
    return render(request, "plazo/portal/home.html", context)


@public
@require_GET
def sla(request: HttpRequest, language: str) -> HttpResponse:
    """Show the agreement in force, rendered from what the engine runs."""
    now = timezone.now()
    version = version_in_force(now)
    page = sla_page(version, language, now)
    context = _site(request, language, now, version)
    support = version.sla.calendars[version.document.support_calendar]
    monday = _monday(now, support.zone)
    context |= {
        "page": page,
        "rulers": [
            (row, drawing.day_ruler(support, monday + timedelta(days=row.weekday, hours=12), now=None, label=f"{row.days}, {row.words}"))
            for row in page.hours
        ],
    }
    return render(request, "plazo/portal/sla.html", context)


def _monday(now: datetime, zone: str) -> datetime:
    there = localtime.local(now, zone)
    midnight = there.replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    return localtime.utc(midnight - timedelta(days=there.weekday()), zone)


@public
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new_request(request: HttpRequest, language: str) -> HttpResponse:
    """Show the request form, and open a case from it."""
    now = timezone.now()
    version = version_in_force(now)
    document = version.document
    status = 200
    staged: list[Any] = []
    if request.method == "POST":
        form = RequestForm(
            request.POST, request.FILES, document=document, language=language, now=now
        )
        if form.is_valid():
            try:
                ticket = form.open()
            except PlazoError as error:
                form.add_error(None, error.user_message())
            else:
                return redirect(
                    "portal:sent", language=language, token=access.link_token(ticket)
                )
        status, staged = 422, form.carry()
    else:
        initial = {
            "subject": request.GET.get("subject", "")[:200],
            "service": request.GET.get("service", ""),
            "environment": "production",
        }
        form = RequestForm(initial=initial, document=document, language=language, now=now)
    context = _site(request, language, now, version)
    promised = promised_first_reply(version, now)
    context |= {
        "form": form,
        "staged": staged,
        "started": started_token(now),
        "promised": promised,
        "clauses": [
            (c.key, c.text.in_language(language), c.route.in_language(language), document.areas[c.area].email)
            for c in document.clauses
        ],
        "choices": _choices(form, language),
        "clause_now": _clause_now(form),
    }
    return render(request, "plazo/portal/new.html", context, status=status)


def _choices(form: RequestForm, language: str) -> dict[str, Any]:
    """Return the cards of the form: value, words, hint, and whether they are chosen."""
    document = form.document

    def cards(name: str, table: dict[str, Any]) -> list[dict[str, Any]]:
        chosen = form[name].value()
        return [
            {
                "value": key,
                "name": entry.name.in_language(language),
                "hint": entry.hint.in_language(language),
                "icon": getattr(entry, "icon", ""),
                "clause": getattr(entry, "clause", None) or "",
                "checked": key == chosen,
            }
            for key, entry in table.items()
        ]

    chosen = form["severity"].value()
    severities = []
    for severity in document.severities:
        target = document.target(Metric.ESCALATED_REPLY, severity.key)
        severities.append(
            {
                "value": severity.key,
                "name": severity.name.in_language(language),
                "hint": severity.short.in_language(language),
                "duration": target.duration if target else None,
                "checked": severity.key == chosen,
            }
        )
    return {
        "service": cards("service", document.services),
        "environment": cards("environment", document.environments),
        "request_type": cards("request_type", document.request_types),
        "severity": severities,
    }


def _clause_now(form: RequestForm) -> str:
    clause = form.document.clause_for(
        form["environment"].value() or "", form["request_type"].value() or ""
    )
    return clause.key if clause else ""


@public
@never_cache
@require_GET
def promise(request: HttpRequest, language: str) -> HttpResponse:
    """Return by when we answer a case that is opened now, as plain words."""
    now = timezone.now()
    version = version_in_force(now)
    due = promised_first_reply(version, now)
    zone = version.sla.calendars[version.document.support_calendar].zone
    words = localtime.day_time(due, zone, now) if due else ""
    return HttpResponse(words, content_type="text/plain; charset=utf-8")


def _case_context(
    request: HttpRequest, language: str, ticket: Ticket, token: str, now: datetime
) -> dict[str, Any]:
    version = ticket.agreement_version
    chain = queries.chain_of(ticket)
    evaluation = queries.evaluation_of(ticket, chain, now=now)
    context = _site(request, language, now, version)
    clocks = [
        (metric_label(applied.metric), clockview.of_applied(applied, now))
        for applied in evaluation.applied
        if applied.metric in PROMISES and applied.state is not State.CANCELLED
    ]
    document = version.document
    severity = document.severity(ticket.severity)
    return context | {
        "ticket": ticket,
        "token": token,
        "chain": chain,
        "clocks": clocks,
        "severity_name": severity.name.in_language(language) if severity else "",
        "service_name": document.service_name(ticket.service, language),
        "environment_name": document.environments[ticket.environment].name.in_language(language)
        if ticket.environment in document.environments
        else ticket.environment,
        "clause": _clause_of(ticket, language),
        "ladder": [
            (step.level, step.role.in_language(language), _(" or ").join(step.contacts))
            for step in document.ladder
        ],
    }


def _clause_of(ticket: Ticket, language: str) -> dict[str, Any] | None:
    document = ticket.agreement_version.document
    clause = document.clause_for(ticket.environment, ticket.request_type)
    if clause is None:
        return None
    return {
        "text": clause.text.in_language(language),
        "route": clause.route.in_language(language),
        "email": document.areas[clause.area].email,
    }


@public
@private
@require_GET
def sent(request: HttpRequest, language: str, token: str) -> HttpResponse:
    """Confirm a case: its number, and what to expect by when."""
    now = timezone.now()
    ticket = access.ticket_by_link(token)
    context = _case_context(request, language, ticket, token, now)
    document = ticket.agreement_version.document
    first = next((c for label, c in context["clocks"] if c.metric == Metric.FIRST_REPLY), None)
    target = (
        document.target(Metric.ESCALATED_REPLY, ticket.requested_severity)
        if ticket.requested_severity
        else None
    )
    page = sla_page(ticket.agreement_version, language, now)
    context |= {"first": first, "escalated": target.duration if target else None, "page": page}
    return render(request, "plazo/portal/sent.html", context)


@public
@private
@require_GET
def case(request: HttpRequest, language: str, token: str) -> HttpResponse:
    """Show a case to its requester: promises, conversation, and a place to answer."""
    ticket = access.ticket_by_link(token)
    return _show_case(request, language, token, ticket, AnswerForm(), timezone.now())


def _show_case(
    request: HttpRequest,
    language: str,
    token: str,
    ticket: Ticket,
    form: AnswerForm,
    now: datetime,
    *,
    status: int = 200,
    staged: list[Any] | None = None,
) -> HttpResponse:
    context = _case_context(request, language, ticket, token, now)
    context |= {
        "entries": queries.conversation(ticket, context["chain"], internal=False),
        "form": form,
        "staged": staged or [],
    }
    return render(request, "plazo/portal/case.html", context, status=status)


@public
@private
@require_POST
def reply(request: HttpRequest, language: str, token: str) -> HttpResponse:
    """Take in what the requester adds to their case."""
    now = timezone.now()
    ticket = access.ticket_by_link(token)
    form = AnswerForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            commands.reply_as_requester(
                ticket_id=ticket.pk,
                body=form.cleaned_data["body"],
                attachments=form.store(),
                actor=actor_of_requester(ticket.requester),
                now=now,
            )
        except PlazoError as error:
            form.add_error(None, error.user_message())
        else:
            return redirect(reverse("portal:case", args=[language, token]) + "#end")
    return _show_case(
        request, language, token, ticket, form, now, status=422, staged=form.carry()
    )


@public
@private
@require_GET
def why(request: HttpRequest, language: str, token: str, key: str) -> HttpResponse:
    """Explain one of the promises made to the requester."""
    now = timezone.now()
    ticket = access.ticket_by_link(token)
    context = _case_context(request, language, ticket, token, now)
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
@require_GET
def file(request: HttpRequest, language: str, token: str, file: uuid.UUID) -> HttpResponse:
    """Hand out a file of a public message."""
    return file_response(access.attachment_by_link(token, file))
