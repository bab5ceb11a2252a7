"""`plazo run`: everything on one machine, in one process group.

The parent owns the data directory (a lock says so), starts the database, brings the schema up,
then keeps two children alive: the web part and the worker. They die with it, however it dies:
each holds the reading end of a pipe whose writing end only the parent has.
"""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from plazo.config.cli import Refused, ensure_database
from plazo.config.web import check_port
from plazo.core.postgres import EmbeddedPostgres
from plazo.core.settings import Settings

STOP_SECONDS = 8.0
LIFELINE = "PLAZO_LIFELINE"


def is_locked(data_dir: Path) -> bool:
    """Say whether a `plazo run` holds this data directory."""
    try:
        with open(data_dir / "run.lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def run(*, demo: bool) -> int:
    """Run Plazo until it is told to stop. Returns the exit code.

    Raises: Refused or DatabaseUnavailable, with one sentence each, before anything is started.
    """
    if demo:
        os.environ["PLAZO_DEMO"] = "true"
    settings = Settings.load()
    lock = _lock(settings.data_dir)
    check_port(settings.host, settings.port)
    # The children ask what the parent asked, and not the reverse.
    os.environ["PLAZO_DATA"] = str(settings.data_dir)
    server = None
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stopping.set())
    try:
        ensure_database(settings)
        # Ours to stop even if it was left over by a run that was killed.
        server = None if settings.database_url else EmbeddedPostgres(settings.data_dir)
        _bring_up(demo=demo)
        if not stopping.is_set():
            _keep_children(settings, stopping, demo=demo)
    finally:
        if server is not None:
            server.stop()
        lock.close()
    return 0


def _lock(data_dir: Path) -> IO[str]:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = open(data_dir / "run.lock", "a")  # noqa: SIM115 - held while we run
    except OSError as error:
        raise Refused(
            f"Cannot write to the data directory {data_dir}: {error.strerror}. Choose another"
            " with PLAZO_DATA."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise Refused(
            f"Another Plazo is running on {data_dir}. Stop it, or choose another data directory"
            " with PLAZO_DATA."
        ) from error
    return lock


def _bring_up(*, demo: bool) -> None:
    import django

    django.setup()
    from django.db import connection
    from django.utils import timezone

    from plazo.config import demo as demo_data
    from plazo.config import schema

    schema.check_schema()
    schema.migrate()
    if demo:
        demo_data.load(now=timezone.now())
    connection.close()


class Child:
    """One part of Plazo in a process of its own, started again when it dies."""

    def __init__(self, name: str, lifeline: int) -> None:
        self.name = name
        self._lifeline = lifeline
        self._pause = 0.5
        self._not_before = 0.0
        self._started = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def keep_alive(self) -> None:
        """Start it, or start it again; each death soon after a start doubles the wait."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            code, self.process = self.process.returncode, None
            self._pause = 0.5 if now - self._started > 30 else min(self._pause * 2, 15)
            self._not_before = now + self._pause
            print(f"plazo: {self.name} ended with {code}; it starts again", file=sys.stderr)
        if self.process is None and now >= self._not_before:
            self._started = now
            self.process = subprocess.Popen(
                [sys.executable, "-m", "plazo.config.child", self.name],
                stdin=subprocess.DEVNULL,
                pass_fds=(self._lifeline,),
                env={**os.environ, LIFELINE: str(self._lifeline)},
                start_new_session=True,
            )

    def tell_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def see_off(self, end: float) -> None:
        """Wait for it until `end`, then end its whole session."""
        if self.process is None:
            return
        try:
            self.process.wait(max(end - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def _keep_children(settings: Settings, stopping: threading.Event, *, demo: bool) -> None:
    reading, writing = os.pipe()
    children = [Child("web", reading), Child("worker", reading)]
    greeted = False
    try:
        while not stopping.wait(0.1):
            for child in children:
                child.keep_alive()
            if not greeted and _answers(settings):
                greeted = True
                _greet(settings, demo=demo)
    finally:
        for child in children:
            child.tell_to_stop()
        end = time.monotonic() + STOP_SECONDS
        for child in children:
            child.see_off(end)
        os.close(writing)
        os.close(reading)


def _answers(settings: Settings) -> bool:
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 - compared, not bound
    try:
        with urllib.request.urlopen(f"http://{host}:{settings.port}/livez", timeout=2) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _greet(settings: Settings, *, demo: bool) -> None:
    print(f"\n  Plazo: {settings.base_url}/", flush=True)
    if demo:
        from plazo.config.demo import PASSWORD, SIGN_INS

        print(f"  Escritorio / desk: {settings.base_url}/desk/")
        print(f"  Correo de la demo / demo mail: {settings.base_url}/outbox/\n")
        print(f"  Demo, contraseña / password: {PASSWORD}")
        for email, role in SIGN_INS:
            print(f"    {email:<28} {role}")
    print("\n  Ctrl+C para detener / to stop\n", flush=True)


def follow_parent() -> None:
    """End this child's session when the parent is gone. Called first thing in each child."""
    lifeline = int(os.environ.get(LIFELINE, "-1"))
    if lifeline < 0:
        return

    def wait_for_the_end() -> None:
        # The parent never writes: a read returns only when its end is closed.
        os.read(lifeline, 1)
        os.killpg(os.getpgid(0), signal.SIGKILL)

    threading.Thread(target=wait_for_the_end, name="lifeline", daemon=True).start()

