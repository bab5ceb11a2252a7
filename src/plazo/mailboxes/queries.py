"""Reads: which mailbox is meant."""

from collections.abc import Iterable

from plazo.mailboxes.models import Mailbox, Source
from plazo.mailboxes.tokens import without_plus


def by_address(addresses: Iterable[str]) -> Mailbox | None:
    """Return the first mailbox in use among some addresses, with or without a token in them."""
    known = {address: box for box in active() for address in box.addresses}
    for address in addresses:
        found = known.get(address.lower()) or known.get(without_plus(address))
        if found is not None:
            return found
    return None


def by_key(key: str) -> Mailbox | None:
    """Return the mailbox of a key, in use or not."""
    return Mailbox.objects.select_related("group").filter(key=key).first()


def active() -> list[Mailbox]:
    """Return every mailbox in use: a handful of rows."""
    return list(Mailbox.objects.filter(is_active=True).select_related("group"))


def own_addresses() -> set[str]:
    """Return every address that is ours, in lower case: nobody of these takes part in a case."""
    return {a for box in Mailbox.objects.all() for a in box.addresses}


def takes_answers(mailbox: Mailbox | None) -> bool:
    """Say whether mail about a case can be answered: of its own mailbox, or of the default one."""
    found = mailbox or default()
    return found is not None and found.source != Source.NONE


def default() -> Mailbox | None:
    """Return the mailbox that mail about cases of other channels goes out from."""
    return Mailbox.objects.filter(is_active=True).order_by("-is_default", "pk").first()
