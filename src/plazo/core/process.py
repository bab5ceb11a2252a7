"""Starting and ending processes: refusals to start, ports, locks, and children that end with us."""

import ctypes
import errno
import fcntl
import gc
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

PR_SET_PDEATHSIG = 1


class CannotStart(Exception):
    """Plazo cannot do what the operator asked; the message is one sentence for the operator.

    Edges: in English and not translated, because it can come before Django exists.
    """

    def __init__(self, sentence: str, *, exit_code: int = 1) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def told_by_signals(stop: threading.Event) -> None:
    """Let Ctrl+C and a supervisor's word to stop set an event.

    Edges: a thread of its own sets it. The signal may come while this very thread is in the event's
        `wait` and holds its lock; setting it right there would wait for itself for ever.
    """

    def tell(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=stop.set, daemon=True).start()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, tell)


def look_for_cycles_less() -> None:
    """Let Python leave alone what stands once a process has started, and look less often for
    objects that hold each other: a page or a pass makes tens of thousands that do not.

    Edges: what holds itself in a circle is still found, some megabytes later.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


class FileLock:
    """An exclusive or shared lock on a file, which the kernel drops when its holder dies.

    Edges: works between processes and between two locks of one process. The file stays; only
        the lock on it means something.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def try_acquire(self, *, shared: bool = False) -> bool:
        """Take the lock, or turn a held one from shared to exclusive and back; False if taken."""
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.EAGAIN}:
                raise
            return False
        return True

    def acquire(self, *, timeout_seconds: float) -> bool:
        """Take the lock alone, waiting for its holder; False when the time is over."""
        deadline = time.monotonic() + timeout_seconds
        while not self.try_acquire():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def write(self, text: str) -> None:
        """Leave a word about the holder for whoever finds the lock taken."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, text.encode(), 0)

    def read(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8").strip()
        except OSError:
            return ""

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def require_free_port(host: str, port: int) -> None:
    """Refuse to go on when something already listens there.

    Edges: the web server shares its port between its workers, so without this question two
        Plazos would quietly take turns answering on one port.
    Raises: CannotStart naming the port and the setting that chooses another.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                reason = "another program is listening there"
            else:
                reason = os.strerror(error.errno or 0).lower()
            raise CannotStart(
                f"Plazo cannot use port {port} of {host}: {reason}; "
                "free it or choose another with PORT."
            ) from error


def die_with_parent() -> None:
    """Have the kernel end this process when the one that started it dies, even by kill -9.

    Edges: only Linux can; elsewhere this does nothing.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
