"""What the core costs, beside the published business-time packages that still install.

Every answer of every package is compared with a minute-stepping oracle before it is timed: a fast
wrong answer is shown as wrong, and nothing is compared with it. Run with `make bench NAME=sla`. The
last line is one JSON object.

The goal of 100 times the best package cannot be met where the package is one for a single window
a day without zones: the floor, which is a call and two searches and nothing else, shows how far
pure Python could go at all. docs/algorithms/business-time.md says more.
"""

import importlib
import json
import random
import sys
import time
from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from plazo.sla import (  # noqa: E402
    Agreement,
    Calendar,
    Metric,
    SlaPolicy,
    Target,
    WeeklyWindow,
    evaluate,
)
from plazo.sla import facts as f  # noqa: E402
from tests.oracle import MinuteOracle, Rules  # noqa: E402

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SPAN_DAYS = 12
Pair = tuple[datetime, datetime]


class Scenario:
    """A calendar in everybody's terms, and questions about it."""

    def __init__(self, name: str, rules: Rules) -> None:
        self.name, self.rules = name, rules
        self.first = datetime(2026, 10, 27, tzinfo=UTC)
        self.oracle = MinuteOracle(rules, self.first, 16)
        rng = random.Random(7)  # noqa: S311 - the same questions each time
        self.starts = [self.first + rng.randrange(3 * 1440) * MINUTE for _ in range(200)]
        self.pairs: list[Pair] = [
            (a, a + rng.randrange(1, SPAN_DAYS * 1440) * MINUTE) for a in self.starts
        ]
        self.targets = [rng.randrange(30, 20 * 60) for _ in self.starts]
        self.measured = [self.oracle.between(a, b) for a, b in self.pairs]
        self.promised = [
            self.oracle.add(a, m) for a, m in zip(self.starts, self.targets, strict=True)
        ]

    def calendar(self) -> Calendar:
        return Calendar(
            "bench",
            self.rules.zone,
            tuple(
                WeeklyWindow(day, a * MINUTE, b * MINUTE)
                for day, spans in self.rules.weekly.items()
                for a, b in spans
            ),
        )


SCENARIOS = [
    Scenario("the agreement (6-22, weekends 9-17), US East", Rules("America/New_York", {d: [(360, 1320)] for d in range(5)} | {5: [(540, 1020)], 6: [(540, 1020)]})),
    Scenario("office, Mon-Fri 9-18, Bogotá", Rules("America/Bogota", {d: [(540, 1080)] for d in range(5)})),
    Scenario("split day 8-12/13-17, Mexico City", Rules("America/Mexico_City", {d: [(480, 720), (780, 1020)] for d in range(5)})),
    Scenario("nights 22-06, US East, over the clock change", Rules("America/New_York", {d: [(1320, 1800)] for d in range(7)})),
]  # fmt: skip

Between = Callable[[datetime, datetime], timedelta]
Add = Callable[[datetime, int], datetime]


def ours(scenario: Scenario) -> tuple[Between, Add]:
    calendar = scenario.calendar()
    return calendar.between, lambda start, minutes: calendar.add(start, minutes * MINUTE)


def businesstimedelta_peer(scenario: Scenario) -> tuple[Between, Add]:
    package = importlib.import_module("businesstimedelta")
    zone = importlib.import_module("pytz").timezone(scenario.rules.zone)
    groups: dict[tuple[int, int], list[int]] = {}
    for day, spans in scenario.rules.weekly.items():
        for span in spans:
            groups.setdefault(span, []).append(day)
    rules = [
        package.WorkDayRule(
            start_time=clock(a // 60, a % 60),
            end_time=clock(b // 60 % 24, b % 60),
            working_days=days,
            tz=zone,
        )
        for (a, b), days in groups.items()
    ]
    joined = package.Rules(rules)

    def between(a: datetime, b: datetime) -> timedelta:
        return timedelta(seconds=joined.difference(a, b).timedelta.total_seconds())

    def add(start: datetime, minutes: int) -> datetime:
        found = start + package.BusinessTimeDelta(joined, timedelta=minutes * MINUTE)
        return found.astimezone(UTC)

    return between, add


def business_duration_peer(scenario: Scenario) -> tuple[Between, None]:
    package = importlib.import_module("business_duration")
    spans = {tuple(s) for s in scenario.rules.weekly.values()}
    if len(spans) != 1 or len(next(iter(spans))) != 1:
        raise NotImplementedError("one window a day, the same every day")
    (a, b) = next(iter(spans))[0]
    zone = ZoneInfo(scenario.rules.zone)
    weekend = [day for day in range(7) if day not in scenario.rules.weekly]

    def between(start: datetime, end: datetime) -> timedelta:
        minutes = package.businessDuration(
            start.astimezone(zone).replace(tzinfo=None),
            end.astimezone(zone).replace(tzinfo=None),
            clock(a // 60, a % 60),
            clock(b // 60 % 24, b % 60),
            weekendlist=weekend,
            unit="min",
        )
        return round(float(minutes)) * MINUTE

    return between, None


def businesstime_peer(scenario: Scenario) -> tuple[Between, None]:
    package = importlib.import_module("businesstime")
    spans = {tuple(s) for s in scenario.rules.weekly.values()}
    if len(spans) != 1 or len(next(iter(spans))) != 1:
        raise NotImplementedError("one window a day, the same every day")
    (a, b) = next(iter(spans))[0]
    if b > 1440:
        raise NotImplementedError("no windows past midnight")
    zone = ZoneInfo(scenario.rules.zone)
    weekend = tuple(day for day in range(7) if day not in scenario.rules.weekly)
    hours = (clock(a // 60, a % 60), clock(b // 60, b % 60))
    counter = package.BusinessTime(business_hours=hours, weekends=weekend)

    def between(start: datetime, end: datetime) -> timedelta:
        found: timedelta = counter.businesstimedelta(
            start.astimezone(zone).replace(tzinfo=None), end.astimezone(zone).replace(tzinfo=None)
        )
        # It counts a business day as a day: turn days back into hours.
        return found.days * (b - a) * MINUTE + timedelta(seconds=found.seconds)

    return between, None


PEERS: dict[str, Callable[[Scenario], tuple[Between, Add | None]]] = {
    "businesstimedelta": businesstimedelta_peer,
    "business-duration": business_duration_peer,
    "businesstime": businesstime_peer,
}


def rate(call: Callable[[int], Any], questions: int, seconds: float) -> float:
    """Return calls per second in the best round over the questions.

    Edges: the best of many short rounds, so that what else the machine does counts little, for
        us as for the others; at least one round, however slow.
    """
    best, began = 1e9, time.perf_counter()
    while best == 1e9 or time.perf_counter() - began < seconds:
        started = time.perf_counter()
        for number in range(questions):
            call(number)
        best = min(best, time.perf_counter() - started)
    return questions / best


def right(call: Callable[[int], Any], expected: list[Any]) -> float:
    """Return the share of answers that the oracle gives too."""
    hits = 0
    for number, wanted in enumerate(expected):
        try:
            hits += call(number) == wanted
        except Exception:  # noqa: BLE001 - a package that raises is wrong on this question
            continue
    return hits / len(expected)


def questions(
    scenario: Scenario, between: Between | None, add: Add | None
) -> dict[str, tuple[Callable[[int], Any], list[Any]]]:
    found: dict[str, tuple[Callable[[int], Any], list[Any]]] = {}
    if between is not None:
        found["between"] = (lambda n: between(*scenario.pairs[n]), scenario.measured)
    if add is not None:
        found["add"] = (lambda n: add(scenario.starts[n], scenario.targets[n]), scenario.promised)
    return found


def compare(scenario: Scenario) -> dict[str, Any]:
    print(f"\n{scenario.name}")
    result: dict[str, Any] = {}
    for name, make in {"plazo": ours, **PEERS}.items():
        try:
            between, add = make(scenario)
        except ModuleNotFoundError:
            print(f"  {name:<20} not installed")
            continue
        except NotImplementedError as error:
            print(f"  {name:<20} cannot express it: {error}")
            continue
        for what, (call, expected) in questions(scenario, between, add).items():
            share = right(call, expected)
            speed = rate(call, len(expected), 0.6 if name == "plazo" else 0.5)
            result.setdefault(what, {})[name] = {"right": share, "per_second": round(speed)}
            print(f"  {name:<20} {what:<8} {share:6.1%} right {speed:>12,.0f}/s")
    for what, rows in result.items():
        peers = [r["per_second"] for name, r in rows.items() if name != "plazo" and r["right"] == 1]
        if not peers:
            print(f"  {'':<20} {what:<8} none of them is right")
            continue
        ratio = rows["plazo"]["per_second"] / max(peers)
        rows["ratio_to_best_peer"] = round(ratio, 1)
        limit = floor(scenario) / max(peers)
        rows["ratio_of_floor"] = round(limit, 1)
        print(
            f"  {'':<20} {what:<8} {ratio:,.0f} times the best of those that are right;"
            f" the floor would be {limit:,.0f} times"
        )
    return result


def floor(scenario: Scenario) -> float:
    """Return how often a second Python could answer at best: a call, and two searches in it."""
    calendar = scenario.calendar()
    calendar.between(*scenario.pairs[0])
    compiled = calendar._compiled
    assert compiled is not None
    starts, zeros = compiled.starts, compiled.zeros

    def between(a: datetime, b: datetime) -> timedelta:
        i, j = bisect_right(starts, a) - 1, bisect_right(starts, b) - 1
        return (b - zeros[j]) - (a - zeros[i])

    return rate(lambda n: between(*scenario.pairs[n]), len(scenario.pairs), 0.5)


def compile_year() -> float:
    """Return the milliseconds that compiling a year of the agreement's calendar takes."""
    best = 1e9
    for _ in range(20):
        calendar = SCENARIOS[0].calendar()
        began = time.perf_counter()
        calendar._compile(20_454, 20_819)
        best = min(best, time.perf_counter() - began)
    return best * 1000


def evaluate_ticket() -> tuple[float, int, int]:
    """Return the microseconds of evaluating a ticket with 50 facts and 6 targets."""
    support = SCENARIOS[0].calendar()
    agreement = Agreement(
        "bench",
        1,
        {"support": support, "always": Calendar.always("always", "America/New_York")},
        (
            SlaPolicy(
                "p",
                (
                    Target(Metric.FIRST_REPLY, "support", HOUR),
                    Target(Metric.SCOPE_VERDICT, "support", HOUR),
                    Target(Metric.ESCALATED_REPLY, "always", HOUR, "A"),
                    Target(Metric.ESCALATED_REPLY, "support", 4 * HOUR, "C"),
                    Target(Metric.NEXT_REPLY, "support", 4 * HOUR),
                    Target(Metric.RESOLUTION, "support", 40 * HOUR),
                ),
            ),
        ),
        ("A", "C"),
        pausing=frozenset({Metric.ESCALATED_REPLY, Metric.RESOLUTION}),
    )
    at = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
    facts: list[f.Fact] = [
        f.Opened(at, "esd"),
        f.VerdictGiven(at + 20 * MINUTE),
        f.RepliedPublicly(at + 30 * MINUTE, "first"),
        f.SeveritySet(at + 40 * MINUTE, "C"),
        f.LevelEntered(at + 40 * MINUTE, 2),
        f.PromiseMade(at + 45 * MINUTE, "p", "update", at + 30 * HOUR),
        f.RequesterSpoke(at + 50 * MINUTE),
    ]
    while len(facts) < 50:
        at += 7 * MINUTE
        when = at + HOUR
        kinds = (
            f.Paused(when, "data", "requester"),
            f.RequesterSpoke(when),
            f.SeveritySet(when, "C"),
            f.Acknowledged(when),
        )
        facts.append(kinds[len(facts) % 4])
    now = at + 3 * HOUR
    targets = len(evaluate(agreement, facts, now).applied)
    best = 1e9
    for _ in range(1000):
        began = time.perf_counter()
        for _ in range(4):
            evaluate(agreement, facts, now)
        best = min(best, (time.perf_counter() - began) / 4)
    return best * 1e6, len(facts), targets


def main() -> None:
    figures: dict[str, Any] = {"scenarios": {s.name: compare(s) for s in SCENARIOS}}
    figures["compile_year_ms"] = round(compile_year(), 2)
    micros, facts, targets = evaluate_ticket()
    figures["evaluate_us"] = round(micros, 1)
    figures["evaluate_facts"], figures["evaluate_targets"] = facts, targets
    print(f"\ncompile a year: {figures['compile_year_ms']} ms")
    print(f"evaluate {facts} facts, {targets} targets: {micros:.0f} µs")
    print(json.dumps(figures, ensure_ascii=False))


if __name__ == "__main__":
    main()
