"""What every test stands on: one PostgreSQL for the run, Django set up against it, no network.

With DATABASE_URL the suite uses that server; without, a private one of its own. So any number of
runs go side by side, each with its own server, and a run that was killed is cleared away by the
next. Tests that touch no database start none.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import django
import hypothesis
import pytest
from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.postgresql.operations import DatabaseOperations
from django.db.models.signals import post_migrate

from plazo.core.postgres import EmbeddedPostgres
from plazo.core.process import FileLock, look_for_cycles_less
from plazo.core.settings import TEST_PREFIX

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "plazo-tests-"


def _clear_away_killed_runs() -> None:
    """Remove the servers and folders of runs that ended without doing so themselves."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with FileLock(folder / "run.lock") as lock:
            try:
                abandoned = lock.try_acquire()
            except OSError:
                continue  # being removed, or another person's
            if abandoned:
                EmbeddedPostgres(folder).destroy()
                shutil.rmtree(folder, ignore_errors=True)


def _own_folder() -> Path:
    """Make this run's folder; root's must let PostgreSQL's unprivileged account pass."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    folder.chmod(0o711)
    return folder


_clear_away_killed_runs()
DATA = _own_folder()
RUN_LOCK = FileLock(DATA / "run.lock")
RUN_LOCK.try_acquire()
SERVER = None if os.environ.get("DATABASE_URL") else EmbeddedPostgres(DATA, durable=False)

# The developer's own settings are not the suite's.
for variable in [name for name in os.environ if name.startswith("PLAZO_") or name == "PORT"]:
    if not variable.startswith(TEST_PREFIX):
        del os.environ[variable]
os.environ["PLAZO_DATA"] = str(DATA)
os.environ["PLAZO_SECRET_KEY"] = "the suite's key, which signs nothing that anyone keeps"
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
if SERVER is not None:
    os.environ["DATABASE_URL"] = SERVER.url  # known before the server runs

sys.path.insert(0, str(ROOT / "tools"))
import messages  # noqa: E402 - found through the path above

if "PYTEST_XDIST_WORKER" not in os.environ:  # a run's first process does it for all
    messages.compile_all()
django.setup()

from django.contrib.contenttypes.management import create_contenttypes  # noqa: E402 - needs it

# Two busy cores make single examples slow without meaning anything.
hypothesis.settings.register_profile("suite", deadline=None, print_blob=True)
hypothesis.settings.load_profile("suite")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Let each worker stand on its own server: what this process set for itself is not theirs."""
    del os.environ["DJANGO_SETTINGS_MODULE"]
    if SERVER is not None:
        del os.environ["DATABASE_URL"]


def pytest_collection_finish() -> None:
    """Leave alone what was collected: walking it all again and again took a part of every test."""
    look_for_cycles_less()


def pytest_unconfigure() -> None:
    """Remove what this run made."""
    if SERVER is not None:
        SERVER.destroy()
    RUN_LOCK.release()
    shutil.rmtree(DATA, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of the run's PostgreSQL server, started on first use."""
    if SERVER is None:
        yield os.environ["DATABASE_URL"]
        return
    with SERVER.running() as url:
        yield url


WITHOUT_MODEL = (
    "core_bucket",
    "core_cache",
    "core_presence",
    # Jobs that a test left would be the next worker's to do first, thousands of them.
    "procrastinate_events",
    "procrastinate_jobs",
    "procrastinate_periodic_defers",
    "procrastinate_workers",
)


# What Django's own signals say of the models: it is the same after every test.
OF_THE_MODELS = ("auth_group_permissions", "auth_permission", "django_content_type")


# From how many bytes on a table is given a new file: what tests roll back and delete stays in the
# old one, and a table of a few rows took as long to read as one of hundreds of thousands.
LARGE = 256 * 1024

# What an installation begins with.
OF_MIGRATIONS = ("tickets_outcome",)


class EmptyingOperations(DatabaseOperations):
    """Lets the suite empty its tables between tests that commit.

    The database itself refuses to delete a timeline, by triggers. For the emptying alone they are
    held off, which takes a superuser, and only this connection while it does it. Tables that no
    model describes are emptied too: what one test spent of a limit is not the next one's. The lists
    with which an installation begins are there again afterwards, whichever test came before.

    Most tables are empty, and TRUNCATE gives each a new file and each of its indexes: deleting a
    few rows takes a tenth of that, so only those that have grown are truncated. The locks are the
    same, so whatever a test left under way is waited for.
    """

    def sql_flush(self, style: Any, tables: Sequence[str], **_options: bool) -> list[str]:
        names = [name for name in (*tables, *WITHOUT_MODEL) if name not in OF_THE_MODELS]
        return [
            f"LOCK TABLE {', '.join(map(self.quote_name, names))} IN ACCESS EXCLUSIVE MODE;",
            *[f"DELETE FROM {self.quote_name(name)};" for name in names],  # noqa: S608 - Django's
            *[f"TRUNCATE {self.quote_name(name)} CASCADE;" for name in self._grown(names)],
            *[
                f"INSERT INTO {name} SELECT * FROM as_migrated.{name};"  # noqa: S608 - our own
                for name in OF_MIGRATIONS
            ],
            # Whatever a process keeps is of the past; but it may keep what the next tests read.
            "UPDATE core_stamp SET value = nextval('core_stamp_value');",
        ]

    def _grown(self, names: Sequence[str]) -> list[str]:
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                " AND relname = ANY(%s) AND pg_relation_size(oid) > %s",
                [list(names), LARGE],
            )
            return [name for (name,) in cursor.fetchall()]

    def execute_sql_flush(self, sql_list: list[str]) -> None:
        post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
        post_migrate.disconnect(create_contenttypes)
        with self.connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            try:
                super().execute_sql_flush(["".join(sql_list)])
            finally:
                cursor.execute("SET session_replication_role = DEFAULT")


@pytest.fixture(scope="session", autouse=True)
def emptying_tables() -> Iterator[None]:
    """Use the operations above on every connection of the run."""
    before = DatabaseWrapper.ops_class
    DatabaseWrapper.ops_class = EmptyingOperations
    connection.ops = EmptyingOperations(connection)
    yield
    DatabaseWrapper.ops_class = before


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    postgres: str, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """Have the server up before pytest-django makes the test database on it, each worker its own."""


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Put aside the rows that migrations made: they are there again after each emptying."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS as_migrated")
        for name in OF_MIGRATIONS:
            cursor.execute(f"CREATE TABLE IF NOT EXISTS as_migrated.{name} AS TABLE {name}")


@pytest.fixture
def golden() -> Callable[[str, str | bytes], None]:
    """Compare a text with its golden file, tests/golden/<name>; `make golden` writes them anew.

    Tests that use it carry the mark `golden`, so that only they run then.
    """

    def compare(name: str, actual: str | bytes) -> None:
        path = ROOT / "tests" / "golden" / name
        content = actual.encode() if isinstance(actual, str) else actual
        if os.environ.get("PLAZO_TEST_GOLDEN") == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        assert path.exists(), f"{name} has no golden file; `make golden` writes it"
        assert content.decode() == path.read_text(encoding="utf-8")

    return compare
