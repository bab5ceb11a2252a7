"""The map tells the truth: every package is on it, and every page that it links is there."""

import re
from dataclasses import fields
from pathlib import Path

from plazo.tickets import events

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


def test_the_reference_of_events_is_the_registrys():
    """Each kind of event stands in docs/timeline.md with its audience and its fields."""
    rows = re.findall(
        r"^\| `([a-z._]+)` \| (\w+) \| (.*?) \|",
        (ROOT / "docs" / "timeline.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    written = {kind: (audience, re.findall(r"`(\w+)`", names)) for kind, audience, names in rows}
    assert written == {
        kind: (payload.audience, [field.name for field in fields(payload)])
        for kind, payload in events.REGISTRY.items()
    }
