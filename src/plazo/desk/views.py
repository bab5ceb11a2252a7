"""The agents' screens. A view fetches through access, parses with a form, calls one command or
query, translates errors, and renders."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from django import forms as django_forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Agent, RequesterRole
from plazo.accounts.queries import assignable_agents, organizations
from plazo.agreements.errors import NoAgreementInForce
from plazo.agreements.labels import metric_label
from plazo.agreements.models import AgreementVersion
from plazo.agreements.page import opening_now
from plazo.agreements.queries import version_in_force
from plazo.agreements.why import why_context
from plazo.channels.email import queries as mail
from plazo.core import clockview, drawing
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible, PlazoError
from plazo.desk import forms
from plazo.desk.horizon import horizon
from plazo.helpcenter import queries as titles
from plazo.notifications import people
from plazo.sla import UnknownTarget
from plazo.tickets import access, commands, queries
from plazo.tickets.files import file_response
from plazo.tickets.models import Status, Ticket, TicketEvent

View = Callable[..., HttpResponseBase]

# The view or the search that the person saw last, so that a case leads back to it.
CAME_FROM = "plazo_queue"


def agent_required(view: View) -> View:
    """Let agents in; for anyone else who is signed in, the desk does not exist."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            request.agent = access.require_agent(request.user)  # type: ignore[attr-defined]
            return view(request, *args, **kwargs)
        except NotVisible as error:
            raise Http404 from error
        except NoAgreementInForce as error:
            context = {"reason": error.user_message()}
            return render(request, "plazo/desk/not_yet.html", context, status=error.http_status)

    return never_cache(guarded)


def posted(page: str) -> Callable[[View], View]:
    """Let a view be reached by sending its form only, and lead whoever comes otherwise to `page`.

    Edges: that is where a person lands who had to sign in before their form could be taken: they
        are told that nothing was done.
    """

    def only_posted(view: View) -> View:
        takes_posts: View = require_POST(view)

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method not in ("GET", "HEAD"):
                return takes_posts(request, *args, **kwargs)
            messages.warning(request, _("Nothing was sent. Please send it again."))
            place = {"number": kwargs["number"]} if "number" in kwargs else kwargs
            return redirect(reverse(page, kwargs=place))

        return guarded

    return only_posted


def _view_labels() -> dict[str, tuple[str, str, str]]:
    """Return each view of the queue: its name, its icon, and the second key of its sequence."""
    return {
        "due": (_("Due next"), "list-ordered", "q"),
        "overdue": (pgettext("cases", "Overdue"), "alarm-clock-off", "v"),
        "mine": (_("Assigned to me"), "user-round", "m"),
        "unassigned": (_("Unassigned"), "circle-dashed", "s"),
        "pending": (_("Waiting for an answer"), "pause", "w"),
        "solved": (_("Solved lately"), "circle-check", "d"),
    }


def frame(
    request: HttpRequest, now: datetime, version: AgreementVersion, current: str = ""
) -> dict[str, Any]:
    """Return what every page of the desk shows: the rail with its counts, the day, the person.

    Costs one query, for all counts together.
    """
    agent: Agent = request.agent  # type: ignore[attr-defined]
    document = version.document
    support = version.sla.calendars[document.support_calendar]
    counted = queries.counts(agent=agent, now=now)
    cap = queries.COUNT_CAP
    return {
        "now": now,
        "agent": agent,
        "document": document,
        "language": request.LANGUAGE_CODE,
        "zone": agent.user.time_zone,
        "support_zone": support.zone,
        "opening": opening_now(support, now),
        "today": drawing.day_ruler(support, now, now=now, label=_("Support hours of today")),
        "current_view": current,
        "rail": [
            (key, label, icon, letter, f"{cap}+" if counted[key] > cap else counted[key])
            for key, (label, icon, letter) in _view_labels().items()
        ],
        "demo_outbox": settings.PLAZO.demo,
        "max_upload": settings.PLAZO.max_upload_bytes,
    }


@agent_required
@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    """Show a view of the queue, what is due first at the top, or what a search finds anywhere."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    name = _view(request.GET.get("view", ""))
    search = request.GET.get("q", "").strip()[:80]
    after = request.GET.get("after", "")
    page = (
        queries.search_page(search, agent=agent, after=after)
        if search
        else queries.queue_page(name, agent=agent, now=now, after=after)
    )
    version = version_in_force(now)
    context = frame(request, now, version, current="" if search else name)
    counted = {key: count for key, _label, _icon, _letter, count in context["rail"]}
    rows = [_row(ticket, context["language"], version, now) for ticket in page.tickets]
    dated = any(row["clock"] is not None and row["clock"].due_at for row in rows)
    support = version.sla.calendars[version.document.support_calendar]
    context |= {
        "title": _("Results for “%(search)s”") % {"search": search}
        if search
        else _view_labels()[name][0],
        "count": None if search else counted[name],
        "view": name,
        "groups": _groups(rows, name, now),
        "rows": rows,
        "paused_word": clockview.words()["paused"],
        "next_after": page.next_after,
        "search": search,
        "horizon": horizon(rows, support, now, context["zone"])
        if dated and name != "solved"
        else None,
    }
    if not rows:
        context |= {
            "next_deadline": queries.next_deadline(agent=agent, now=now),
            "unassigned": counted["unassigned"],
        }
    response = render(request, "plazo/desk/queue.html", context)
    response.set_cookie(
        CAME_FROM,
        urlencode({"view": name, "q": search}),
        path=reverse("desk:queue"),
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )
    return response


def _view(wanted: str) -> queries.QueueView:
    return next((view for view in queries.VIEWS if view == wanted), "due")


def _back(request: HttpRequest) -> str:
    """Return the view or the search that the person saw last: where a case leads back to."""
    came_from = QueryDict(request.COOKIES.get(CAME_FROM, ""))
    view, search = _view(came_from.get("view", "")), came_from.get("q", "")[:80]
    wanted = {"view": "" if view == "due" else view, "q": search}
    query = urlencode({key: value for key, value in wanted.items() if value})
    return reverse("desk:queue") + (f"?{query}" if query else "")


def _row(ticket: Ticket, language: str, version: AgreementVersion, now: datetime) -> dict[str, Any]:
    live = queries.live_clock(ticket)
    clock = clockview.of_projection(live, now) if live else None
    return {
        "ticket": ticket,
        "clock": clock,
        "metric": metric_label(clock.metric) if clock else "",
        "service": version.document.service_name(ticket.service, language),
        "state": clock.sla if clock else "",
    }


def _groups(
    rows: list[dict[str, Any]], view: str, now: datetime
) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """Part a queue as a departure board does: overdue, next hour, later, no clock, ended."""
    if view == "solved":
        return [(_("The latest first"), "history", rows)] if rows else []
    parts: dict[str, list[dict[str, Any]]] = {
        "late": [], "hour": [], "later": [], "none": [], "ended": []
    }  # fmt: skip
    for row in rows:
        clock = row["clock"]
        if row["ticket"].is_ended:
            parts["ended"].append(row)
        elif clock is None or clock.due_at is None:
            parts["none"].append(row)
        elif clock.sla == "late":
            parts["late"].append(row)
        elif clock.due_at - now <= timedelta(hours=1):
            parts["hour"].append(row)
        else:
            parts["later"].append(row)
    names = {
        "late": (pgettext("cases", "Overdue"), "octagon-alert"),
        "hour": (_("Next hour"), "hourglass"),
        "later": (_("Later"), "clock-3"),
        "none": (_("No clock running"), "pause"),
        "ended": (_("Solved or closed"), "circle-check"),
    }
    return [(*names[key], found) for key, found in parts.items() if found]


@agent_required
@require_GET
def ticket(request: HttpRequest, number: str) -> HttpResponse:
    """Show a ticket: its conversation, its clocks, and what can be done."""
    found = access.ticket_for_agent(request.agent, number)  # type: ignore[attr-defined]
    return _show(request, found, read_clock())


def _show(
    request: HttpRequest,
    found: Ticket,
    now: datetime,
    *,
    form: forms.WriteForm | None = None,
    error: str = "",
) -> HttpResponse:
    """Render the ticket page; with an error, as 422 and with what was typed still there."""
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
        "back": _back(request),
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
        "form": form or forms.WriteForm(initial={"kind": "reply"}),
        "staged": form.carry() if form is not None and form.is_bound else [],
        "error": error,
        "waiting_for_choices": forms.WriteForm.base_fields["waiting_for"].choices,  # type: ignore[attr-defined]
        "then_choices": forms.WriteForm.base_fields["then"].choices,  # type: ignore[attr-defined]
        "newer": bool(form and form.is_bound and _seen(form) < found.last_sequence),
        "status_choices": [
            (value, Status(value).label)
            for value in (Status.OPEN, Status.ON_HOLD, Status.SOLVED)
            if value in commands.TRANSITIONS[found.status]
        ],
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


def _seen(form: forms.WriteForm) -> int:
    try:
        return int(form.data.get("seen") or 0)
    except ValueError:
        return 0


def _act(
    request: HttpRequest,
    number: str,
    form: django_forms.Form,
    command: Callable[[Ticket, dict[str, Any], dict[str, Any]], Any],
    *,
    done: str = "",
) -> HttpResponse:
    """Run one command of the side panel; on an error show the ticket again with the sentence."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    found = access.ticket_for_agent(agent, number)
    if not form.is_valid():
        first = next(iter(form.errors.values()))[0]
        return _show(request, found, now, error=str(first))
    try:
        command(found, form.cleaned_data, {"actor": actor_of_agent(agent), "now": now})
    except PlazoError as error:
        return _show(request, found, now, error=error.user_message())
    if done:
        messages.success(request, done)
    return redirect("desk:ticket", number=number)


@agent_required
@posted("desk:ticket")
def write(request: HttpRequest, number: str) -> HttpResponse:
    """Send a public reply, or keep an internal note."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    found = access.ticket_for_agent(agent, number)
    form = forms.WriteForm(request.POST, request.FILES)
    if not form.is_valid():
        return _show(request, found, now, form=form)
    data, actor = form.cleaned_data, actor_of_agent(agent)
    if data["kind"] == "reply" and _requester_wrote_since(found, _seen(form)):
        warning = _("The requester wrote while you were writing. Read it, then send again.")
        return _show(request, found, now, form=form, error=warning)
    try:
        if data["kind"] == "note":
            commands.add_internal_note(
                ticket_id=found.pk,
                body=data["body"],
                attachments=form.store(),
                actor=actor,
                now=now,
            )
        else:
            commands.reply_to_ticket(
                ticket_id=found.pk,
                body=data["body"],
                attachments=form.store(),
                copies=_copies(found, data),
                then=data["then"],
                waiting_for=data["waiting_for"],
                reason=data["reason"],
                actor=actor,
                now=now,
            )
    except PlazoError as error:
        return _show(request, found, now, form=form, error=error.user_message())
    done = _("Note saved.") if data["kind"] == "note" else _("Reply sent.")
    # The tag names the draft, which the page that shows this may forget.
    messages.success(request, done, extra_tags=f"desk-{number}")
    return redirect("desk:ticket", number=number)


def _copies(found: Ticket, data: dict[str, Any]) -> list[int] | None:
    """Return the participants that the agent left ticked; all of them where none were shown."""
    if not data["copies_shown"]:
        return None
    taking_part = found.participants.values_list("requester_id", flat=True)
    return [pk for pk in taking_part if str(pk) in data["copies"]]


def _requester_wrote_since(found: Ticket, seen: int) -> bool:
    return bool(seen) and any(
        event.kind == "requester.replied" and event.sequence > seen
        for event in queries.chain_of(found)
    )


@agent_required
@posted("desk:ticket")
def assign(request: HttpRequest, number: str) -> HttpResponse:
    """Give the ticket to somebody, or to nobody."""
    return _act(
        request,
        number,
        forms.AssignForm(request.POST),
        lambda found, data, by: commands.assign_ticket(
            ticket_id=found.pk, assignee_id=data["assignee"], **by
        ),
    )


@agent_required
@posted("desk:ticket")
def severity(request: HttpRequest, number: str) -> HttpResponse:
    """Judge the impact."""
    return _act(
        request,
        number,
        forms.SeverityForm(request.POST),
        lambda found, data, by: commands.set_severity(
            ticket_id=found.pk, severity=data["severity"], **by
        ),
    )


@agent_required
@posted("desk:ticket")
def level(request: HttpRequest, number: str) -> HttpResponse:
    """Hand the ticket up to another level."""
    return _act(
        request,
        number,
        forms.LevelForm(request.POST),
        lambda found, data, by: commands.enter_level(
            ticket_id=found.pk, level=data["level"], severity=data["severity"], **by
        ),
    )


@agent_required
@posted("desk:ticket")
def verdict(request: HttpRequest, number: str) -> HttpResponse:
    """Decide whether the ticket is in scope, or out by which clause."""
    return _act(
        request,
        number,
        forms.VerdictForm(request.POST),
        lambda found, data, by: commands.give_verdict(
            ticket_id=found.pk,
            in_scope=data["verdict"] == "in_scope",
            clause="" if data["verdict"] == "in_scope" else data["verdict"],
            **by,
        ),
    )


@agent_required
@posted("desk:ticket")
def status(request: HttpRequest, number: str) -> HttpResponse:
    """Put the ticket in another status."""
    return _act(
        request,
        number,
        forms.StatusForm(request.POST),
        lambda found, data, by: commands.set_status(ticket_id=found.pk, **data, **by),
    )


@agent_required
@posted("desk:ticket")
def reopen(request: HttpRequest, number: str) -> HttpResponse:
    """Open a solved ticket again."""
    return _act(
        request,
        number,
        django_forms.Form(request.POST),
        lambda found, data, by: commands.reopen_ticket(ticket_id=found.pk, **by),
    )


@agent_required
@require_POST
def invite(request: HttpRequest, number: str) -> HttpResponse:
    """Invite the requester into the portal, bound to their company."""
    return _act(
        request,
        number,
        forms.InviteForm(request.POST),
        lambda found, data, by: people.invite(
            email=found.requester.email,
            name=found.requester.name,
            organization_id=found.requester.organization_id or data["organization"],
            role=data["role"],
            language=found.requester.language,
            **by,
        ),
        done=_("The invitation is on its way."),
    )


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
@require_http_methods(["GET", "HEAD", "POST"])
def me(request: HttpRequest) -> HttpResponse:
    """Let a person choose their language and zone."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    form = forms.MeForm(request.POST or None, instance=agent.user)
    if request.method == "POST" and form.is_valid():
        user = form.save()
        response = redirect("desk:me")
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, user.language, max_age=365 * 86400, samesite="Lax"
        )
        messages.success(request, _("Saved."))
        return response
    context = frame(request, now, version_in_force(now), current="me") | {"form": form}
    status_code = 422 if form.is_bound and form.errors else 200
    return render(request, "plazo/desk/me.html", context, status=status_code)


@agent_required
@require_GET
def file(request: HttpRequest, file: uuid.UUID) -> HttpResponseBase:
    """Hand out a file of a message or a note."""
    return file_response(access.attachment_for_agent(request.agent, file))  # type: ignore[attr-defined]
