"""The reader's own process: mails come in on one pipe, what was read goes out on another.

It has no database, no settings and no secrets, a limit on its memory, and it dies with its parent.
Whatever a hostile mail does here costs this process and nothing else.

In: eight bytes of length (big-endian), the mail. Out: one byte (`+` read, `m` out of memory,
`!` fault), eight bytes of length, the answer.
"""

import resource
import signal
import sys
from typing import BinaryIO

from plazo.channels.email.parsing import parse, to_wire

MEMORY_BYTES = 1536 * 1024 * 1024


def main() -> int:
    """Read mails until there are no more, or until one takes too much memory."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the parent, which then goes
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    while True:
        head = incoming.read(8)
        if len(head) < 8:
            return 0
        raw = incoming.read(int.from_bytes(head, "big"))
        try:
            answer = to_wire(parse(raw))
        except MemoryError:
            del raw
            _write(outgoing, b"m", b"")
            return 1
        except Exception as error:  # noqa: BLE001 - the parser never raises; if it does, it is told
            _write(outgoing, b"!", f"{type(error).__name__}: {error}"[:2000].encode())
            continue
        _write(outgoing, b"+", answer)


def _write(outgoing: BinaryIO, status: bytes, answer: bytes) -> None:
    outgoing.write(status + len(answer).to_bytes(8, "big"))
    outgoing.write(answer)
    outgoing.flush()


if __name__ == "__main__":
    sys.exit(main())
