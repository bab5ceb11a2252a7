"""The web part: granian in front of the bridge."""

from typing import Any, Final

from django.conf import settings
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.common import AbstractServer

from plazo.core.process import require_free_port

STOP_SECONDS: Final = 4


def serve() -> int:
    """Serve pages until told to stop. Returns the exit code.

    Raises: CannotStart when something else listens on the port.
    """
    options = settings.PLAZO
    require_free_port(options.host, options.port)
    server(
        "plazo.config.asgi:application",
        host=options.host,
        port=options.port,
        workers=options.web_workers,
    ).serve()
    return 0


def server(target: str, *, host: str, port: int, workers: int) -> AbstractServer[Any]:
    """Make the web server for an ASGI application, `module:name`."""
    made: AbstractServer[Any] = Granian(
        target,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=workers,
        # A worker killed by the system or by a fault is replaced.
        respawn_failed_workers=True,
        # A stream left open must not keep the server from stopping.
        workers_kill_timeout=STOP_SECONDS,
        websockets=False,
        log_level=LogLevels.warning,
        log_dictconfig=_quiet(settings.LOGGING),
    )
    return made


def _quiet(logging_config: dict[str, Any]) -> dict[str, Any]:
    """Give granian's loggers our lines: it adds its own handlers to whatever it is given."""
    names = ("_granian", "granian.access")
    loggers = {name: {"handlers": [], "level": "WARNING", "propagate": True} for name in names}
    return {**logging_config, "loggers": {**logging_config["loggers"], **loggers}}
