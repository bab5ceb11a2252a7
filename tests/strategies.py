"""Hypothesis strategies for the core: calendars, instants, histories; and the profiles."""

import random
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from plazo.sla import Calendar, Fact
from plazo.sla import facts as f
from tests.oracle import CHANGES, calendar_of, random_rules

START = datetime(2026, 1, 1, tzinfo=UTC)


def instants(first: int = 2025, last: int = 2027) -> st.SearchStrategy[datetime]:
    """Return UTC instants to the microsecond, often about a night when clocks change."""
    anywhere = st.datetimes(
        datetime(first, 1, 1),
        datetime(last, 12, 31),
        timezones=st.just(UTC),
    )
    about = st.builds(
        lambda change, seconds: change + timedelta(seconds=seconds),
        st.sampled_from(CHANGES),
        st.integers(-86_400, 2 * 86_400),
    )
    return st.one_of(anywhere, about)


def spans(longest: timedelta = timedelta(days=5)) -> st.SearchStrategy[timedelta]:
    """Return durations from a microsecond up."""
    return st.timedeltas(timedelta(microseconds=1), longest)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """Return random calendars: any zone, several windows a day, nights, holidays, openings."""
    seed = draw(st.integers(0, 2**32))
    rng = random.Random(seed)
    about = draw(st.sampled_from(CHANGES))
    calendar = calendar_of(random_rules(rng, about))
    assert isinstance(calendar, Calendar)
    return calendar


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    """Return facts of one ticket, in order, as commands would append them."""
    at = draw(instants(2026, 2026))
    facts: list[Fact] = [f.Opened(at, "esd")]
    replies = promises = asks = 0
    for kind in draw(
        st.lists(
            st.sampled_from(
                [
                    "reply",
                    "fail",
                    "spoke",
                    "pause",
                    "resume",
                    "severity",
                    "level",
                    "verdict",
                    "promise",
                    "moved",
                    "kept",
                    "asked",
                    "answered",
                    "set aside",
                    "withdrawn",
                    "solved",
                    "reopened",
                ]
            ),
            max_size=14,
        )
    ):
        at += draw(st.timedeltas(timedelta(0), timedelta(hours=9)))
        match kind:
            case "reply":
                replies += 1
                facts.append(f.RepliedPublicly(at, f"r{replies}"))
            case "fail" if replies:
                facts.append(f.DeliveryFailed(at, f"r{draw(st.integers(1, replies))}"))
            case "spoke":
                facts.append(f.RequesterSpoke(at))
            case "pause":
                facts.append(f.Paused(at, "data", "requester"))
            case "resume":
                facts.append(f.Resumed(at))
            case "severity":
                facts.append(f.SeveritySet(at, draw(st.sampled_from("ABC"))))
            case "level":
                facts.append(f.LevelEntered(at, draw(st.integers(2, 3))))
            case "verdict":
                facts.append(f.VerdictGiven(at))
            case "promise":
                promises += 1
                facts.append(f.PromiseMade(at, f"p{promises}", "update", at + draw(spans())))
            case "moved" if promises:
                facts.append(f.PromiseMoved(at, f"p{promises}", at + draw(spans()), "why"))
            case "kept" if promises:
                facts.append(f.PromiseKept(at, f"p{draw(st.integers(1, promises))}"))
            case "asked":
                asks += 1
                facts.append(f.AreaAsked(at, f"a{asks}", draw(st.sampled_from(["credit", "none"]))))
            case "answered" if asks:
                facts.append(f.AreaAnswered(at, f"a{draw(st.integers(1, asks))}", "1"))
            case "set aside" if asks:
                facts.append(f.AreaAnswerSetAside(at, f"a{draw(st.integers(1, asks))}", "1"))
            case "withdrawn" if asks:
                facts.append(f.AreaWithdrawn(at, f"a{draw(st.integers(1, asks))}"))
            case "solved":
                facts.append(f.Solved(at))
            case "reopened":
                facts.append(f.Reopened(at))
            case _:
                pass
    return facts
