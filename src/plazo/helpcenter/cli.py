"""Sub-commands of `plazo articles`: the knowledge base as a folder of Markdown."""

import argparse
from pathlib import Path
from typing import Any


def add_commands(commands: Any) -> None:
    """Add `plazo articles export|import|render`."""
    articles = commands.add_parser("articles", help="the knowledge base: export, import, render")
    parts = articles.add_subparsers(title="commands", metavar="COMMAND", required=True)

    export = parts.add_parser("export", help="write every article into a new folder of Markdown")
    export.add_argument("folder", type=Path)
    export.set_defaults(run=_export, needs="database")

    load = parts.add_parser("import", help="read a folder of Markdown; all of it or nothing")
    load.add_argument("folder", type=Path)
    load.set_defaults(run=_import, needs="database")

    render = parts.add_parser(
        "render", help="render and index every text anew, after an upgrade that changed how"
    )
    render.set_defaults(run=_render, needs="database")


def _export(arguments: argparse.Namespace) -> int:
    from plazo.helpcenter.folder import export_articles

    print(f"Wrote {export_articles(arguments.folder)} texts into {arguments.folder}.")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from plazo.core.actor import Actor
    from plazo.core.clock import read_clock
    from plazo.helpcenter.folder import import_articles

    count = import_articles(arguments.folder, actor=Actor.system("import"), now=read_clock())
    print(f"Read {count} texts from {arguments.folder}.")
    return 0


def _render(arguments: argparse.Namespace) -> int:
    from plazo.helpcenter.commands import render_anew

    print(f"Rendered {render_anew()} texts.")
    return 0
