"""Which network a mail comes from, for the receipts' budgets."""

import ipaddress
from collections.abc import Sequence
from typing import Final

from django.conf import settings

# Public addresses between which Microsoft 365 hands mail on inside itself.
_INTERNAL: Final = (ipaddress.ip_network("2603:1000::/24"),)


def origin(peer: str | None, hops: Sequence[str]) -> str:
    """Return the public address that a mail came to us from; empty where none is known.

    Units: `peer` is who spoke at our own door, `hops` what the mail's uppermost Received lines say.
    Edges: a server of our own says nothing of the sender: one inside, or one of
        PLAZO_MAIL_RELAYS. Then the first line counts that names somebody else.
    """
    ours = [ipaddress.ip_network(name, strict=False) for name in settings.PLAZO.mail_relays]
    for address in (peer, *hops):
        try:
            found = ipaddress.ip_address(address or "")
        except ValueError:
            continue
        if found.is_global and not any(found in network for network in (*ours, *_INTERNAL)):
            return str(found)
    return ""
