"""What an agent writes on a case: replies, notes, drafts, and what comes with them."""

import secrets
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from plazo.accounts.access import actor_of_agent
from plazo.accounts.commands import find_or_create_requester
from plazo.accounts.models import Agent, domain_of
from plazo.accounts.queries import requesters_by_email
from plazo.channels.forms.uploads import describe, described
from plazo.core import localtime
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError
from plazo.desk import composer, forms
from plazo.desk.case import seen_by, show_ticket
from plazo.desk.closing import require_outcome
from plazo.desk.frame import agent_required, posted
from plazo.desk.promised import instant_words, is_exact, understand
from plazo.tickets import access, commands, drafts, holding, queries, staging, variables
from plazo.tickets.bodies import StoredUpload, store_upload
from plazo.tickets.errors import EmptyBody, TooManyParticipants
from plazo.tickets.files import file_response, shown_as
from plazo.tickets.models import Status, Ticket

Warning_ = tuple[str, str]


@agent_required
@posted("desk:ticket")
def write(request: HttpRequest, number: str) -> HttpResponse:
    """Send a public reply, or keep an internal note."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    found = access.ticket_for_agent(agent, number)
    form = forms.WriteForm(request.POST, request.FILES)
    if not form.is_valid():
        return show_ticket(request, found, now, form=form)
    data = form.cleaned_data
    if data["kind"] == "reply" and (warning := _written_since(found, seen_by(form), agent)):
        return show_ticket(request, found, now, form=form, error=warning)
    try:
        promise_by = _promised(found, data, agent.user.time_zone, now)
        if data["kind"] == "reply" and data["then"] == Status.SOLVED:
            require_outcome(data["cause"], data["solution"])
    except PlazoError as error:
        return show_ticket(request, found, now, form=form, error=error.user_message())
    doubts = _doubts(found, agent, data, promise_by, now)
    known = set(data["warned"].split("\n"))
    if any(key not in known for key, _words in doubts):
        return show_ticket(request, found, now, form=form, doubts=doubts)
    try:
        note = data["kind"] == "note"
        held = (
            _note(found, agent, form, now) if note else _reply(found, agent, form, promise_by, now)
        )
    except PlazoError as error:
        return show_ticket(request, found, now, form=form, error=error.user_message())
    if not held:
        done = _("Note saved.") if note else _("Reply sent.")
        if not note and agent.undo_seconds:
            done = _("Reply sent at once: a deadline was near.")
        # The tag names the draft, which the page that shows this may forget.
        messages.success(request, done, extra_tags=f"desk-{number}")
    return redirect("desk:ticket", number=number)


@transaction.atomic
def _note(found: Ticket, agent: Agent, form: forms.WriteForm, now: datetime) -> bool:
    zone, language = agent.user.time_zone, agent.user.language
    data = form.cleaned_data
    commands.add_internal_note(
        ticket_id=found.pk,
        body=variables.fill(
            data["body"], ticket=found, agent=agent, language=language, zone=zone, now=now
        ),
        attachments=_in_use(form.store(), data["body"]),
        actor=actor_of_agent(agent),
        now=now,
    )
    drafts.discard(ticket_id=found.pk, agent=agent)
    return False


def _reply(
    found: Ticket,
    agent: Agent,
    form: forms.WriteForm,
    promise_by: datetime | None,
    now: datetime,
) -> bool:
    """Send a reply, or let it wait; return whether it waits."""
    data = form.cleaned_data
    letter = holding.Letter(
        body=final_text(found, agent, data["body"], sign=data["sign"], now=now),
        typed=data["body"],
        choices=form.choices(),
        files=_in_use(form.store(), data["body"]),
        copies=_copies(found, data, now),
        then=data["then"],
        waiting_for=data["waiting_for"],
        reason=data["reason"],
        promise_by=promise_by,
        promised="solution" if data["promise_kind"] == "solution" else "update",
        cause=data["cause"] if data["then"] == Status.SOLVED else "",
        solution=data["solution"] if data["then"] == Status.SOLVED else "",
        seen=data["seen"] or 0,
    )
    draft = holding.hold_reply(
        ticket_id=found.pk,
        letter=letter,
        seconds=agent.undo_seconds,
        actor=actor_of_agent(agent),
        now=now,
    )
    return draft is not None


def final_text(found: Ticket, agent: Agent, text: str, *, sign: bool, now: datetime) -> str:
    """Return a reply as it goes out: with the values of its variables, and signed once."""
    signature = agent.signature.strip()
    if sign and signature and not text.rstrip().endswith(signature):
        text = f"{text.rstrip()}\n\n{signature}"
    document = found.agreement_version.document
    support = found.agreement_version.sla.calendars[document.support_calendar]
    return variables.fill(
        text,
        ticket=found,
        agent=agent,
        language=found.language,
        zone=found.requester.time_zone or support.zone,
        now=now,
    )


def _promised(found: Ticket, data: dict[str, Any], zone: str, now: datetime) -> datetime | None:
    """Return the instant that was chosen for a promise; none on a case that is solved.

    Edges: what was worded and shown is what was shown, and not what the words mean a minute later.
    Raises: UnreadableInstant.
    """
    if data["kind"] != "reply" or data["then"] == Status.SOLVED:
        return None
    chosen = data["promise"]
    if chosen == "other":
        typed = data["promise_at"].strip()
        if not typed:
            return None
        shown = _shown(data)
        return shown if shown is not None else understand(found, typed, zone, now)
    try:
        instant = datetime.fromisoformat(chosen) if chosen else None
    except ValueError:
        return None
    return instant if instant is None or instant.tzinfo else None


def _shown(data: dict[str, Any]) -> datetime | None:
    """Return the instant that was shown for the words that were typed, where it was."""
    try:
        at = datetime.fromisoformat(data["understood"])
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _in_use(files: list[StoredUpload], text: str) -> list[StoredUpload]:
    """Return the files without images that were put into the text and taken out again."""
    return [f for f in files if not f.content_id or f"cid:{f.content_id}" in text]


def _copies(found: Ticket, data: dict[str, Any], now: datetime) -> list[int] | None:
    """Return the participants that the agent left ticked, and who was added; all of them where none
    were shown and nobody was added.

    Raises: TooManyParticipants.
    """
    taking_part = list(found.participants.values_list("requester_id", flat=True))
    kept = [pk for pk in taking_part if not data["copies_shown"] or str(pk) in data["copies"]]
    if not data["added"]:
        return kept if data["copies_shown"] else None
    if len({*taking_part}) + len(data["added"]) > commands.MOST_PARTICIPANTS:
        raise TooManyParticipants(most=commands.MOST_PARTICIPANTS)
    added = [
        find_or_create_requester(email=address, language=found.language, now=now).pk
        for address in data["added"]
    ]
    return [*kept, *added]


def _written_since(found: Ticket, seen: int, agent: Agent) -> str:
    """Return what to tell somebody whose reply crosses another message; empty if none does."""
    if not seen:
        return ""
    since = [event for event in queries.chain_of(found) if event.sequence > seen]
    if any(event.kind == "requester.replied" for event in since):
        return _("The requester wrote while you were writing. Read it, then send again.")
    for event in since:
        if event.kind == "ticket.replied" and event.actor_id != agent.pk:
            return _("%(name)s replied while you were writing. Read it, then send again.") % {
                "name": event.actor_name
            }
    return ""


def _doubts(
    found: Ticket,
    agent: Agent,
    data: dict[str, Any],
    promise_by: datetime | None,
    now: datetime,
) -> list[Warning_]:
    """Return what an agent is asked about once before it is sent: a key and a sentence each."""
    doubts = [
        (f"variable:{name}", _("There is no variable “%(name)s”.") % {"name": f"{{{{{name}}}}}"})
        for name in variables.unknown_in(data["body"])
    ]
    if data["kind"] == "note":
        return doubts
    known = set(composer.company_domains(found))
    for address in data["added"]:
        if domain_of(address) in known:
            continue
        person = requesters_by_email(address).first()
        if person is not None and person.organization_id == found.organization_id is not None:
            continue
        words = _("%(address)s is not of the requester's company, and will read the reply.")
        doubts.append((f"copy:{address}", words % {"address": address}))
    if data["promise"] == "other" and not data["promise_at"] and data["then"] != Status.SOLVED:
        doubts.append(("promise", _("No hour was written for the next update.")))
    elif promise_by is not None and data["promise"] == "other" and _shown(data) is None:
        if not is_exact(data["promise_at"]):
            words = _("You promise it by: %(when)s.")
            when = instant_words(promise_by, agent.user.time_zone, now)
            doubts.append((f"understood:{localtime.iso(promise_by)}", words % {"when": when}))
    elif promise_by is None and data["then"] not in NEEDS_NO_PROMISE and _will_lack(found):
        doubts.append(
            (
                "unpromised",
                _("At level 2 the requester is told by when they hear of it again: promise it."),
            )
        )
    return doubts


# What ends a case, or hands it to the requester, leaves nothing to promise.
NEEDS_NO_PROMISE = (Status.SOLVED, Status.PENDING)


def _will_lack(found: Ticket) -> bool:
    """Say whether a case at level 2 will have no promise once a reply has brought its update."""
    solution = any(
        ":solution" in clock["key"] and not (clock["done_at"] or clock["cancelled_at"])
        for clock in found.clocks
    )
    return found.level >= 2 and not found.is_ended and not solution


# ── Drafts ────────────────────────────────────────────────────────────────────────────────────


@agent_required
@posted("desk:ticket")
def keep_draft(request: HttpRequest, number: str) -> HttpResponse:
    """Keep what is being written; answers when, in the agent's zone."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    found = access.ticket_for_agent(agent, number)
    form = forms.WriteForm(request.POST)
    drafts.save(
        ticket_id=found.pk,
        agent=agent,
        kind=request.POST.get("kind", ""),
        body=request.POST.get("body", ""),
        choices=form.choices(),
        files=form.kept(),
        seen=seen_by(form),
        now=now,
    )
    at = localtime.clock_time(now, agent.user.time_zone)
    return JsonResponse({"saved": _("Draft saved %(time)s") % {"time": at}})


@agent_required
@posted("desk:ticket")
def handed_draft(request: HttpRequest, number: str, draft: int, what: str) -> HttpResponse:
    """Go on with a draft that a colleague left, or leave it."""
    agent: Agent = request.agent  # type: ignore[attr-defined]
    access.ticket_for_agent(agent, number)
    if what == "take":
        drafts.take(draft_id=draft, agent=agent, now=read_clock())
    elif what == "leave":
        drafts.decline(draft_id=draft, agent=agent)
    else:
        raise Http404
    return _to_composer(number)


def _to_composer(number: str) -> HttpResponse:
    return redirect(f"{reverse('desk:ticket', args=[number])}#body")


# ── What waits to be sent ─────────────────────────────────────────────────────────────────────


@agent_required
@posted("desk:ticket")
def undo(request: HttpRequest, number: str, draft: int) -> HttpResponse:
    """Take a reply back that has not gone out yet."""
    agent: Agent = request.agent  # type: ignore[attr-defined]
    found = access.ticket_for_agent(agent, number)
    now = read_clock()
    try:
        holding.take_back(draft_id=draft, actor=actor_of_agent(agent), now=now)
    except PlazoError as error:
        return show_ticket(request, found, now, error=error.user_message())
    messages.success(request, _("Not sent. Your text is back in the composer."))
    return _to_composer(number)


@agent_required
@posted("desk:ticket")
def release(request: HttpRequest, number: str, draft: int) -> HttpResponse:
    """Send a reply whose time has come; the page asks when its countdown ends.

    Edges: before its time it does nothing, so that nobody else's click sends it.
    """
    agent: Agent = request.agent  # type: ignore[attr-defined]
    access.ticket_for_agent(agent, number)
    holding.send_held(draft_id=draft, now=read_clock())
    return redirect("desk:ticket", number=number)


# ── Files and previews ────────────────────────────────────────────────────────────────────────


@agent_required
@require_POST
def add_files(request: HttpRequest) -> JsonResponse:
    """Take files as they are chosen, pasted or dropped: JSON with how the form names each.

    Edges: an image that is put into the text gets a Content-ID, by which text and mail show it.
    """
    now = read_clock()
    uploads = [_stored(file, request) for file in request.FILES.getlist("files")[:10] if file.size]
    if not uploads:
        return JsonResponse({"error": _("Choose a file.")}, status=422)
    staging.stage(uploads, now=now)
    return JsonResponse({"files": [_told(upload) for upload in uploads]})


def _stored(file: "UploadedFile[Any]", request: HttpRequest) -> StoredUpload:
    start = file.read(16)
    file.seek(0)
    stored = store_upload(file, name=file.name or "image.png", content_type=file.content_type or "")
    if request.POST.get("inline") and shown_as(start):
        return replace(stored, content_id=f"{secrets.token_hex(10)}@plazo")
    return stored


def _told(upload: StoredUpload) -> dict[str, Any]:
    words = upload.name.rpartition(".")[0] or upload.name
    words = words.replace("[", "(").replace("]", ")")
    return {
        "kept": describe(upload),
        "name": upload.name,
        "size": upload.size,
        "markdown": f"![{words}](cid:{upload.content_id})" if upload.content_id else "",
    }


@agent_required
@require_GET
def staged_file(request: HttpRequest, value: str) -> HttpResponseBase:
    """Hand out a file that belongs to no message yet, to whoever writes."""
    upload = described(value)
    if upload is None:
        raise Http404
    return file_response(upload)


@agent_required
@require_POST
def preview(request: HttpRequest, number: str) -> HttpResponse:
    """Return a text as its reader will see it: a reply with its values and its signature."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    found = access.ticket_for_agent(agent, number)
    form = forms.WriteForm(request.POST)
    text = request.POST.get("body", "")[:100_000]
    if request.POST.get("kind") != "note":
        sign = bool(request.POST.get("sign"))
        text = final_text(found, agent, text, sign=sign, now=now)
    try:
        return HttpResponse(composer.preview(text, form.kept()))
    except EmptyBody:
        return HttpResponse("")
