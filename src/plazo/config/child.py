"""The entry of a child of `plazo run`: `python -m plazo.config.child web|worker|mail`."""

import importlib
import os
import signal
import sys
import threading

import django

from plazo.core.settings import GO, LIFELINE


def main(name: str) -> int:
    """Run one part; it ends when the parent does."""
    follow_parent()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "plazo.config.settings")
    django.setup()
    part = importlib.import_module(f"plazo.config.{name}")  # models exist only from here on
    if name == "web":
        # The web processes are forks: what is loaded here need not be loaded in each of them.
        importlib.import_module("plazo.config.urls")
    wait_for_go()
    return int(part.serve() if name == "web" else part.work())


def follow_parent() -> None:
    """End this child's whole session when the parent is gone, however it went."""
    lifeline = int(os.environ.get(LIFELINE, "-1"))
    if lifeline < 0:
        return

    def wait_for_the_end() -> None:
        # The parent never writes: a read returns only when its end is closed.
        os.read(lifeline, 1)
        os.killpg(os.getpgid(0), signal.SIGKILL)

    threading.Thread(target=wait_for_the_end, name="lifeline", daemon=True).start()


def wait_for_go() -> None:
    """Wait until the parent says, by closing its end, that the database is fit to be used."""
    go = int(os.environ.get(GO, "-1"))
    if go >= 0:
        os.read(go, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
