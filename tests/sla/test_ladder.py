"""When the ladder rings: a table of its rules, its laws, and an oracle that looks every minute."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plazo.sla import (
    Call,
    Cause,
    EscalationLadder,
    LadderStep,
    Ring,
    Rung,
    SlaPolicy,
    Target,
    next_ring,
    repeat_at,
    rings_by_itself,
)
from plazo.sla.errors import InvalidAgreement
from plazo.sla.targets import Metric

MINUTE = timedelta(minutes=1)
START = datetime(2026, 11, 22, 8, tzinfo=UTC)  # a Sunday at 03:00 in Panama
STEPS = tuple(LadderStep(n, role, ("Somebody",)) for n, role in ((1, "L1"), (2, "L2"), (3, "M")))
LADDER = EscalationLadder(STEPS, {"A": 15 * MINUTE, "B": 30 * MINUTE})


def at(minute: float) -> datetime:
    return START + minute * MINUTE


def risk(minute: float, level: int = 2) -> Call:
    return Call(Cause.AT_RISK, at(minute), level)


def breach(minute: float, level: int = 2) -> Call:
    return Call(Cause.BREACHED, at(minute), level)


def climb(minute: float) -> Call:
    return Call(Cause.CLIMBED, at(minute), 1)


def ring(step: int, minute: float, cause: Cause) -> Ring:
    return Ring(step, at(minute), cause)


SILENCE = Cause.SILENCE


@pytest.mark.parametrize(
    ("calls", "rung", "severity", "now", "expected"),
    [
        pytest.param([], None, "A", 60, None, id="nothing calls, nothing rings"),
        pytest.param([risk(45)], None, "A", 45, ring(2, 45, Cause.AT_RISK), id="L-2 warning"),
        pytest.param([breach(60)], None, "A", 60, ring(3, 60, Cause.BREACHED), id="L-2 miss"),
        pytest.param([breach(60, 1)], None, "B", 60, ring(2, 60, Cause.BREACHED), id="L-2 level 1"),
        pytest.param([breach(60, 3)], None, "A", 60, ring(3, 60, Cause.BREACHED), id="L-2 top"),
        pytest.param([climb(70)], None, "", 70, ring(2, 70, Cause.CLIMBED), id="L-3 climbing"),
        pytest.param(
            [climb(70)], (2, 65), "", 70, ring(3, 70, Cause.CLIMBED), id="L-3 over who is rung"
        ),
        pytest.param(
            [risk(45), breach(60)], None, "A", 90, ring(3, 60, Cause.BREACHED), id="L-4 highest"
        ),
        pytest.param([risk(46, 2)], (2, 45), "C", 46, None, id="L-4 rings already"),
        pytest.param([risk(50, 2)], (3, 45), "A", 50, None, id="L-4 one above rings"),
        pytest.param([], (2, 45), "A", 59.9, ring(3, 60, SILENCE), id="L-5 to come"),
        pytest.param([], (2, 45), "A", 60, ring(3, 60, SILENCE), id="L-5 15 min at A"),
        pytest.param([], (2, 45), "B", 60, ring(3, 75, SILENCE), id="L-5 30 min at B"),
        pytest.param([], (2, 45), "C", 900, None, id="L-5 none at C"),
        pytest.param([], (2, 45), "", 900, None, id="L-5 none unjudged"),
        pytest.param([], (3, 45), "A", 900, None, id="L-5 none above the top"),
        pytest.param(
            [breach(60)], (2, 45), "A", 60, ring(3, 60, Cause.BREACHED), id="L-4 a miss says more"
        ),
    ],
)
def test_the_rules_of_the_ladder(calls, rung, severity, now, expected):
    """Each row is a rule of docs/ladder.md."""
    ringing = Rung(rung[0], at(rung[1])) if rung else None
    found = next_ring(LADDER, calls, ringing, severity, at(now))
    if expected is not None and found is not None and expected.cause is not found.cause:
        assert (found.step, found.at) == (expected.step, expected.at)  # both at one instant
    else:
        assert found == expected


def run(calls, severity, look, until=600):
    """Let the ladder run: look at the moments that `look` gives, and make what is due."""
    rings, rung, pending, now = [], None, sorted(calls, key=lambda c: c.at), at(0)
    while now <= at(until):
        due = [call for call in pending if call.at <= now]
        found = next_ring(LADDER, due, rung, severity, now)
        if found is not None and found.at <= now:
            rung = Rung(found.step, now)
            rings.append((found.step, now))
        pending = [call for call in pending if call.at > now]
        now = look(now, pending, rung, severity)
    return rings


def every_minute(now, pending, rung, severity):
    return now + MINUTE


def at_the_moments(now, pending, rung, severity):
    """What the sweep does: it looks when the next call comes or the silence ends."""
    upcoming = next_ring(LADDER, [], rung, severity, now)
    moments = [call.at for call in pending] + ([upcoming.at] if upcoming else [])
    return min((m for m in moments if m > now), default=at(10_000))


CALLS = st.lists(
    st.builds(
        Call,
        st.sampled_from([Cause.AT_RISK, Cause.BREACHED, Cause.CLIMBED]),
        st.integers(0, 300).map(at),
        st.integers(1, 3),
    ),
    max_size=6,
)


def oracle(calls, severity, until=600):
    """Say which steps ring when, minute by minute, sharing no code with the ladder."""
    silence = {"A": 15, "B": 30}.get(severity)
    step, since, rings = 0, 0, []
    for minute in range(until + 1):
        wanted = step
        for call in calls:
            if call.at != at(minute):
                continue
            if call.cause is Cause.AT_RISK:
                place = call.level
            elif call.cause is Cause.BREACHED:
                place = call.level + 1
            else:
                place = max(call.level, step) + 1
            wanted = max(wanted, min(place, 3))
        if step and silence and step < 3 and minute - since >= silence:
            wanted = max(wanted, step + 1)
        if wanted > step:
            step, since = wanted, minute
            rings.append((step, at(minute)))
    return rings


@given(calls=CALLS, severity=st.sampled_from(["A", "B", "C", ""]))
def test_it_rings_as_somebody_would_who_looked_every_minute(calls, severity):
    """The oracle agrees, whether one looks each minute or only at the moments that matter."""
    expected = oracle(calls, severity)
    assert run(calls, severity, every_minute) == expected
    assert run(calls, severity, at_the_moments) == expected


@given(calls=CALLS, severity=st.sampled_from(["A", "B", "C", ""]))
def test_it_climbs_only_up_and_never_rings_a_step_twice(calls, severity):
    """While nobody answers, each ring is of a higher step, later, and within the ladder."""
    rings = run(calls, severity, at_the_moments)
    steps, moments = [step for step, _at in rings], [moment for _step, moment in rings]
    assert steps == sorted(set(steps))
    assert moments == sorted(moments)
    assert all(1 <= step <= 3 for step in steps)


@given(calls=CALLS, late=st.integers(1, 120))
def test_who_looks_late_rings_once_and_nobody_below(calls, late):
    """After some downtime the highest step that is due is rung, at its own instant, and no other."""
    due = [call for call in calls if call.cause is not Cause.CLIMBED]
    if not due:
        return
    now = max(call.at for call in due) + late * MINUTE
    found = next_ring(LADDER, due, None, "", now)
    assert found is not None
    assert found.step == max(step for step, _at in oracle(due, ""))
    assert found.at in {call.at for call in due}


def test_a_step_is_rung_again_often_for_an_hour_and_then_each_hour():
    """L-8: every five minutes at first; from the twelfth on once an hour."""
    now, times, moments = START, 1, []
    while now < START + timedelta(hours=4):
        now = repeat_at(LADDER, now, times)
        times += 1
        moments.append((now - START) / MINUTE)
    assert moments[:12] == [5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 115]
    assert moments[12] == 175


def test_what_cannot_be_is_refused():
    """Silence calls for nothing, a step repeats after some time, and only some severities ring."""
    with pytest.raises(ValueError, match="silence"):
        Call(Cause.SILENCE, START, 1)
    with pytest.raises(InvalidAgreement):
        EscalationLadder(STEPS, {}, timedelta())
    rings = Target(Metric.RESOLUTION, "x", MINUTE, severity="A", manages_escalation=True)
    quiet = Target(Metric.RESOLUTION, "x", MINUTE, severity="C")
    policy = SlaPolicy("p", (rings, quiet))
    assert [rings_by_itself(policy, letter) for letter in ("A", "C", "")] == [True, False, False]
