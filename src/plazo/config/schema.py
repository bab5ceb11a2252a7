"""Is the database's schema the one that this code knows?"""

from django.apps import AppConfig, apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from plazo.core.postgres import DatabaseUnavailable, check_version

_LOCK = 0x5041_4D47  # one migration at a time, however many start at once


def check_schema() -> None:
    """Refuse a server that is too old, or a schema that is newer than the code.

    Raises: DatabaseUnavailable.
    """
    connection.ensure_connection()
    check_version(connection.pg_version)
    loader = MigrationLoader(connection, ignore_no_initial=True)
    ours = {app.label for app in _our_apps()}
    unknown = sorted(
        f"{app}.{name}"
        for app, name in loader.applied_migrations
        if app in ours and (app, name) not in loader.disk_migrations
    )
    if unknown:
        raise DatabaseUnavailable(
            f"The database is newer than this Plazo (it has {unknown[0]}); install the newer"
            " version, or restore the backup made before the upgrade."
        )


def _our_apps() -> list[AppConfig]:
    return [app for app in apps.get_app_configs() if app.name.startswith("plazo.")]


def migrate(*, verbosity: int = 0) -> None:
    """Apply what is missing, one process at a time; the others wait and find it done."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        try:
            call_command("migrate", interactive=False, verbosity=verbosity)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
