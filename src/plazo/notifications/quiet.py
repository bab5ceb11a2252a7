"""When a person is told: their own hours, what does not wait for them, and the digest's moments."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from plazo.core import localtime
from plazo.notifications.models import Digest, Hours, Preference
from plazo.notifications.news import Mail, News, ways_of
from plazo.sla import Calendar, NoOpenTime, SlaError, WeeklyWindow

HIGHEST_SEVERITY: Final = "A"
MINUTE: Final = timedelta(minutes=1)
Windows = tuple[tuple[int, int, int], ...]


def lets_through(news: News, severity: str) -> bool:
    """Say whether a piece of news goes out at any hour: what is urgent, at the highest severity."""
    return news.urgent and severity == HIGHEST_SEVERITY


@lru_cache(maxsize=512)
def own_calendar(zone: str, windows: Windows) -> Calendar:
    """Return a person's own hours.

    Units: each window is weekday (0 is Monday), opening and closing in minutes of civil time.
    Raises: InvalidCalendar for an unknown zone or windows that overlap.
    """
    weekly = tuple(
        WeeklyWindow(day, opens * MINUTE, closes * MINUTE) for day, opens, closes in windows
    )
    return Calendar("own hours", zone, weekly)


def hours_of(preference: Preference | None, zone: str, support: Calendar) -> Calendar | None:
    """Return when a person is told by browser and mail; None is at any hour.

    Edges: hours that cannot be (a zone that is no more, no window) hold nothing back: it is worse
        not to be told than to be told at night.
    """
    if preference is None or preference.hours == Hours.ALWAYS:
        return None
    if preference.hours == Hours.SUPPORT:
        return support
    try:
        return own_calendar(zone, tuple((int(d), int(o), int(c)) for d, o, c in preference.windows))
    except SlaError:
        return None


def next_open(hours: Calendar | None, at: datetime) -> datetime:
    """Return `at` where a person may be told then, else when their hours begin again."""
    if hours is None:
        return at
    try:
        return hours.next_open(at)
    except NoOpenTime:
        return at


def next_digest(preference: Preference | None, zone: str, after: datetime) -> datetime:
    """Return the next moment of a person's digest, strictly after an instant.

    Edges: by their own clock, so a daily one stays at its hour over a change of the clocks; an
        hour that does not exist that day is the next that does.
    """
    if preference is not None and preference.digest == Digest.HOURLY:
        return localtime.floor_to(after, zone, minutes=60) + timedelta(hours=1)
    there = localtime.local(after, zone).replace(tzinfo=None, minute=0, second=0, microsecond=0)
    hour = preference.digest_hour if preference is not None else 8
    moment = localtime.utc(there.replace(hour=hour), zone)
    while moment <= after:
        there += timedelta(days=1)
        moment = localtime.utc(there.replace(hour=hour), zone)
    return moment


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of one piece of news for one person.

    `browser_at` and `mail_at` are when it goes out by these ways; None is never. With `mail_now`
    it is a mail of its own, at once, and `mail_at` is None: mails that wait go out together.
    """

    desk: bool
    browser_at: datetime | None
    mail_at: datetime | None
    mail_now: bool


def plan(
    news: News,
    preference: Preference | None,
    *,
    severity: str,
    zone: str,
    support: Calendar,
    at: datetime,
) -> Plan:
    """Decide by which ways, and when, a person is told of a piece of news that came at `at`.

    Edges: what goes out by browser or mail stands in the desk as well.
    """
    ways = ways_of(news, preference)
    hours = None if lets_through(news, severity) else hours_of(preference, zone, support)
    opens = next_open(hours, at)
    mail_at = None
    if ways.mail == Mail.DIGEST:
        mail_at = next_open(hours, next_digest(preference, zone, at))
    elif ways.mail == Mail.NOW and opens > at:
        mail_at = opens
    return Plan(
        desk=not ways.is_nothing,
        browser_at=opens if ways.browser else None,
        mail_at=mail_at,
        mail_now=ways.mail == Mail.NOW and opens <= at,
    )
