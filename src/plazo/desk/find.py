"""Find: one search over cases, people, companies and articles, and what completes it."""

from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET

from plazo.accounts import access as people
from plazo.accounts.models import Agent
from plazo.agreements.models import AgreementVersion
from plazo.agreements.queries import version_in_force
from plazo.core import clockview
from plazo.core.clock import read_clock
from plazo.core.search import fold
from plazo.core.search.analyser import Language
from plazo.desk.frame import agent_required, frame
from plazo.desk.queue import remember
from plazo.helpcenter import searching
from plazo.helpcenter.access import reader_of
from plazo.tickets import queries
from plazo.tickets.models import Ticket
from plazo.tickets.search import asking, language
from plazo.tickets.search.naming import Known

ASIDE: Final = 5
IN_PALETTE: Final = 6
LONGEST: Final = 200


@agent_required
@require_GET
def find(request: HttpRequest) -> HttpResponse:
    """Show what a search finds: cases, the newest first, and beside them whom and what else."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    version = version_in_force(now)
    text = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST]
    wanted = _wanted(text, agent, version, now)
    found = _tickets(wanted, agent, version, now, after=request.GET.get("after", ""))
    context = frame(request, now, version, current="find")
    words = "" if request.GET.get("after") else wanted.words
    where = {"message": _("Message"), "note": _("Note"), "file": _("File")}
    context |= {
        "search": text,
        "hits": [(hit, row_of(hit.ticket, now), where.get(hit.where, "")) for hit in found.hits],
        "next_after": found.next_after,
        "people": people.people_named(agent, words, limit=ASIDE) if words else [],
        "companies": people.organizations_named(agent, words, limit=ASIDE) if words else [],
        "articles": _articles(request, words) if words else [],
        "remarks": [(remark.token, _why(remark.why)) for remark in wanted.remarks],
        "wanted": bool(wanted),
        "operators": _examples(),
    }
    response = render(request, "plazo/desk/find.html", context)
    remember(response, {"q": text} if text else {})
    return response


@agent_required
@require_GET
def find_now(request: HttpRequest) -> JsonResponse:
    """Answer the palette while one types: the first of each kind. The same search, less of it."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    version = version_in_force(now)
    text = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST]
    wanted = _wanted(text, agent, version, now)
    found = _tickets(wanted, agent, version, now, size=IN_PALETTE, showing=False)
    words = wanted.words
    parts = [
        (_("Cases"), [_ticket_entry(hit.ticket, now) for hit in found.hits]),
        (_("People and companies"), _people_entries(agent, words) if words else []),
        (_("Articles"), _article_entries(request, words) if words else []),
    ]
    return JsonResponse(
        {"groups": [{"name": name, "items": items} for name, items in parts if items]}
    )


@agent_required
@require_GET
def complete(request: HttpRequest) -> JsonResponse:
    """Complete an operator's name or value: what may stand in place of the last thing typed."""
    version = version_in_force(read_clock())
    token = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST]
    return JsonResponse({"options": completions(token, Known(version.document))})


def completions(token: str, known: Known) -> list[dict[str, str]]:
    """Return what may stand in place of a token: its text, and what it is.

    Edges: names in the language of the screen; a value with a space is put in quotation marks.
    """
    minus, typed = ("-", token[1:]) if token.startswith("-") else ("", token)
    name, colon, value = typed.partition(":")
    key = language.FIELD_OF.get(fold(name))
    if not colon:
        return [
            {"text": f"{minus}{shown}{sign}", "note": note}
            for shown, sign, note in _operators()
            if fold(shown).startswith(fold(typed)) and typed
        ]
    if key is None:
        return []
    value = value.strip('"')
    offered = [word for word in _values(key) if fold(word).startswith(fold(value))] + known.offered(
        key, value
    )
    return [
        {"text": f'{minus}{name}:"{word}"' if " " in word else f"{minus}{name}:{word}", "note": ""}
        for word in dict.fromkeys(offered)
    ][:8]


def _operators() -> list[tuple[str, str, str]]:
    """Return every operator as it is offered: its name, its sign, what it asks."""
    return [
        (pgettext("operator", "status"), ":", _("status of the case")),
        (pgettext("operator", "severity"), ":", _("A, B or C")),
        (pgettext("operator", "level"), ":", _("1, 2 or 3")),
        (pgettext("operator", "assignee"), ":", _("an agent, me or nobody")),
        (pgettext("operator", "group"), ":", _("a group, or mine")),
        (pgettext("operator", "org"), ":", _("a company")),
        (pgettext("operator", "from"), ":", _("who asked: name or address")),
        (pgettext("operator", "service"), ":", _("a service")),
        (pgettext("operator", "env"), ":", _("an environment")),
        (pgettext("operator", "type"), ":", _("a type of request")),
        (pgettext("operator", "channel"), ":", _("how it came in")),
        (pgettext("operator", "area"), ":", _("another area that was asked")),
        (pgettext("operator", "tag"), ":", _("a tag")),
        (pgettext("operator", "is"), ":", _("open, overdue, unassigned, mine, area-late")),
        (pgettext("operator", "has"), ":", _("a file or a note")),
        (pgettext("operator", "due"), "<", _("2h, 30m, today, tomorrow")),
        (pgettext("operator", "opened"), ">", _("7d, yesterday, 2026-11-20")),
        (pgettext("operator", "updated"), "<", _("1d")),
        (pgettext("operator", "subject"), ":", _("words of the subject")),
        (pgettext("operator", "file"), ":", _("words of a file's name")),
    ]


def _values(key: str) -> list[str]:
    """Return the values of an operator that stand in the code, as they are offered."""
    statuses = [
        pgettext("value", "new"),
        pgettext("value", "open"),
        pgettext("value", "pending"),
        pgettext("value", "on-hold"),
        pgettext("value", "solved"),
        pgettext("value", "closed"),
    ]
    states = [
        pgettext("value", "open"),
        pgettext("value", "overdue"),
        pgettext("value", "unassigned"),
        pgettext("value", "mine"),
        pgettext("value", "ended"),
        pgettext("value", "awaiting-area"),
        pgettext("value", "area-late"),
    ]
    return {
        "status": statuses,
        "severity": ["A", "B", "C"],
        "level": ["1", "2", "3"],
        "assignee": [pgettext("value", "me"), pgettext("value", "nobody")],
        "group": [pgettext("value", "mine")],
        "channel": [pgettext("value", "form"), pgettext("value", "email"), "portal", "api"],
        "language": ["es", "en"],
        "is": states,
        "has": [pgettext("value", "file"), pgettext("value", "note")],
    }.get(key, [])


def _examples() -> list[tuple[str, str]]:
    return [(f"{name}{sign}", note) for name, sign, note in _operators()]


def _why(why: language.Why) -> str:
    return {
        "unknown": _("no operator has this name"),
        "value": _("nothing goes by this value"),
        "minus": _("this one cannot be denied"),
    }[why]


def _wanted(text: str, agent: Agent, version: AgreementVersion, now: datetime) -> language.Wanted:
    known = Known(version.document)
    return language.want(language.parse(text), known, now=now, zone=agent.user.time_zone)


def _tickets(
    wanted: language.Wanted,
    agent: Agent,
    version: AgreementVersion,
    now: datetime,
    **how: Any,
) -> asking.Found:
    prefix = version.document.case_prefix
    return asking.find(wanted, agent=agent, now=now, prefix=prefix, **how)


def row_of(ticket: Ticket, now: datetime) -> dict[str, Any]:
    """Return what a line about a case shows besides the case."""
    live = queries.live_clock(ticket)
    return {"clock": clockview.of_projection(live, now) if live else None}


def _articles(request: HttpRequest, words: str) -> list[Any]:
    tongue: Language = "en" if request.LANGUAGE_CODE == "en" else "es"
    found = searching.suggest(reader_of(request.user), tongue, words, limit=ASIDE)
    return list(found.editions)


# ── Entries of the palette ────────────────────────────────────────────────────────────────────


def _ticket_entry(ticket: Ticket, now: datetime) -> dict[str, Any]:
    clock = row_of(ticket, now)["clock"]
    return {
        "name": f"{ticket.number} · {ticket.subject}",
        "address": reverse("desk:ticket", args=[ticket.number]),
        "icon": "ticket",
        "note": clock.word if clock else str(ticket.get_status_display()),
        "state": clock.sla if clock else "",
    }


def _people_entries(agent: Agent, words: str) -> list[dict[str, Any]]:
    persons = people.people_named(agent, words, limit=3)
    companies = people.organizations_named(agent, words, limit=3)
    return [
        {
            "name": str(person),
            "address": reverse("desk:person", args=[person.pk]),
            "icon": "user-round",
            "note": person.organization.name if person.organization else person.email,
        }
        for person in persons
    ] + [
        {
            "name": company.name,
            "address": reverse("desk:organization", args=[company.slug]),
            "icon": "building-2",
            "note": str(company.get_stage_display()),
        }
        for company in companies
    ]


def _article_entries(request: HttpRequest, words: str) -> list[dict[str, Any]]:
    return [
        {
            "name": edition.published.title,
            "address": reverse("portal:article", args=[edition.language, edition.slug]),
            "icon": "book-open",
            "note": str(edition.article.get_audience_display()),
        }
        for edition in _articles(request, words)[:3]
        if edition.published is not None
    ]
