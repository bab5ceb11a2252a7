"""The worker's own loops."""

import threading

import pytest

from plazo.config.worker import keep_running


@pytest.mark.django_db(transaction=True)
def test_a_loop_that_fails_starts_again() -> None:
    """A database that went away for a moment must not end the sweep for good."""
    stop = threading.Event()
    runs: list[int] = []

    def loop(stop: threading.Event) -> None:
        runs.append(1)
        if len(runs) == 1:
            raise ConnectionError("the database went away")
        stop.set()

    keep_running("test", loop, stop)

    assert len(runs) == 2
