"""Is the database's schema the one that this code knows?"""

from typing import Final, cast

from django.apps import apps
from django.core.management import call_command
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from plazo.core.postgres import require_supported
from plazo.core.process import CannotStart

LOCK: Final = 0x5041_4D47  # one migration at a time, however many start at once


def check_schema() -> None:
    """Refuse a server that is too old, or a schema that is newer than the code.

    Edges: a migration of any installed application counts: a newer Django or a newer job queue
        has also changed tables that this code would misread.
    Raises: CannotStart naming the first migration that the code does not know.
    """
    connection = cast("DatabaseWrapper", connections["default"])
    connection.ensure_connection()
    require_supported(connection.pg_version)
    loader = MigrationLoader(connection)
    installed = {app.label for app in apps.get_app_configs()}
    known = set(loader.disk_migrations)
    for migration in loader.disk_migrations.values():
        known.update(migration.replaces)
    unknown = sorted(
        f"{app}.{name}"
        for app, name in loader.applied_migrations
        if app in installed and (app, name) not in known
    )
    if unknown:
        raise CannotStart(
            f"The database is newer than this Plazo (it has {unknown[0]}); install the newer "
            "version, or restore the backup made before the upgrade."
        )


def require_migrated() -> None:
    """Refuse a schema that lacks some of what the code knows.

    Raises: CannotStart saying what to run.
    """
    executor = MigrationExecutor(connections["default"])
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        count = len(missing)
        raise CannotStart(
            f"The database is not ready for this Plazo: it lacks {count} of its changes, the first"
            f" is {missing[0][0]}. Run: plazo migrate"
        )


def migrate(*, verbosity: int = 0) -> None:
    """Apply what is missing, one process at a time; the others wait and find it done."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        try:
            call_command("migrate", interactive=False, verbosity=verbosity)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
