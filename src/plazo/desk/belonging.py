"""What a case's page shows of how it belongs to others, and of its tags and details."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from plazo.accounts.models import Agent
from plazo.agreements.document import AgreementDocument
from plazo.desk.wanted import compact
from plazo.tickets import access, events, filters, joins
from plazo.tickets.models import Ticket, TicketEvent

# How another case stands to this one: its words, and its icon.
WORDS: Final[dict[str, tuple[Promise, str]]] = {
    "taken_in": (_("Merged into this one"), "merge"),
    "problem": (_("Incident of the problem"), "layers"),
    "incident": (_("Problem of"), "layers"),
    "duplicate_of": (_("Duplicate of"), "copy"),
    "duplicate": (_("Has a duplicate"), "copy"),
    "related": (_("Belongs together with"), "link"),
    "split_from": (_("Split off from"), "split"),
    "split_off": (_("Split off into"), "split"),
    "follow_up": (_("Follows up"), "history"),
    "followed_by": (_("Goes on in"), "history"),
    "merged": (_("Answers what was merged into"), "mail"),
    "stranger": (_("Sent by a stranger to"), "mail"),
    "subject": (_("Its subject names"), "mail"),
}
CHOICES: Final = [
    ("related", _("It belongs together with it")),
    ("problem", _("The other is the problem; this is an incident of it")),
    ("incident", _("This is the problem; the other is an incident of it")),
    ("duplicate_of", _("This is a duplicate of the other")),
    ("duplicate", _("The other is a duplicate of this one")),
]


def side_of(
    found: Ticket,
    chain: Sequence[TicketEvent],
    agent: Agent,
    values: Mapping[str, str],
    language: str,
    *,
    now: datetime,
) -> dict[str, Any]:
    """Return the sections on linked cases, tags and details (`values`).

    Costs one query for the linked cases, where there are any.
    """
    document = found.agreement_version.document
    until = joins.undone_until(chain)
    links = _links(found, chain, agent)
    return {
        "links": links,
        "link_choices": CHOICES,
        "incidents": [row for link, row, *_words in links if link.why == "incident" and row],
        "undo_merge_until": until if until is not None and now <= until else None,
        "merged_at": merged.at if (merged := joins.merge_event(chain)) else None,
        "tags": [(tag, queue_of_tag(tag)) for tag in found.tags],
        "details": details_of(found, values, document, language),
        "choices": choices_of(found, document, language),
        "referral": getattr(found, "referral", None),
        "splittable": _splittable(chain),
        "opened_by_agent": chain[0].actor_name if chain[0].actor_kind == "agent" else "",
    }


def queue_of_tag(tag: str) -> str:
    """Return the address of the cases that have a tag."""
    wanted = compact((filters.Condition("tag", "any_of", [tag]),))
    return f"{reverse('desk:queue')}?{urlencode({'f': wanted})}"


def _links(
    found: Ticket, chain: Sequence[TicketEvent], agent: Agent
) -> list[tuple[joins.Link, Ticket | None, str, str]]:
    """Return each link with the other case, its words and its icon."""
    links = [joins.Link(pk, "", "taken_in") for pk in joins.taken_in(chain)]
    links += joins.links_of(chain)
    if not links:
        return []
    visible = access.tickets_for_agent(agent).filter(pk__in={link.ticket for link in links})
    rows = visible.only("number", "subject", "status").in_bulk()
    shown = []
    for link in links:
        why = link.why
        if why == "follow_up" and link.ticket > found.pk:
            why = "followed_by"
        words, icon = WORDS[why]
        shown.append((link, rows.get(link.ticket), str(words), icon))
    return shown


def details_of(
    found: Ticket, given: Mapping[str, str], document: AgreementDocument, language: str
) -> list[dict[str, Any]]:
    """Return the further questions of a case's service and type, and whatever else was answered."""
    values = dict(given)
    asked = [
        {
            "key": entry.key,
            "label": entry.label.in_language(language),
            "hint": entry.hint.in_language(language) if entry.hint else "",
            "lines": entry.kind == "lines",
            # An answer is kept in the requester's language; the agent reads it in their own.
            "options": [
                (option.in_language(found.language), option.in_language(language))
                for option in entry.options
            ],
            "value": (value := values.pop(entry.key, "")),
            "words": entry.words(value, language),
        }
        for entry in document.fields
        if entry.key in values or entry.applies(found.service, found.request_type)
    ]
    # A question that the agreement has no more is named by its key.
    return asked + [
        {"key": key, "label": key, "hint": "", "lines": False, "value": value, "words": value}
        for key, value in values.items()
    ]


def choices_of(
    found: Ticket | None, document: AgreementDocument, language: str
) -> list[tuple[str, str, str, list[tuple[str, str]]]]:
    """Return service, environment and type of request, each with its value and what it may be."""
    return [
        (
            name,
            str(label),
            getattr(found, name, ""),
            [
                (key, entry.name.in_language(language))
                for key, entry in known.items()
                if not getattr(entry, "retired", False) or key == getattr(found, name, "")
            ],
        )
        for name, label, known in (
            ("service", _("Service"), document.services),
            ("environment", _("Environment"), document.environments),
            ("request_type", _("Type of request"), document.request_types),
        )
    ]


def _splittable(chain: Sequence[TicketEvent]) -> list[int]:
    """Return the keys of the messages that can become cases of their own."""
    gone = {
        event.payload.get("message")
        for event in chain
        if event.kind in (events.TicketRelated.kind, events.TicketRedacted.kind)
    }
    return [
        event.payload["message"]
        for event in chain
        if event.kind == events.RequesterReplied.kind and event.payload["message"] not in gone
    ]
