"""The worker's own loops."""

import threading
import time

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


class Waits(threading.Event):
    """An event that notes how long somebody would have waited for it."""

    def __init__(self) -> None:
        super().__init__()
        self.lengths: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.lengths.append(timeout)
        return self.is_set()


@pytest.mark.django_db(transaction=True)
def test_a_loop_that_ran_well_starts_again_soon() -> None:
    """Five blips over a month used to add up: the sixth left deadlines unannounced for 15 s."""
    stop, runs = Waits(), iter([0, 0, 0, 0.3, 0])

    def loop(stop: threading.Event) -> None:
        well = next(runs, None)
        if well is None:
            stop.set()
            return
        time.sleep(well)
        raise ConnectionError("the database went away")

    keep_running("test", loop, stop, settled_seconds=0.25)

    assert stop.lengths == [0.5, 1, 2, 0.5, 1]
