"""Who is where, and doing what, right now: for screens that warn two people of each other.

One row for each person and place, in a table that the database need not make durable: after a
crash everybody is nowhere, and seconds later where they are. All web processes see the same.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

EXPIRES: Final = timedelta(seconds=30)
# A place is renewed by its visitor's screen; more often than this, nothing is written.
RENEWED: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Visit:
    """One person at one place; `doing` is a word of that place's own, empty for looking."""

    who: int
    doing: str


# What was there before says whether anybody needs to be told; a row that is fresh is left alone.
_COME: Final = """
WITH before AS (
    SELECT doing, at FROM core_presence WHERE place = %(place)s AND who = %(who)s
), written AS (
    INSERT INTO core_presence AS p (place, who, doing, since, at)
    VALUES (%(place)s, %(who)s, %(doing)s, %(now)s, %(now)s)
    ON CONFLICT (place, who) DO UPDATE SET doing = excluded.doing, at = excluded.at,
        since = CASE WHEN p.at > %(gone)s THEN p.since ELSE excluded.since END
    WHERE p.doing <> excluded.doing OR p.at < %(stale)s
)
SELECT NOT EXISTS (
    SELECT FROM before WHERE doing = %(doing)s AND at > %(gone)s
)
"""


def come(place: str, who: int, doing: str, *, now: datetime) -> bool:
    """Note that somebody is at a place. Return whether that is news to others."""
    with connection.cursor() as cursor:
        cursor.execute(
            _COME,
            {
                "place": place,
                "who": who,
                "doing": doing,
                "now": now,
                "stale": now - RENEWED,
                "gone": now - EXPIRES,
            },
        )
        return bool(cursor.fetchone()[0])


def go(place: str, who: int) -> bool:
    """Note that somebody left. Return whether they had been there."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM core_presence WHERE place = %s AND who = %s", [place, who])
        return bool(cursor.rowcount)


def at(place: str, *, now: datetime) -> list[Visit]:
    """Return who is at a place, whoever came first at the top."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT who, doing FROM core_presence WHERE place = %s AND at > %s ORDER BY since, who",
            [place, now - EXPIRES],
        )
        return [Visit(who, doing) for who, doing in cursor.fetchall()]


def places(prefix: str, *, besides: int, now: datetime) -> set[str]:
    """Return the places that begin like that and at which somebody else is.

    Units: `besides` is who asks: their own visits do not count.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT place FROM core_presence"
            " WHERE starts_with(place, %s) AND who <> %s AND at > %s",
            [prefix, besides, now - EXPIRES],
        )
        return {place for (place,) in cursor.fetchall()}


def forget(*, now: datetime) -> int:
    """Delete visits that ended long ago; return how many."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM core_presence WHERE at < %s", [now - timedelta(hours=1)])
        return int(cursor.rowcount)
