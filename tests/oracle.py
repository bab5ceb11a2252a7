"""An independent oracle for the SLA core: it steps through minutes and shares no code with it.

It is slow and plain on purpose. `python -m tests.oracle --cases 200000` compares that many random
questions with the core and prints how many agreed.
"""

import argparse
import random
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
Spans = Sequence[tuple[int, int]]  # minutes from midnight


@dataclass
class Rules:
    """A calendar in the oracle's own terms: minutes of the week and dates."""

    zone: str
    weekly: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    holidays: dict[date, list[tuple[int, int]]] = field(default_factory=dict)
    openings: dict[date, list[tuple[int, int]]] = field(default_factory=dict)


class MinuteOracle:
    """Which minutes of a few days are open, found by looking at the local clock each minute."""

    def __init__(self, rules: Rules, first: datetime, days: int) -> None:
        self.first = first
        zone = ZoneInfo(rules.zone)
        margin = 3 * 24 * 60
        total = days * 24 * 60
        begin = first - margin * MINUTE
        # The latest local time seen so far: never goes back, so a civil time is "reached" at the
        # first minute that shows it or later.
        reached: list[datetime] = []
        latest = datetime(1, 1, 1)
        for step in range(total + 2 * margin):
            shown = (begin + step * MINUTE).astimezone(zone).replace(tzinfo=None)
            latest = max(latest, shown)
            reached.append(latest)
        marks = [0] * (len(reached) + 1)
        day = reached[0].date()
        while day <= reached[-1].date():
            if day in rules.holidays:
                spans = list(rules.holidays[day])
            else:
                spans = list(rules.weekly.get(day.weekday(), []))
            spans += rules.openings.get(day, [])
            midnight = datetime(day.year, day.month, day.day)
            for opens, closes in spans:
                a = bisect_left(reached, midnight + opens * MINUTE)
                b = bisect_left(reached, midnight + closes * MINUTE)
                if a < b:
                    marks[a] += 1
                    marks[b] -= 1
            day += timedelta(days=1)
        self.open: list[bool] = []
        depth = 0
        for change in marks[:-1]:
            depth += change
            self.open.append(depth > 0)
        self.open = self.open[margin : margin + total]

    def index(self, instant: datetime) -> int:
        return (instant - self.first) // MINUTE

    def is_open(self, instant: datetime) -> bool:
        return self.open[self.index(instant)]

    def between(self, a: datetime, b: datetime) -> timedelta:
        return sum(self.open[self.index(a) : self.index(b)]) * MINUTE

    def add(self, start: datetime, minutes: int) -> datetime | None:
        """Return when so many open minutes have passed, or None past the days it knows."""
        left = minutes
        at = self.index(start)
        while left:
            if at >= len(self.open):
                return None
            left -= self.open[at]
            at += 1
        return self.first + at * MINUTE


def spent(
    oracle: MinuteOracle,
    start: datetime,
    end: datetime,
    pauses: Iterable[tuple[datetime, datetime]],
) -> timedelta:
    """Count open minutes outside every pause, one by one."""
    spans = list(pauses)
    count, at = 0, start
    while at < end:
        if oracle.is_open(at) and not any(a <= at < b for a, b in spans):
            count += 1
        at += MINUTE
    return count * MINUTE


# — random calendars ————————————————————————————————————————————————————————————————

ZONES = (
    "America/Panama",
    "America/New_York",
    "America/Bogota",
    "America/Mexico_City",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Europe/Madrid",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Australia/Adelaide",
    "Pacific/Auckland",
    "UTC",
)
# Half of all periods lie about a night on which some clocks change.
CHANGES = (
    datetime(2026, 3, 8, tzinfo=UTC),
    datetime(2026, 11, 1, tzinfo=UTC),
    datetime(2026, 3, 29, tzinfo=UTC),
    datetime(2026, 10, 25, tzinfo=UTC),
    datetime(2026, 4, 5, tzinfo=UTC),
    datetime(2026, 9, 6, tzinfo=UTC),
    datetime(2026, 10, 4, tzinfo=UTC),
    datetime(2022, 10, 30, tzinfo=UTC),
)


def random_spans(rng: random.Random, *, overnight: bool) -> list[tuple[int, int]]:
    """Return up to three windows of a day that do not overlap, sometimes past midnight."""
    edges = sorted(rng.sample(range(24 * 60 + 1), 2 * rng.randint(1, 3)))
    spans = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < 24 * 60]
    if overnight and spans and rng.random() < 0.4:
        last = spans[-1]
        spans[-1] = (max(last[0], 18 * 60), 24 * 60 + rng.randint(1, 6 * 60))
        spans = [s for s in spans[:-1] if s[1] <= spans[-1][0]] + [spans[-1]]
    return spans


def random_rules(rng: random.Random, about: datetime) -> Rules:
    """Return a calendar with one to seven days a week, and some holidays and openings."""
    rules = Rules(rng.choice(ZONES))
    for day in rng.sample(range(7), rng.randint(1, 7)):
        rules.weekly[day] = random_spans(rng, overnight=True)
    # A night shift must not run into the next day's first window.
    for day, spans in rules.weekly.items():
        following = rules.weekly.get((day + 1) % 7)
        if following and spans[-1][1] > 24 * 60 and spans[-1][1] - 24 * 60 > following[0][0]:
            spans[-1] = (spans[-1][0], 24 * 60)
    if rng.random() < 0.1:
        rules.weekly = {day: [(0, 24 * 60)] for day in range(7)}
    for _ in range(rng.randint(0, 3)):
        day = (about + timedelta(days=rng.randint(-2, 7))).date()
        rules.holidays[day] = random_spans(rng, overnight=False) if rng.random() < 0.5 else []
    for _ in range(rng.randint(0, 2)):
        day = (about + timedelta(days=rng.randint(-2, 7))).date()
        rules.openings[day] = random_spans(rng, overnight=True)[:1]
    return rules


def calendar_of(rules: Rules) -> "object":
    """Build the core's calendar from the oracle's rules: the only place where they meet."""
    from plazo.sla import Calendar, Holiday, Opening, WeeklyWindow

    def span(pair: tuple[int, int]) -> tuple[timedelta, timedelta]:
        return pair[0] * MINUTE, pair[1] * MINUTE

    return Calendar(
        "random",
        rules.zone,
        tuple(
            WeeklyWindow(day, *span(pair)) for day, spans in rules.weekly.items() for pair in spans
        ),
        holidays=tuple(
            Holiday(day, "holiday", tuple(span(pair) for pair in spans))
            for day, spans in rules.holidays.items()
        ),
        openings=tuple(
            Opening(day, *span(pair)) for day, spans in rules.openings.items() for pair in spans
        ),
    )


def compare(cases: int, seed: int, *, each: int = 200, days: int = 6) -> list[str]:
    """Ask `cases` random questions of both; return every disagreement, in words."""
    from plazo.sla import NoOpenTime

    rng = random.Random(seed)
    wrong: list[str] = []
    asked = 0
    while asked < cases:
        about = (
            rng.choice(CHANGES)
            if rng.random() < 0.5
            else datetime(2026, rng.randint(1, 12), rng.randint(1, 28), tzinfo=UTC)
        )
        first = about - timedelta(days=rng.randint(1, 3))
        rules = random_rules(rng, about)
        oracle = MinuteOracle(rules, first, days)
        calendar = calendar_of(rules)
        for _ in range(min(each, cases - asked)):
            asked += 1
            a, b = sorted(first + rng.randrange(days * 24 * 60) * MINUTE for _ in range(2))
            match rng.randrange(3):
                case 0:
                    ours, theirs = calendar.between(a, b), oracle.between(a, b)  # type: ignore[attr-defined]
                case 1:
                    minutes = rng.randint(1, 36 * 60)
                    theirs = oracle.add(a, minutes)
                    if theirs is None:
                        continue
                    try:
                        ours = calendar.add(a, minutes * MINUTE)  # type: ignore[attr-defined]
                    except NoOpenTime:
                        ours = None
                case _:
                    ours, theirs = calendar.is_open(a), oracle.is_open(a)  # type: ignore[attr-defined]
            if ours != theirs:
                wrong.append(f"{rules} a={a} b={b}: core {ours}, oracle {theirs}")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=20261124)
    arguments = parser.parse_args()
    wrong = compare(arguments.cases, arguments.seed)
    for line in wrong[:20]:
        print(line)
    print(f"{arguments.cases} cases, {len(wrong)} disagreements, seed {arguments.seed}")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
