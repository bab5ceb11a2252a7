"""`plazo run`, as an operator lives with it: started, stopped, killed, started again."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plazo.core.postgres import EmbeddedPostgres
from tests.ports import free_port

pytestmark = pytest.mark.slow


def wait_until(condition: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def parents() -> dict[int, int]:
    """Every process of the machine with its parent."""
    found: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                found[int(entry.name)] = int(fields[1])
    return found


def processes_of(leader: int) -> set[int]:
    """Every living process below `leader`, however deep; PostgreSQL's are sessions of their own."""
    parent_of = parents()
    found = {leader}
    while more := {pid for pid, parent in parent_of.items() if parent in found} - found:
        found |= more
    return {pid for pid in found - {leader} if "postgres" not in name_of(pid)}


def part(leader: int, name: str) -> int | None:
    """The process of one part: a direct child, not one of the web processes below it."""
    for pid, parent in parents().items():
        if parent == leader and name_of(pid).rstrip().endswith(f"child {name}"):
            return pid
    return None


def name_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


class Installation:
    """One data folder and one port, and the `plazo run` processes on them."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "my data"
        self.port = free_port()
        self.log = folder / "log"
        self._started: list[subprocess.Popen[bytes]] = []

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DATABASE_URL", "DJANGO_SETTINGS_MODULE"}
            and not name.startswith("PLAZO_")
        }
        return kept | {"PLAZO_DATA": str(self.data), "PORT": str(self.port)}

    def plazo(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run one command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "plazo.config.cli", *arguments],
            env=self.environment, capture_output=True, text=True, check=False, timeout=180,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def begin(self) -> "subprocess.Popen[bytes]":
        """Start `plazo run`."""
        with self.log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "plazo.config.cli", "run"],
                env=self.environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        self._started.append(process)
        return process

    def run(self) -> "subprocess.Popen[bytes]":
        """Start `plazo run` and wait until it has greeted."""
        process = self.begin()
        deadline = time.monotonic() + 180
        while "Ctrl+C" not in (said := self.log.read_text()):
            assert process.poll() is None, said
            assert time.monotonic() < deadline, f"it did not greet: {said}"
            time.sleep(0.05)
        return process

    def answers(self, path: str = "/readyz") -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as page:
                return bool(page.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def server_pid(self) -> int:
        cluster = EmbeddedPostgres(self.data).cluster
        return int((cluster / "postmaster.pid").read_text().splitlines()[0])

    def end(self) -> None:
        """End what runs, as kill -9 would; the data and its server stay."""
        while self._started:
            process = self._started.pop()
            below = processes_of(process.pid)
            process.kill()
            process.wait()
            for pid in below:
                wait_until(lambda pid=pid: is_gone(pid))


@contextlib.contextmanager
def an_installation() -> Iterator[Installation]:
    """Make an installation, and clear it away afterwards whatever happened."""
    folder = Path(tempfile.mkdtemp(prefix="plazo-test-"))
    folder.chmod(0o711)
    made = Installation(folder)
    try:
        yield made
    finally:
        made.end()
        EmbeddedPostgres(made.data).destroy()
        shutil.rmtree(folder)


@pytest.fixture
def fresh() -> Iterator[Installation]:
    """An installation that was never started."""
    with an_installation() as made:
        yield made


@pytest.fixture(scope="module")
def settled() -> Iterator[Installation]:
    """An installation whose database was made already, for all tests that need no more."""
    with an_installation() as made:
        assert made.plazo("migrate").returncode == 0
        yield made


@pytest.fixture
def installation(settled: Installation) -> Iterator[Installation]:
    """The settled installation, with nothing running before and after."""
    settled.port = free_port()
    yield settled
    settled.end()


def test_it_starts_from_nothing_and_leaves_nothing(fresh: Installation) -> None:
    """One command brings everything up; Ctrl-C takes everything down within seconds."""
    process = fresh.run()
    assert fresh.answers("/livez")
    assert fresh.answers("/readyz")
    assert f"http://127.0.0.1:{fresh.port}/" in fresh.log.read_text()
    below, server = processes_of(process.pid), fresh.server_pid()
    assert len(below) >= 3  # the web part, one or more web processes, the worker

    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(90) == 0

    assert time.monotonic() - began < 60
    assert not [pid for pid in below if not is_gone(pid)]
    assert is_gone(server)


def test_a_polite_end_is_an_end_too(installation: Installation) -> None:
    """A supervisor says SIGTERM where a person says Ctrl-C."""
    process = installation.run()
    below, server = processes_of(process.pid), installation.server_pid()

    process.terminate()

    assert process.wait(90) == 0
    assert not [pid for pid in {*below, server} if not is_gone(pid)]


def test_an_end_before_everything_is_up_is_an_end_too(fresh: Installation) -> None:
    """Whoever thinks better of it at once need not wait for the start to be over."""
    process = fresh.begin()
    wait_until(lambda: len(processes_of(process.pid)) > 0)

    process.terminate()

    assert process.wait(90) == 0
    assert "Traceback" not in fresh.log.read_text()


def test_a_kill_takes_the_parts_along_and_the_next_start_finds_the_server(
    installation: Installation,
) -> None:
    """After kill -9 no orphan holds the port, and the database is used again as it stands."""
    process = installation.run()
    below, server = processes_of(process.pid), installation.server_pid()
    process.kill()
    process.wait()

    for pid in below:
        wait_until(lambda pid=pid: is_gone(pid))
    assert not is_gone(server)

    installation.run()
    assert installation.server_pid() == server
    assert installation.answers()


def test_a_part_that_dies_is_started_again(installation: Installation) -> None:
    """Whichever part is killed, the operator need not notice."""
    process = installation.run()
    web, worker = part(process.pid, "web"), part(process.pid, "worker")
    assert web is not None
    assert worker is not None
    os.kill(web, signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)

    wait_until(lambda: part(process.pid, "web") not in {None, web})
    wait_until(lambda: part(process.pid, "worker") not in {None, worker})
    wait_until(installation.answers)
    assert "the web part ended (SIGKILL); it starts again" in installation.log.read_text()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_database_that_ends_is_started_again(installation: Installation, how: int) -> None:
    """The server killed (for want of memory, say) used to leave Plazo without one until somebody
    noticed; now it comes back, and pages do, without a restart of Plazo or of any part."""
    process = installation.run()
    before, web = installation.server_pid(), part(process.pid, "web")
    os.kill(before, how)

    wait_until(lambda: is_gone(before))
    assert installation.answers("/livez")
    wait_until(lambda: "PostgreSQL ended; it starts again" in installation.log.read_text())
    wait_until(installation.answers)
    assert installation.server_pid() != before
    assert part(process.pid, "web") == web


def test_a_database_that_does_not_come_back_ends_it_with_a_sentence(fresh: Installation) -> None:
    """Half of Plazo is none: a supervisor must see that it failed, and a person read why."""
    process = fresh.run()
    below, server = processes_of(process.pid), fresh.server_pid()
    version = EmbeddedPostgres(fresh.data).cluster / "PG_VERSION"
    version.write_text("17\n")
    os.kill(server, signal.SIGKILL)

    assert process.wait(90) == 1
    assert "plazo: The data in" in fresh.log.read_text()
    assert "Traceback" not in fresh.log.read_text()
    assert not [pid for pid in below if not is_gone(pid)]
    version.write_text("18\n")


def test_a_second_plazo_on_the_same_folder_is_refused(installation: Installation) -> None:
    """Two on one folder would each believe that everything is theirs."""
    process = installation.run()

    second = installation.plazo("run")

    assert second.returncode == 1
    assert second.stderr == (
        f"plazo: Another Plazo is running on the data folder {installation.data} (process "
        f"{process.pid}); stop it, or choose another folder with PLAZO_DATA.\n"
    )
    assert installation.plazo("reset", "--yes").returncode == 1
    assert installation.answers()


def test_a_command_beside_a_running_plazo_leaves_it_running(installation: Installation) -> None:
    """Migrating or looking around uses the same server and does not stop it."""
    installation.run()

    beside = installation.plazo("manage", "showmigrations", "core")

    assert (beside.returncode, beside.stderr) == (0, "")
    assert "[X] 0001_cache" in beside.stdout
    assert installation.answers()


def test_a_busy_port_is_refused_before_anything_is_started(fresh: Installation) -> None:
    """One sentence, and no database made for nothing."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", fresh.port))
        other.listen()

        refused = fresh.plazo("run")

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"plazo: Plazo cannot use port {fresh.port}")
    assert refused.stderr.count("\n") == 1
    assert not (fresh.data / "postgres").exists()


def test_a_wrong_setting_is_refused_with_its_name(fresh: Installation) -> None:
    """The exit code tells a wrong call from a refusal."""
    fresh.port = 99999

    refused = fresh.plazo("run")

    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert refused.stderr.startswith("plazo: PORT is wrong: ")


def test_starting_over_removes_what_plazo_made_and_no_more(fresh: Installation) -> None:
    """A folder with a person's own file in it keeps that file."""
    assert fresh.plazo("migrate").returncode == 0
    (fresh.data / "thesis.txt").write_text("not Plazo's")

    asked = fresh.plazo("reset")
    assert (asked.returncode, asked.stderr) == (1, "plazo: Nothing was removed.\n")
    assert fresh.plazo("reset", "--yes").returncode == 0

    assert [path.name for path in fresh.data.iterdir()] == ["thesis.txt"]
