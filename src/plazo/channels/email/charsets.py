"""Bytes to text for mail, where the declared charset is a hint at best.

In turn: the declared charset (under its proper name, and ISO-8859-1 read as Windows-1252, as
browsers do), UTF-8 strictly, Windows-1252, and a guess as the last resort. Never an exception, a
lone surrogate or a NUL.
"""

import codecs
import re
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from typing import Final

from charset_normalizer import from_bytes

_LATIN: Final = frozenset({"iso8859-1", "latin-1", "ascii", "us-ascii", "cp819"})
_LONGEST_HEADER: Final = 20_000
_GUESS_FROM: Final = 20_000
# Marks that reorder text and characters that no reader can see: in one line of text they only fool.
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)


def codec_of(charset: str) -> str | None:
    """Return Python's name of a charset as mails spell it, or None."""
    name = charset.strip().strip("\"'").lower().partition("*")[0]
    for candidate in (name, re.sub(r"^(cp|windows|win|ibm)[-_ ]?(\d+)$", r"cp\2", name)):
        try:
            info = codecs.lookup(candidate)
        except (LookupError, ValueError, UnicodeError):
            continue
        if not getattr(info, "_is_text_encoding", True):
            return None  # base64, zlib and their like are codecs too, and dangerous ones
        return "cp1252" if info.name in _LATIN else info.name
    return None


def decode(data: bytes, charset: str = "", defects: list[str] | None = None) -> str:
    """Return bytes as text. `defects` hears what was wrong."""
    found = [] if defects is None else defects
    if data[:3] == codecs.BOM_UTF8:
        return tidy(data[3:].decode("utf-8", "replace"))
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return tidy(data.decode("utf-16", "replace"))
    codec = codec_of(charset) if charset else None
    if charset and codec is None:
        found.append("unknown charset")
    for name in (codec, "utf-8"):
        if name is None or (name == "cp1252" and _looks_like_utf8(data)):
            continue
        try:
            return tidy(data.decode(name))
        except (UnicodeError, LookupError, ValueError):
            if name == codec:
                found.append("wrong charset")
    try:
        return tidy(data.decode("cp1252"))
    except UnicodeError:
        pass
    best = from_bytes(data[:_GUESS_FROM]).best()
    if best is not None:
        found.append("guessed charset")
        return tidy(data.decode(best.encoding, "replace"))
    return tidy(data.decode("latin-1"))


def _looks_like_utf8(data: bytes) -> bool:
    """Say whether bytes are UTF-8 beyond ASCII, whatever was declared."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not data.isascii()


def tidy(text: str) -> str:
    """Return text without NUL and lone surrogates, with one kind of line end."""
    text = text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def one_line(text: str) -> str:
    """Return text as one line that fools nobody: no control or reordering characters."""
    return " ".join(_INVISIBLE.sub(" ", tidy(text)).split())


def header_text(raw: object, defects: list[str] | None = None) -> str:
    """Return a header's value as one line of text: RFC 2047 words and raw bytes decoded.

    Edges: anything that cannot be decoded stays as it was written; nothing raises.
    """
    text = unescaped(str(raw)[:_LONGEST_HEADER], defects)
    if "=?" not in text:
        return one_line(text)
    try:
        pieces = decode_header(re.sub(r"[\r\n]+", " ", text))
    except (HeaderParseError, ValueError, TypeError, RecursionError):
        return one_line(text)
    joined: list[str] = []
    pending: tuple[str, bytes] | None = None  # one character may be split over two words
    for piece, charset in pieces:
        if isinstance(piece, bytes) and charset is not None:
            same = pending is not None and pending[0] == charset
            pending = (charset, (pending[1] if same and pending else b"") + piece)
            if same:
                joined.pop()
            joined.append(decode(pending[1], charset, defects))
            continue
        pending = None
        joined.append(
            piece.decode("raw-unicode-escape", "replace") if isinstance(piece, bytes) else piece
        )
    return one_line("".join(joined))


def raw_values(message: Message, name: str) -> list[str]:
    """Return a field's values as they were written; `get` would replace bytes beyond ASCII."""
    wanted = name.lower()
    return [str(value) for key, value in message.raw_items() if str(key).lower() == wanted]


def unescaped(value: str, defects: list[str] | None) -> str:
    """Return a header whose bytes beyond ASCII were kept as surrogates, decoded."""
    try:
        data = value.encode("ascii", "surrogateescape")
    except UnicodeEncodeError:
        return value
    if data.isascii():
        return value
    if defects is not None:
        defects.append("raw bytes in a header")
    return decode(data)
