"""The acknowledgement brake: how many automatic mails anybody, any domain and any thread gets.

A help desk that answers every mail answers machines too, and two of them talk for ever. Every
receipt is charged to several budgets at once; over any of them the case is still made, silently,
and the team hears of it in one digest. Nothing here looks at what a mail claims to be: it is the
last line, for the machines that do not say so.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from plazo.accounts.domains import SHARED_DOMAINS
from plazo.notifications.models import Spent

# Receipts an hour. People rarely open more than a handful of cases in one; a domain or a network
# may be a whole company. A thread is what one automatic mail of ours may set off.
PER_HOUR: Final[dict[str, int]] = {
    "address": 6,
    "domain": 60,
    "network": 60,
    "thread": 2,
    "likeness": 6,
    # What rules tell one address that is nobody's own: behind it may be a machine that answers.
    "notice": 120,
}
HOUR: Final = timedelta(hours=1)
SHARED_FACTOR: Final = 20
# Where the large providers send from (their SPF records): half a country writes from there.
SHARED_NETWORKS: Final = tuple(
    ipaddress.ip_network(name)
    for name in (
        # Google
        "35.190.247.0/24", "64.233.160.0/19", "66.102.0.0/20", "66.249.80.0/20", "72.14.192.0/18",
        "74.125.0.0/16", "108.177.8.0/21", "172.217.0.0/19", "173.194.0.0/16", "209.85.128.0/17",
        "216.58.192.0/19", "216.239.32.0/19", "2001:4860:4000::/36", "2404:6800:4000::/36",
        "2607:f8b0:4000::/36", "2800:3f0:4000::/36", "2a00:1450:4000::/36", "2c0f:fb50:4000::/36",
        # Microsoft 365 and Outlook.com
        "40.92.0.0/15", "40.107.0.0/16", "52.100.0.0/14", "104.47.0.0/17", "2a01:111:f400::/48",
        "2a01:111:f403::/48",
        # Yahoo, Apple, Proton, Amazon SES, Zoho
        "66.163.184.0/21", "74.6.128.0/17", "77.238.176.0/22", "98.136.0.0/14", "17.0.0.0/8",
        "185.70.40.0/22", "54.240.0.0/18", "136.143.160.0/19",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Charge:
    """What one receipt is charged to: a scope and which one of it."""

    scope: str
    key: str

    @property
    def limit(self) -> int:
        shared = (self.scope == "domain" and self.key in SHARED_DOMAINS) or (
            self.scope == "network" and _is_shared(self.key)
        )
        return PER_HOUR[self.scope] * (SHARED_FACTOR if shared else 1)


def charges(
    *, address: str, network: str = "", thread: str = "", likeness: str = ""
) -> list[Charge]:
    """Return what a receipt to an address is charged to; an empty key charges nothing."""
    found = {
        "address": address.lower(),
        "domain": address.lower().rpartition("@")[2],
        "network": network,
        "thread": thread,
        "likeness": likeness,
    }
    return [Charge(scope, key[:320]) for scope, key in found.items() if key]


# One statement for all budgets: the rows' locks make two receipts at once count as two.
_SPEND: Final = """
INSERT INTO notifications_spent (scope, key, hour, given, refused)
SELECT scope, key, %s, 1, 0 FROM unnest(%s::text[], %s::text[]) AS charged (scope, key)
ON CONFLICT (scope, key, hour) DO UPDATE SET given = notifications_spent.given + 1
RETURNING scope, given
"""


def spend(wanted: Iterable[Charge], *, now: datetime) -> str:
    """Charge one receipt; return the scope of the first budget that is spent, else nothing.

    Edges: call it in the command's transaction: if the case is not made, nothing was charged. An
        hour is the clock's hour, so at its turn a budget may be spent twice in quick succession.
        A refused receipt is counted at the budget that refused it.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    # In one order, always: two transactions never wait for each other.
    charged = {charge.scope: charge for charge in sorted(wanted, key=lambda c: c.scope)}
    if not charged:
        return ""
    with connection.cursor() as cursor:
        keys = [charge.key for charge in charged.values()]
        cursor.execute(_SPEND, [hour, list(charged), keys])
        given = dict(cursor.fetchall())
        refused_by = next((c for c in charged.values() if given[c.scope] > c.limit), None)
        if refused_by is None:
            return ""
        cursor.execute(
            "UPDATE notifications_spent SET refused = refused + 1"
            " WHERE scope = %s AND key = %s AND hour = %s",
            [refused_by.scope, refused_by.key, hour],
        )
    return refused_by.scope


def untold(*, now: datetime) -> list[Spent]:
    """Return the budgets of hours that are over which refused receipts and were not told yet."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    return list(
        Spent.objects.filter(refused__gt=0, told_at=None, hour__lt=hour).order_by("hour", "pk")
    )


def _is_shared(network: str) -> bool:
    """Say whether a network belongs to a provider from which many people write."""
    try:
        first = ipaddress.ip_network(network, strict=False).network_address
    except ValueError:
        return False
    return any(first in shared for shared in SHARED_NETWORKS)


def forget(*, now: datetime) -> int:
    """Delete what no budget needs any more; return how many rows."""
    deleted, _ = Spent.objects.filter(hour__lt=now - timedelta(days=14)).delete()
    return deleted


def network_of(ip: str | None) -> str:
    """Return the network that an address belongs to: its /24, or for IPv6 its /56."""
    if not ip:
        return ""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ""
    if address.is_loopback or address.is_private:
        return ""  # our own proxy or relay says nothing about the sender
    prefix = 24 if address.version == 4 else 56
    return str(ipaddress.ip_network(f"{ip}/{prefix}", strict=False))
