"""A parsed mail as bytes between two processes: JSON, then the files' bytes. No pickle."""

import json
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Final

from plazo.channels.email.authentication import Verdict
from plazo.channels.email.machines import Bounced
from plazo.channels.email.parsed import Address, ParsedMail, Part

_RECORDS: Final[dict[str, type]] = {
    "reply_to": Address,
    "to": Address,
    "cc": Address,
    "bounces": Bounced,
    "verdicts": Verdict,
}


def to_wire(mail: ParsedMail) -> bytes:
    """Return a parsed mail as bytes: a length, JSON, and the bytes of the files in their order."""
    plain = {field.name: getattr(mail, field.name) for field in fields(mail)}
    files = plain.pop("attachments")
    plain["date"] = mail.date.isoformat() if mail.date else None
    plain["sender"] = asdict(mail.sender) if mail.sender else None
    for name in _RECORDS:
        plain[name] = [asdict(value) for value in plain[name]]
    plain["files"] = [
        {name: getattr(file, name) for name in ("name", "content_type", "content_id", "inline")}
        | {"size": len(file.data)}
        for file in files
    ]
    head = json.dumps(plain).encode()
    return b"".join([len(head).to_bytes(8, "big"), head, *(file.data for file in files)])


def from_wire(data: bytes) -> ParsedMail:
    """Read what `to_wire` wrote."""
    size = int.from_bytes(data[:8], "big")
    plain: dict[str, Any] = json.loads(data[8 : 8 + size])
    place, files = 8 + size, []
    for described in plain.pop("files"):
        length = described.pop("size")
        files.append(Part(**described, data=data[place : place + length]))
        place += length
    for name, value in plain.items():
        if isinstance(value, list):
            kind = _RECORDS.get(name)
            plain[name] = tuple(kind(**one) for one in value) if kind else tuple(value)
    plain["date"] = datetime.fromisoformat(plain["date"]) if plain["date"] else None
    plain["sender"] = Address(**plain["sender"]) if plain["sender"] else None
    return ParsedMail(**plain, attachments=tuple(files))
