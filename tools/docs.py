"""Pages that are made from the code.

python tools/docs.py write    write them
python tools/docs.py check    exit 1 where one differs from what the code says
"""

import sys
from collections.abc import Callable
from pathlib import Path

from plazo.core import settings

ROOT = Path(__file__).resolve().parent.parent
PAGES: dict[str, Callable[[], str]] = {"docs/settings.md": settings.reference}


def stale() -> list[str]:
    """Return the pages that differ from what the code says."""
    return [
        name
        for name, make in PAGES.items()
        if not (ROOT / name).exists() or (ROOT / name).read_text(encoding="utf-8") != make()
    ]


def main(do: str) -> int:
    found = stale()
    if do == "write":
        for name in found:
            (ROOT / name).write_text(PAGES[name](), encoding="utf-8")
            print(f"wrote {name}")
        return 0
    for name in found:
        print(f"{name} differs from the code; `make docs` writes it", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 else "check"))
