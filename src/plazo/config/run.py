"""`plazo run`: everything on one machine, watched by one parent.

The parent owns the data folder (a lock says so), holds the database, brings the schema up, then
keeps three children alive: the web part, the worker and the mail part. They end with it, however it
ends: each holds the reading end of a pipe whose writing end only the parent has.

The web part is started first of all, because loading its code takes as long as the database does.
It waits for a second pipe to close, which says that the schema is up.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import django
from django.db import connection
from django.utils import timezone

from plazo.config.cli import database, database_address
from plazo.core.postgres import EmbeddedPostgres
from plazo.core.process import CannotStart, FileLock, require_free_port, told_by_signals
from plazo.core.settings import GO, LIFELINE, Settings, make_data_dir

STOP_SECONDS: Final = 7.0
SETTLED_SECONDS: Final = 30.0  # a child that lived this long starts again without a long wait
LONGEST_PAUSE_SECONDS: Final = 15.0
LOOK_SECONDS: Final = 1.0
MOST_ENDS: Final = 3  # of the server, within the time in which a part would have settled


def run(*, demo: bool) -> int:
    """Run Plazo until it is told to stop. Returns the exit code.

    Raises: CannotStart with one sentence, before anything else is started.
    """
    if demo:
        os.environ["PLAZO_DEMO"] = "true"
    settings = Settings.load()
    stopping = threading.Event()
    told_by_signals(stopping)
    with owned(settings.data_dir):
        require_free_port(settings.host, settings.port)
        # The children must read what the parent read, from wherever they are started.
        os.environ["PLAZO_DATA"] = str(settings.data_dir)
        with contextlib.closing(Children(database_address(settings))) as children:
            children.prepare()
            with database(settings) as server:
                _bring_up(demo=settings.demo)
                children.keep(settings, stopping, Watched(server) if server else None)
                children.close()  # before the database goes
    return 0


@contextlib.contextmanager
def owned(data_dir: Path) -> Iterator[None]:
    """Own a data folder for the length of a block.

    Raises: CannotStart when another Plazo does.
    """
    make_data_dir(data_dir)
    with FileLock(data_dir / "run.lock") as lock:
        if not lock.try_acquire():
            holder = lock.read()
            raise CannotStart(
                f"Another Plazo is running on the data folder {data_dir}"
                f"{f' (process {holder})' if holder else ''}; stop it, or choose another folder "
                "with PLAZO_DATA."
            )
        lock.write(str(os.getpid()))
        yield


def _bring_up(*, demo: bool) -> None:
    django.setup()
    from plazo.config import schema  # models exist only from here on

    schema.check_schema()
    schema.migrate()
    if demo:
        from plazo.config.demo import load

        load(now=timezone.now())
    connection.close()


class Child:
    """One part of Plazo in a process of its own, started again when it dies."""

    def __init__(self, name: str, environment: dict[str, str], pipes: tuple[int, ...]) -> None:
        self.name = name
        self._environment = environment
        self._pipes = pipes
        self._pause = 0.25
        self._not_before = 0.0
        self._started = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def keep_alive(self) -> None:
        """Start it, or start it again; each death soon after a start doubles the wait."""
        now = time.monotonic()
        if self._process is not None and (code := self._process.poll()) is not None:
            # What it left behind (web workers, say) would hold the port against its successor.
            _end_session(self._process.pid)
            self._process = None
            settled = now - self._started > SETTLED_SECONDS
            self._pause = 0.5 if settled else min(self._pause * 2, LONGEST_PAUSE_SECONDS)
            self._not_before = now + self._pause
            print(
                f"plazo: the {self.name} part ended ({_ending(code)}); "
                f"it starts again in {self._pause:g} s",
                file=sys.stderr,
            )
        if self._process is None and now >= self._not_before:
            self._started = now
            self._process = subprocess.Popen(
                [sys.executable, "-m", "plazo.config.child", self.name],
                stdin=subprocess.DEVNULL,
                pass_fds=self._pipes,
                env={**os.environ, **self._environment},
                start_new_session=True,
            )

    def tell_to_stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def see_off(self, end: float) -> None:
        """Wait for it until `end`, then end its whole session."""
        if self._process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(end - time.monotonic(), 0.1))
        _end_session(self._process.pid)
        self._process.wait()
        self._process = None


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _end_session(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


class Watched:
    """The private PostgreSQL, started again when it ends under us."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._next_look = 0.0
        self._ended: list[float] = []

    def keep_up(self) -> None:
        """Look once a second.

        Raises: CannotStart if it cannot be started again, or ends again and again.
        """
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        if self._server.is_up():
            return
        self._ended = [*(at for at in self._ended if now - at < SETTLED_SECONDS), now]
        log = self._server.log_path
        if len(self._ended) > MOST_ENDS:
            raise CannotStart(
                f"PostgreSQL has ended {len(self._ended)} times within {SETTLED_SECONDS:.0f} s; "
                f"its log is {log}."
            )
        print(f"plazo: PostgreSQL ended; it starts again (its log is {log})", file=sys.stderr)
        self._server.start()


class Children:
    """The web part, the worker and the mail part, and the two pipes that they listen to."""

    def __init__(self, database_url: str) -> None:
        alive, self._alive = os.pipe()
        go, self._go = os.pipe()
        self._readable = (alive, go)
        environment = {"DATABASE_URL": database_url, LIFELINE: str(alive), GO: str(go)}
        self._web = Child("web", environment, self._readable)
        self._worker = Child("worker", environment, self._readable)
        self._mail = Child("mail", environment, self._readable)
        self._open = True

    def prepare(self) -> None:
        """Have the web part load its code and wait."""
        self._web.keep_alive()

    def keep(self, settings: Settings, stopping: threading.Event, server: Watched | None) -> None:
        """Let the children work, and keep them and the server alive until told to stop.

        Raises: CannotStart if the server cannot be kept alive.
        """
        os.close(self._go)
        self._go = -1
        greeted = False
        while not stopping.wait(0.1):
            if server is not None:
                server.keep_up()
            self._web.keep_alive()
            self._worker.keep_alive()
            self._mail.keep_alive()
            if not greeted and _answers(settings):
                greeted = True
                _greet(settings)

    def close(self) -> None:
        """End the children, in an orderly way if they can, and close the pipes."""
        if not self._open:
            return
        self._open = False
        end = time.monotonic() + STOP_SECONDS
        children = (self._web, self._worker, self._mail)
        for child in children:
            child.tell_to_stop()
        for child in children:
            child.see_off(end)
        for descriptor in (*self._readable, self._alive, self._go):
            if descriptor >= 0:
                os.close(descriptor)


def _answers(settings: Settings) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared, not bound
    address = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}/livez"
    request = urllib.request.Request(address, headers={"Host": settings.allowed_hosts[0]})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _greet(settings: Settings) -> None:
    print(f"\n  Plazo: {settings.base_url}/", flush=True)
    if settings.demo:
        from plazo.config.demo import PASSWORD, SIGN_INS  # models exist only from here on

        print(f"  Escritorio / desk: {settings.base_url}/desk/")
        print(f"  Correo de la demo / demo mail: {settings.base_url}/outbox/\n")
        print(f"  Demo, contraseña / password: {PASSWORD}")
        for email, role in SIGN_INS:
            print(f"    {email:<32} {role}")
    elif not settings.mail_leaves:
        print("  PLAZO_SMTP_URL is unset: mail is kept and goes to nobody.")
    print("\n  Ctrl+C para detener / to stop\n", flush=True)
