"""Clean HTML as plain text, line by line, each line with the place in the HTML where it begins.

It reads what the cleaner writes, and only that: every attribute quoted, every tag closed. One
pass over the tags, whatever their nesting.
"""

import html as entities
import re
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    r"<(/?)([a-z][a-z0-9]*)((?:\s+[a-z-]+(?:=\"[^\"]*\")?)*)\s*/?>|<!--.*?-->"
)
_ATTRIBUTE: Final = re.compile(r"([a-z-]+)=\"([^\"]*)\"")
_PARAGRAPHS: Final = frozenset(
    {"p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "table", "dl", "hr"}
)
_LINES: Final = frozenset(
    {"div", "tr", "li", "dd", "dt", "caption", "thead", "tbody", "tfoot", "ul", "ol"}
)
_MOST_QUOTED: Final = 20
_BLANKS: Final = re.compile(r"[ \t\n\r\f]+")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, and where in the HTML it begins."""

    text: str
    place: int


def text_of(html: str) -> str:
    """Return clean HTML as plain text."""
    if not html:
        return ""
    return "\n".join(line.text for line in lines_of(html)).strip("\n")


def lines_of(html: str) -> list[Line]:
    """Return clean HTML as lines of text.

    Edges: quotations have "> " before them, list items a mark, cells a bar between; a link says
        where it leads unless its words do; of blank lines one is kept.
    """
    reader = _Reader()
    place = 0
    for match in _TOKEN.finditer(html):
        if match.start() > place:
            reader.words(entities.unescape(html[place : match.start()]))
        place = match.end()
        if match[2]:
            reader.tag(match[2], bool(match[1]), match[3], match.start(), match.end())
    reader.words(entities.unescape(html[place:]))
    reader.end_line(len(html))
    return reader.lines


class _Reader:
    """What has been read so far, and the line that is being written."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._current: list[str] = []
        self._said = False  # whether the line holds a word already
        self._place = 0
        self._quoted = 0
        self._depth = 0  # how often the line before is quoted
        self._pre = 0
        self._lists: list[int] = []  # the next number of each open list; 0 where there are none
        self._links: list[tuple[str, int, int]] = []
        self._gap = False

    def words(self, text: str) -> None:
        """Add text; white space counts only where it is preformatted."""
        if self._pre:
            first, *others = text.split("\n")
            self._add(first)
            for other in others:
                self.end_line(self._place, always=True)
                self._add(other)
            return
        text = _BLANKS.sub(" ", text)
        if text.startswith(" ") and (not self._current or self._current[-1].endswith(" ")):
            text = text[1:]
        self._add(text)

    def _add(self, text: str) -> None:
        if text:
            self._current.append(text)
            self._said = self._said or not text.isspace()

    def tag(self, name: str, closing: bool, attributes: str, start: int, end: int) -> None:
        """Take a tag in: what it ends, begins, or stands for."""
        match name:
            case "br":
                self.end_line(end, always=True)
            case "a":
                self._link(closing, attributes)
            case "img":
                alt = dict(_ATTRIBUTE.findall(attributes)).get("alt", "").strip()
                self._add(f"[{entities.unescape(alt)}]" if alt else "")
            case "td" | "th":
                if not closing and self._said:
                    self._current.append(" | ")
            case _ if name in _PARAGRAPHS or name in _LINES:
                self.end_line(start if not closing else end)
                self._place = start if not closing else end
                self._block(name, closing)

    def _block(self, name: str, closing: bool) -> None:
        if name in _PARAGRAPHS or (name in {"ul", "ol"} and len(self._lists) == int(closing)):
            self._gap = True
        if name == "blockquote":
            self._quoted = max(self._quoted + (-1 if closing else 1), 0)
        elif name == "pre":
            self._pre = max(self._pre + (-1 if closing else 1), 0)
        elif name in {"ul", "ol"}:
            if not closing:
                self._lists.append(int(name == "ol"))
            elif self._lists:
                self._lists.pop()
        elif name == "li" and not closing:
            self._item()

    def _item(self) -> None:
        depth = min(max(len(self._lists) - 1, 0), 8)
        mark = "*"
        if self._lists and self._lists[-1]:
            mark = f"{self._lists[-1]}."
            self._lists[-1] += 1
        self._current.append("  " * depth + mark + " ")

    def _link(self, closing: bool, attributes: str) -> None:
        if not closing:
            address = entities.unescape(dict(_ATTRIBUTE.findall(attributes)).get("href", ""))
            self._links = [(address, len(self.lines), len(self._current))]
            return
        for address, line, start in self._links:
            same = line == len(self.lines)
            said = "".join(self._current[start:] if same else self._current).strip()
            bare = re.sub(r"^(?:https?://|mailto:)", "", address, flags=re.IGNORECASE)
            bare = bare.partition("?")[0].rstrip("/").lower() if bare else ""
            leads = address.lower().startswith(("http:", "https:", "mailto:"))
            if leads and said and bare and bare not in said.lower():
                self._add(f" <{address.removeprefix('mailto:')}>")
        self._links = []

    def end_line(self, end: int, *, always: bool = False) -> None:
        """End the line that is being written; an empty one only counts where it is meant."""
        text = "".join(self._current).replace("\u00a0", " ").rstrip()
        self._current = []
        self._said = False
        if not text and not always:
            return
        mark = "> " * min(self._quoted, _MOST_QUOTED)
        blank = not self.lines or not self.lines[-1].text.strip("> ")
        if text and self._gap and not blank:
            between = "> " * min(self._quoted, self._depth, _MOST_QUOTED)
            self.lines.append(Line(between.rstrip(), self._place))
        if text or not blank or self._pre:
            self.lines.append(Line((mark + text).rstrip(), self._place))
        if text:
            self._gap = False
            self._depth = self._quoted
        self._place = end
