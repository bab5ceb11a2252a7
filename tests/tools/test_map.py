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


def test_what_the_map_names_is_there():
    """A module that was renamed is named anew: `package.module`, or something in it."""
    source = ROOT / "src" / "plazo"
    gone = []
    text = (ROOT / "docs" / "map.md").read_text(encoding="utf-8")
    for name in re.findall(r"`(?:plazo\.)?([a-z_]+(?:\.\w+)+)`", text):
        place, rest = source, name.split(".")
        while rest and (place / rest[0]).is_dir():
            place /= rest.pop(0)
        if place == source:
            continue  # the key of an event, or a file of another kind
        module = place / f"{rest[0]}.py" if rest else place / "__init__.py"
        words = rest[1:] if module.exists() else rest
        module = module if module.exists() else place / "__init__.py"
        if any(
            re.search(rf"\b{word}\b", module.read_text(encoding="utf-8")) is None for word in words
        ):
            gone.append(name)
    assert gone == []


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
