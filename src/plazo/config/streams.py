"""Live streams: bare ASGI, because a stream must hold no thread.

Who may have one is asked of the page at the same address, through the bridge: the session, the
agent's right and the topics are Django's to judge. It is asked again now and then, so a stream
outlives a signed-out session by a minute at most.
"""

import asyncio
import contextlib
import json
import random
import signal
from typing import Any, Final
from urllib.parse import parse_qs

from django.conf import settings
from psycopg.conninfo import make_conninfo

from plazo.config.bridge import Answer, Receive, Scope, Send, WsgiBridge, disconnected
from plazo.core.hub import ENDED, Hub, Stream, beat, state

BEAT_SECONDS: Final = 15.0
ASK_AGAIN_SECONDS: Final = 60.0
# What comes in between is sent together: the first at once, then ten times a second at most.
BREATH_SECONDS: Final = 0.1
# Who takes nothing for so long is not there any more, or too slow to be told.
STUCK_SECONDS: Final = 20.0
MOST_STREAMS: Final = 2000
RETRY_MS: Final = 3000
HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


def database_address() -> str:
    """Return PostgreSQL's connection string, as Django's settings have it now."""
    used = settings.DATABASES["default"]
    parts = {
        "dbname": used["NAME"],
        "user": used["USER"],
        "password": used["PASSWORD"],
        "host": used["HOST"],
        "port": used["PORT"],
        **used.get("OPTIONS", {}),
    }
    return make_conninfo("", **{key: value for key, value in parts.items() if value})


class LiveStreams:
    """Serves streams of news from the hub."""

    def __init__(self, hub: Hub, bridge: WsgiBridge) -> None:
        self._hub = hub
        self._bridge = bridge

    def start(self) -> None:
        """Begin to listen; end the streams when the server is told to stop.

        Edges: granian waits for open streams before it says that it stops, so the signal itself
            is heard beside the server, which hears it too.
        """
        self._hub.start()
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ValueError):  # not in the main thread
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._hub.close))

    def close(self) -> None:
        """End every stream."""
        self._hub.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._bridge.ask(scope)
        if answer.status != 200 or scope["method"] != "GET":
            await _refuse(answer, send)
            return
        if len(self._hub) >= MOST_STREAMS:
            await _refuse(answer, send, status=503)
            return
        rights = json.loads(answer.content)
        stream = self._hub.open(rights["agent"], rights["topics"], since=_since(scope))
        gone = asyncio.create_task(disconnected(receive))
        gone.add_done_callback(lambda _task: stream.close())
        watch = asyncio.create_task(self._watch(scope, stream, rights))
        try:
            await self._pour(stream, send)
        finally:
            self._hub.drop(stream)
            gone.cancel()
            watch.cancel()

    async def _pour(self, stream: Stream, send: Send) -> None:
        """Send what comes, until the stream is closed or the reader takes no more."""
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        message = b"retry: %d\n" % RETRY_MS + state("open")
        with contextlib.suppress(TimeoutError, OSError):
            while True:
                body = {"type": "http.response.body", "body": message, "more_body": True}
                await asyncio.wait_for(_sent(send, body), STUCK_SECONDS)
                if stream.closed:
                    break
                await asyncio.sleep(BREATH_SECONDS)
                message = await stream.take(seconds=BEAT_SECONDS) or beat()
            last = await stream.take(seconds=0)
            await asyncio.wait_for(_sent(send, {"type": "http.response.body", "body": last}), 1)

    async def _watch(self, scope: Scope, stream: Stream, rights: dict[str, Any]) -> None:
        """End the stream when whoever has it may not have it any more."""
        while not stream.closed:
            await asyncio.sleep(ASK_AGAIN_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311
            answer = await self._bridge.ask(scope)
            if answer.status >= 500:
                continue  # the database is away, and says nothing about the person
            if answer.status != 200 or json.loads(answer.content) != rights:
                stream.close(ENDED)


async def _sent(send: Send, message: dict[str, Any]) -> None:
    # What granian's send returns is only awaitable.
    await send(message)


def _since(scope: Scope) -> int | None:
    """Return up to when the reader knows what happened, in milliseconds since 1970.

    Edges: what the browser says by itself when it connects again counts before what the page said.
    """
    last = next((value for name, value in scope["headers"] if name == b"last-event-id"), b"")
    asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("since", [""])[0]
    said = last.decode("latin-1") or asked
    return int(said) if said.isdecimal() and len(said) < 15 else None


async def _refuse(answer: Answer, send: Send, *, status: int = 0) -> None:
    """Say no in a word: what the page would have answered (a sign-in, say) is no stream."""
    code = status or {200: 405, 301: 401, 302: 401}.get(answer.status, answer.status)
    headers = [(b"content-type", b"text/plain"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
