"""The map tells the truth: every package is on it, and every page that it links is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_package_is_on_the_map():
    """Whoever adds a package says on the map what it is for."""
    text = (ROOT / "docs" / "map.md").read_text(encoding="utf-8")
    packages = {
        path.parent.relative_to(ROOT / "src" / "plazo").as_posix().replace("/", ".")
        for path in (ROOT / "src" / "plazo").rglob("__init__.py")
        if "migrations" not in path.parts and "templatetags" not in path.parts
    } - {"."}
    missing = [name for name in sorted(packages) if name not in text]
    assert missing == []


def test_links_between_pages_lead_somewhere():
    """No page of the documentation points to a file that is not there."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    dead = [
        f"{page.relative_to(ROOT)} → {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert dead == []
