"""Ports and locks: what keeps two Plazos out of each other's way."""

import os
import signal
import socket
import threading
from pathlib import Path

import pytest

from plazo.core.process import CannotStart, FileLock, require_free_port, told_by_signals


class Held(threading.Event):
    """An event whose lock can be held, as its `wait` does for a moment each time."""

    def __init__(self) -> None:
        super().__init__()
        self.held = threading.Lock()

    def set(self) -> None:
        with self.held:
            super().set()


def test_a_signal_while_the_event_is_looked_at_stops_all_the_same() -> None:
    """Whoever presses Ctrl+C in that very moment must not see Plazo hang for ever."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    stop = Held()
    try:
        told_by_signals(stop)
        with stop.held:
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(10)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_busy_port_is_refused() -> None:
    """Two servers must not share a port by accident; the sentence names it and the way out."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(CannotStart, match=f"cannot use port {port} .* another with PORT"):
            require_free_port("127.0.0.1", port)
    require_free_port("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused() -> None:
    """A host that is not ours cannot be listened on."""
    with pytest.raises(CannotStart, match=r"cannot use port 8000 of 192\.0\.2\.1: cannot assign"):
        require_free_port("192.0.2.1", 8000)


def test_a_lock_is_one_holders(tmp_path: Path) -> None:
    """The second to ask is told no, and can read who the first is."""
    with FileLock(tmp_path / "lock") as first, FileLock(tmp_path / "lock") as second:
        assert first.try_acquire()
        first.write("4711")

        assert not second.try_acquire()
        assert second.read() == "4711"
        first.release()
        assert second.try_acquire()


def test_many_may_share_a_lock_and_the_last_may_have_it_alone(tmp_path: Path) -> None:
    """This is how the last user of the private PostgreSQL knows that it is the last."""
    with FileLock(tmp_path / "lock") as first, FileLock(tmp_path / "lock") as second:
        assert first.try_acquire(shared=True)
        assert second.try_acquire(shared=True)

        assert not second.try_acquire()
        first.release()
        assert second.try_acquire()


def test_waiting_for_a_lock_ends(tmp_path: Path) -> None:
    """A holder that hangs costs the time that was said, and no more."""
    with FileLock(tmp_path / "lock") as first, FileLock(tmp_path / "lock") as second:
        first.try_acquire()

        assert not second.acquire(timeout_seconds=0.1)
