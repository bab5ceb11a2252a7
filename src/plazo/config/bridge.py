"""From ASGI to Django's WSGI handler, in a bounded pool of threads that persist.

Django's own ASGI handler costs about half the page throughput; other bridges either fail under
granian or run an aborted download to its end. This one reads the whole body first (to disk past a
megabyte), answers a plain response in two messages, and pumps a streaming one chunk by chunk while
it watches for the client leaving.
"""

import asyncio
import io
import ipaddress
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import unquote_to_bytes

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

MEMORY_BYTES: Final = 1024 * 1024  # a larger body goes to disk
# A browser reads no answer while it is still sending. So a body that is too large is read on for
# a while and thrown away; past this share of the limit the connection is simply closed.
PATIENCE: Final = 4
TOO_LARGE: Final = (
    "<!doctype html><html lang=es><meta charset=utf-8><title>413</title>"
    "<p>El envío es demasiado grande. Vuelva atrás, quite algún archivo e inténtelo de nuevo.</p>"
    "<p lang=en>The request is too large. Go back, remove a file and try again.</p>"
).encode()


class WsgiApplication(Protocol):
    """What Django's handler is."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]: ...


class ClientLeft(Exception):
    """The client went away before its request was whole."""


class TooLarge(Exception):
    """The body is larger than this server takes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application answered: a whole body, or a stream that is still to be read."""

    status: int
    headers: Headers
    content: bytes
    stream: Iterator[bytes] | None
    close: Callable[[], None]


class WsgiBridge:
    """Serves one WSGI application to ASGI's HTTP requests.

    Units: `max_body` in bytes. `threads` bounds the pages rendered at once in this process.
    Edges: `trusted_proxies` are the addresses or networks whose X-Forwarded-For and -Proto are
        believed; from anyone else these headers are dropped, so nobody can pose as another.
    """

    def __init__(
        self,
        application: WsgiApplication,
        *,
        threads: int,
        max_body: int,
        trusted_proxies: Iterable[str] = (),
    ) -> None:
        self._application = application
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="page")
        self._max_body = max_body
        self._trusted = [ipaddress.ip_network(proxy, strict=False) for proxy in trusted_proxies]

    def close(self) -> None:
        """Take no more requests; those under way may end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES) as body:
            try:
                await self._read(scope, receive, body)
            except ClientLeft:
                return
            except TooLarge:
                await _refuse(send)
                return
            environ = self._environ(scope, body)
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._pool, self._call, environ)
            await self._respond(answer, receive, send)

    async def ask(self, scope: Scope) -> Answer:
        """Have a page answer a request that has no body, and keep the answer from the client."""
        environ = self._environ(scope, io.BytesIO())
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._call, environ)

    async def _read(self, scope: Scope, receive: Receive, body: Any) -> None:
        """Read the whole body.

        Raises: ClientLeft; TooLarge, after reading on for a while if the client sends on.
        """
        declared = next((v for k, v in scope["headers"] if k == b"content-length"), b"")
        announced = int(declared) if declared.isdigit() else 0
        if announced > PATIENCE * self._max_body:
            raise TooLarge
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            chunk = message.get("body", b"")
            size += len(chunk)
            more = message.get("more_body", False)
            if size > PATIENCE * self._max_body:
                raise TooLarge
            if max(size, announced) <= self._max_body:
                body.write(chunk)
        if size > self._max_body:
            raise TooLarge

    def _environ(self, scope: Scope, body: Any) -> dict[str, Any]:
        """Build PEP 3333's environment."""
        server = scope.get("server") or ("localhost", 80)
        client = (scope.get("client") or ("", 0))[0]
        raw_path = scope.get("raw_path")
        path = unquote_to_bytes(raw_path.partition(b"?")[0]) if raw_path else scope["path"].encode()
        size = body.seek(0, 2)
        body.seek(0)
        environ: dict[str, Any] = {
            "plazo.streams": True,  # what tells a page that there are some beside it
            "REQUEST_METHOD": scope["method"],
            "SCRIPT_NAME": "",
            "PATH_INFO": path.decode("latin-1"),
            "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
            "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
            "SERVER_NAME": str(server[0]),
            "SERVER_PORT": str(server[1] or 0),
            "REMOTE_ADDR": client,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": scope.get("scheme", "http"),
            "wsgi.input": body,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        environ.update(_header_variables(scope["headers"]))
        # The body was read whole: what was announced, or left open by chunks, is now known.
        environ["CONTENT_LENGTH"] = str(size) if size else environ.get("CONTENT_LENGTH", "")
        self._believe_proxy(environ, client)
        return environ

    def _believe_proxy(self, environ: dict[str, Any], client: str) -> None:
        """Take the client's address and scheme from a proxy that is trusted, else from nobody."""
        forwarded = environ.pop("HTTP_X_FORWARDED_FOR", "")
        scheme = environ.pop("HTTP_X_FORWARDED_PROTO", "").strip().lower()
        if not self._is_trusted(client):
            return
        # Each proxy adds at the right; the first from there that is none of ours is the client.
        for address in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
            environ["REMOTE_ADDR"] = address
            if not self._is_trusted(address):
                break
        if scheme in {"http", "https"}:
            environ["wsgi.url_scheme"] = scheme

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)

    def _call(self, environ: dict[str, Any]) -> Answer:
        """Run the application in a thread; a plain answer is finished and closed there too."""
        begun: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            begun["status"] = int(status.split(" ", 1)[0])
            begun["headers"] = [
                (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
            ]

        chunks = self._application(environ, start_response)
        close = getattr(chunks, "close", _nothing)
        if getattr(chunks, "streaming", False):
            return Answer(begun["status"], begun["headers"], b"", iter(chunks), close)
        try:
            content = b"".join(chunks)
        finally:
            close()
        return Answer(begun["status"], begun["headers"], content, None, _nothing)

    async def _respond(self, answer: Answer, receive: Receive, send: Send) -> None:
        start = {
            "type": "http.response.start",
            "status": answer.status,
            "headers": answer.headers,
        }
        if answer.stream is None:
            await send(start)
            await send({"type": "http.response.body", "body": answer.content})
            return
        loop = asyncio.get_running_loop()
        try:
            await send(start)
            await self._pump(answer.stream, receive, send)
        finally:
            await loop.run_in_executor(self._pool, answer.close)

    async def _pump(self, stream: Iterator[bytes], receive: Receive, send: Send) -> None:
        """Send a stream piece by piece; stop making pieces when nobody is there to read them."""
        loop = asyncio.get_running_loop()
        left = asyncio.create_task(disconnected(receive))
        try:
            while not left.done():
                chunk = await loop.run_in_executor(self._pool, next, stream, None)
                if chunk is None:
                    await send({"type": "http.response.body", "body": b""})
                    break
                if chunk:
                    message = {"type": "http.response.body", "body": bytes(chunk)}
                    await send({**message, "more_body": True})
        finally:
            left.cancel()


def _header_variables(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Turn headers into PEP 3333's variables; repeated ones are joined as HTTP says."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if "_" in name:
            continue  # X_Forwarded_For must not pass for X-Forwarded-For
        key = name.upper().replace("-", "_")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        joint = "; " if key == "HTTP_COOKIE" else ", "
        found[key] = f"{found[key]}{joint}{value}" if key in found else value
    return found


def _nothing() -> None:
    pass


async def disconnected(receive: Receive) -> None:
    """Wait until the client leaves."""
    # Also a coroutine for create_task: what granian's receive returns is only awaitable.
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: Send) -> None:
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(TOO_LARGE)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": TOO_LARGE})
