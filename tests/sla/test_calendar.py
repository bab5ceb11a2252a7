"""Calendars: rules as rows, laws, the oracle, and what cannot be built."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from plazo.sla import (
    Calendar,
    Holiday,
    InvalidCalendar,
    InvalidInstant,
    NoOpenTime,
    Opening,
    WeeklyWindow,
)
from tests.oracle import compare
from tests.sla.world import ALWAYS, SUPPORT, ZONE, hours, local, minutes, weekly
from tests.strategies import calendars, instants, spans

NEW_YORK = weekly("America/New_York")
NIGHTS = Calendar(
    "nights",
    "America/New_York",
    tuple(WeeklyWindow(day, hours(22), hours(30)) for day in range(7)),
)


@pytest.mark.parametrize(
    ("calendar", "start", "target", "due"),
    [
        pytest.param(
            SUPPORT, "2026-06-01 08:00", hours(1), "2026-06-01 09:00", id="BT-1 inside one window"
        ),
        pytest.param(
            SUPPORT, "2026-06-01 05:00", hours(1), "2026-06-01 07:00", id="BT-2 waits for opening"
        ),
        pytest.param(
            SUPPORT,
            "2026-06-01 06:00",
            hours(1),
            "2026-06-01 07:00",
            id="BT-1 boundary: at the opening instant",
        ),
        pytest.param(
            SUPPORT,
            "2026-06-05 21:00",
            hours(1),
            "2026-06-05 22:00",
            id="BT-3 boundary: used up exactly at closing",
        ),
        pytest.param(
            SUPPORT,
            "2026-06-05 22:00",
            hours(1),
            "2026-06-06 10:00",
            id="BT-1 boundary: at the closing instant",
        ),
        pytest.param(
            SUPPORT, "2026-06-05 21:30", hours(1), "2026-06-06 09:30", id="BT-4 Friday to Saturday"
        ),
        pytest.param(
            SUPPORT, "2026-06-07 16:30", hours(2), "2026-06-08 07:30", id="BT-4 Sunday to Monday"
        ),
        pytest.param(
            SUPPORT,
            "2026-06-05 21:59:30",
            minutes(1),
            "2026-06-06 09:00:30",
            id="BT-5 seconds count",
        ),
        pytest.param(
            SUPPORT,
            "2026-03-07 16:30",
            hours(2),
            "2026-03-08 10:30",
            id="BT-6 Panama has no clock change",
        ),
        pytest.param(
            NEW_YORK,
            "2026-03-07 16:30",
            hours(2),
            "2026-03-08 10:30",
            id="BT-6 clock-change night outside hours",
        ),
        pytest.param(
            NIGHTS,
            "2026-03-07 22:00",
            hours(7),
            "2026-03-08 06:00",
            id="BT-6 the short night has seven hours",
        ),
        pytest.param(
            NIGHTS,
            "2026-10-31 22:00",
            hours(9),
            "2026-11-01 06:00",
            id="BT-6 the long night has nine hours",
        ),
        pytest.param(
            ALWAYS,
            "2026-06-05 23:30",
            hours(2),
            "2026-06-06 01:30",
            id="BT-10 always open is plain addition",
        ),
    ],
)
def test_a_promise_counts_only_open_time(calendar, start, target, due):
    """A target is spent only while the calendar is open."""
    zone = calendar.zone
    assert calendar.add(local(start, zone), target) == local(due, zone)


@pytest.mark.parametrize(
    ("opens", "closes", "found"),
    [
        pytest.param(
            hours(2) + minutes(10),
            hours(4),
            [("03:00", "04:00")],
            id="BT-7 an opening that does not exist is the change",
        ),
        pytest.param(
            hours(1),
            hours(2) + minutes(30),
            [("01:00", "03:00")],
            id="BT-7 a closing that does not exist is the change",
        ),
        pytest.param(
            hours(2) + minutes(5),
            hours(2) + minutes(55),
            [],
            id="BT-7 a window that does not exist is empty",
        ),
    ],
)
def test_civil_times_that_do_not_exist_mean_the_change(opens, closes, found):
    """On the spring night the clock goes from 01:59:59 to 03:00: what lies between is that instant."""
    zone = "America/New_York"
    calendar = Calendar("spring", zone, (WeeklyWindow(6, opens, closes),))
    windows = calendar.windows(local("2026-03-08 00:00", zone), local("2026-03-09 00:00", zone))
    expected = [(local(f"2026-03-08 {a}", zone), local(f"2026-03-08 {b}", zone)) for a, b in found]
    assert [(w.start, w.end) for w in windows] == expected


@pytest.mark.parametrize(
    ("opens", "closes", "length"),
    [
        pytest.param(
            hours(0),
            hours(1.5),
            hours(1.5),
            id="BT-8 a closing that comes twice is its first coming",
        ),
        pytest.param(
            hours(1.5),
            hours(3),
            hours(2.5),
            id="BT-8 an opening that comes twice is its first coming",
        ),
    ],
)
def test_civil_times_that_come_twice_mean_the_first(opens, closes, length):
    """On the autumn night 01:30 comes twice; a window opens and closes at its first coming."""
    zone = "America/New_York"
    calendar = Calendar("autumn", zone, (WeeklyWindow(6, opens, closes),))
    (window,) = calendar.windows(local("2026-11-01 00:00", zone), local("2026-11-02 00:00", zone))
    assert window.length == length


@pytest.mark.parametrize(
    ("holidays", "openings", "day", "expected"),
    [
        pytest.param(
            (Holiday(date(2026, 12, 25), "Navidad"),),
            (),
            "2026-12-25",
            hours(0),
            id="BT-9 a holiday closes its date",
        ),
        pytest.param(
            (Holiday(date(2026, 12, 24), "Víspera", ((hours(6), hours(12)),)),),
            (),
            "2026-12-24",
            hours(6),
            id="BT-9 a partial holiday has its own hours",
        ),
        pytest.param(
            (Holiday(date(2026, 12, 25), "Navidad"),),
            (Opening(date(2026, 12, 25), hours(10), hours(11)),),
            "2026-12-25",
            hours(1),
            id="BT-9 an opening holds on a holiday too",
        ),
        pytest.param(
            (),
            (Opening(date(2026, 6, 7), hours(16), hours(20)),),
            "2026-06-07",
            hours(11),
            id="BT-9 an opening joins the day's own hours",
        ),
    ],
)
def test_exceptions_replace_and_add_hours(holidays, openings, day, expected):
    """Holidays take a date's hours away, or give it others; openings add to whatever holds."""
    calendar = Calendar("x", ZONE, SUPPORT.weekly, holidays=holidays, openings=openings)
    start = local(f"{day} 00:00")
    assert calendar.between(start, start + hours(24)) == expected


def test_a_night_shift_belongs_to_the_day_it_starts():
    """BT-9: the eve's night shift runs on into a holiday; the holiday's own does not start."""
    calendar = Calendar(
        "n", ZONE, NIGHTS.weekly, holidays=(Holiday(date(2026, 12, 25), "Navidad"),)
    )
    windows = calendar.windows(local("2026-12-24 12:00"), local("2026-12-26 21:00"))
    assert [(w.start, w.end) for w in windows] == [
        (local("2026-12-24 22:00"), local("2026-12-25 06:00")),
    ]


def test_holidays_are_dates_in_the_calendars_own_zone():
    """A holiday is one civil day, west and east of UTC, and never the day beside it."""
    for zone in ("America/Santiago", "Pacific/Auckland"):
        always = tuple(WeeklyWindow(day, hours(0), hours(24)) for day in range(7))
        calendar = Calendar("h", zone, always, holidays=(Holiday(date(2026, 7, 16), "Fiesta"),))
        assert calendar.is_open(local("2026-07-15 23:59", zone))
        assert not calendar.is_open(local("2026-07-16 00:00", zone))
        assert not calendar.is_open(local("2026-07-16 23:59", zone))
        assert calendar.is_open(local("2026-07-17 00:00", zone))


def test_a_week_without_gaps_never_closes():
    """BT-2: touching windows are one, midnight included; 24:00 is no closing."""
    week = tuple(WeeklyWindow(day, hours(0), hours(24)) for day in range(7))
    calendar = Calendar("full", "America/New_York", week)
    midnight = local("2026-06-02 00:00", "America/New_York")
    assert calendar.is_open(midnight - timedelta(microseconds=1))
    assert calendar.is_open(midnight)
    assert calendar.next_close(midnight) is None
    assert calendar.add(midnight, timedelta(days=400)) == midnight + timedelta(days=400)


def test_next_open_and_next_close():
    """Open, it is open now and closes at the window's end; closed, both are of the next window."""
    at = local("2026-06-05 21:30")
    assert SUPPORT.next_open(at) == at
    assert SUPPORT.next_close(at) == local("2026-06-05 22:00")
    closed = local("2026-06-05 22:00")
    assert SUPPORT.next_open(closed) == local("2026-06-06 09:00")
    assert SUPPORT.next_close(closed) == local("2026-06-06 17:00")
    assert ALWAYS.next_close(at) is None


def test_every_search_is_bounded():
    """BT-11: a calendar that never opens says so, naming what was left; it does not look for ever."""
    never = Calendar("never", ZONE)
    with pytest.raises(NoOpenTime, match="never.*1:00:00"):
        never.add(local("2026-06-01 08:00"), hours(1))
    with pytest.raises(NoOpenTime, match="never"):
        never.next_open(local("2026-06-01 08:00"))
    once = Calendar("once", ZONE, openings=(Opening(date(2026, 6, 1), hours(9), hours(10)),))
    assert once.add(local("2026-06-01 08:00"), hours(1)) == local("2026-06-01 10:00")
    with pytest.raises(NoOpenTime, match=r"0:00:01 of 1:00:01"):
        once.add(local("2026-06-01 08:00"), hours(1) + timedelta(seconds=1))


def test_the_horizon_does_not_depend_on_what_was_asked_before():
    """BT-11: a promise beyond the horizon is refused, also by a calendar that an earlier question
    has compiled further than that: before, the same promise could be made or not, by chance."""
    start = local("2026-06-01 08:00")
    within = SUPPORT.between(start, start + SUPPORT.horizon)
    for asked_before in (None, local("2040-06-01 08:00")):
        calendar = weekly()
        if asked_before:
            calendar.is_open(asked_before)
        assert calendar.add(start, within) <= start + calendar.horizon
        with pytest.raises(NoOpenTime, match=r"leaves 0:00:01 of"):
            calendar.add(start, within + timedelta(seconds=1))
        with pytest.raises(NoOpenTime, match="of 1200 days"):
            calendar.add(start, timedelta(days=1200))


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda: WeeklyWindow(7, hours(6), hours(7)), id="an eighth weekday"),
        pytest.param(lambda: WeeklyWindow(0, hours(7), hours(7)), id="an empty window"),
        pytest.param(lambda: WeeklyWindow(0, hours(7), hours(6)), id="a window that closes first"),
        pytest.param(lambda: WeeklyWindow(0, hours(24), hours(25)), id="an opening at 24:00"),
        pytest.param(lambda: WeeklyWindow(0, hours(7), hours(32)), id="a window longer than a day"),
        pytest.param(lambda: Calendar("x", "EST"), id="an abbreviation for a zone"),
        pytest.param(lambda: Calendar("x", "America/Nowhere"), id="an unknown zone"),
        pytest.param(
            lambda: Calendar(
                "x",
                ZONE,
                (WeeklyWindow(0, hours(6), hours(9)), WeeklyWindow(0, hours(8), hours(10))),
            ),
            id="overlapping windows",
        ),
        pytest.param(
            lambda: Calendar(
                "x",
                ZONE,
                (WeeklyWindow(6, hours(22), hours(30)), WeeklyWindow(0, hours(5), hours(9))),
            ),
            id="Sunday night over Monday morning",
        ),
        pytest.param(
            lambda: Calendar(
                "x", ZONE, holidays=(Holiday(date(2026, 1, 1), "a"), Holiday(date(2026, 1, 1), "b"))
            ),
            id="a holiday twice",
        ),
        pytest.param(
            lambda: Calendar("x", ZONE, SUPPORT.weekly, always_open=True),
            id="always open with windows",
        ),
        pytest.param(lambda: Calendar("x", ZONE, horizon=hours(1)), id="a horizon under a day"),
    ],
)
def test_wrong_calendars_cannot_be_built(build):
    """What cannot be is refused when it is made, not when it is asked."""
    with pytest.raises(InvalidCalendar):
        build()


@pytest.mark.parametrize(
    "instant",
    [
        pytest.param(datetime(2026, 6, 1, 8), id="naive"),
        pytest.param(
            local("2026-06-01 08:00").astimezone(ZoneInfo("America/New_York")), id="another zone"
        ),
    ],
)
def test_instants_are_utc(instant):
    """A naive instant, or one of another zone, is refused: it would be counted wrongly in silence."""
    with pytest.raises(InvalidInstant):
        SUPPORT.add(instant, hours(1))
    with pytest.raises(InvalidInstant):
        SUPPORT.is_open(instant)


def test_spans_go_forward():
    """A span that ends before it starts, and a promise of less than nothing, are refused."""
    at = local("2026-06-01 08:00")
    with pytest.raises(InvalidInstant):
        SUPPORT.between(at, at - hours(1))
    with pytest.raises(InvalidInstant):
        SUPPORT.add(at, -hours(1))
    assert SUPPORT.add(at, hours(0)) == at


def test_asking_the_past_after_the_future_gives_the_same_answers():
    """What was compiled first does not change what is answered later."""
    for order in (("2020-06-01", "2030-06-03"), ("2030-06-03", "2020-06-01")):
        calendar = weekly()
        for day in order:
            assert calendar.add(local(f"{day} 21:30"), hours(1)) == local(f"{day} 21:30") + minutes(
                30
            ) + (hours(8) + minutes(30))


# — laws ————————————————————————————————————————————————————————————————————————————


@given(calendar=calendars(), start=instants(), target=spans())
def test_measuring_inverts_promising(calendar, start, target):
    """Whatever is promised, measuring it back gives the same, and an instant earlier gives less."""
    try:
        due = calendar.add(start, target)
    except NoOpenTime:
        return
    assert calendar.between(start, due) == target
    assert calendar.between(start, due - timedelta(microseconds=1)) < target
    assert calendar.is_open(due - timedelta(microseconds=1))


@given(calendar=calendars(), a=instants(), b=instants(), c=instants())
def test_measuring_is_additive(calendar, a, b, c):
    """Open time over a span is the sum over its parts, and never more than clock time."""
    a, b, c = sorted((a, b, c))
    assert calendar.between(a, b) + calendar.between(b, c) == calendar.between(a, c)
    assert timedelta(0) <= calendar.between(a, c) <= c - a


@given(calendar=calendars(), start=instants(), later=spans(), target=spans())
def test_a_later_start_is_never_due_earlier(calendar, start, later, target):
    """Promising is monotone in its start."""
    try:
        second = calendar.add(start + later, target)
    except NoOpenTime:
        return
    assert calendar.add(start, target) <= second


@given(start=instants(), target=spans(timedelta(days=60)))
def test_always_open_is_plain_addition(start, target):
    """A calendar that never closes adds nothing and loses nothing, clock changes included."""
    assert ALWAYS.add(start, target) == start + target
    assert ALWAYS.between(start, start + target) == target


@given(start=instants(2026, 2026), target=spans(), day=instants(2026, 2026))
def test_a_holiday_never_brings_a_deadline_forward(start, target, day):
    """Taking hours away can only put a deadline off."""
    closed = Calendar("h", ZONE, SUPPORT.weekly, holidays=(Holiday(day.date(), "x"),))
    assert closed.add(start, target) >= SUPPORT.add(start, target)


@given(calendar=calendars(), a=instants(), length=spans())
def test_windows_add_up_to_what_is_measured(calendar, a, length):
    """The windows of a span are disjoint, in order, inside it, and as long as its open time."""
    windows = calendar.windows(a, a + length)
    assert sum((w.length for w in windows), timedelta(0)) == calendar.between(a, a + length)
    edges = [a, *(edge for w in windows for edge in (w.start, w.end)), a + length]
    assert edges == sorted(edges)
    assert all(w.start < w.end for w in windows)


@pytest.mark.parametrize("seed", range(4))
def test_the_core_agrees_with_the_oracle(seed):
    """An implementation that steps through minutes gives the same answers to random questions."""
    assert compare(1_500, seed) == []


def test_the_core_needs_the_standard_library_only():
    """Imported in a fresh process, the core brings no third-party module with it."""
    code = (
        "import sys; before = set(sys.modules); import plazo.sla;"
        "new = {m.split('.')[0] for m in set(sys.modules) - before};"
        "print(sorted(m for m in new if m not in sys.stdlib_module_names and m != 'plazo'"
        " and not m.startswith('_sysconfigdata')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    assert done.stdout.strip() == "[]"


def test_instants_keep_their_microseconds():
    """BT-5: nothing is rounded on the way."""
    start = datetime(2026, 6, 1, 13, 0, 0, 1, tzinfo=UTC)
    assert SUPPORT.add(start, timedelta(microseconds=1)) == start + timedelta(microseconds=1)
