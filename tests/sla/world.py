"""The client's calendar and agreement, in the core's own values, and short words for tests."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from plazo.sla import Agreement, Calendar, Metric, SlaPolicy, Target, WeeklyWindow

ZONE = "America/Panama"


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def local(text: str, zone: str = ZONE) -> datetime:
    """Read a civil time as a UTC instant."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def weekly(zone: str = ZONE, name: str = "support") -> Calendar:
    """Monday to Friday 06-22, weekends 09-17: the document's own hours."""
    return Calendar(
        name,
        zone,
        tuple(WeeklyWindow(day, hours(6), hours(22)) for day in range(5))
        + tuple(WeeklyWindow(day, hours(9), hours(17)) for day in (5, 6)),
    )


SUPPORT = weekly()
WORKING = weekly(name="working")
ALWAYS = Calendar.always("always", ZONE)
PAUSING = frozenset({Metric.ESCALATED_REPLY, Metric.PERIODIC_UPDATE, Metric.RESOLUTION})

AGREEMENT = Agreement(
    key="iws",
    version=1,
    calendars={"support": SUPPORT, "working": WORKING, "always": ALWAYS},
    policies=(
        SlaPolicy(
            "standard",
            (
                Target(Metric.FIRST_REPLY, "support", hours(1)),
                Target(Metric.SCOPE_VERDICT, "support", hours(1)),
                Target(Metric.ESCALATED_REPLY, "always", hours(1), "A"),
                Target(Metric.ESCALATED_REPLY, "always", hours(2), "B"),
                Target(Metric.ESCALATED_REPLY, "working", hours(4), "C"),
                Target(Metric.NEXT_REPLY, "support", hours(4)),
                Target(Metric.PERIODIC_UPDATE, "always", hours(8)),
                Target(Metric.RESOLUTION, "support", hours(40)),
                Target(Metric.PROMISED_UPDATE, "always"),
            ),
        ),
    ),
    severities=("A", "B", "C"),
    pausing=PAUSING,
    longest_pause=timedelta(days=7),
    areas={"credit": Target(Metric.AREA_REPLY, "working", hours(8))},
)
