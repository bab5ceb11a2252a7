"""The web part: granian in front of the bridge."""

import socket

from django.conf import settings
from granian import Granian
from granian.constants import Interfaces

from plazo.core.postgres import DatabaseUnavailable

STOP_SECONDS = 4


def serve() -> int:
    """Serve pages until told to stop. Returns the exit code."""
    options = settings.PLAZO
    check_port(options.host, options.port)
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
        log_access=False,
        log_enabled=False,
    ).serve()
    return 0


def check_port(host: str, port: int) -> None:
    """Refuse a port that somebody else holds, before anything is started.

    Raises: DatabaseUnavailable's kin, with one sentence.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortUnavailable(
                f"Cannot listen on {host}:{port}: {error.strerror}. Choose another port, for"
                f" example PORT={port + 1 if port < 65535 else 8000}."
            ) from error


class PortUnavailable(DatabaseUnavailable):
    """The port cannot be had; the message is one sentence that says what to do."""
