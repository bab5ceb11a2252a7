"""How a case ends, on its page: what it was about, when it closes, and what may come of it."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from plazo.core.errors import PlazoError
from plazo.tickets import events, outcomes, queries
from plazo.tickets.commands.waiting import steps_of
from plazo.tickets.models import Ticket, TicketEvent
from plazo.tickets.outcome_models import Asks
from plazo.tickets.outcomes import every

CAUSE: Final = "cause"
SOLUTION: Final = "solution"


class OutcomeRequired(PlazoError):
    """The team wants to know what every case was about."""

    code = "outcome_required"

    def user_message(self) -> str:
        return _("Choose the cause and the kind of solution: the case is not solved without them.")


def require_outcome(cause: str, solution: str) -> None:
    """Raise OutcomeRequired where solving asks for what was left empty.

    Edges: a list without entries asks for nothing. Two queries, unless they are kept.
    """
    if (cause and solution) or outcomes.asks() != Asks.REQUIRED:
        return
    lists = {kind: any(not e.retired_at for e in entries) for kind, entries in every().items()}
    if (lists[CAUSE] and not cause) or (lists[SOLUTION] and not solution):
        raise OutcomeRequired


def outcome_choices(language: str) -> dict[str, Any]:
    """Return what solving asks of many at once. Costs two queries, unless they are kept."""
    return {
        "causes": outcomes.choices(CAUSE, language),
        "solutions": outcomes.choices(SOLUTION, language),
        "outcome_required": outcomes.asks() == Asks.REQUIRED,
    }


def ending_context(found: Ticket, chain: Sequence[TicketEvent], language: str) -> dict[str, Any]:
    """Return the lists that solving offers, and what is said of a case that was solved.

    Costs two queries, unless they are kept: the lists, and whether they are required.
    """
    lists = every()
    names = {
        kind: {entry.key: entry.in_language(language) for entry in entries}
        for kind, entries in lists.items()
    }
    offered = {
        kind: [
            (entry.key, entry.in_language(language))
            for entry in entries
            if entry.retired_at is None or entry.key in (found.cause, found.solution)
        ]
        for kind, entries in lists.items()
    }
    return {
        "causes": offered[CAUSE],
        "solutions": offered[SOLUTION],
        "wait_reasons": [
            entry.in_language(found.language) for entry in lists["wait"] if not entry.retired_at
        ],
        "outcome_required": outcomes.asks() == Asks.REQUIRED,
        "cause_name": names[CAUSE].get(found.cause, found.cause),
        "solution_name": names[SOLUTION].get(found.solution, found.solution),
        "confirmed": queries.confirmed(found, chain),
        "article_url": f"{reverse('desk:article_new')}?{urlencode({'case': found.number})}",
    }


def wait_context(found: Ticket) -> dict[str, Any]:
    """Return what is said of a wait that lasts. One query, and none where nobody waits."""
    if found.status != "pending":
        return {"wait": None}
    wait = queries.wait_of(found)
    if wait is None:
        return {"wait": None}
    pauses = found.agreement_version.document.pauses
    left = steps_of(pauses)[wait.reminded :] if wait.next_at else []
    return {
        "wait": wait,
        "wait_reminders": len(pauses.remind_after),
        "wait_next_solves": len(left) == 1 and pauses.solve_after is not None,
        "wait_solves_at": wait.next_at + (left[-1] - left[0])
        if wait.next_at and left and pauses.solve_after is not None
        else None,
    }


def severity_history(found: Ticket, chain: Sequence[TicketEvent]) -> list[dict[str, Any]]:
    """Return how a case's severity was judged, the last judgement first, with what was stated.

    Costs one query, and none where nothing was stated.
    """
    judged = [
        event
        for event in chain
        if event.kind in (events.SeveritySet.kind, events.LevelEntered.kind)
    ]
    stated = [event.payload["impact"] for event in judged if event.payload.get("impact")]
    words = queries.stated(stated)
    found_at: list[dict[str, Any]] = []
    for event in judged:
        payload = event.payload
        said = words.get(payload.get("impact") or 0, "")
        if event.kind == events.LevelEntered.kind:
            entry = {"level": payload["level"], "severity": "", "previous": ""}
        else:
            entry = {
                "level": 0,
                "severity": payload["severity"],
                "previous": payload["previous"],
            }
        entry |= {
            "at": event.at,
            "name": event.actor_name,
            "words": said,
            "erased": bool(payload.get("impact")) and not said,
        }
        found_at.append(entry)
    return found_at[::-1]
