"""A small application behind the real bridge and the real server, for the bridge's tests.

Run as `python -m tests.config.probe PORT FOLDER`.
"""

import asyncio
import hashlib
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from plazo.config.bridge import Receive, Scope, Send, WsgiBridge

LIMIT = 8 * 1024 * 1024
FOLDER = Path(os.environ.get("PLAZO_TEST_FOLDER", "."))


class Streaming:
    """A body that is made piece by piece, marked as Django marks its streaming responses."""

    streaming = True

    def __init__(self, name: str, chunks: int) -> None:
        self._name = name
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        for number in range(1, self._chunks + 1):
            (FOLDER / f"{self._name}.made").write_text(str(number))
            yield b"%08d" % number + b"x" * 65528
            time.sleep(0.005)

    def close(self) -> None:
        (FOLDER / f"{self._name}.closed").write_text("closed")


def pages(environ: dict[str, Any], start_response: Any) -> Any:
    """Answer what was asked, as JSON; or stream; or fail."""
    path = environ["PATH_INFO"]
    if path.startswith("/stream/"):
        _, _, name, chunks = path.split("/")
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return Streaming(name, int(chunks))
    if path == "/fails":
        raise RuntimeError("a page that fails")
    digest, size = hashlib.sha256(), 0
    while chunk := environ["wsgi.input"].read(65536):
        digest.update(chunk)
        size += len(chunk)
    asked = {key: value for key, value in environ.items() if isinstance(value, str)}
    body = json.dumps(
        {
            **asked,
            "size": size,
            "sha256": digest.hexdigest(),
            "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }
    ).encode()
    start_response(
        "200 OK", [("Content-Length", str(len(body))), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    )
    return [body]


bridge = WsgiBridge(pages, threads=4, max_body=LIMIT, trusted_proxies=["127.0.0.2", "10.0.0.0/8"])


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """The bridge, and beside it one stream that never ends, as live screens have."""
    if scope["type"] != "http":
        return
    if scope["path"] != "/live":
        await bridge(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"still here\n", "more_body": True})
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    os.environ["PLAZO_TEST_FOLDER"] = sys.argv[2]
    import django

    django.setup()
    from plazo.config.web import server

    server(
        "tests.config.probe:application", host="127.0.0.1", port=int(sys.argv[1]), workers=1
    ).serve()
