"""The entry of a child of `plazo run`: `python -m plazo.config.child web|worker`."""

import os
import sys

from plazo.config.run import follow_parent


def main(name: str) -> int:
    """Run one part; it ends when the parent does."""
    follow_parent()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "plazo.config.settings")
    import django

    django.setup()
    if name == "web":
        from plazo.config.web import serve

        return serve()
    from plazo.config.worker import work

    return work()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
