"""The content of a mail that is signed as a whole (S/MIME, `smime.p7m`), read without judging it.

A CMS SignedData wraps the mail in DER or BER; this walks to the wrapped octets and checks nothing:
whether a signature holds is not decided here. Source: RFC 5652 §5.1 and §5.2.
"""

from collections.abc import Iterator
from typing import Final

_SEQUENCE: Final = 0x30
_CONTEXT_0: Final = 0xA0
_OCTETS: Final = 0x04
_OCTETS_IN_PIECES: Final = 0x24
_OID: Final = 0x06
_SIGNED_DATA: Final = bytes.fromhex("2a864886f70d010702")
_MOST: Final = 100_000


class _BrokenError(Exception):
    """Not what it says it is."""


def signed_content(data: bytes) -> bytes:
    """Return what a SignedData wraps; empty where it wraps nothing or cannot be read."""
    try:
        outer = _children(data, 0, len(data), _SEQUENCE)
        kind = next(outer)
        if data[kind[1] : kind[2]] != _SIGNED_DATA:
            return b""
        wrapped = next(outer)
        signed = _children(data, wrapped[1], wrapped[2], _SEQUENCE)
        for tag, start, end in signed:
            if tag == _SEQUENCE:  # after the version and the set of digests: encapContentInfo
                return _octets(data, start, end)
    except (_BrokenError, StopIteration, IndexError):
        pass
    return b""


def _octets(data: bytes, start: int, end: int) -> bytes:
    inner = list(_elements(data, start, end))
    if len(inner) < 2 or inner[1][0] != _CONTEXT_0:
        return b""
    pieces = []
    for tag, begins, ends in _elements(data, inner[1][1], inner[1][2]):
        if tag == _OCTETS:
            pieces.append(data[begins:ends])
        elif tag == _OCTETS_IN_PIECES:
            pieces += [data[b:e] for t, b, e in _elements(data, begins, ends) if t == _OCTETS]
    return b"".join(pieces)


def _children(data: bytes, start: int, end: int, wanted: int) -> Iterator[tuple[int, int, int]]:
    tag, begins, ends = next(_elements(data, start, end))
    if tag != wanted:
        raise _BrokenError
    return _elements(data, begins, ends)


def _elements(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield tag, start and end of the content of each element in a stretch of bytes."""
    place = start
    for _number in range(_MOST):
        if place + 2 > end or data[place : place + 2] == b"\x00\x00":
            return
        tag = data[place]
        begins, length = _length(data, place + 1)
        if length is None:
            ends = _end_of_indefinite(data, begins, end)
            yield tag, begins, ends
            place = ends + 2
            continue
        if begins + length > end:
            raise _BrokenError
        yield tag, begins, begins + length
        place = begins + length


def _length(data: bytes, place: int) -> tuple[int, int | None]:
    first = data[place]
    if first < 0x80:
        return place + 1, first
    if first == 0x80:
        return place + 1, None
    count = first & 0x7F
    if count > 6:
        raise _BrokenError
    return place + 1 + count, int.from_bytes(data[place + 1 : place + 1 + count], "big")


def _end_of_indefinite(data: bytes, start: int, end: int) -> int:
    """Return where the zeros stand that end an element of indefinite length."""
    place, depth = start, 1
    for _number in range(_MOST):
        if place + 2 > end:
            raise _BrokenError
        if data[place : place + 2] == b"\x00\x00":
            depth -= 1
            if not depth:
                return place
            place += 2
            continue
        begins, length = _length(data, place + 1)
        if length is None:
            depth += 1
            place = begins
        else:
            place = begins + length
    raise _BrokenError
