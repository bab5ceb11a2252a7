"""A mail taken apart: one pass over its lines, no recursion, and every part a slice of its bytes.

The standard library's parser tries every open boundary on every line, calls itself for every
level, and gives parts back as it would write them. This one is linear whatever the nesting, and
what is kept whole (forwarded, signed) keeps its bytes. Source: RFC 2045, 2046, 2231, 5322.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

from plazo.channels.email.charsets import decode, header_text, one_line

MOST_ENTITIES: Final = 2_000
MOST_FIELDS: Final = 2_000
LONGEST_FIELD: Final = 60_000
_LONGEST_STRUCTURED: Final = 6_000  # Content-Type and its like; file names are in there
_PREAMBLE: Final = 8_000
_NAME: Final = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_FAMILIAR: Final = re.compile(
    rb"(?:from|to|cc|subject|date|message-id|mime-version|received|in-reply-to|references|reply-to"
    rb"|return-path|content-[a-z-]{1,30}|x-[a-z0-9-]{1,60})[ \t]*:",
    re.IGNORECASE,
)
_PARAMETER: Final = re.compile(
    r';\s*([^\s=;"]{1,80})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))', re.DOTALL
)
_SEGMENT: Final = re.compile(r"^([^*]+)(?:\*(\d{1,3}))?(\*)?$")
_KIND: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,80}")


class Fields:
    """Header fields in their order; bytes beyond ASCII are kept as surrogates."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs
        self._by_name: dict[str, list[str]] = {}
        for name, value in pairs:
            self._by_name.setdefault(name.lower(), []).append(value)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._by_name

    def all(self, name: str) -> list[str]:
        """Return the values of a field as they were written, from the top down."""
        return [value[:LONGEST_FIELD] for value in self._by_name.get(name.lower(), [])[:50]]

    def text(self, name: str, defects: list[str] | None = None) -> str:
        """Return a field's first value as one line of text; empty where it is missing."""
        return header_text((self.all(name) or [""])[0], defects)

    def structured(self, name: str) -> tuple[str, dict[str, str]]:
        """Return the value and the parameters of a field such as Content-Type, decoded."""
        value = (self.all(name) or [""])[0][:_LONGEST_STRUCTURED]
        head, _, _ = value.partition(";")
        return head.strip().lower(), parameters(value)


@dataclass(slots=True)
class Entity:
    """A part of a mail, the mail itself included: header, and where its bytes stand."""

    fields: Fields
    raw: bytes = field(repr=False)
    start: int
    body: int
    end: int
    kind: str = "text/plain"
    params: dict[str, str] = field(default_factory=dict)
    disposition: str = ""
    parent: "Entity | None" = field(default=None, repr=False)
    children: list["Entity"] = field(default_factory=list, repr=False)
    guessed: bool = False  # whether its boundary has been looked for
    preamble_end: int = 0
    epilogue: int = 0

    @property
    def content(self) -> bytes:
        """The body as it was sent, encoded."""
        return self.raw[self.body : self.end]

    @property
    def whole(self) -> bytes:
        """Header and body as they were sent."""
        return self.raw[self.start : self.end]

    @property
    def is_multipart(self) -> bool:
        """Whether parts were found in it."""
        return bool(self.children)

    @property
    def charset(self) -> str:
        """The charset that it declares; empty where it declares none."""
        return self.params.get("charset", "")[:60]

    @property
    def content_id(self) -> str:
        """Its Content-ID without angle brackets."""
        return self.fields.text("Content-ID")[:250].strip(" <>")

    @property
    def name(self) -> str:
        """Its file name without a path; empty where it has none."""
        _, disposed = self.fields.structured("Content-Disposition")
        for value in (disposed.get("filename"), self.params.get("name")):
            name = file_name(value or "")
            if name:
                return name
        return ""

    def data(self, defects: list[str] | None = None) -> bytes:
        """Return the body decoded; where its encoding is not what it says, as it is."""
        return decoded(self.content, self.fields.text("Content-Transfer-Encoding"), defects)


def split(raw: bytes, defects: list[str]) -> list[Entity]:
    """Take a mail apart. Returns its entities, the mail itself first, parents before children.

    Edges: after MOST_ENTITIES the rest is left in one piece and a defect says so. Boundaries of
        outer levels end inner ones; a multipart without any part is a text.
    """
    root = _entity(raw, 0, None, defects)
    found, open_ = [root], _Open()
    open_.enter(root)
    place = max(root.body - 1, 0)
    if raw[root.body : root.body + 2] == b"--" and root.body == 0:
        place = -1
    while open_:
        place = raw.find(b"\n--", place) if place >= 0 else -1
        line_start = place + 1
        if place < 0:
            break
        line_end = raw.find(b"\n", line_start)
        line_end = len(raw) if line_end < 0 else line_end
        line = raw[line_start + 2 : min(line_end, line_start + 300)].rstrip(b" \t\r")
        level, closing = open_.level_of(line)
        if level is None:
            place = line_end
            continue
        open_.close_down_to(level, _before_line(raw, line_start))
        parent = open_.stack[level]
        if not parent.children:
            parent.preamble_end = _before_line(raw, line_start)
        after = min(line_end + 1, len(raw))
        if closing:
            open_.leave(_before_line(raw, line_start), after)
            place = line_end
            continue
        if len(found) >= MOST_ENTITIES:
            defects.append("too many parts")
            break
        child = _entity(raw, after, parent, defects)
        parent.children.append(child)
        found.append(child)
        open_.enter(child)
        place = max(child.body - 1, min(line_end, len(raw)))
    return found


class _Open:
    """The multiparts that are open, and which of them a line closes or continues."""

    def __init__(self) -> None:
        self.stack: list[Entity] = []
        self._levels: dict[bytes, list[int]] = {}

    def __bool__(self) -> bool:
        return bool(self.stack)

    def enter(self, entity: Entity) -> None:
        """Remember a multipart's boundary; anything else has none."""
        mark = _boundary(entity)
        if mark:
            self._levels.setdefault(mark, []).append(len(self.stack))
            self.stack.append(entity)

    def level_of(self, line: bytes) -> tuple[int | None, bool]:
        """Return which open multipart a line after its two dashes belongs to, and if it ends it."""
        levels = self._levels.get(line)
        if levels:
            return levels[-1], False
        if line.endswith(b"--"):
            levels = self._levels.get(line[:-2].rstrip(b" \t"))
            if levels:
                return levels[-1], True
        return None, False

    def close_down_to(self, level: int, end: int) -> None:
        """End everything inside a level where its next boundary stands."""
        while len(self.stack) > level + 1:
            self._pop(end)
        _end_last_child(self.stack[level], end)

    def leave(self, end: int, epilogue: int) -> None:
        """End the innermost multipart at its closing boundary."""
        entity = self.stack.pop()
        self._forget(entity)
        _end_last_child(entity, end)
        entity.epilogue = epilogue

    def _pop(self, end: int) -> None:
        entity = self.stack.pop()
        self._forget(entity)
        _end_last_child(entity, end)
        entity.end = min(entity.end, end)

    def _forget(self, entity: Entity) -> None:
        mark = _boundary(entity)
        self._levels[mark].pop()
        if not self._levels[mark]:
            del self._levels[mark]


def _end_last_child(entity: Entity, end: int) -> None:
    if entity.children:
        child = entity.children[-1]
        child.end = max(child.body, min(child.end, end))


def _before_line(raw: bytes, line_start: int) -> int:
    """Return where a part ends whose boundary's line starts here: the line end belongs to it."""
    end = max(line_start - 1, 0)
    return end - 1 if end and raw[end - 1 : end] == b"\r" else end


def _boundary(entity: Entity) -> bytes:
    if not entity.kind.startswith("multipart/"):
        return b""
    mark = entity.params.get("boundary", "").encode("utf-8", "replace").rstrip(b" \t")[:250]
    if entity.parent is not None or entity.guessed:
        return mark
    entity.guessed = True
    start = entity.raw[entity.body : entity.body + _PREAMBLE]
    if mark and (b"--" + mark in start or len(start) == _PREAMBLE):
        return mark
    guess = re.search(rb"(?:\A|\n)--([^\s-][^\r\n]{0,200})", start)
    if guess is not None:
        entity.params["boundary"] = guess[1].rstrip().decode("latin-1")
        return guess[1].rstrip()
    return mark


def _entity(raw: bytes, start: int, parent: Entity | None, defects: list[str]) -> Entity:
    pairs, body = _header(raw, start, defects)
    fields = Fields(pairs)
    default = "text/plain"
    if parent is not None and parent.kind == "multipart/digest":
        default = "message/rfc822"
    kind, params = fields.structured("Content-Type")
    if kind and not _KIND.fullmatch(kind):
        kind = _mended_kind(kind, defects)
    disposition, _ = fields.structured("Content-Disposition")
    return Entity(
        fields=fields,
        raw=raw,
        start=start,
        body=body,
        end=len(raw) if parent is None else parent.end,
        kind=kind or default,
        params=params,
        disposition=disposition,
        parent=parent,
    )


def _mended_kind(kind: str, defects: list[str]) -> str:
    """Return what an unreadable content type probably means; text if nothing can be told."""
    defects.append("broken content type")
    match = _KIND.search(kind)
    if match:
        return match[0]
    return {"html": "text/html", "multipart": "multipart/mixed"}.get(kind, "text/plain")


def _header(raw: bytes, start: int, defects: list[str]) -> tuple[list[tuple[str, str]], int]:
    """Read header fields from `start`; return them and where the body starts.

    Edges: a line that is none is skipped if a familiar field follows it, and else begins the body.
    """
    pairs: list[tuple[str, str]] = []
    name, value = "", list[bytes]()
    place, size = start, len(raw)

    def keep() -> None:
        if name and len(pairs) < MOST_FIELDS:
            words = b"".join(value).rstrip(b"\r\n").lstrip(b" \t")
            pairs.append((name, words.decode("ascii", "surrogateescape")))

    while place < size:
        end = raw.find(b"\n", place)
        end = size if end < 0 else end + 1
        first = raw[place : place + 1]
        if first in b"\r\n" and not raw[place:end].strip(b"\r\n"):
            place = end
            break
        if first in b" \t" and (name or not raw[place:end].strip()):
            value.append(raw[place:end])
            place = end
            continue
        match = (
            None if raw.startswith(b"--", place) else _NAME.match(raw, place, min(end, place + 210))
        )
        if match is None:
            is_envelope = raw.startswith((b"From ", b">From "), place) and place == start
            if not is_envelope:
                if not _FAMILIAR.match(raw, end):
                    defects.append("no end of the header")
                    break
                defects.append("broken header line")
            place = end
            continue
        keep()
        name, value = match[1].decode("ascii"), [raw[match.end() : end]]
        place = end
    keep()
    return pairs, place


def parameters(value: str) -> dict[str, str]:
    """Return the parameters of a structured field, decoded (RFC 2231, RFC 2047, raw bytes).

    Edges: the first of several of one name counts; continuations are put in their order.
    """
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    plain: dict[str, str] = {}
    for key, quoted, bare in _PARAMETER.findall(value):
        content = re.sub(r"\\(.)", r"\1", quoted) if quoted else bare.strip().strip('"')
        content = re.sub(r"\r?\n[ \t]?", "", content)
        match = _SEGMENT.match(key.lower())
        if match and (match[2] is not None or match[3]):
            number = int(match[2] or 0)
            pieces.setdefault(match[1], {}).setdefault(number, (content, bool(match[3])))
        else:
            plain.setdefault(key.lower().rstrip("*"), content)
    for key, numbered in pieces.items():
        plain[key] = _joined(numbered)
    return plain


def _joined(numbered: dict[int, tuple[str, bool]]) -> str:
    ordered = [numbered[number] for number in sorted(numbered)]
    first, encoded = ordered[0]
    charset = ""
    if encoded and first.count("'") >= 2:
        charset, _, rest = first.split("'", 2)
        ordered[0] = (rest, True)
    data = b"".join(
        unquote_to_bytes(text.encode("utf-8", "surrogateescape"))
        if percent
        else text.encode("utf-8", "surrogateescape")
        for text, percent in ordered
    )
    return decode(data, charset)


def file_name(value: str) -> str:
    """Return a file name as it may be shown and stored: one line, no path, no leading dots."""
    name = one_line(header_text(value)).replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    name = re.sub(r'[<>:"|?*]', "_", name).strip(". ")
    if len(name) <= 160:
        return name
    stem, dot, ending = name.rpartition(".")
    return f"{stem[:120]}.{ending}" if dot and len(ending) <= 20 else name[:160]


def decoded(content: bytes, encoding: str, defects: list[str] | None = None) -> bytes:
    """Return a body without its transfer encoding. Nothing raises."""
    found = [] if defects is None else defects
    match encoding.strip().lower().strip("\"'; "):
        case "base64" | "base-64" | "x-base64" | "b64":
            return _from_base64(content, found)
        case "quoted-printable" | "quotedprintable" | "quoted_printable" | "qp":
            return binascii.a2b_qp(content)
        case "x-uuencode" | "uuencode" | "uue" | "x-uue":
            return _from_uu(content, found)
        case _:
            return content


_BLANKS: Final = b" \t\r\n"
_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64: Final = bytes(set(range(256)) - set(_BASE64 + b"="))


def _from_base64(content: bytes, defects: list[str]) -> bytes:
    """Return base64 decoded, as far as it is any.

    Edges: several blocks, each with its padding, are joined; text that a list appended stays
        text; what is no base64 at all comes back as it is.
    """
    kept = content.translate(None, _BLANKS)
    if not kept.translate(None, _BASE64 + b"="):
        return b"".join(_block(block) for block in _blocks(kept))
    pieces, text_from = [], 0
    for line in re.finditer(rb"[^\n]*\n?", content):
        words = line[0].strip()
        if words.translate(None, _BASE64 + b"="):
            break
        pieces.append(words)
        text_from = line.end()
    start = b"".join(pieces)
    rest = content[text_from:]
    if len(start) * 4 < len(content):  # stray bytes in what may yet be base64
        defects.append("broken base64")
        strange = rest.translate(None, _BASE64 + b"=" + _BLANKS)
        if len(strange) * 20 > len(rest) or b" " in rest.strip().replace(b" \n", b"\n"):
            return content
        return b"".join(_block(block) for block in _blocks(content.translate(None, _NOT_BASE64)))
    defects.append("text after base64")
    return b"".join(_block(block) for block in _blocks(start)) + b"\n" + rest


def _blocks(kept: bytes) -> Iterator[bytes]:
    for block in re.split(rb"=+", kept):
        if block:
            yield block


def _block(block: bytes) -> bytes:
    block = block[: len(block) - (len(block) % 4 == 1)]
    return binascii.a2b_base64(block + b"=" * (-len(block) % 4))


def _from_uu(content: bytes, defects: list[str]) -> bytes:
    pieces: list[bytes] = []
    for line in content.splitlines():
        if line.startswith(b"begin ") and not pieces:
            continue
        if line.strip() in {b"end", b"`", b""}:
            continue
        try:
            pieces.append(binascii.a2b_uu(line))
        except binascii.Error:
            defects.append("broken uuencode")
            size = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                pieces.append(binascii.a2b_uu(line[:size]))
            except binascii.Error:
                continue
    return b"".join(pieces)
