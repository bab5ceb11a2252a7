"""Reading mails in processes of their own: one that dies, hangs or eats memory harms no other."""

import atexit
import contextlib
import os
import select
import subprocess
import sys
import threading
import time
from typing import Final

from plazo.channels.email.parsing import ParsedMail, from_wire

TIMEOUT_SECONDS: Final = 30.0
# A process that has read so many is ended, with whatever memory it has gathered.
MAILS_PER_PROCESS: Final = 500


class ReaderFailed(Exception):
    """A mail could not be read; `reason` is a key of the ledger's reasons."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(words)
        self.reason = reason


class _Reader:
    """One child process. Used by one thread at a time."""

    def __init__(self, command: list[str]) -> None:
        self.read = 0
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={name: value for name, value in os.environ.items() if name in _KEPT},
        )

    def ask(self, raw: bytes, timeout: float) -> bytes:
        """Have one mail read. Raises: ReaderFailed; the reader must then be ended."""
        end = time.monotonic() + timeout
        self.read += 1
        sender = threading.Thread(target=self._send, args=(raw,), daemon=True)
        sender.start()  # a child that answers before it has read all must not block both
        head = self._receive(9, end)
        answer = self._receive(int.from_bytes(head[1:], "big"), end)
        sender.join(max(end - time.monotonic(), 0.1))
        if head[:1] == b"m":
            raise ReaderFailed("parser_memory", "out of memory")
        if head[:1] != b"+":
            raise ReaderFailed("parser_died", answer.decode("utf-8", "replace"))
        return answer

    def _send(self, raw: bytes) -> None:
        assert self.process.stdin is not None  # noqa: S101 - asked for above
        with contextlib.suppress(OSError, ValueError):
            self.process.stdin.write(len(raw).to_bytes(8, "big"))
            view = memoryview(raw)
            while view:
                view = view[self.process.stdin.write(view) or 0 :]

    def _receive(self, size: int, end: float) -> bytes:
        assert self.process.stdout is not None  # noqa: S101 - asked for above
        descriptor = self.process.stdout.fileno()
        found = bytearray()
        while len(found) < size:
            left = end - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise ReaderFailed("parser_slow", f"no answer within {TIMEOUT_SECONDS:g} s")
            piece = os.read(descriptor, min(size - len(found), 1 << 20))
            if not piece:
                code = self.process.wait(5)
                raise ReaderFailed("parser_died", f"the reader ended with {code}")
            found += piece
        return bytes(found)

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


# Of our environment, the child gets what Python needs to start, and no secret.
_KEPT: Final = frozenset({"PATH", "PYTHONPATH", "VIRTUAL_ENV", "HOME", "LANG", "LC_ALL", "TMPDIR"})
_COMMAND: Final = [sys.executable, "-m", "plazo.channels.email.sandbox_child"]


class Sandbox:
    """A set of reader processes, as many as are used at once. Safe for threads."""

    def __init__(self, command: list[str] | None = None, timeout: float = TIMEOUT_SECONDS) -> None:
        self._command = command or _COMMAND
        self._timeout = timeout
        self._idle: list[_Reader] = []
        self._lock = threading.Lock()

    def parse(self, raw: bytes) -> ParsedMail:
        """Read one mail in a process of its own. Raises: ReaderFailed.

        Edges: a process that had died before it got this mail is no fault of the mail's: it is
            given to a new one. A mail that kills its reader kills that one as well.
        """
        reader = self._take()
        if reader.read:
            try:
                return self._ask(reader, raw)
            except ReaderFailed as error:
                if error.reason != "parser_died":
                    raise
            reader = _Reader(self._command)
        return self._ask(reader, raw)

    def _ask(self, reader: _Reader, raw: bytes) -> ParsedMail:
        good = False
        try:
            answer = reader.ask(raw, self._timeout)
            good = reader.read < MAILS_PER_PROCESS
        except OSError as error:
            raise ReaderFailed("parser_died", str(error)) from error
        finally:
            if good:
                with self._lock:
                    self._idle.append(reader)
            else:
                reader.end()
        return from_wire(answer)

    def _take(self) -> _Reader:
        with self._lock:
            while self._idle:
                reader = self._idle.pop()
                if reader.process.poll() is None:
                    return reader
                reader.end()
        return _Reader(self._command)

    def close(self) -> None:
        """End every idle process."""
        with self._lock:
            idle, self._idle = self._idle, []
        for reader in idle:
            reader.end()


sandbox = Sandbox()
atexit.register(sandbox.close)
