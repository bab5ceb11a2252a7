"""The entry of a child of `plazo run`: `python -m plazo.config.child web|worker`."""

import os
import signal
import sys
import threading

import django

from plazo.core.settings import LIFELINE


def main(name: str) -> int:
    """Run one part; it ends when the parent does."""
    follow_parent()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "plazo.config.settings")
    django.setup()
    if name == "web":
        from plazo.config.web import serve

        return serve()
    from plazo.config.worker import work  # models exist only from here on

    return work()


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
