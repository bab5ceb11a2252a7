"""Trying an agreement out: when would a case be due, and what would the form offer and ask?"""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from plazo.agreements.changes import kind_words, options_words
from plazo.agreements.document import AgreementDocument, FormField, PolicyEntry
from plazo.agreements.labels import metric_label, target_words
from plazo.sla import Agreement, Metric, NoOpenTime


@dataclass(frozen=True, slots=True)
class Trial:
    """One promise to a case: its name, its severity, its length, and when it would be due.

    `before` is when it is due by what holds today; None for a promise that is new.
    """

    name: str
    severity: str
    length: str
    due: datetime | None
    before: datetime | None

    @property
    def moves(self) -> bool:
        """Say whether the hour is another one than by what holds today."""
        return self.due != self.before


def trials(
    document: AgreementDocument,
    agreement: Agreement,
    in_force: tuple[AgreementDocument, Agreement],
    at: datetime,
    service: str = "",
) -> list[Trial]:
    """Return every promise to a case that comes in, or enters level 2, at an instant.

    Edges: by the policy that such a case gets about a service, from a client who is entitled to
        support; without a service by the catch-all, as the public page. `due` is None where a
        calendar does not open within its horizon, `before` for a service that is not offered yet.
    """
    then, now_runs = in_force
    known = not service or service in then.offered
    today = {
        _key(metric, severity): due
        for metric, severity, _length, due in (_dues(then, now_runs, at, service) if known else ())
    }
    return [
        Trial(metric_label(metric), severity, length, due, today.get(_key(metric, severity)))
        for metric, severity, length, due in _dues(document, agreement, at, service)
    ]


def policy_for(document: AgreementDocument, service: str) -> PolicyEntry:
    """Return the policy of a case about a service, from a client entitled to support.

    Edges: one for some organizations only is none of these.
    """
    entitled = document.stages.entitled
    for policy in document.policies[:-1] if service else ():
        if (
            (not policy.services or service in policy.services)
            and (not policy.stages or entitled in policy.stages)
            and not policy.organizations
        ):
            return policy
    return document.policies[-1]


@dataclass(frozen=True, slots=True)
class Tried:
    """A service or a question as the form will have it: "new", "gone", "changed", "" for as now."""

    key: str
    name: str
    words: str
    what: str


def offers(document: AgreementDocument, in_force: AgreementDocument, language: str) -> list[Tried]:
    """Return the services that the form will offer, and those that it will offer no more."""
    was, now = in_force.offered, document.offered
    found = []
    for key, each in now.items():
        what = "new" if key not in was else "changed" if was[key] != each else ""
        found.append(
            Tried(key, each.name.in_language(language), each.hint.in_language(language), what)
        )
    return found + [
        Tried(key, each.name.in_language(language), each.hint.in_language(language), "gone")
        for key, each in was.items()
        if key not in now
    ]


def questions(
    document: AgreementDocument, in_force: AgreementDocument, service: str, language: str
) -> list[Tried]:
    """Return what the form will ask about a service, and what it will ask no more.

    Edges: of a service that is not offered today, a question is new that the form does not have.
    """
    known = service in in_force.offered
    was = {f.key: f for f in in_force.fields if not known or f.is_for(service)}
    now = {f.key: f for f in document.fields if f.is_for(service)}
    found = []
    for key, each in now.items():
        same = key in was and was[key].model_copy(update={"services": each.services}) == each
        what = "" if same else "changed" if key in was else "new"
        found.append(Tried(key, each.label.in_language(language), _answer(each, language), what))
    if not known:
        return found
    return found + [
        Tried(key, each.label.in_language(language), _answer(each, language), "gone")
        for key, each in was.items()
        if key not in now
    ]


def _answer(field: FormField, language: str) -> str:
    """Say what a question takes: "Una línea, obligatorio", "Sí, No"."""
    words = options_words(field, language) or kind_words(field.kind)
    return f"{words} · " + _("required") if field.required else words


def _key(metric: Metric, severity: str) -> tuple[str, str]:
    return metric.value, severity


def _dues(
    document: AgreementDocument, agreement: Agreement, at: datetime, service: str
) -> list[tuple[Metric, str, str, datetime | None]]:
    found = []
    for target in policy_for(document, service).targets:
        if target.duration is None:
            continue
        try:
            due = agreement.calendars[target.calendar].add(at, target.duration)
        except NoOpenTime:
            due = None
        words = target_words(document, target)
        found.append((target.metric, target.severity or "", words, due))
    return found
