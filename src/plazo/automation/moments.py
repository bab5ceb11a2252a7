"""The moment of a time-based rule: how long after, or before, an instant of the ticket it runs.

A rule asks for tickets whose instant lies so long ago that its time has passed. Open time is
counted in a calendar of the agreement: since it only grows, that is one instant before now for
each version of the agreement, and no arithmetic for each ticket.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from plazo.agreements.models import AgreementVersion
from plazo.agreements.queries import version
from plazo.automation.refusals import NoOccasion
from plazo.core import localtime
from plazo.sla import Calendar
from plazo.sla.errors import NoOpenTime
from plazo.tickets.models import Status

LONGEST_MINUTES: Final = 366 * 24 * 60
# How far an instant may lie back at most, for a rule that looks at solved tickets.
LOOKS_BACK: Final = timedelta(days=30)
_FURTHEST: Final = timedelta(days=5 * 366)
_CHUNK: Final = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Base:
    """An instant of a ticket that a rule can count from."""

    key: str
    label: str | Promise
    column: str
    side: Literal["after", "before"]


BASES: Final[dict[str, Base]] = {
    base.key: base
    for base in (
        Base(
            "status_since", gettext_lazy("in its status for longer than"), "status_since", "after"
        ),
        Base("opened", gettext_lazy("opened longer ago than"), "opened_at", "after"),
        Base("updated", gettext_lazy("without any change for longer than"), "updated_at", "after"),
        Base("late", gettext_lazy("overdue for longer than"), "late_since", "after"),
        Base("due", gettext_lazy("due within"), "next_due_at", "before"),
        Base("solved", gettext_lazy("solved longer ago than"), "solved_at", "after"),
    )
}


@dataclass(frozen=True, slots=True)
class Moment:
    """So many minutes after, or before, an instant; of open time where a calendar is named."""

    base: Base
    minutes: int
    calendar: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return what `read` reads."""
        return {"base": self.base.key, "minutes": self.minutes, "calendar": self.calendar}

    def words(self) -> str:
        """Return it as a sentence."""
        length = localtime.span_words(timedelta(minutes=self.minutes))
        if self.calendar:
            length = _("%(length)s of open time (%(calendar)s)") % {
                "length": length,
                "calendar": self.calendar,
            }
        return f"{self.base.label} {length}"

    def q(self, now: datetime) -> Q:
        """Return what the database is asked for tickets whose moment has come at `now`.

        Edges: solved tickets only for the moment of solving, and no older than a month beyond
            it; ended ones never else, whose moments are over.
        """
        ended = self.base.key == "solved"
        among = Q(status=Status.SOLVED) if ended else ~Q(status__in=(Status.SOLVED, Status.CLOSED))
        if not self.calendar:
            return among & self._within(self._edge(None, now), now)
        found = Q(pk__in=[])
        for pk in AgreementVersion.objects.order_by("pk").values_list("pk", flat=True):
            calendar = version(pk).sla.calendars.get(self.calendar)
            edge = self._edge(calendar, now) if calendar is not None else None
            if edge is not None:
                found |= Q(agreement_version=pk) & self._within(edge, now)
        return among & found

    def _within(self, edge: datetime | None, now: datetime) -> Q:
        if edge is None:
            return Q(pk__in=[])
        column = self.base.column
        q = Q(**{f"{column}__lte": edge})
        if self.base.key == "solved":
            q &= Q(**{f"{column}__gte": edge - LOOKS_BACK})
        return q

    def _edge(self, calendar: Calendar | None, now: datetime) -> datetime | None:
        span = timedelta(minutes=self.minutes)
        try:
            if self.base.side == "before":
                return now + span if calendar is None else calendar.add(now, span)
            return now - span if calendar is None else open_time_before(calendar, now, span)
        except NoOpenTime:
            return None


def read(stored: Mapping[str, Any]) -> Moment:
    """Return a moment from stored or sent JSON. Raises: NoOccasion."""
    base = BASES.get(str(stored.get("base", "")))
    try:
        minutes = int(stored.get("minutes") or 0)
    except (TypeError, ValueError):
        minutes = 0
    if base is None or not 0 < minutes <= LONGEST_MINUTES:
        raise NoOccasion
    return Moment(base, minutes, str(stored.get("calendar") or "")[:60])


def open_time_before(calendar: Calendar, at: datetime, span: timedelta) -> datetime | None:
    """Return the last instant from which at least `span` of open time has passed at `at`.

    Edges: None where the calendar was open for less than that in five years.
    """
    left, end = span, at
    while at - end < _FURTHEST:
        for window in reversed(calendar.windows(end - _CHUNK, end)):
            if left <= window.length:
                return window.end - left
            left -= window.length
        end -= _CHUNK
    return None
