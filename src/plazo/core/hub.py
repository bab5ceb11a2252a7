"""Handing news to open streams: one listening connection for each web process.

PostgreSQL tells the hub what `core.live.publish` said; the hub puts it before every stream that
follows the topic. Each stream holds a bounded number of news: whoever does not keep up is told to
look again instead, so a slow reader costs no memory. What was said lately is kept for a while, so
that a page that was made a moment ago, or a stream that broke, is given exactly what it missed.
"""

import asyncio
import contextlib
import json
import logging
import random
import time
from collections import deque
from collections.abc import Collection
from typing import Any, Final

import psycopg

from plazo.core.live import CHANNEL

logger = logging.getLogger(__name__)

MOST_WAITING: Final = 64
MOST_KEPT: Final = 2000
MARGIN_MS: Final = 2000  # clocks of two machines, and a page's hour is cut to the second
LOOK_SECONDS: Final = 15.0
ANSWER_SECONDS: Final = 5.0
FIRST_PAUSE_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 10.0


def frame(data: dict[str, Any], *, at: int | None = None, event: str = "") -> bytes:
    """Return one message of a stream, as browsers read it.

    Units: `at` in milliseconds since 1970: where the reader is, once it has this.
    """
    lines = [f"id: {at}"] if at is not None else []
    lines += [f"event: {event}"] if event else []
    text = json.dumps(data, separators=(",", ":"))
    return ("\n".join([*lines, f"data: {text}"]) + "\n\n").encode()


def state(name: str, *, at: int | None = None) -> bytes:
    """Return the message that tells a reader how the stream itself is."""
    return frame({"state": name}, at=at, event="state")


def beat() -> bytes:
    """Return the message that says that there is nothing to say: a reader knows all until now."""
    return frame({}, at=_now(), event="beat")


def _resync() -> bytes:
    return state("resync", at=_now())


def _now() -> int:
    return time.time_ns() // 1_000_000


DOWN: Final = state("down")
ENDED: Final = state("ended")
AGAIN: Final = state("again")


class Stream:
    """What one reader has not yet been sent.

    Units: `topics` are what it follows, `owner` the agent whom it belongs to.
    Edges: past `MOST_WAITING` the reader gets none of it and is told to look again.
    """

    def __init__(self, owner: int, topics: Collection[str]) -> None:
        self.owner = owner
        self.topics = frozenset(topics)
        self.closed = False
        self._waiting: deque[bytes] = deque()
        self._woken = asyncio.Event()

    def put(self, message: bytes) -> None:
        """Keep a message for the reader."""
        if self.closed:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.clear()
            message = _resync()
        self._waiting.append(message)
        self._woken.set()

    def close(self, farewell: bytes = b"") -> None:
        """Take no more; the reader gets a last word, if there is one."""
        if farewell and not self.closed:
            self._waiting.append(farewell)
        self.closed = True
        self._woken.set()

    async def take(self, *, seconds: float) -> bytes:
        """Return all that waits; nothing if nothing came in time, or the stream was closed."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)
        self._woken.clear()
        whole = b"".join(self._waiting)
        self._waiting.clear()
        return whole


class Hub:
    """The streams of this process, and the one connection that feeds them.

    Units: `address` is PostgreSQL's connection string; `most_of_one` is how many streams one agent
        may hold: the oldest gives way.
    Edges: while the database is not heard, streams are told so, and told to look again afterwards.
    """

    def __init__(self, address: str, *, most_of_one: int = 8) -> None:
        self._address = address
        self._most_of_one = most_of_one
        self._streams: dict[Stream, None] = {}
        self._kept: deque[tuple[int, str, bytes]] = deque(maxlen=MOST_KEPT)
        self._whole_since: int | None = None  # since when nothing was missed; None while deaf
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._streams)

    @property
    def is_listening(self) -> bool:
        """Say whether the database is heard."""
        return self._whole_since is not None

    def start(self) -> None:
        """Begin to listen, in the running loop. Calling it again does nothing."""
        if self._task is None and not self._closed:
            self._task = asyncio.get_running_loop().create_task(self._listen_for_ever())

    def close(self) -> None:
        """End every stream at once, and stop listening."""
        self._closed = True
        for stream in list(self._streams):
            stream.close(AGAIN)
        if self._task is not None:
            self._task.cancel()

    def open(self, owner: int, topics: Collection[str], *, since: int | None) -> Stream:
        """Open a stream; it begins with what was said since the reader last knew.

        Units: `since` in milliseconds since 1970; None for a reader that knows nothing.
        Edges: where what was said since then is not wholly known, it begins with the word to look
            again.
        """
        mine = [stream for stream in self._streams if stream.owner == owner]
        for oldest in mine[: max(len(mine) - self._most_of_one + 1, 0)]:
            self.drop(oldest)
            oldest.close(AGAIN)
        stream = Stream(owner, topics)
        self._streams[stream] = None
        if self._whole_since is None:
            stream.put(DOWN)
        elif since is not None and since < self._whole_since:
            stream.put(_resync())
        elif since is not None:
            for at, topic, message in self._kept:
                if at >= since - MARGIN_MS and topic in stream.topics:
                    stream.put(message)
        if self._closed:
            stream.close(AGAIN)
        return stream

    def drop(self, stream: Stream) -> None:
        """Forget a stream."""
        self._streams.pop(stream, None)

    def hand_out(self, payload: str) -> None:
        """Put one piece of news before every stream that follows its topic."""
        try:
            data = json.loads(payload)
            topic = str(data["topic"])
        except (ValueError, TypeError, KeyError):
            logger.warning("news that are none of ours on the channel %s", CHANNEL)
            return
        at = _now()
        message = frame(data, at=at)
        if len(self._kept) == MOST_KEPT:
            self._whole_since = self._kept[0][0] + MARGIN_MS + 1
        self._kept.append((at, topic, message))
        for stream in self._streams:
            if topic in stream.topics:
                stream.put(message)

    async def _listen_for_ever(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            reason = ""
            try:
                await self._listen()
            except (psycopg.Error, OSError, TimeoutError) as error:
                reason = str(error).strip() or type(error).__name__
            except Exception:
                logger.exception("listening for live screens failed")
            if self.is_listening:
                pause = FIRST_PAUSE_SECONDS
                self._whole_since = None
                self._tell(DOWN)
            logger.warning("live screens hear nothing (%s); again in %.1f s", reason, pause)
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _listen(self) -> None:
        """Listen until the connection breaks; it is asked now and then whether it still stands."""
        connection = await psycopg.AsyncConnection.connect(
            self._address, autocommit=True, connect_timeout=int(ANSWER_SECONDS)
        )
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            self._kept.clear()
            self._whole_since = _now() + MARGIN_MS
            self._tell(_resync())
            while True:
                async for notice in connection.notifies(timeout=LOOK_SECONDS):
                    self.hand_out(notice.payload)
                await asyncio.wait_for(connection.execute("SELECT 1"), ANSWER_SECONDS)

    def _tell(self, message: bytes) -> None:
        for stream in self._streams:
            stream.put(message)
