"""From ASGI to Django's WSGI handler, in a bounded pool of threads that persist.

Django's own ASGI handler costs about half the page throughput; other bridges either fail under
granian or run an aborted download to its end. This one reads the whole body first (to disk past a
megabyte), answers a plain response in two messages, and pumps a streaming one chunk by chunk while
it watches for the client leaving.
"""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_MEMORY = 1024 * 1024
_TOO_LARGE = (
    b"<!doctype html><meta charset=utf-8><title>413</title>"
    b"<p>El env\xc3\xado es demasiado grande. Vuelva atr\xc3\xa1s, quite alg\xc3\xban archivo"
    b" e int\xc3\xa9ntelo de nuevo.</p>"
    b"<p lang=en>The request is too large. Go back, remove a file and try again.</p>"
)


class WsgiApplication(Protocol):
    """What Django's handler is."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]: ...


class ClientLeft(Exception):
    """The client went away before its request was whole."""


class TooLarge(Exception):
    """The body is larger than this server takes."""


class WsgiBridge:
    """Serves one WSGI application to ASGI's HTTP requests.

    Units: `max_body` in bytes. `threads` bounds the pages rendered at once in this process.
    Edges: `trusted_proxies` are the client addresses whose X-Forwarded-For and -Proto are
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
        self._trusted = frozenset(trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with tempfile.SpooledTemporaryFile(max_size=_MEMORY) as body:
            try:
                await self._read(scope, receive, body)
            except ClientLeft:
                return
            except TooLarge:
                await _answer(send, 413, _TOO_LARGE)
                return
            body.seek(0)
            environ = self._environ(scope, body)
            loop = asyncio.get_running_loop()
            status, headers, chunks = await loop.run_in_executor(self._pool, self._call, environ)
            await self._respond(loop, status, headers, chunks, receive, send)

    async def _read(self, scope: Scope, receive: Receive, body: Any) -> None:
        declared = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
        if declared.isdigit() and int(declared) > self._max_body:
            raise TooLarge
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._max_body:
                raise TooLarge
            if chunk:
                body.write(chunk)
            more = message.get("more_body", False)

    def _environ(self, scope: Scope, body: Any) -> dict[str, Any]:
        """Build PEP 3333's environment."""
        server = scope.get("server") or ("localhost", 80)
        client = (scope.get("client") or ("", 0))[0]
        environ: dict[str, Any] = {
            "REQUEST_METHOD": scope["method"],
            "SCRIPT_NAME": "",
            "PATH_INFO": scope["path"].encode("utf-8").decode("latin-1"),
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
        for name, value in scope["headers"]:
            key = name.decode("latin-1").upper().replace("-", "_")
            text = value.decode("latin-1")
            if key in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
                environ[key] = text
            elif "_" in name.decode("latin-1"):
                continue  # X_Forwarded_For must not pass for X-Forwarded-For
            else:
                key = f"HTTP_{key}"
                joint = ";" if key == "HTTP_COOKIE" else ","
                environ[key] = f"{environ[key]}{joint}{text}" if key in environ else text
        if "HTTP_TRANSFER_ENCODING" in environ:
            body.seek(0, 2)
            environ["CONTENT_LENGTH"] = str(body.tell())
            body.seek(0)
        self._forwarded(environ, client)
        return environ

    def _forwarded(self, environ: dict[str, Any], client: str) -> None:
        forwarded = environ.pop("HTTP_X_FORWARDED_FOR", "")
        scheme = environ.pop("HTTP_X_FORWARDED_PROTO", "")
        if client not in self._trusted:
            return
        if forwarded:
            environ["REMOTE_ADDR"] = forwarded.split(",")[-1].strip()
        if scheme in {"http", "https"}:
            environ["wsgi.url_scheme"] = scheme

    def _call(self, environ: dict[str, Any]) -> tuple[int, Headers, Iterable[bytes]]:
        """Run the application in a thread, up to the point where its answer begins."""
        begun: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            begun["status"] = int(status.split(" ", 1)[0])
            begun["headers"] = [
                (k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers
            ]

        chunks = self._application(environ, start_response)
        return begun["status"], begun["headers"], chunks

    async def _respond(
        self,
        loop: asyncio.AbstractEventLoop,
        status: int,
        headers: Headers,
        chunks: Iterable[bytes],
        receive: Receive,
        send: Send,
    ) -> None:
        close = getattr(chunks, "close", None)
        try:
            if not getattr(chunks, "streaming", False) and not hasattr(chunks, "filelike"):
                content = b"".join(chunks)
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": content})
            else:
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await self._pump(loop, chunks, receive, send)
        finally:
            if close is not None:
                await loop.run_in_executor(self._pool, close)

    async def _pump(
        self,
        loop: asyncio.AbstractEventLoop,
        chunks: Iterable[bytes],
        receive: Receive,
        send: Send,
    ) -> None:
        """Send a stream piece by piece; stop making pieces when nobody is there to read them."""
        iterator = iter(chunks)
        left = asyncio.create_task(_disconnected(receive))
        try:
            while not left.done():
                chunk = await loop.run_in_executor(self._pool, next, iterator, None)
                if chunk is None:
                    break
                if chunk:
                    await send(
                        {"type": "http.response.body", "body": bytes(chunk), "more_body": True}
                    )
            if not left.done():
                await send({"type": "http.response.body", "body": b""})
        finally:
            left.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer(send: Send, status: int, content: bytes) -> None:
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
