"""The `plazo` command: parse, make ready what a sub-command needs, run it, say errors in a line."""

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import django
from django.core.management import execute_from_command_line
from django.utils import timezone

import plazo
from plazo.accounts.cli import add_commands as add_account_commands
from plazo.accounts.team_cli import add_commands as add_team_commands
from plazo.agreements.cli import add_commands as add_agreement_commands
from plazo.channels.email.cli import add_commands as add_mail_commands
from plazo.core.errors import PlazoError
from plazo.core.postgres import EmbeddedPostgres, check_server
from plazo.core.process import CannotStart
from plazo.core.settings import Settings
from plazo.helpcenter.cli import add_commands as add_article_commands
from plazo.tickets.cli import add_commands as add_ticket_commands


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command and return its exit code: 0 done, 1 refused, 2 wrongly called.

    Edges: a command that a mail server calls names its own code for every failure, `failure`.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "plazo.config.settings")
    parser = _parser()
    arguments = parser.parse_args(argv)
    if not hasattr(arguments, "run"):
        parser.print_help()
        return 2
    try:
        with prepared(arguments.needs):
            return int(arguments.run(arguments) or 0)
    except CannotStart as error:
        print(f"plazo: {error}", file=sys.stderr)
        return int(getattr(arguments, "failure", error.exit_code))
    except PlazoError as error:
        print(f"plazo: {error}", file=sys.stderr)
        return int(getattr(arguments, "failure", 1))
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if not hasattr(arguments, "failure"):
            raise
        print(f"plazo: {error}", file=sys.stderr)
        return int(arguments.failure)


@contextmanager
def prepared(needs: str) -> Iterator[None]:
    """Make ready what a sub-command needs.

    Edges: `nothing` touches neither Django nor the database; `django` sets Django up; `server`
        also holds a database with nothing in it that the code does not know; `database` one with
        all that the code knows.
    """
    if needs == "nothing":
        yield
        return
    if needs == "django":
        Settings.load()  # a wrong value is a sentence here, and a traceback inside Django
        django.setup()
        yield
        return
    with database(Settings.load()):
        django.setup()
        from plazo.config import schema  # models exist only from here on

        schema.check_schema()
        if needs == "database":
            schema.require_migrated()
        yield


@contextmanager
def database(settings: Settings) -> Iterator[EmbeddedPostgres | None]:
    """Hold a database that answers, named in DATABASE_URL for Django and for child processes.

    The block gets the private server, or None where the operator has a server of their own.
    Raises: CannotStart.
    """
    if settings.database_url:
        check_server(settings.database_url)
        yield None
        return
    server = EmbeddedPostgres(settings.data_dir)
    with server.running() as url:
        os.environ["DATABASE_URL"] = url
        try:
            yield server
        finally:
            os.environ.pop("DATABASE_URL", None)


def database_address(settings: Settings) -> str:
    """The address of the database that `database` holds; known before it is up."""
    return settings.database_url or EmbeddedPostgres(settings.data_dir).url


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="plazo", description="A help desk that keeps a support agreement."
    )
    parser.add_argument("--version", action="version", version=f"plazo {plazo.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    run = commands.add_parser("run", help="everything on one machine: database, web and worker")
    run.add_argument("--demo", action="store_true", help="with demo data and demo sign-ins")
    run.set_defaults(run=_run, needs="nothing")
    web = commands.add_parser("web", help="the web part alone")
    web.set_defaults(run=_web, needs="database")
    worker = commands.add_parser("worker", help="the worker alone")
    worker.set_defaults(run=_worker, needs="database")
    migrate = commands.add_parser("migrate", help="bring the database's schema up to the code")
    migrate.set_defaults(run=_migrate, needs="server")
    demo = commands.add_parser("demo", help="load the agreement and the demo data once")
    demo.set_defaults(run=_demo, needs="server")
    reset = commands.add_parser("reset", help="remove the data folder and all that is in it")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    reset.set_defaults(run=_reset, needs="nothing")
    manage = commands.add_parser("manage", help="Django's own commands, for those who know them")
    manage.add_argument("arguments", nargs=argparse.REMAINDER)
    manage.set_defaults(run=_manage, needs="server")
    version = commands.add_parser("version", help="print the version")
    version.set_defaults(run=_version, needs="nothing")
    add_agreement_commands(commands)
    add_team_commands(commands)
    add_account_commands(commands)
    add_ticket_commands(commands)
    add_article_commands(commands)
    add_mail_commands(commands, run_process=_mail)
    return parser


# The parts import Django's models, and Django is set up only after the arguments are read.


def _run(arguments: argparse.Namespace) -> int:
    from plazo.config.run import run

    return run(demo=arguments.demo)


def _web(arguments: argparse.Namespace) -> int:
    from plazo.config.web import serve

    return serve()


def _worker(arguments: argparse.Namespace) -> int:
    from plazo.config.worker import work

    return work()


def _mail(arguments: argparse.Namespace) -> int:
    from plazo.config.mail import work

    return work()


def _migrate(arguments: argparse.Namespace) -> int:
    from plazo.config.schema import migrate

    migrate(verbosity=1)
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    from plazo.config.demo import load
    from plazo.config.schema import migrate

    migrate()
    print(load(now=timezone.now()))
    return 0


def _manage(arguments: argparse.Namespace) -> int:
    execute_from_command_line(["plazo manage", *arguments.arguments])
    return 0


def _version(arguments: argparse.Namespace) -> int:
    print(plazo.__version__)
    return 0


def _reset(arguments: argparse.Namespace) -> int:
    from plazo.config.run import owned

    settings = Settings.load()
    folder = settings.data_dir
    with owned(folder):
        if not arguments.yes:
            _ask(f"Remove {folder} and every case in it? Type yes: ")
        EmbeddedPostgres(folder).destroy()
        _remove_own(folder)
    print(f"Removed what Plazo kept in {folder}.")
    return 0


def _ask(question: str) -> None:
    try:
        answer = input(question)
    except EOFError:  # nobody is there to answer
        answer = ""
    if answer.strip().lower() != "yes":
        raise CannotStart("Nothing was removed.")


def _remove_own(folder: Path) -> None:
    """Delete what Plazo puts into its data folder, and the folder if nothing else is in it.

    A mistyped PLAZO_DATA may name a folder with a person's own files: those stay.
    """
    for name in ("files", "static", "postgres", "postgres.new"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("secret_key", "run.lock", "postgres.lock", "postgres.uses", "postgres.location"):
        (folder / name).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


if __name__ == "__main__":
    raise SystemExit(main())
