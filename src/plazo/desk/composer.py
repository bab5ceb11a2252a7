"""What the composer of a case shows: drafts, whom a reply goes to, what can be promised."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from plazo.accounts.domains import domains_of
from plazo.accounts.models import Agent, domain_of
from plazo.channels.forms.uploads import describe
from plazo.core import localtime
from plazo.desk import forms
from plazo.desk.suggesting import SOURCES
from plazo.sla import Calendar, NoOpenTime
from plazo.tickets import drafts, variables
from plazo.tickets.bodies import StoredUpload, html_of_markdown
from plazo.tickets.models import Channel, Draft, Participant, Status, Ticket
from plazo.tickets.promises import calendar_of

SOON: Final = timedelta(hours=2)
STEP: Final = timedelta(minutes=5)
LATEST_DAYS: Final = 10


def composer_of(
    found: Ticket,
    agent: Agent,
    participants: Sequence[Participant],
    form: forms.WriteForm | None,
    *,
    words: str = "",
    now: datetime,
) -> dict[str, Any]:
    """Return what the composer shows. Costs one query.

    Units: `words` are what a macro says: they follow what was written already.
    """
    on = drafts.on_ticket(found, agent)
    fresh = form is None
    if form is None:
        form = forms.WriteForm(initial=_initial(found, on.own, words))
        staged = [(describe(file), file) for file in drafts.files_of(on.own)] if on.own else []
    else:
        staged = form.carry() if form.is_bound else []
    ticked = _ticked(form, on.own if fresh else None, participants)
    zone = agent.user.time_zone
    return {
        "form": form,
        "staged": staged,
        "own_draft": on.own if fresh else None,
        "given": [(draft, draft.body[:240]) for draft in on.given],
        "held": [_held(draft, now) for draft in on.held],
        "copies": ticked,
        "people": 1 + sum(checked for _person, checked in ticked),
        "bare": found.channel == Channel.FORM and found.requester.email_confirmed_at is None,
        "promises": promise_choices(calendar_of(found), zone, now),
        "signature": html_of_markdown(agent.signature) if agent.signature.strip() else "",
        "signs": "".join(SOURCES),
        "variables": [
            (f"{{{{{name}}}}}", words) for name, (words, _v) in variables.VARIABLES.items()
        ],
    }


def _initial(found: Ticket, draft: Draft | None, words: str) -> dict[str, Any]:
    if draft is None:
        kind = "note" if found.status == Status.CLOSED else "reply"
        return {"kind": kind, "sign": True, "body": words}
    body = "\n\n".join(text for text in (draft.body.rstrip(), words) if text)
    return {
        "sign": True,
        **draft.choices,
        "kind": draft.kind,
        "body": body if words else draft.body,
    }


def _ticked(
    form: forms.WriteForm, draft: Draft | None, participants: Sequence[Participant]
) -> list[tuple[Participant, bool]]:
    """Return those who take part, each with whether they get a copy."""
    if form.is_bound and form.data.get("copies_shown"):
        chosen: list[str] | None = form.data.getlist("copies")  # type: ignore[attr-defined]
    else:
        chosen = draft.choices.get("copies") if draft else None
    return [(p, chosen is None or str(p.requester_id) in chosen) for p in participants]


def company_domains(found: Ticket) -> list[str]:
    """Return the domains of whom a copy may go to without a word: the company's, and their own."""
    company = domains_of(found.organization) if found.organization else []
    return sorted({*company, domain_of(found.requester.email)})


@dataclass(frozen=True, slots=True)
class Held:
    """A reply that waits, as its author sees it."""

    pk: int
    html: SafeString
    files: Sequence[StoredUpload]
    send_at: datetime
    seconds_left: int
    seen: int


def _held(draft: Draft, now: datetime) -> Held:
    assert draft.send_at is not None  # noqa: S101 - that is what held means
    files = drafts.files_of(draft)
    left = max(0, round((draft.send_at - now).total_seconds()))
    html = preview(draft.sending["body"], files)
    return Held(draft.pk, html, files, draft.send_at, left, draft.seen)


def preview(text: str, files: Sequence[StoredUpload]) -> SafeString:
    """Return Markdown as it will be shown, with the images that came with it."""
    shown = {file.content_id: file for file in files if file.content_id}
    html = html_of_markdown(text, shown)
    for cid, file in shown.items():
        html = html.replace(f'src="cid:{cid}"', f'src="{staged_url(file)}"')
    return mark_safe(html)  # noqa: S308 - cleaned, and the addresses are ours


def staged_url(file: StoredUpload) -> str:
    """Return where an agent sees a file that belongs to no message yet."""
    return reverse("desk:staged_file", args=[describe(file)])


# ── What can be promised ──────────────────────────────────────────────────────────────────────


def promise_choices(calendar: Calendar, zone: str, now: datetime) -> list[tuple[str, str, str]]:
    """Return quick instants for the next update: its value, its words, and its hour.

    Units: `calendar` are the hours in which a promise on the case may fall due.
    Edges: only instants at which it is open. Two hours are two of its hours; the others are hours
        of the agent's day.
    """
    found: dict[datetime, str] = {}
    soon = _in_open_time(calendar, now)
    if soon is not None:
        found[soon] = _("in %(time)s") % {"time": localtime.duration(SOON)}
    five = _civil(now, zone, days=0, hour=17)
    if five > now + timedelta(minutes=30) and calendar.is_open(five):
        found.setdefault(five, "")
    for days in range(1, LATEST_DAYS):
        ten = _civil(now, zone, days=days, hour=10)
        if calendar.is_open(ten):
            found.setdefault(ten, "")
            break
    return [
        (localtime.iso(instant), words, localtime.day_time(instant, zone, now))
        for instant, words in sorted(found.items())
    ]


def _in_open_time(calendar: Calendar, now: datetime) -> datetime | None:
    try:
        due = calendar.add(now, SOON)
    except NoOpenTime:
        return None
    past = timedelta(seconds=due.timestamp() % STEP.total_seconds())
    return due + (STEP - past) if past else due


def _civil(now: datetime, zone: str, *, days: int, hour: int) -> datetime:
    day = localtime.local(now, zone).replace(tzinfo=None, minute=0, second=0, microsecond=0)
    return localtime.utc(day.replace(hour=hour) + timedelta(days=days), zone)
