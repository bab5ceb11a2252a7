"""What the header of a mail says: who, to whom, when, in answer to what. Nothing here raises."""

import ipaddress
import re
from datetime import UTC, datetime
from email.utils import getaddresses, parsedate_to_datetime
from typing import Final

from plazo.channels.email.charsets import header_text, one_line, tidy, unescaped
from plazo.channels.email.mime import Fields
from plazo.channels.email.parsed import Address

MOST_ADDRESSES: Final = 500
MOST_REFERENCES: Final = 100
LONGEST_ADDRESS: Final = 254  # RFC 5321 §4.5.3.1.3, without the angle brackets
_FIRST_REFERENCES: Final = 20
_LONGEST_LIST: Final = 100_000
_ID: Final = re.compile(r"<([^<>\s]{3,490})>")
_FOLD_IN_ID: Final = re.compile(r"(<[^<>\s]{1,490})\r?\n[ \t]+(?=[^<>\s]{1,490}>)")
_ATOM: Final = r"[\w.%+='/&!#$*?^`{|}~-]"
# Whole or not at all: a piece of an address is somebody else's.
_EMAIL: Final = re.compile(
    rf"(?:(?<!{_ATOM}){_ATOM}{{1,200}}|\"[^\"\\\r\n@]{{1,64}}\")@[\w.-]{{1,250}}(?![\w.-])"
)
_IP: Final = re.compile(
    r"(?<![\w.:])(?:IPv6:)?((?:\d{1,3}\.){3}\d{1,3}|[0-9a-f]{0,4}(?::[0-9a-f.]{0,15}){2,8})(?![\w.:])",
    re.IGNORECASE,
)
_MOST_HOPS: Final = 8
_HOP: Final = re.compile(r"\s*from (.{1,800}?) by [^\s(;]", re.IGNORECASE)
_CALLED: Final = re.compile(r"\b(?:helo|ehlo)[= ]\S+", re.IGNORECASE)
_DELIVERED: Final = (
    "Delivered-To",
    "X-Original-To",
    "Envelope-To",
    "X-Envelope-To",
    "X-Forwarded-To",
    "Apparently-To",
    "Resent-To",
)


def addresses(fields: Fields, name: str, defects: list[str]) -> tuple[Address, ...]:
    """Return the addresses of a field, each once, at most MOST_ADDRESSES.

    Edges: a group is its members; what has no "@" is no address; if the standard library finds
        none, whatever looks like one is taken.
    """
    values = [unescaped(value, defects) for value in fields.all(name)]
    if not values:
        return ()
    joined = ", ".join(values)
    if len(joined) > _LONGEST_LIST:
        defects.append("very long header")
        values = [joined[:_LONGEST_LIST].rpartition(",")[0]]
    try:
        pairs = getaddresses([re.sub(r"[\r\n]+", " ", value) for value in values])
    except Exception:  # noqa: BLE001 - IndexError, RecursionError and others
        pairs = []
    found: dict[str, Address] = {}
    for display, address in pairs:
        email = email_in(address)
        if email and len(found) < MOST_ADDRESSES:
            found.setdefault(email, Address(email=email, name=header_text(display)[:200]))
    if not found and "@" in joined:
        defects.append("broken addresses")
        for match in _EMAIL.finditer(header_text(joined)):
            email = email_in(match[0])
            if email and len(found) < MOST_ADDRESSES:
                found.setdefault(email, Address(email=email))
    return tuple(found.values())


def email_in(text: str) -> str:
    """Return the address that a text holds, in lower case; empty for none.

    Edges: a domain beyond ASCII becomes its ASCII form, so that one domain has one spelling. What
        is longer than an address may be is none: cut, it would be somebody else's.
    """
    match = _EMAIL.search(text[:2000])
    if match is None:
        return ""
    local, _, domain = one_line(match[0]).lower().rpartition("@")
    domain = domain.strip(".")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return ""
    local = local.strip(".")
    found = f"{local}@{domain}"
    return found if local and domain and len(found) <= LONGEST_ADDRESS else ""


def sender(fields: Fields, defects: list[str]) -> tuple[Address | None, str]:
    """Return who wrote it (From, or else Sender, or else Reply-To), and why that is in doubt.

    Edges: of a mail with several authors, who checks it may have looked at another than we do.
    """
    doubt = "several From" if len(fields.all("From")) > 1 else ""
    for name in ("From", "Sender", "Reply-To"):
        found = addresses(fields, name, defects)
        if found:
            if name != "From":
                doubt = "no usable From"
            elif len(found) > 1:
                doubt = doubt or "several authors"
            if doubt:
                defects.append(doubt)
            return found[0], doubt
    return None, doubt


def message_id(fields: Fields) -> str:
    """Return the Message-ID in angle brackets; empty where there is none."""
    found = _ids(fields, "Message-ID")
    if found:
        return found[0]
    bare = one_line(unescaped(" ".join(fields.all("Message-ID")))).strip("<>")
    return f"<{bare}>" if re.fullmatch(r"[^<>\s]{3,490}", bare) else ""


def in_reply_to(fields: Fields) -> tuple[str, ...]:
    """Return the Message-IDs that a mail says it answers."""
    return _ids(fields, "In-Reply-To")[:20]


def references(fields: Fields) -> tuple[str, ...]:
    """Return the thread's Message-IDs; of very many the first 20 and the last 80."""
    found = _ids(fields, "References")
    if len(found) <= MOST_REFERENCES:
        return found
    return found[:_FIRST_REFERENCES] + found[_FIRST_REFERENCES - MOST_REFERENCES :]


def _ids(fields: Fields, name: str) -> tuple[str, ...]:
    joined = _FOLD_IN_ID.sub(r"\1", " ".join(map(unescaped, fields.all(name))))
    return tuple(dict.fromkeys(f"<{tidy(match)}>" for match in _ID.findall(joined)))


def delivered_to(fields: Fields, defects: list[str]) -> tuple[str, ...]:
    """Return the addresses that servers say they delivered to."""
    found = (a.email for name in _DELIVERED for a in addresses(fields, name, defects))
    return tuple(dict.fromkeys(found))[:50]


def return_path(fields: Fields) -> str | None:
    """Return the envelope's sender; empty for the null sender, None without the field."""
    values = fields.all("Return-Path")
    return email_in(unescaped(values[0])) if values else None


def date(fields: Fields, defects: list[str]) -> datetime | None:
    """Return when it was sent, in UTC; a zone that nobody knows counts as UTC."""
    for value in fields.all("Date")[:1]:
        try:
            found = parsedate_to_datetime(header_text(value)[:200])
            found = found if found.tzinfo else found.replace(tzinfo=UTC)
            return found.astimezone(UTC)
        except Exception:  # noqa: BLE001 - ValueError, OverflowError, TypeError, IndexError
            defects.append("broken date")
    return None


def hops(fields: Fields) -> tuple[str, ...]:
    """Return the addresses that handed a mail on, as its uppermost Received lines say.

    Edges: what a sender calls themself is no address; a line without a sender says nothing.
    """
    found = []
    for value in fields.all("Received")[:_MOST_HOPS]:
        line = re.sub(r"\s+", " ", value[:2000])
        match = _HOP.match(line)
        if match is None:
            continue
        said = _CALLED.sub(" ", match[1])
        inside = [ip for group in re.findall(r"\(([^()]*)\)", said) for ip in _ips(group)]
        address = next(iter([*reversed(inside), *_ips(said)]), None)
        if address is not None:
            found.append(str(address))
    return tuple(dict.fromkeys(found))


def _ips(text: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    found = []
    for match in _IP.finditer(text):
        try:
            found.append(ipaddress.ip_address(match[1]))
        except ValueError:
            continue
    return found
