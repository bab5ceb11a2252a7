"""Finds the line of a value in a TOML file, since tomllib does not tell.

It reads headers and keys line by line, which is enough for files that put one key on a line, as
people write them. A path it cannot follow to the end gets the line of the longest part it can.
"""

import re

Path = tuple[str | int, ...]

_HEADER = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\"-]+)\s*\]\]?")
_KEY = re.compile(r"^\s*\"?([A-Za-z0-9_-]+)\"?\s*=")
_INLINE_KEY = re.compile(r"[{,]\s*\"?([A-Za-z0-9_-]+)\"?\s*=")


class Places:
    """The line, counted from 1, of every table and key of one source text."""

    def __init__(self, source: str) -> None:
        self._lines: dict[Path, int] = {(): 1}
        self._items: dict[Path, int] = {}
        prefix: Path = ()
        array: Path | None = None
        for number, line in enumerate(source.splitlines(), 1):
            header = _HEADER.match(line)
            if header:
                prefix = self._enter(header.group(2), array=header.group(1) == "[[")
                self._lines.setdefault(prefix, number)
                array = None
                continue
            key = _KEY.match(line)
            if key and array is None:
                path = (*prefix, key.group(1))
                self._lines.setdefault(path, number)
                for inner in _INLINE_KEY.findall(line):
                    self._lines.setdefault((*path, inner), number)
                opened = line.split("#")[0].rstrip()
                if opened.endswith("["):
                    array = path
                    self._items[path] = 0
                continue
            if array is not None:
                self._element(array, line, number)
                if line.strip().startswith("]"):
                    array = None

    def _enter(self, name: str, *, array: bool) -> Path:
        """Return the path of a header; each [[table]] begins the next element of its array."""
        path: Path = ()
        parts = [part.strip('"') for part in name.split(".")]
        for position, part in enumerate(parts):
            path = (*path, part)
            last = position == len(parts) - 1
            if last and array:
                self._items[path] = self._items.get(path, 0) + 1
            if path in self._items and self._items[path] and (array or not last):
                path = (*path, self._items[path] - 1)
        return path

    def _element(self, array: Path, line: str, number: int) -> None:
        """Note one line of a bracketed list as its next element."""
        if not line.strip() or line.strip().startswith(("#", "]")):
            return
        path = (*array, self._items[array])
        self._items[array] += 1
        self._lines.setdefault(path, number)
        for inner in _INLINE_KEY.findall(line):
            self._lines.setdefault((*path, inner), number)

    def line(self, path: Path) -> int:
        """Return the line of `path`, or of the longest beginning of it that has one."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]
