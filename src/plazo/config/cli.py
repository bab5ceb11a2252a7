"""The `plazo` command."""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence

import plazo
from plazo.core.postgres import DatabaseUnavailable, EmbeddedPostgres, check_reachable
from plazo.core.settings import Settings, SettingsError


class Refused(Exception):
    """Something that cannot go on; the message is one sentence for the operator."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command and return its exit code: 0 done, 1 refused, 2 wrongly called."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "plazo.config.settings")
    parser = _parser()
    arguments = parser.parse_args(argv)
    if not hasattr(arguments, "run"):
        parser.print_help()
        return 2
    try:
        started = _prepare(arguments.needs)
        try:
            return int(arguments.run(arguments) or 0)
        finally:
            if started is not None:
                started.stop()
    except SettingsError as error:
        return _say(error, 2)
    except (Refused, DatabaseUnavailable) as error:
        return _say(error, 1)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if type(error).__name__ in {"PlazoError"} or hasattr(error, "user_message"):
            return _say(error, 1)
        raise


def _say(error: Exception, code: int) -> int:
    print(f"plazo: {error}", file=sys.stderr)
    return code


def _prepare(needs: str) -> EmbeddedPostgres | None:
    """Make ready what a sub-command needs; return the server if this call started it.

    `nothing` touches neither Django nor the database; `django` sets Django up; `database` also
    sees to a database with a schema that the code knows.
    """
    if needs == "nothing":
        return None
    started = None
    if needs == "database":
        started = ensure_database(Settings.load())
    import django

    django.setup()
    if needs == "database":
        from plazo.config.schema import check_schema

        try:
            check_schema()
        except BaseException:
            if started is not None:
                started.stop()
            raise
    return started


def ensure_database(settings: Settings) -> EmbeddedPostgres | None:
    """See to it that a database answers, and name it in DATABASE_URL for Django and for children.

    Returns the embedded server if this call started it, else None.
    Raises: DatabaseUnavailable.
    """
    if settings.database_url:
        check_reachable(settings.database_url)
        return None
    server = EmbeddedPostgres(settings.data_dir)
    started = server.ensure_running()
    os.environ["DATABASE_URL"] = server.url
    return server if started else None


def _parser() -> argparse.ArgumentParser:
    from plazo.agreements.cli import add_commands as add_agreement_commands
    from plazo.tickets.cli import add_commands as add_ticket_commands

    parser = argparse.ArgumentParser(
        prog="plazo", description="A help desk that keeps a support agreement."
    )
    parser.add_argument("--version", action="version", version=f"plazo {plazo.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    run = commands.add_parser("run", help="everything on one machine: database, web and worker")
    run.add_argument("--demo", action="store_true", help="with demo data and demo sign-ins")
    run.set_defaults(run=_run, needs="nothing")
    web = commands.add_parser("web", help="the web part alone, against DATABASE_URL")
    web.set_defaults(run=_web, needs="database")
    worker = commands.add_parser("worker", help="the worker alone, against DATABASE_URL")
    worker.set_defaults(run=_worker, needs="database")
    migrate = commands.add_parser("migrate", help="bring the database's schema up to the code")
    migrate.set_defaults(run=_migrate, needs="database")
    demo = commands.add_parser("demo", help="load the agreement and the demo data once")
    demo.set_defaults(run=_demo, needs="database")
    reset = commands.add_parser("reset", help="remove the data directory and all that is in it")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    reset.set_defaults(run=_reset, needs="nothing")
    manage = commands.add_parser("manage", help="Django's own commands, for those who know them")
    manage.add_argument("arguments", nargs=argparse.REMAINDER)
    manage.set_defaults(run=_manage, needs="database")
    add_agreement_commands(commands)
    add_ticket_commands(commands)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    from plazo.config.run import run

    return run(demo=arguments.demo)


def _web(arguments: argparse.Namespace) -> int:
    from plazo.config.web import serve

    return serve()


def _worker(arguments: argparse.Namespace) -> int:
    from plazo.config.worker import work

    return work()


def _migrate(arguments: argparse.Namespace) -> int:
    from plazo.config.schema import migrate

    migrate()
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    from django.utils import timezone

    from plazo.config.demo import load
    from plazo.config.schema import migrate

    migrate()
    print(load(now=timezone.now()))
    return 0


def _manage(arguments: argparse.Namespace) -> int:
    from django.core.management import execute_from_command_line

    execute_from_command_line(["plazo manage", *arguments.arguments])
    return 0


def _reset(arguments: argparse.Namespace) -> int:
    settings = Settings.load()
    server = EmbeddedPostgres(settings.data_dir)
    if not arguments.yes:
        answer = input(f"Remove {settings.data_dir} and every case in it? Type yes: ")
        if answer.strip().lower() != "yes":
            raise Refused("Nothing was removed.")
    from plazo.config.run import is_locked

    if is_locked(settings.data_dir):
        raise Refused(
            f"Plazo is running on {settings.data_dir}. Stop it first (Ctrl+C in its terminal)."
        )
    cluster = server.cluster
    server.stop()
    shutil.rmtree(cluster, ignore_errors=True)
    shutil.rmtree(settings.data_dir, ignore_errors=True)
    print(f"Removed {settings.data_dir}.")
    return 0
