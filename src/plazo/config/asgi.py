"""The one port: pages through the bridge, live streams as bare ASGI."""

import os
from collections.abc import Awaitable, Callable
from typing import Final

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "plazo.config.settings")

from django.conf import settings

from plazo.config.bridge import Receive, Scope, Send, WsgiBridge
from plazo.config.streams import LiveStreams, database_address
from plazo.config.wsgi import application as pages
from plazo.core.hub import Hub
from plazo.core.process import die_with_parent, look_for_cycles_less

_bridge = WsgiBridge(
    pages,
    threads=settings.PLAZO.web_threads,
    max_body=settings.PLAZO.max_upload_bytes,
    trusted_proxies=settings.PLAZO.trusted_proxies,
)
_live = LiveStreams(Hub(database_address()), _bridge)

# Bare ASGI applications by the beginning of their path. A stream holds no thread here, where a
# page holds one of few; so live streams belong here and pages do not.
STREAMS: Final[dict[str, Callable[[Scope, Receive, Send], Awaitable[None]]]] = {
    "/desk/live/": _live
}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one connection."""
    if scope["type"] == "http":
        await _handler(scope["path"])(scope, receive, send)
    elif scope["type"] == "lifespan":
        await _lifespan(receive, send)
    else:  # a websocket: nothing here speaks it
        await send({"type": "websocket.close", "code": 1000})


def _handler(path: str) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    for prefix, stream in STREAMS.items():
        if path.startswith(prefix):
            return stream
    return _bridge


async def _lifespan(receive: Receive, send: Send) -> None:
    """Begin and end with the server: a web process whose supervisor was killed must go too."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            die_with_parent()
            look_for_cycles_less()
            _live.start()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            _live.close()
            _bridge.close()
            return
