"""What receiving servers found out about a sender: Authentication-Results, as data.

Source: RFC 8601 §2.2. Whom to believe is decided where the mailbox is known, not here.
"""

import re
from dataclasses import dataclass, field
from typing import Final

_MOST_HEADERS: Final = 20
_RESULT: Final = re.compile(r"^([a-z0-9-]{1,40})(?:/\d+)?\s*=\s*([a-z]{1,20})", re.IGNORECASE)
_PROPERTY: Final = re.compile(
    r"([a-z]{1,20})\.([a-z0-9-]{1,60})\s*=\s*(\"[^\"]{0,300}\"|[^\s;]{1,300})", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one server says of one method: `spf`, `dkim`, `dmarc`, `arc` and others."""

    authserv_id: str
    method: str
    result: str
    properties: dict[str, str] = field(default_factory=dict)
    header: int = 0  # which header from the top it stood in: only one of them is the server's own


def verdicts_of(headers: list[str]) -> tuple[Verdict, ...]:
    """Return the results of Authentication-Results headers, from the top down.

    Edges: a server that reports nothing ("none") gives no verdict; what cannot be read is left out.
    """
    found = []
    for place, header in enumerate(headers[:_MOST_HEADERS]):
        server, _, rest = _without_comments(header[:10_000]).partition(";")
        name = (server.split() or [""])[0].strip().lower()
        for part in rest.split(";"):
            match = _RESULT.match(part.strip())
            if not match or not name:
                continue
            properties = {
                f"{kind}.{prop}".lower(): value.strip('"').lower()
                for kind, prop, value in _PROPERTY.findall(part)
            }
            found.append(
                Verdict(
                    authserv_id=name[:255],
                    method=match[1].lower(),
                    result=match[2].lower(),
                    properties=properties,
                    header=place,
                )
            )
    return tuple(found)


def _without_comments(text: str) -> str:
    """Return text without what stands in parentheses, nested or not."""
    kept, depth = [], 0
    for character in text:
        if character == "(":
            depth += 1
        elif character == ")":
            depth = max(depth - 1, 0)
        elif not depth:
            kept.append(character)
    return "".join(kept)
