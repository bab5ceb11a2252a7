"""Explanations in words: every interval can be told from every other, and the sums be checked."""

import re

import pytest
from django.utils import translation

from plazo.agreements.intervals import rows_of, table_of
from plazo.core import localtime
from plazo.sla import Agreement, Metric, SlaPolicy, Target, explain
from plazo.sla import facts as f
from tests.sla.world import hours, local, weekly


def explained(zone: str, opened: str, now: str):
    """Explain a first reply of a calendar of the agreement's hours, in any zone."""
    nights = weekly(zone, "support")
    agreement = Agreement(
        "a",
        1,
        {"support": nights},
        (SlaPolicy("p", (Target(Metric.FIRST_REPLY, "support", hours(3)),)),),
    )
    return explain(agreement, [f.Opened(local(opened, zone))], "first_reply", local(now, zone))


def intervals(*arguments: str) -> list[str]:
    """Return the first column of an explanation, in Spanish."""
    with translation.override("es"):
        return [row.when for row in rows_of(explained(*arguments))]


@pytest.mark.parametrize(
    ("opened", "now", "first"),
    [
        pytest.param("2026-11-23 20:50", "2026-11-29 23:00", "lun 20:50 – 22:00", id="six days: each weekday comes once"),
        pytest.param("2026-11-23 20:50", "2026-11-30 07:00", "lun 23 nov 20:50 – 22:00", id="Monday to Monday: the date is said, though it is under seven times 24 hours"),
        pytest.param("2026-12-28 20:50", "2027-01-10 12:00", "lun 28 dic 2026 20:50 – 22:00", id="over the new year: the year as well"),
    ],
)  # fmt: skip
def test_a_day_is_named_so_that_no_other_is_meant(opened, now, first):
    """Three Mondays in one list cannot all be “lun”."""
    found = intervals("America/Panama", opened, now)
    assert found[0] == first
    assert len(set(found)) == len(found)


def test_an_hour_that_comes_twice_says_which():
    """On the night when New York's clocks go back half past one comes twice; each hour of that
    day carries its label, and the next day's do not."""
    zone = "America/New_York"
    with translation.override("es"):
        (closed, *_) = rows_of(explained(zone, "2026-11-01 00:30", "2026-11-01 08:00"))
    assert closed.when == "dom 0:30 EDT – 8:00 EST"
    assert closed.length.replace(localtime.NBSP, " ") == "8 h 30 min"
    assert intervals(zone, "2026-11-02 07:00", "2026-11-02 07:30")[0] == "lun 7:00 – 7:30"
    assert not localtime.clocks_change_on(local("2026-11-01 08:00"), "America/Panama")


def test_the_plain_table_has_a_column_for_lengths():
    """Whoever copies an explanation into a mail can check it by the clock: how long each interval
    was, and how much of it counted."""
    with translation.override("en"):
        rows = rows_of(explained("America/Panama", "2026-11-23 20:50", "2026-11-24 06:30"))
        head, *lines = table_of(rows)
    assert head.split() == ["Interval", "What", "happened", "Length", "Counts", "Sum"]
    columns = [re.split(r" {2,}", line) for line in lines]
    assert columns[1][2].replace(localtime.NBSP, " ") == "8 h"
    assert columns[1][3] == "—"
    assert len({len(line) for line in (head, *lines)}) == 1
