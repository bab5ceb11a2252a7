"""The one port: pages through the bridge; live streams, when they come, as bare ASGI."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "plazo.config.settings")

from django.conf import settings

from plazo.config.bridge import Receive, Scope, Send, WsgiBridge
from plazo.config.wsgi import application as pages

_bridge = WsgiBridge(
    pages,
    threads=settings.PLAZO.web_threads,
    max_body=settings.PLAZO.max_request_bytes,
    trusted_proxies=settings.PLAZO.trusted_proxies,
)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one connection."""
    if scope["type"] == "http":
        await _bridge(scope, receive, send)
    elif scope["type"] == "lifespan":
        await _lifespan(receive, send)
    else:  # a websocket: nothing here speaks it
        await send({"type": "websocket.close", "code": 1000})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
