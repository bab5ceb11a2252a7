"""The page that follows the client's document, sentence by sentence.

python tools/client_document.py check          exit 1 where a row points nowhere
python tools/client_document.py digest FILE    what the words of the document come to

The document itself is not kept here: the table of docs/client-document.md holds its sentences, and
the digest of its words stands in tests/agreements/data/facts.toml.
"""

import ast
import hashlib
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "client-document.md"
AGREEMENT = ROOT / "agreements" / "iws.toml"
NAMED_BY = ("key", "metric", "severity", "level")
_LINK = re.compile(r"\[(`[^`]+`|[^`\]]+)\]\(([^)#]+)[^)]*\)")
_DATA = re.compile(r"\{([\w.]+)\}")


@dataclass(frozen=True, slots=True)
class Pointer:
    """One link of a row: what it names, and the file in which that is."""

    name: str
    path: Path

    @property
    def is_test(self) -> bool:
        return self.path.name.startswith("test_")

    @property
    def test_ids(self) -> re.Pattern[str]:
        """Return what pytest calls it: `[M-4]` are those rows of a table test that begin so."""
        name = f"{self.path.relative_to(ROOT).as_posix()}::{self.name.removesuffix(']')}"
        return re.compile(re.escape(name) + r"(?!\w)")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number, the document's words, what they mean, where that is, who shows it."""

    number: str
    words: str
    meaning: str
    lives: tuple[Pointer, ...]
    shown: tuple[Pointer, ...]


def rows(text: str) -> list[Row]:
    """Return the rows of both tables, in their order: `1.2` is the document's, `D4` a decision."""
    lines = (line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| "))
    return [
        Row(number, words, meaning, _pointers(lives), _pointers(shown))
        for number, words, meaning, lives, shown in (
            [cell.strip() for cell in cells] for cells in lines if len(cells) == 5
        )
        if re.fullmatch(r"\d\.\d+|D\d+", number)
    ]


def _pointers(cell: str) -> tuple[Pointer, ...]:
    return tuple(
        Pointer(name.strip("`"), (PAGE.parent / target).resolve())
        for name, target in _LINK.findall(cell)
    )


def problems(text: str) -> list[str]:
    """Say in a sentence each what points nowhere; whether a test is really run is not seen here."""
    agreement = tomllib.loads(AGREEMENT.read_text(encoding="utf-8"))
    return [f"{row.number}: {said}" for row in rows(text) for said in _problems(row, agreement)]


def _problems(row: Row, agreement: dict[str, Any]) -> Iterator[str]:
    if not row.meaning:
        yield "it does not say what is meant"
    if not row.lives:
        yield "it does not say where that lives"
    if not any(pointer.is_test for pointer in row.shown):
        yield "no test shows it"
    for key in _DATA.findall(row.words):
        if in_agreement(agreement, key) is None:
            yield f"{key} is not in the agreement"
    for pointer in (*row.lives, *row.shown):
        if not pointer.path.exists():
            yield f"there is no file {pointer.path.relative_to(ROOT)}"
        elif pointer.path == AGREEMENT:
            if in_agreement(agreement, pointer.name) is None:
                yield f"{pointer.name} is not in the agreement"
        elif pointer.path.suffix == ".py" and not _defines(pointer):
            yield f"{pointer.path.relative_to(ROOT)} has no {pointer.name}"


def in_agreement(agreement: dict[str, Any], key: str) -> Any:
    """Return what stands at a dotted key, or None.

    Edges: in a list, the entries whose own key, metric, severity or level a part of it is; one
        entry alone is that entry.
    """
    found: Any = agreement
    for part in key.split("."):
        if isinstance(found, list):
            named = [e for e in found if part in {str(e[name]) for name in NAMED_BY if name in e}]
            found = named[0] if len(named) == 1 else named or None
        elif isinstance(found, dict):
            found = found.get(part)
        else:
            return None
    return found


@cache
def _body(path: Path) -> list[ast.stmt]:
    return ast.parse(path.read_text(encoding="utf-8")).body


def _defines(pointer: Pointer) -> bool:
    """Tell whether a module has a name at its top, or a class of it a method: `Class.method`."""
    body = _body(pointer.path)
    for part in pointer.name.partition("[")[0].split("."):
        node = next((node for node in body if part in _names(node)), None)
        if node is None:
            return False
        body = node.body if isinstance(node, ast.ClassDef) else []
    return True


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else []
    targets += [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def told(text: str) -> str:
    """Return the document as the rows tell it, with what the agreement file has filled in."""
    agreement = tomllib.loads(AGREEMENT.read_text(encoding="utf-8"))
    sentences = " ".join(row.words for row in rows(text) if not row.number.startswith("D"))
    return _DATA.sub(lambda key: _said(in_agreement(agreement, key[1])), sentences)


def _said(data: Any) -> str:
    return " o ".join(data) if isinstance(data, list) else str(data)


def digest(document: str) -> str:
    """Return the SHA-256 of a document's words in their order.

    Edges: how they are set does not count (tags, signs, line ends), nor do web addresses.
    """
    plain = re.sub(r"\]\([^)]*\)|<[^>]*>", " ", document)
    return hashlib.sha256(" ".join(re.findall(r"\w+", plain)).encode()).hexdigest()


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["digest"]:
        print(digest(Path(arguments[1]).read_text(encoding="utf-8")))
        return 0
    found = problems(PAGE.read_text(encoding="utf-8"))
    for said in found:
        print(f"{PAGE.relative_to(ROOT)}, row {said}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:] or ["check"]))
