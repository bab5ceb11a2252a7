"""The real server, with pages and live streams, on the suite's own database.

Run as `python -m tests.serving PORT`; a test starts it by `served`, whose tests commit what they do.
"""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.db import connection

from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent


def database_address() -> str:
    """Return the address of the test's database, for another connection or process."""
    used = connection.settings_dict
    names = {"user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    parts = {key: str(used[name]) for key, name in names.items() if used[name]}
    return f"postgresql:///{used['NAME']}?{urlencode(parts)}"


class Server:
    """The running server."""

    def __init__(self, *, workers: int = 1) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._workers = workers
        self._clients: list[http.client.HTTPConnection] = []
        self._answers: list[http.client.HTTPResponse] = []
        self.start()

    def start(self) -> None:
        """Start it, on the same port each time."""
        environment = {
            **os.environ,
            "DATABASE_URL": database_address(),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "PORT": str(self.port),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.serving", str(self.port), str(self._workers)],
            cwd=ROOT, env=environment,
        )  # fmt: skip
        deadline = time.monotonic() + 90
        while not self.listens():
            assert self.process.poll() is None, "the server ended at once"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """Tell it to end, and wait for it; kill it where it does not."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        finally:
            self.process.kill()
            self.process.wait()

    def ask(
        self,
        path: str,
        cookie: str = "",
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
    ) -> http.client.HTTPResponse:
        """Send a request; a stream's answer is open and still to be read."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        self._clients.append(client)
        client.request(method, path, headers={"Cookie": cookie, **(headers or {})})
        self._answers.append(client.getresponse())
        return self._answers[-1]

    def close(self) -> None:
        """End it, and every connection to it."""
        self.stop()
        for opened in (*self._answers, *self._clients):
            opened.close()


@pytest.fixture
def served(transactional_db: None) -> Iterator[Server]:
    """One web process for one test."""
    server = Server()
    yield server
    server.close()


if __name__ == "__main__":
    import django

    django.setup()
    from plazo.config.web import server

    server(
        "plazo.config.asgi:application",
        host="127.0.0.1",
        port=int(sys.argv[1]),
        workers=int(sys.argv[2]),
    ).serve()
