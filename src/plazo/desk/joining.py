"""Merging cases, undoing it, splitting a message off, and links: look first, then do it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Agent, Requester
from plazo.agreements.labels import metric_label
from plazo.core import clockview
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible, PlazoError
from plazo.desk.belonging import CHOICES, choices_of
from plazo.desk.case import show_ticket
from plazo.desk.frame import agent_required, frame, posted
from plazo.desk.writing import final_text
from plazo.tickets import access, commands, joins, queries
from plazo.tickets.models import PublicMessage, Status, Ticket, TicketEvent


def case_named(request: HttpRequest, text: str) -> Ticket | None:
    """Return the case that was written by its number, in any case of its letters."""
    number = text.replace("\x00", "").strip().lstrip("#").upper()
    try:
        return access.ticket_for_agent(request.agent, number)  # type: ignore[attr-defined]
    except NotVisible:
        return None


def _page(
    request: HttpRequest, found: Ticket, now: datetime, template: str, **more: Any
) -> HttpResponse:
    failed = bool(more.get("error"))
    context = frame(request, now, found.agreement_version) | {"ticket": found, "error": ""} | more
    return render(
        request, f"plazo/desk/joins/{template}.html", context, status=422 if failed else 200
    )


# — merging ————————————————————————————————————————————————————————————————————————————


@agent_required
@require_http_methods(["GET", "HEAD", "POST"])
def merge(request: HttpRequest, number: str) -> HttpResponse:
    """Ask into which case this one goes, show what that does, and do it."""
    now = read_clock()
    found = access.ticket_for_agent(request.agent, number)  # type: ignore[attr-defined]
    wanted = (request.POST.get("into") or request.GET.get("into") or "").strip()
    if not wanted:
        return _page(request, found, now, "merge", suggestions=_suggestions(request, found))
    into = case_named(request, wanted)
    if into is None or into.pk == found.pk:
        error = (
            _("A case cannot be merged with itself.")
            if into is not None
            else _("There is no case “%(number)s”.") % {"number": wanted[:24]}
        )
        return _page(
            request,
            found,
            now,
            "merge",
            wanted=wanted,
            error=error,
            suggestions=_suggestions(request, found),
        )
    if request.method != "POST":
        return _merge_preview(request, found, into, now)
    people = [int(pk) for pk in request.POST.getlist("people") if pk.isdecimal()]
    agent, words = request.agent, request.POST.get("words", "")  # type: ignore[attr-defined]
    try:
        commands.merge_ticket(
            ticket_id=found.pk,
            into_id=into.pk,
            people=people,
            words=final_text(found, agent, words, sign=False, now=now),
            actor=actor_of_agent(agent),
            now=now,
        )
    except PlazoError as error:
        return _merge_preview(request, found, into, now, error=error.user_message())
    done = _("%(number)s was merged into this case.") % {"number": found.number}
    messages.success(request, done, extra_tags=f"undo-merge {found.number}")
    return redirect("desk:ticket", number=into.number)


def _suggestions(request: HttpRequest, found: Ticket) -> list[Ticket]:
    """Return the cases that this one most likely doubles: its requester's own that go on."""
    others = access.tickets_for_agent(request.agent).unsolved()  # type: ignore[attr-defined]
    own = others.filter(requester=found.requester_id).exclude(pk=found.pk)
    return list(own.order_by("-pk")[:6])


def _merge_preview(
    request: HttpRequest, found: Ticket, into: Ticket, now: datetime, *, error: str = ""
) -> HttpResponse:
    chains = queries.chain_of(found), queries.chain_of(into)
    preview = joins.preview_of(found, chains[0], into, chains[1], now=now)
    people = _people(found, into)
    ended = [ticket for ticket in (found, into) if ticket.status == Status.CLOSED]
    before = {clock.key: clock.due_at for clock in preview.before.applied}
    return _page(
        request,
        found,
        now,
        "merge_preview",
        into=into,
        error=error,
        refused=_refusal(ended, into),
        says=[_messages_in(chain) for chain in chains],
        ends=[(metric_label(c.metric), clockview.of_applied(c, now)) for c in preview.ends],
        promises=[clockview.of_applied(c, now) for c in preview.promises],
        waiting_since=preview.duties.waiting_since,
        owed=[
            (metric_label(c.metric), clockview.of_applied(c, now), before.get(c.key))
            for c in preview.after.applied
            if c.ended_at is None and c.due_at is not None and before.get(c.key) != c.due_at
        ],
        people=people,
        same_requester=found.requester_id == into.requester_id,
        same_company=found.organization_id == into.organization_id,
        lower=found.level > into.level,
        days=joins.UNDONE_WITHIN.days,
        words=request.POST.get("words", ""),
    )


def _messages_in(chain: Sequence[TicketEvent]) -> int:
    return sum(event.kind in queries.MESSAGE_KINDS for event in chain)


def _refusal(ended: list[Ticket], into: Ticket) -> str:
    if ended:
        return _("%(number)s is closed: it can neither go nor take another in.") % {
            "number": ended[0].number
        }
    if into.status == Status.SOLVED:
        return _("%(number)s is solved. Reopen it first, or merge the other way.") % {
            "number": into.number
        }
    return ""


def _people(found: Ticket, into: Ticket) -> list[tuple[Requester, bool, bool]]:
    """Return who of the one takes no part in the other yet: each with whether they are chosen
    beforehand, and whether they are of another company.

    Edges: only people of the survivor's own company are chosen; who belongs to none is a stranger.
    """
    there = {into.requester_id, *into.participants.values_list("requester_id", flat=True)}
    here = [found.requester]
    here += [entry.requester for entry in found.participants.select_related("requester")]
    shown = []
    for person in here:
        if person.pk in there or person.erased_at is not None:
            continue
        same = person.organization_id is not None and person.organization_id == into.organization_id
        shown.append((person, same, not same))
    return shown


@agent_required
@posted("desk:ticket")
def unmerge(request: HttpRequest, number: str) -> HttpResponse:
    """Take a merge back."""
    now = read_clock()
    found = access.ticket_for_agent(request.agent, number)  # type: ignore[attr-defined]
    try:
        event = commands.unmerge_ticket(
            ticket_id=found.pk,
            actor=actor_of_agent(request.agent),  # type: ignore[attr-defined]
            now=now,
        )
    except PlazoError as error:
        return show_ticket(request, found, now, error=error.user_message())
    messages.success(
        request,
        _("The merge was undone. What was written in %(number)s since stays there.")
        % {"number": event.payload["number"]},
    )
    return redirect("desk:ticket", number=number)


# — splitting ——————————————————————————————————————————————————————————————————————————


class SplitForm(forms.Form):
    """What the new case is called, and what it is about."""

    subject = forms.CharField(
        max_length=200, error_messages={"required": gettext_lazy("Write a subject.")}
    )
    service = forms.CharField(max_length=40, required=False)
    environment = forms.CharField(max_length=40, required=False)
    request_type = forms.CharField(max_length=40, required=False)
    receipt = forms.BooleanField(required=False)


@agent_required
@require_http_methods(["GET", "HEAD", "POST"])
def split(request: HttpRequest, number: str, message: int) -> HttpResponse:
    """Show a message as the case that it would become, and let it become one."""
    now = read_clock()
    found = access.ticket_for_agent(request.agent, number)  # type: ignore[attr-defined]
    said = access.message_of(found, message)
    if said.author_requester is None:
        raise NotVisible
    if request.method != "POST":
        first = next((line for line in said.body_text.split("\n") if line.strip()), "")
        initial = {"subject": first.strip()[:120], "receipt": True}
        initial |= {k: getattr(found, k) for k in ("service", "environment", "request_type")}
        return _split_page(request, found, said, SplitForm(initial=initial), now)
    form = SplitForm(request.POST)
    if not form.is_valid():
        error = str(next(iter(form.errors.values()))[0])
        return _split_page(request, found, said, form, now, error=error)
    try:
        new = commands.split_message(
            message_id=said.pk,
            actor=actor_of_agent(request.agent),  # type: ignore[attr-defined]
            now=now,
            **form.cleaned_data,
        )
    except PlazoError as error:
        return _split_page(request, found, said, form, now, error=error.user_message())
    messages.success(
        request, _("The message of %(number)s is a case of its own now.") % {"number": number}
    )
    return redirect("desk:ticket", number=new.number)


def _split_page(
    request: HttpRequest,
    found: Ticket,
    said: PublicMessage,
    form: SplitForm,
    now: datetime,
    *,
    error: str = "",
) -> HttpResponse:
    document, language = found.agreement_version.document, request.LANGUAGE_CODE
    choices = [
        (name, label, form[name].value() or "", known)
        for name, label, _value, known in choices_of(found, document, language)
    ]
    chain = queries.chain_of(found)
    counts_from = queries.split_counts_from(said, found, chain, now=now)
    return _page(
        request,
        found,
        now,
        "split",
        said=said,
        form=form,
        choices=choices,
        error=error,
        answered=counts_from != said.at,
    )


# — links ——————————————————————————————————————————————————————————————————————————————


@agent_required
@require_http_methods(["GET", "HEAD", "POST"])
def link(request: HttpRequest, number: str) -> HttpResponse:
    """Show the case that a number names before it is linked, and link it."""
    now = read_clock()
    found = access.ticket_for_agent(request.agent, number)  # type: ignore[attr-defined]
    sent = request.POST if request.method == "POST" else request.GET
    wanted, why = sent.get("other", "").strip(), sent.get("why", "related")
    other = case_named(request, wanted) if wanted else None
    shown = {"wanted": wanted, "why": why, "link_choices": CHOICES, "other": other}
    if wanted and other is None:
        error = _("There is no case “%(number)s”.") % {"number": wanted[:24]}
        return _page(request, found, now, "link", error=error, **shown)
    if request.method != "POST" or other is None:
        return _page(request, found, now, "link", **shown)
    try:
        commands.link_tickets(
            ticket_id=found.pk,
            other_id=other.pk,
            why=why,
            actor=actor_of_agent(request.agent),  # type: ignore[attr-defined]
            now=now,
        )
    except PlazoError as error:
        return _page(request, found, now, "link", error=error.user_message(), **shown)
    messages.success(request, _("Linked with %(number)s.") % {"number": other.number})
    return redirect("desk:ticket", number=number)


@agent_required
@posted("desk:ticket")
def unlink(request: HttpRequest, number: str) -> HttpResponse:
    """Take a link off."""
    now = read_clock()
    found = access.ticket_for_agent(request.agent, number)  # type: ignore[attr-defined]
    other = case_named(request, request.POST.get("other", ""))
    if other is None:
        raise NotVisible
    try:
        commands.unlink_tickets(
            ticket_id=found.pk,
            other_id=other.pk,
            why=request.POST.get("why", ""),
            actor=actor_of_agent(request.agent),  # type: ignore[attr-defined]
            now=now,
        )
    except PlazoError as error:
        return show_ticket(request, found, now, error=error.user_message())
    messages.success(
        request, _("The link with %(number)s was taken off.") % {"number": other.number}
    )
    return redirect("desk:ticket", number=number)


@agent_required
@require_http_methods(["GET", "HEAD", "POST"])
def incidents(request: HttpRequest, number: str) -> HttpResponse:
    """Tell the incidents of a problem what became of it, all with the same words."""
    now = read_clock()
    found = access.ticket_for_agent(request.agent, number)  # type: ignore[attr-defined]
    keys = [x.ticket for x in joins.links_of(queries.chain_of(found)) if x.why == "incident"]
    visible = access.tickets_for_agent(request.agent).filter(pk__in=keys)  # type: ignore[attr-defined]
    related = ("requester", "organization", "agreement_version")
    rows = list(visible.unsolved().select_related(*related).order_by("pk"))
    chosen = {int(pk) for pk in request.POST.getlist("incidents") if pk.isdecimal()}
    words = request.POST.get("words", "")
    shown = {"rows": rows, "chosen": chosen, "words": words}
    if request.method != "POST":
        return _page(request, found, now, "incidents", **shown | {"chosen": {r.pk for r in rows}})
    wanted = [row for row in rows if row.pk in chosen]
    if not wanted or not words.strip():
        error = _("Choose at least one case.") if not wanted else _("Write something first.")
        return _page(request, found, now, "incidents", error=error, **shown)
    then = Status.SOLVED if request.POST.get("then") == "solved" else ""
    told, refused = _tell(request, wanted, words, then, now)
    for line in refused:
        messages.warning(request, line)
    if told:
        messages.success(request, _("Told: %(numbers)s.") % {"numbers": ", ".join(told)})
    return redirect("desk:ticket", number=number)


def _tell(
    request: HttpRequest, wanted: list[Ticket], words: str, then: str, now: datetime
) -> tuple[list[str], list[str]]:
    """Answer each case, and solve it or not; return who was told, and why others were not.

    Edges: variables in the words have each case's own values.
    """
    told, refused = [], []
    agent: Agent = request.agent  # type: ignore[attr-defined]
    for row in wanted:
        try:
            commands.reply_to_ticket(
                ticket_id=row.pk,
                body=final_text(row, agent, words, sign=False, now=now),
                then=then,
                actor=actor_of_agent(agent),
                now=now,
            )
        except PlazoError as error:
            refused.append(error.user_message())
        else:
            told.append(row.number)
    return told, refused
