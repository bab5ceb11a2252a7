"""Limits: how often something may happen, counted in one place for all processes.

A token bucket for each key: it holds `burst` tokens, gets `per_hour` new ones in an hour, and what
happens takes one. Without any left it does not happen.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection


@dataclass(frozen=True, slots=True)
class Limit:
    """How often something may happen: `burst` times at once, then `per_hour` in an hour."""

    name: str
    burst: int
    per_hour: float

    def wait(self) -> timedelta:
        """Return how long it takes until one more is allowed, at most."""
        return timedelta(hours=1 / self.per_hour)


# One statement: the row's lock makes two at once count as two.
_TAKE: Final = """
INSERT INTO core_bucket AS b (key, tokens, granted, at)
VALUES (%(key)s, %(burst)s - 1, TRUE, %(now)s)
ON CONFLICT (key) DO UPDATE SET (tokens, granted, at) = (
    SELECT CASE WHEN full_now >= 1 THEN full_now - 1 ELSE full_now END, full_now >= 1,
           greatest(b.at, excluded.at)
    FROM (SELECT least(%(burst)s, b.tokens
        + greatest(extract(epoch FROM excluded.at - b.at), 0) * %(rate)s) AS full_now) AS filled
)
RETURNING granted
"""


def take(limit: Limit, who: str, *, now: datetime) -> bool:
    """Say whether something may happen once more for `who`, and count it if so.

    Edges: nobody in particular (an empty `who`) is never limited.
    """
    if not who:
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE,
            {
                "key": f"{limit.name}:{who}"[:160],
                "burst": float(limit.burst),
                "rate": limit.per_hour / 3600,
                "now": now,
            },
        )
        return bool(cursor.fetchone()[0])


def forget(*, now: datetime) -> int:
    """Delete buckets that are full again by now; return how many."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM core_bucket WHERE at < %s", [now - timedelta(days=2)])
        return int(cursor.rowcount)
