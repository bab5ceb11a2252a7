"""An agreement's text as people wrote it: values are set in place, tables are blocks of lines."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomlkit
from tomlkit.items import Array, InlineTable, Item, Table

from plazo.agreements.document import without_mark
from plazo.agreements.errors import NothingThere, WrittenOtherwise

# ── Values ────────────────────────────────────────────────────────────────────────────────────


def read(source: str) -> tomlkit.TOMLDocument:
    """Return a text to be changed in place."""
    return tomlkit.parse(without_mark(source))


def table_of(document: tomlkit.TOMLDocument, name: str, key: str) -> Table:
    """Return the table of a calendar or a service. Raises: NothingThere."""
    tables = document.get(name, {})
    if key not in tables:
        raise NothingThere(what=key)
    found: Table = tables[key]
    return found


def set_words(table: Table, name: str, es: str, en: str) -> None:
    """Set a text in both languages, touching only what differs."""
    if name not in table:
        put(table, name, tomlkit.value(inline({"es": es, "en": en})))
        return
    for language, text in (("es", es), ("en", en)):
        if table[name][language] != text:
            table[name][language] = text


def set_value(table: Table, name: str, value: Any, empty: Any) -> None:
    """Set a value if it is another one; the `empty` one is left out."""
    if value == empty:
        table.pop(name, None)
    elif table.get(name) != value:
        put(table, name, tomlkit.value(inline(value)))


def inline(value: Any) -> str:
    """Return a value as the file writes it on one line."""
    match value:
        case Mapping():
            pairs = ", ".join(f"{key} = {inline(each)}" for key, each in value.items())
            return f"{{ {pairs} }}"
        case list() | tuple():
            return f"[{', '.join(inline(each) for each in value)}]"
        case _:
            return str(tomlkit.item(value).as_string())


def listed(old: Array | None, rows: Sequence[Mapping[str, Any]]) -> Item:
    """Return rows as a list with one on each line; nothing is "[]".

    Edges: a row that was there already stays as it was written, with the comment beside it;
        comments on lines of their own stay, below the list's rows where theirs has gone.
    """
    written, above = _as_written(old)
    lines = []
    for row in rows:
        text, beside, comments = written.get(inline(row), (inline(row), "", ()))
        lines += [*comments, f"{text},{beside}"]
    kept = {line for line in lines if line.startswith("#")}
    lines += [line for line in above if line not in kept]
    return tomlkit.value(
        "".join(["[\n", *(f"  {line}\n" for line in lines), "]"]) if lines else "[]"
    )


def _as_written(old: Array | None) -> tuple[dict[str, tuple[str, str, list[str]]], list[str]]:
    """Return how each row of a list is written, with its comments, and every comment line."""
    written: dict[str, tuple[str, str, list[str]]] = {}
    above: list[str] = []
    pending: list[str] = []
    for group in old._value if old is not None else ():
        comment = group.comment.as_string().strip() if group.comment else ""
        if isinstance(group.value, InlineTable):
            beside = f" {comment}" if comment else ""
            written[inline(group.value)] = (group.value.as_string(), beside, pending)
            pending = []
        elif comment:
            pending.append(comment)
            above.append(comment)
    return written, above


def put(table: Table, name: str, item: Item) -> None:
    """Set a key of a table; a new one goes below the last, above what introduces the next table."""
    if name in table or not table:
        table[name] = item
        return
    last = list(table.keys())[-1]
    table.value._insert_after(last, name, item)
    dict.__setitem__(table, name, item)


# ── Tables ────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Block:
    """One service, calendar or field: its key, and its lines from `first` to before `last`.

    A comment right above belongs to it; above the first of its kind it introduces them all.
    """

    key: str
    first: int
    last: int


def blocks(source: str, name: str) -> list[Block]:
    """Return the tables of a kind, in their order.

    Raises: WrittenOtherwise where the file does not give each a table of its own.
    """
    lines = without_mark(source).split("\n")
    heads = list(_headers(lines))
    ends = [at for at, _path, _many in heads[1:]] + [len(lines)]
    rows = tomllib.loads(without_mark(source)).get(name, {})
    keys = iter([row["key"] for row in rows] if isinstance(rows, list) else ())
    found: list[Block] = []
    within = False
    for (at, path, many), end in zip(heads, ends, strict=True):
        if path[0] != name or (path == (name,) and not many):
            within = False
            continue
        begins = (many and len(path) == 1) or (
            not isinstance(rows, list) and not (within and found[-1].key == path[1])
        )
        if begins:
            key = next(keys, "") if many else path[1]
            found.append(Block(key, _introduced(lines, at) if found else at, at))
        if found:
            found[-1].last = _written_to(lines, at, end)
        within = True
    there = [row["key"] for row in rows] if isinstance(rows, list) else list(rows)
    if [block.key for block in found] != there:
        raise WrittenOtherwise(name=name)
    return found


def _headers(lines: Sequence[str]) -> Iterable[tuple[int, tuple[str, ...], bool]]:
    """Return the line of each header, its path, and whether it is one of many.

    Edges: what looks like one inside a list or a text is none: what is above does not end there.
    """
    begin = 0
    for number, line in enumerate(lines):
        if not line.lstrip().startswith("["):
            continue
        data = _parsed(line)
        if not data or _parsed("\n".join(lines[begin:number])) is None:
            continue
        path: list[str] = []
        at: Any = data
        while at:
            at = at[0] if isinstance(at, list) else at
            if at:
                path.append(next(iter(at)))
                at = at[path[-1]]
        begin = number
        yield number, tuple(path), line.lstrip().startswith("[[")


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _introduced(lines: Sequence[str], at: int) -> int:
    while at and lines[at - 1].lstrip().startswith("#"):
        at -= 1
    return at


def _written_to(lines: Sequence[str], at: int, end: int) -> int:
    """Return where a table ends: after its last key, and the comments that follow right upon it."""
    last = end
    while last > at + 1 and (not lines[last - 1].strip() or lines[last - 1].lstrip()[0] == "#"):
        last -= 1
    after = last
    while after < end and lines[after].lstrip().startswith("#"):
        after += 1
    return last if after == end < len(lines) else after


def added(source: str, name: str, text: str) -> str:
    """Return the text with a further table, below the last one of its kind."""
    lines = without_mark(source).split("\n")
    found = blocks(source, name)
    at = found[-1].last if found else len(lines)
    return "\n".join([*lines[:at], "", *text.strip("\n").split("\n"), *lines[at:]])


def removed(source: str, name: str, key: str) -> str:
    """Return the text without a table, and without the blank line that set it off.

    Raises: NothingThere; WrittenOtherwise.
    """
    lines = without_mark(source).split("\n")
    block = next((each for each in blocks(source, name) if each.key == key), None)
    if block is None:
        raise NothingThere(what=key)
    before, after = lines[: block.first], lines[block.last :]
    if after and not after[0].strip() and (after[1:] or not (before and not before[-1].strip())):
        after = after[1:]
    elif before and not before[-1].strip():
        before = before[:-1]
    return "\n".join([*before, *after])


def moved(source: str, name: str, key: str, beside: str, *, after: bool) -> str:
    """Return the text with a table right before another of its kind, or right after it.

    Edges: what stands between the tables stays where it is. Raises: NothingThere; WrittenOtherwise.
    """
    if key == beside:
        return source
    lines = without_mark(source).split("\n")
    slots = blocks(source, name)
    keys = [block.key for block in slots]
    for each in (key, beside):
        if each not in keys:
            raise NothingThere(what=each)
    order = [each for each in keys if each != key]
    order.insert(order.index(beside) + after, key)
    text = {block.key: lines[block.first : block.last] for block in slots}
    for block, each in reversed(list(zip(slots, order, strict=True))):
        lines[block.first : block.last] = text[each]
    return "\n".join(lines)
