"""The private PostgreSQL: made anywhere, found again after any death, refused in one sentence."""

import multiprocessing
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from plazo.core.postgres import EmbeddedPostgres, check_server, require_supported
from plazo.core.process import CannotStart

pytestmark = pytest.mark.slow

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="what root must do needs root")

HOLD = """
import sys, time
from pathlib import Path
from plazo.core.postgres import EmbeddedPostgres
EmbeddedPostgres(Path(sys.argv[1]), durable="durable" in sys.argv).start()
print("holding", flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that any account may pass through, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="plazo-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def server(folder: Path) -> Iterator[Callable[[str], EmbeddedPostgres]]:
    """Make servers by the name of their data folder; all are destroyed afterwards."""
    made: list[EmbeddedPostgres] = []

    def make(name: str) -> EmbeddedPostgres:
        made.append(EmbeddedPostgres(folder / name, durable=False))
        return made[-1]

    yield make
    for one in made:
        one.release()
        one.destroy()


def ask(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question).fetchone()  # type: ignore[call-overload]
    return row[0]


def write(url: str, text: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (words text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [text])


def pid_of(server: EmbeddedPostgres) -> int:
    return int((server.cluster / "postmaster.pid").read_text().splitlines()[0])


def kill(process: "subprocess.Popen[str]") -> None:
    """End a process as kill -9 does, and take note of it."""
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def holder(folder: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start other processes that hold a server and wait."""
    started: list[subprocess.Popen[str]] = []

    def hold(name: str, *how: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(folder / name), *how],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        return process

    yield hold
    for process in started:
        kill(process)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("data", id="plain"),
        pytest.param("my data/año 2026", id="spaces and accents"),
        pytest.param("x" * 150, id="150 characters in one name"),
        pytest.param('quote\'s "$HOME" `date` %s', id="what a shell would misread"),
    ],
)
def test_it_starts_under_any_path(server: Callable[[str], EmbeddedPostgres], name: str) -> None:
    """The path of the data folder is the operator's business and never breaks the server."""
    with server(name).running() as url:
        assert ask(url, "SELECT current_database()") == "plazo"


def test_text_is_unicode_in_upper_and_lower_case(
    server: Callable[[str], EmbeddedPostgres],
) -> None:
    """Addresses and names are compared without case, Spanish letters included."""
    with server("data").running() as url:
        assert ask(url, "SELECT lower('ÑANDÚ') = 'ñandú' AND upper('ñ') = 'Ñ'")
        assert ask(url, "SHOW server_encoding") == "UTF8"


def test_it_listens_on_no_network(server: Callable[[str], EmbeddedPostgres]) -> None:
    """The server trusts who reaches its socket, so only the owner's folder leads to it."""
    one = server("data")
    with one.running() as url:
        assert ask(url, "SHOW listen_addresses") == ""
        assert stat.S_IMODE(one.socket_dir.stat().st_mode) == 0o700


def test_two_data_folders_have_two_servers(server: Callable[[str], EmbeddedPostgres]) -> None:
    """Two installations on one machine do not see each other."""
    with server("one").running() as first, server("two").running() as second:
        write(first, "only in the first")

        assert ask(second, "SELECT to_regclass('kept')") is None


def test_data_survives_a_stop(server: Callable[[str], EmbeddedPostgres]) -> None:
    """A second start finds what the first one wrote."""
    one = server("data")
    with one.running() as url:
        write(url, "still here")
    with one.running() as url:
        assert ask(url, "SELECT words FROM kept") == "still here"


def test_it_stops_with_its_last_holder(
    server: Callable[[str], EmbeddedPostgres], holder: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """A command that ends must not stop the server under a Plazo that still runs."""
    one = server("data")
    with one.running():
        other = holder("data")
        pid = pid_of(one)
    assert not is_gone(pid)

    kill(other)
    with one.running():
        assert pid_of(one) == pid
    wait_until(lambda: is_gone(pid))


def test_it_is_found_again_after_plazo_was_killed(
    server: Callable[[str], EmbeddedPostgres], holder: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """A kill -9 of Plazo leaves the server running; the next start uses that very one."""
    killed = holder("data")
    one = server("data")
    pid = pid_of(one)
    kill(killed)

    with one.running() as url:
        assert pid_of(one) == pid
        assert ask(url, "SELECT 1") == 1


def test_it_recovers_after_everything_was_killed(
    server: Callable[[str], EmbeddedPostgres], holder: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """A kill -9 of Plazo and the server, in the middle of work, costs nothing committed."""
    killed = holder("data", "durable")
    one = server("data")
    write(one.url, "committed before the crash")
    killed.kill()
    os.kill(pid_of(one), signal.SIGKILL)
    kill(killed)

    with one.running() as url:
        assert ask(url, "SELECT words FROM kept") == "committed before the crash"


def test_a_number_taken_by_a_stranger_does_not_stop_it(
    server: Callable[[str], EmbeddedPostgres],
) -> None:
    """After a crash of the machine the old process number may be anyone's: start all the same."""
    one = server("data")
    with one.running():
        remembered = (one.cluster / "postmaster.pid").read_text()
    stranger = subprocess.Popen(["/bin/sleep", "60"], **one.account.switch)
    try:
        lines = [str(stranger.pid), *remembered.splitlines()[1:]]
        (one.cluster / "postmaster.pid").write_text("\n".join(lines) + "\n")

        with one.running() as url:
            assert ask(url, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_lost_socket_is_made_again(server: Callable[[str], EmbeddedPostgres]) -> None:
    """A cleaner of /tmp may take the socket's folder from a living server."""
    one = server("data")
    one.start()
    shutil.rmtree(one.socket_dir)

    again = server("data")
    with again.running() as url:
        assert ask(url, "SELECT 1") == 1


def test_four_starters_at_once_have_one_server(
    server: Callable[[str], EmbeddedPostgres], folder: Path
) -> None:
    """Whoever comes first starts it; the others find it."""
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD, str(folder / "data")], stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    try:
        said = [process.stdout.readline() for process in starters if process.stdout]
    finally:
        for process in starters:
            kill(process)

    assert said == ["holding\n"] * 4
    with server("data").running() as url:
        assert ask(url, "SELECT 1") == 1


def test_half_a_cluster_is_never_taken_for_a_whole_one(
    server: Callable[[str], EmbeddedPostgres], folder: Path
) -> None:
    """What a killed initdb left is thrown away and made anew."""
    left = folder / "data" / "postgres.new"
    left.mkdir(parents=True)
    (left / "PG_VERSION").write_text("18\n")
    (folder / "data").chmod(0o711)

    with server("data").running() as url:
        assert ask(url, "SELECT 1") == 1


@needs_root
def test_root_lends_the_server_to_another_account(
    server: Callable[[str], EmbeddedPostgres],
) -> None:
    """PostgreSQL refuses to run as root; its files belong to who runs it."""
    one = server("data")
    with one.running():
        assert one.account.uid != 0
        assert one.cluster.stat().st_uid == one.account.uid
        assert Path(f"/proc/{pid_of(one)}").stat().st_uid == one.account.uid


@needs_root
def test_a_folder_that_only_root_can_reach_works(
    server: Callable[[str], EmbeddedPostgres], folder: Path
) -> None:
    """Root's home is closed to others; the cluster then lives elsewhere, and a note says where."""
    folder.chmod(0o700)
    one = server("closed/data")
    with one.running() as url:
        write(url, "out of reach")
    assert not one.cluster.is_relative_to(folder)
    assert (folder / "closed/data/postgres.location").read_text() == f"{one.cluster}\n"

    again = server("closed/data")
    with again.running() as url:
        assert ask(url, "SELECT words FROM kept") == "out of reach"
    again.destroy()
    assert not one.cluster.exists()


def _start_as(account: pwd.struct_passwd, data: Path) -> None:
    """The body of a child that becomes a plain user and starts a server."""
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    one = EmbeddedPostgres(data, durable=False)
    with one.running() as url:
        assert ask(url, "SELECT 1") == 1
        assert one.cluster == data / "postgres"
    one.destroy()


@needs_root
def test_a_plain_user_needs_no_other_account(folder: Path) -> None:
    """Without root, the server runs as who started Plazo."""
    account = pwd.getpwnam("nobody")
    data = folder / "plain"
    data.mkdir(mode=0o700)
    os.chown(data, account.pw_uid, account.pw_gid)
    # A fork, because the interpreter itself may lie where that account cannot go.
    child = multiprocessing.get_context("fork").Process(target=_start_as, args=(account, data))
    child.start()
    child.join(60)

    assert child.exitcode == 0


@needs_root
def test_a_socket_folder_of_somebody_else_is_not_trusted(
    server: Callable[[str], EmbeddedPostgres],
) -> None:
    """Whoever could prepare the folder in /tmp could pose as the database."""
    one = server("data")
    one.socket_dir.mkdir(mode=0o777)

    with pytest.raises(CannotStart, match="belongs to someone else"):
        one.start()


def test_another_major_version_is_refused(server: Callable[[str], EmbeddedPostgres]) -> None:
    """Data of another PostgreSQL are not touched; the sentence says how to move them."""
    one = server("data")
    with one.running():
        pass
    (one.cluster / "PG_VERSION").write_text("17\n")

    with pytest.raises(CannotStart, match="is PostgreSQL 17's and Plazo brings 18"):
        one.start()
    (one.cluster / "PG_VERSION").write_text("18\n")


def test_why_it_does_not_start_is_said(server: Callable[[str], EmbeddedPostgres]) -> None:
    """The server's own last words reach the operator, with where to read the rest."""
    one = server("data")
    with one.running():
        pass
    with (one.cluster / "postgresql.conf").open("a") as stream:
        stream.write("max_connections = many\n")

    with pytest.raises(CannotStart, match=r"does not start: .* contains errors; its log is"):
        one.start()


def test_destroying_refuses_while_another_holds_it(
    server: Callable[[str], EmbeddedPostgres], holder: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """Starting over never pulls the data from under a running Plazo."""
    holder("data")

    with pytest.raises(CannotStart, match="A running Plazo uses the data folder"):
        server("data").destroy()


@pytest.mark.parametrize(
    "version",
    [
        pytest.param(140000, id="14.0"),
        pytest.param(150018, id="Debian 12"),
        pytest.param(180004, id="ours"),
    ],
)
def test_servers_from_14_on_are_supported(version: int) -> None:
    """Version 14 and everything newer will do."""
    require_supported(version)


@pytest.mark.parametrize(
    ("version", "name"),
    [
        pytest.param(130022, "13.22", id="one year too old"),
        pytest.param(90624, "9.624", id="of another age"),
    ],
)
def test_older_servers_are_refused(version: int, name: str) -> None:
    """An older server is named with its version, before any table is made."""
    with pytest.raises(
        CannotStart, match=f"needs PostgreSQL 14 or newer, and this server is {name}"
    ):
        require_supported(version)


def test_a_database_out_of_reach_is_one_sentence() -> None:
    """A wrong DATABASE_URL costs one line, and the line does not hold the password."""
    with pytest.raises(CannotStart) as caught:
        check_server("postgresql://someone:a-secret@127.0.0.1:1/plazo")

    sentence = str(caught.value)
    assert sentence.startswith("The database in DATABASE_URL cannot be used: ")
    assert "\n" not in sentence
    assert "a-secret" not in sentence
