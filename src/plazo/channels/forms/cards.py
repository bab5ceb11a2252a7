"""The answers of the request form's questions, as its screen shows them."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from plazo.agreements.document import AgreementDocument, Choice, Clause, Service
from plazo.agreements.labels import target_words
from plazo.sla import Metric


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Who attends what a clause puts out of scope, and the way there."""

    clause: str
    area: str
    email: str | None
    text: str
    route: str


def elsewhere(
    document: AgreementDocument, clause: Clause | None, language: str
) -> Elsewhere | None:
    """Return where a clause sends a request, in a language; None without a clause."""
    if clause is None:
        return None
    area = document.areas[clause.area]
    return Elsewhere(
        clause.key,
        area.name.in_language(language),
        area.email,
        clause.text.in_language(language),
        clause.route.in_language(language),
    )


@dataclass(frozen=True, slots=True)
class Card:
    """One answer of a question of the form, as the screen shows it.

    Units: `within` is what level 2 promises for a severity, `says` the agreement's own words.
    """

    value: str
    name: str
    hint: str
    icon: str = ""
    within: str = ""
    says: str = ""
    elsewhere: Elsewhere | None = None


def cards(document: AgreementDocument, question: str, language: str) -> list[Card]:
    """Return the answers of one question: service, environment, request_type or severity."""
    match question:
        case "service":
            return _plain(document, document.offered, language)
        case "environment":
            return _plain(document, document.environments, language)
        case "request_type":
            return _plain(document, document.request_types, language)
        case _:
            return [
                Card(
                    severity.key,
                    severity.name.in_language(language),
                    severity.short.in_language(language),
                    within=within(document, severity.key),
                    says=severity.description.in_language(language),
                )
                for severity in document.severities
            ]


def _plain(
    document: AgreementDocument, table: Mapping[str, Service | Choice], language: str
) -> list[Card]:
    return [
        Card(
            key,
            entry.name.in_language(language),
            entry.hint.in_language(language),
            icon=getattr(entry, "icon", ""),
            elsewhere=elsewhere(
                document, document.clause(getattr(entry, "clause", None)), language
            ),
        )
        for key, entry in table.items()
    ]


def within(document: AgreementDocument, severity: str) -> str:
    """Return what level 2 promises for a severity: "2 h o menos", "4 h hábiles o menos"."""
    span = target_words(document, document.target(Metric.ESCALATED_REPLY, severity))
    return _("%(span)s or less") % {"span": span} if span else ""
