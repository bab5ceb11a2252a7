"""The web part: granian in front of the bridge."""

from typing import Any, Final

from django.conf import settings
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from plazo.core.process import require_free_port

STOP_SECONDS: Final = 4


def serve() -> int:
    """Serve pages until told to stop. Returns the exit code.

    Raises: CannotStart when something else listens on the port.
    """
    options = settings.PLAZO
    require_free_port(options.host, options.port)
    Granian(
        "plazo.config.asgi:application",
        address=options.host,
        port=options.port,
        interface=Interfaces.ASGI,
        workers=options.web_workers,
        # A worker killed by the system or by a fault is replaced.
        respawn_failed_workers=True,
        # A stream left open must not keep the server from stopping.
        workers_kill_timeout=STOP_SECONDS,
        websockets=False,
        log_level=LogLevels.warning,
        log_dictconfig=_quiet(settings.LOGGING),
    ).serve()
    return 0


def _quiet(logging_config: dict[str, Any]) -> dict[str, Any]:
    """Give granian's loggers our lines: it adds its own handlers to whatever it is given."""
    names = ("_granian", "granian.access")
    loggers = {name: {"handlers": [], "level": "WARNING", "propagate": True} for name in names}
    return {**logging_config, "loggers": {**logging_config["loggers"], **loggers}}
