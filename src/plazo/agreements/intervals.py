"""The intervals of an explanation in words: as rows of a table, and as a table of plain text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from plazo.agreements.labels import segment_label
from plazo.core import localtime
from plazo.sla import Explanation, SegmentKind

WEEK = timedelta(days=7)

SWATCHES = {
    SegmentKind.COUNTED: "count",
    SegmentKind.CLOSED: "off",
    SegmentKind.HOLIDAY: "off",
    SegmentKind.PAUSED: "pause",
    SegmentKind.REMAINING: "remain",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One stretch of time, as the table shows it."""

    swatch: str
    kind: str
    when: str
    what: str
    length: str
    counted: str
    total: str


class Stamps:
    """The instants of one explanation in words, no two of them alike.

    Edges: a weekday says enough until it comes again; from then on the date stands beside it,
        and the year where there are two. On a day on which the clocks change each hour carries
        its label, since one of them comes twice. Seconds are shown where there are any: the sums
        must be seen to hold.
    """

    def __init__(self, first: datetime, last: datetime, zone: str) -> None:
        begins, ends = (localtime.local(instant, zone).date() for instant in (first, last))
        self._zone = zone
        self._dated = ends - begins >= WEEK
        self._with_year = self._dated and begins.year != ends.year

    def span(self, start: datetime, end: datetime) -> str:
        """Return "lun 20:50 – 22:00", with the second day named where it is another."""
        zone = self._zone
        same = localtime.local(start, zone).date() == localtime.local(end, zone).date()
        day = "" if same else f"{self._day(end)} "
        return f"{self._day(start)} {self._hour(start)} – {day}{self._hour(end)}"

    def _day(self, instant: datetime) -> str:
        day = localtime.weekday_short(instant, self._zone)
        if not self._dated:
            return day
        there = localtime.local(instant, self._zone)
        year = f" {there.year}" if self._with_year else ""
        return f"{day} {there.day} {localtime.month_short(instant, self._zone)}{year}"

    def _hour(self, instant: datetime) -> str:
        there = localtime.local(instant, self._zone)
        hour = localtime.clock_time(instant, self._zone)
        if there.second:
            hour += f":{there.second:02}"
        if localtime.clocks_change_on(instant, self._zone):
            hour += f" {localtime.zone_label(instant, self._zone)}"
        return hour


def rows_of(explanation: Explanation) -> list[Row]:
    """Return the rows. What is still to run is added up too, so the last sum is the target."""
    segments = explanation.segments
    if not segments:
        return []
    stamps = Stamps(segments[0].start, segments[-1].end, explanation.calendar.zone)
    rows, total = [], timedelta()
    for segment in segments:
        counts = segment.length if segment.kind is SegmentKind.REMAINING else segment.counted
        total += counts
        rows.append(
            Row(
                swatch="late" if segment.late else SWATCHES[segment.kind],
                kind={"off": "off", "pause": "pause"}.get(SWATCHES[segment.kind], ""),
                when=stamps.span(segment.start, segment.end),
                what=segment_label(segment)
                + (f" · {segment.reason}" if segment.reason not in ("", "solved") else ""),
                length=localtime.exact_duration(segment.length),
                counted=localtime.exact_duration(counts) if counts else "—",
                total=localtime.exact_duration(total),
            )
        )
    return rows


def table_of(rows: Sequence[Row]) -> list[str]:
    """Return rows as lines of text under their headings, each column as wide as it must be."""
    head = (_("Interval"), _("What happened"), _("Length"), _("Counts"), _("Sum"))
    cells = [head, *((r.when, r.what, r.length, r.counted, r.total) for r in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    lines = []
    for line in cells:
        words = [cell.ljust(width) for cell, width in zip(line[:2], widths[:2], strict=True)]
        figures = [cell.rjust(width) for cell, width in zip(line[2:], widths[2:], strict=True)]
        lines.append("  ".join([*words, *figures]))
    return lines
