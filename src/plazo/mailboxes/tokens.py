"""Tokens: short proofs that an answer belongs to something we sent.

A token names a kind and a number and carries a MAC over both. It fits into the local part of an
address (RFC 5321 §4.5.3.1.1 allows 64 octets), survives being lowered, and holds no dot or plus.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from django.conf import settings

Kind = Literal["r", "a", "b", "s"]
REPLY: Kind = "r"  # an answer of a requester or participant to a ticket
AGENT: Kind = "a"  # an answer of an agent to a notice about a ticket
BOUNCE: Kind = "b"  # a report about one outgoing mail
AREA: Kind = "s"  # an answer of another area to what it was asked: a side conversation

_KINDS: dict[str, Kind] = {"r": REPLY, "a": AGENT, "b": BOUNCE, "s": AREA}
_TOKEN = re.compile(r"([rabs])([0-9a-z]{1,13})-([a-z2-7]{20})")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Token:
    """What a valid token names: a ticket, for a bounce an outgoing mail, for an area an asking."""

    kind: Kind
    pk: int


def make(kind: Kind, pk: int) -> str:
    """Return the token of a ticket (of a mail for a bounce, of an asking for an area)."""
    number, digits = pk, ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return f"{kind}{digits or '0'}-{_mac(kind, pk)}"


def read(text: str) -> Token | None:
    """Return what a token names; None for anything that we did not make."""
    match = _TOKEN.fullmatch(text.strip().lower())
    if match is None:
        return None
    kind, digits, mac = match.groups()
    pk = int(digits, 36)
    if not hmac.compare_digest(mac, _mac(kind, pk)):
        return None
    return Token(_KINDS[kind], pk)


def doctor_mark(nonce: str) -> str:
    """Return the mark of a test mail of the doctor. Units: `nonce` is a text without dots."""
    return f"{nonce}.{_mac('doctor', nonce)}"


def is_doctor_mark(text: str) -> bool:
    """Say whether a mark is ours: anybody can write the header that carries it."""
    nonce, _, mac = text.partition(".")
    return bool(nonce) and hmac.compare_digest(mac.encode(), _mac("doctor", nonce).encode())


def _mac(kind: str, pk: int | str) -> str:
    key = hashlib.sha256(b"plazo.mailboxes.token:" + settings.SECRET_KEY.encode()).digest()
    mac = hmac.digest(key, f"{kind}:{pk}".encode(), "sha256")
    return base64.b32encode(mac)[:20].decode().lower()


def plus_address(address: str, token: str) -> str:
    """Return an address with a token: soporte@x becomes soporte+token@x."""
    local, _, domain = address.rpartition("@")
    return f"{local}+{token}@{domain}"


def without_plus(address: str) -> str:
    """Return an address without what follows a plus in its local part, in lower case."""
    local, _, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def in_addresses(addresses: Iterable[str]) -> Iterator[Token]:
    """Yield the tokens of ours in some addresses, in their order."""
    for address in addresses:
        token = read(address.rpartition("@")[0].partition("+")[2])
        if token is not None:
            yield token
