"""Bytes to text for mail, where the declared charset is a hint at best.

In turn: the declared charset (under its proper name, and ISO-8859-1 read as Windows-1252, as
browsers do), UTF-8 strictly, Windows-1252, and a guess as the last resort. Never an exception, a
lone surrogate or a NUL.
"""

import binascii
import codecs
import re
from typing import Final

from charset_normalizer import from_bytes

_LATIN: Final = frozenset({"iso8859-1", "latin-1", "ascii", "us-ascii", "cp819"})
# Names that mail uses and Python does not know, and sets whose supersets are what is meant.
_ALIASES: Final = {
    "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "gb_2312-80": "gb18030",
    "hz-gb-2312": "hz", "ks_c_5601": "cp949", "ks_c_5601-1987": "cp949", "euc-kr": "cp949",
    "x-sjis": "cp932", "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932",
    "windows-31j": "cp932", "big5": "big5hkscs", "x-big5": "big5hkscs", "windows-874": "cp874",
    "tis-620": "cp874", "macintosh": "mac-roman", "x-mac-roman": "mac-roman", "mac": "mac-roman",
    "unicode-1-1-utf-7": "utf-7", "unicode-1-1-utf-8": "utf-8", "utf8mb4": "utf-8",
    "x-utf-8": "utf-8", "unicode": "utf-16", "ucs-2": "utf-16", "iso-10646-ucs-2": "utf-16",
    "iso-8859-8-i": "iso8859-8", "iso-8859-8-e": "iso8859-8", "iso-8859-6-i": "iso8859-6",
    "ansi": "cp1252", "latin-1": "cp1252", "x-ansi": "cp1252", "western": "cp1252",
}  # fmt: skip
# Codecs that Python counts among the texts: host names (slow on purpose), escapes, and no codec.
_REFUSED: Final = frozenset(
    {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"}
)
# What says nothing about the bytes: then they are looked at as if nothing had been declared.
_UNKNOWING: Final = frozenset(
    {"", "unknown-8bit", "unknown", "x-unknown", "8bit", "binary", "x-user-defined"}
)
# One byte a character: then bytes that are UTF-8 throughout are so by no accident.
_SINGLE: Final = re.compile(r"iso8859|cp125|cp4|cp8|koi8|mac|latin|hp|tis")
_LONGEST_HEADER: Final = 20_000
_GUESS_FROM: Final = 20_000
# Marks that reorder text and characters that no reader can see: in one line of text they only fool.
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u2064\u2066-\u206f\ufeff\U000e0000-\U000e007f]"
)
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")
_WORD: Final = re.compile(r"=\?([^?\s=]{1,60})\?([bq])\?([^?]*)\?=", re.IGNORECASE)


def codec_of(charset: str) -> str | None:
    """Return Python's name of a charset as mails spell it, or None."""
    name = charset.strip().strip("\"'").lower().partition("*")[0].partition("$")[0].lstrip("_")
    name = _ALIASES.get(name, name)
    for candidate in (name, re.sub(r"^(cp|windows|win|ibm|x-cp)[-_ ]?(\d+)$", r"cp\2", name)):
        try:
            info = codecs.lookup(candidate)
        except (LookupError, ValueError, UnicodeError):
            continue
        # base64, zlib and their like are codecs too, and dangerous ones
        if not getattr(info, "_is_text_encoding", True) or info.name in _REFUSED:
            return None
        return "cp1252" if info.name in _LATIN else info.name
    return None


def decode(data: bytes, charset: str = "", defects: list[str] | None = None) -> str:
    """Return bytes as text. `defects` hears what was wrong."""
    found = [] if defects is None else defects
    if data[:3] == codecs.BOM_UTF8:
        return tidy(data[3:].decode("utf-8", "replace"))
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return tidy(data.decode("utf-16", "replace"))
    declared = "" if charset.strip().lower() in _UNKNOWING else charset
    codec = codec_of(declared) if declared else None
    if declared and codec is None:
        found.append("unknown charset")
    if codec is not None and codec.startswith(("utf-16", "utf-32")) and b"\x00" not in data:
        found.append("wrong charset")  # no text of ours is without a zero byte in these
        codec = None
    for name in (codec, "utf-8"):
        if name is None or (_SINGLE.match(name) and _looks_like_utf8(data)):
            continue
        try:
            return tidy(data.decode(name))
        except (UnicodeError, LookupError, ValueError):
            if name == codec:
                found.append("wrong charset")
    return _undeclared(data, codec, found)


def _undeclared(data: bytes, codec: str | None, found: list[str]) -> str:
    """Return bytes as text that are neither what was declared nor UTF-8."""
    # Text that was cut in the middle of a character, or has one bad byte, is still what it says.
    for name in dict.fromkeys((codec, "utf-8")):
        if name is not None and name != "cp1252":
            text = data.decode(name, "replace")
            if text.count("\ufffd") * 50 <= len(text) and not text.isascii():
                return tidy(text)
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
    """Return text without control characters and lone surrogates, with one kind of line end."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Return text as one line that fools nobody: no control or reordering characters."""
    text = _INVISIBLE.sub(_gap, text.encode("utf-8", "replace").decode("utf-8"))
    return " ".join(text.split())


def _gap(match: re.Match[str]) -> str:
    return (
        " " if match[0] < " " or "\x7f" <= match[0] <= "\x9f" or match[0] in "\u2028\u2029" else ""
    )


def header_text(raw: object, defects: list[str] | None = None) -> str:
    """Return a header's value as one line of text: RFC 2047 words and raw bytes decoded.

    Edges: anything that cannot be decoded stays as it was written; nothing raises. Words that
        follow each other in one charset are joined before they are decoded, since programs split
        characters over them.
    """
    text = unescaped(str(raw)[:_LONGEST_HEADER], defects)
    if "=?" not in text:
        return one_line(text)
    text = re.sub(r"\r?\n[ \t]*", " ", text)
    joined: list[str] = []
    pending: list[bytes] = []
    charset, place = "", 0
    for match in _WORD.finditer(text):
        between = text[place : match.start()]
        data = _word(match[2], match[3])
        if not data and match[3]:
            continue
        name = match[1].lower().partition("*")[0]
        if pending and (between.strip() or name != charset):
            joined.append(decode(b"".join(pending), charset, defects))
            pending = []
        if between.strip() or not place:
            joined.append(between)
        pending.append(data)
        charset, place = name, match.end()
    if pending:
        joined.append(decode(b"".join(pending), charset, defects))
    joined.append(text[place:])
    return one_line("".join(joined))


def _word(kind: str, content: str) -> bytes:
    data = content.encode("utf-8", "surrogateescape")
    if kind in "qQ":
        return binascii.a2b_qp(data.replace(b"_", b"=20"), header=False)
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
    kept = kept[: len(kept) - (len(kept) % 4 == 1)]
    return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


def unescaped(value: str, defects: list[str] | None = None) -> str:
    """Return a header whose bytes beyond ASCII were kept as surrogates, decoded."""
    try:
        data = value.encode("ascii", "surrogateescape")
    except UnicodeEncodeError:
        return value
    if data.isascii():
        return value
    try:
        return data.decode("utf-8")  # RFC 6532
    except UnicodeDecodeError:
        if defects is not None:
            defects.append("raw bytes in a header")
        return data.decode("cp1252", "replace")
