"""Trying an agreement out: when would a case that comes in then be due?"""

from dataclasses import dataclass
from datetime import datetime

from plazo.agreements.document import AgreementDocument
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
) -> list[Trial]:
    """Return every promise to a case that comes in, or enters level 2, at an instant.

    Edges: by the catch-all policy, as the public page; None where a calendar does not open within
        its horizon.
    """
    today = {_key(metric, severity): due for metric, severity, _l, due in _dues(*in_force, at)}
    return [
        Trial(metric_label(metric), severity, length, due, today.get(_key(metric, severity)))
        for metric, severity, length, due in _dues(document, agreement, at)
    ]


def _key(metric: Metric, severity: str) -> tuple[str, str]:
    return metric.value, severity


def _dues(
    document: AgreementDocument, agreement: Agreement, at: datetime
) -> list[tuple[Metric, str, str, datetime | None]]:
    found = []
    for target in document.policies[-1].targets:
        if target.duration is None:
            continue
        try:
            due = agreement.calendars[target.calendar].add(at, target.duration)
        except NoOpenTime:
            due = None
        words = target_words(document, target)
        found.append((target.metric, target.severity or "", words, due))
    return found
