"""Limits: a burst, then a rate; counted once whoever asks."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from plazo.core.limits import Limit, forget, take
from tests.factory import TUESDAY

LIMIT = Limit("try", burst=3, per_hour=6)
MINUTE = timedelta(minutes=1)


@pytest.mark.django_db
def test_a_burst_is_granted_and_then_the_rate():
    """Three at once, then one every ten minutes, never more than the burst saved up."""
    assert [take(LIMIT, "a", now=TUESDAY) for _ in range(4)] == [True, True, True, False]
    assert not take(LIMIT, "a", now=TUESDAY + 9 * MINUTE)
    assert take(LIMIT, "a", now=TUESDAY + 10 * MINUTE)
    assert not take(LIMIT, "a", now=TUESDAY + 11 * MINUTE)
    later = TUESDAY + timedelta(days=1)
    assert [take(LIMIT, "a", now=later) for _ in range(4)] == [True, True, True, False]


@pytest.mark.django_db
def test_keys_and_limits_do_not_share():
    """Another person, or another limit of the same person, has its own."""
    assert [take(LIMIT, "a", now=TUESDAY) for _ in range(4)][-1] is False
    assert take(LIMIT, "b", now=TUESDAY)
    assert take(Limit("other", 1, 1), "a", now=TUESDAY)
    assert all(take(LIMIT, "", now=TUESDAY) for _ in range(9))


@pytest.mark.django_db
def test_a_clock_that_goes_back_gives_nothing_away():
    """Two machines' clocks may differ: an earlier instant refills nothing."""
    assert [take(LIMIT, "a", now=TUESDAY) for _ in range(3)] == [True] * 3
    assert not take(LIMIT, "a", now=TUESDAY - timedelta(hours=1))
    assert not take(LIMIT, "a", now=TUESDAY)


@pytest.mark.django_db
def test_full_buckets_are_forgotten():
    """The table does not grow with everybody who ever came."""
    take(LIMIT, "a", now=TUESDAY)
    assert forget(now=TUESDAY + timedelta(days=1)) == 0
    assert forget(now=TUESDAY + timedelta(days=3)) == 1


@pytest.mark.django_db(transaction=True)
def test_at_once_as_many_are_granted_as_there_are():
    """Eight threads at the same moment get three, whoever is first."""
    granted = []

    def ask() -> None:
        granted.append(take(LIMIT, "a", now=TUESDAY))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE core_bucket")
    assert sorted(granted) == [False] * 5 + [True] * 3
