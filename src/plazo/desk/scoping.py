"""What a case's page shows of its scope: what is proposed and why, what was decided, and when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from plazo.accounts.models import Organization, Stage
from plazo.agreements.document import IN_SCOPE, AgreementDocument
from plazo.tickets import events
from plazo.tickets.models import Channel, Status, Ticket, TicketEvent
from plazo.triage.scope import Evidence, Found
from plazo.triage.scope_reading import Read
from plazo.triage.scope_suggesting import Suggestion, suggestion_of

# Why a client is not entitled, in words.
NOT_ENTITLED: Final[dict[str, Promise]] = {
    "stage": gettext_lazy("Not entitled yet: their company has not finished production testing"),
    "service": gettext_lazy("Not contracted: their company does not have this service"),
}
GUIDANCE: Final[dict[str, Promise]] = {
    "pass_on": gettext_lazy("they asked to have it passed on"),
    "technical": gettext_lazy("they say that it is technical"),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One line of evidence: why, what was found where, which answers held, and its points."""

    words: str
    found: tuple[tuple[Found, str], ...]
    held: tuple[str, ...]
    points: int


@dataclass(frozen=True, slots=True)
class Judged:
    """One verdict on record: whose, when, why, and what had been proposed."""

    at: datetime
    who: str
    verdict: str
    topic: str
    why: str
    suggested: str
    by: str
    agreed: bool


def scope_of(
    found: Ticket, chain: Sequence[TicketEvent], said: Read, language: str
) -> dict[str, Any]:
    """Return what the page shows of the scope.

    Costs two queries for a case that has no verdict yet, unless it is kept what was learned.
    """
    document = found.agreement_version.document
    undecided = not found.verdict and found.status not in (Status.SOLVED, Status.CLOSED)
    suggestion = suggestion_of(found, chain, said) if undecided else None
    return {
        "scope_open": undecided,
        "scope_suggestion": _shown(suggestion, document, language) if suggestion else None,
        "scope_choices": [
            (IN_SCOPE, _("Within scope"), document.page.scope.in_language(language), "", ""),
            *(
                (
                    clause.key,
                    clause.topic.in_language(language),
                    clause.text.in_language(language),
                    clause.source,
                    clause.route.in_language(language),
                )
                for clause in document.clauses
            ),
        ],
        "scope_history": _history(chain, document, language),
        "unentitled": unentitled(found.organization, found.service, document),
        "unentitled_says": document.page.entitlement.in_language(language),
    }


def unentitled(organization: Organization | None, service: str, document: AgreementDocument) -> str:
    """Return in words why a client is not entitled to support now; nothing if they are.

    Edges: of who belongs to no known company nobody can say it: the panel asks for the company.
    """
    key = document.entitlement(
        organization.stage if organization else None,
        organization.services if organization else (),
        service,
    )
    return str(NOT_ENTITLED.get(key, ""))


def verdict_words(verdict: str, document: AgreementDocument, language: str) -> str:
    """Return what a verdict is called: a clause by its topic."""
    if verdict == IN_SCOPE:
        return _("Within scope")
    clause = document.clause(verdict)
    return clause.topic.in_language(language) if clause else verdict


def _shown(suggestion: Suggestion, document: AgreementDocument, language: str) -> dict[str, Any]:
    clause = document.clause(suggestion.verdict)
    ranked, said = suggestion.ranked, suggestion.prediction
    evidence = ranked.evidence if ranked else ()
    return {
        "verdict": suggestion.verdict,
        "in_scope": suggestion.verdict == IN_SCOPE,
        "topic": verdict_words(suggestion.verdict, document, language),
        "text": clause.text.in_language(language) if clause else "",
        "source": clause.source if clause else "",
        "by_model": said is not None,
        "sure": suggestion.sure,
        "percent": round(said.probability * 100) if said else 0,
        "words": said.words if said else (),
        "marks": _conditions(_pairs(said.marks), document, language) if said else (),
        "reasons": [_reason(each, document, language) for each in evidence],
        "points": ranked.points if ranked else 0,
        "others": [
            (verdict_words(each.verdict, document, language), each.points)
            for each in suggestion.others
        ],
    }  # fmt: skip


def _pairs(marks: Iterable[str]) -> list[tuple[str, str]]:
    return [(name, value) for name, _sign, value in (mark.partition("=") for mark in marks)]


def _reason(evidence: Evidence, document: AgreementDocument, language: str) -> Reason:
    reason = evidence.reason
    return Reason(
        reason.in_language(language) if reason else _("The form's answer"),
        tuple((each, _place(each.place, document, language)) for each in evidence.found),
        _conditions(evidence.held, document, language),
        evidence.points,
    )


def _place(place: str, document: AgreementDocument, language: str) -> str:
    if place == "subject":
        return _("in the subject")
    if place == "body":
        return _("in the request")
    field = document.field(place)
    return field.label.in_language(language) if field else place


def _conditions(
    held: Iterable[tuple[str, str]], document: AgreementDocument, language: str
) -> tuple[str, ...]:
    """Return conditions that held, in words: “Environment: Production”."""
    return tuple(_condition(name, value, document, language) for name, value in held)


def _condition(name: str, value: str, document: AgreementDocument, language: str) -> str:
    match name:
        case "service":
            return f"{_('Service')}: {document.service_name(value, language)}"
        case "environment" | "request_type":
            choices = document.environments if name == "environment" else document.request_types
            label = _("Environment") if name == "environment" else _("Type of request")
            words = choices[value].name.in_language(language) if value in choices else value
            return f"{label}: {words}"
        case "stage":
            known = value in Stage.values
            return f"{_('Stage')}: {Stage(value).label if known else value}"
        case "channel":
            known = value in Channel.values
            return f"{_('Came by')}: {Channel(value).label if known else value}"
        case "answered":
            field = document.field(value)
            words = field.label.in_language(language) if field else value
            return _("answered: %(question)s") % {"question": words}
        case _:
            return str(GUIDANCE.get(value, value))


def _history(
    chain: Sequence[TicketEvent], document: AgreementDocument, language: str
) -> list[Judged]:
    """Return every verdict of a case, the first one first."""
    return [
        _judged(event, document, language)
        for event in chain
        if event.kind == events.VerdictGiven.kind
    ]


def _judged(event: TicketEvent, document: AgreementDocument, language: str) -> Judged:
    payload = event.payload
    verdict = IN_SCOPE if payload["in_scope"] else payload["clause"] or ""
    suggested = payload.get("suggested", "")
    by = {
        "rules": pgettext("proposed by", "the agreement's rules"),
        "model": pgettext("proposed by", "what was learned"),
    }
    return Judged(
        event.at,
        event.actor_name,
        verdict,
        verdict_words(verdict, document, language),
        payload.get("why", ""),
        verdict_words(suggested, document, language) if suggested else "",
        by.get(payload.get("suggested_by", ""), ""),
        suggested == verdict,
    )
