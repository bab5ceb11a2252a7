"""Reads: which mailbox is meant."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from plazo.accounts.models import Group
from plazo.mailboxes.models import Mailbox, Source
from plazo.mailboxes.tokens import without_plus


def by_address(addresses: Iterable[str]) -> Mailbox | None:
    """Return the first mailbox in use among some addresses, with or without a token in them."""
    return among(active(), addresses)


def among(boxes: Iterable[Mailbox], addresses: Iterable[str]) -> Mailbox | None:
    """Return the first of some mailboxes that is in use and has one of the addresses."""
    known = {address: box for box in boxes if box.is_active for address in box.addresses}
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


def every() -> list[Mailbox]:
    """Return every mailbox, in use or not: their addresses are ours."""
    return list(Mailbox.objects.select_related("group"))


def held_by(group: Group) -> str:
    """Say which mailboxes belong to a group, in words; "" where none does."""
    names = ", ".join(Mailbox.objects.filter(group=group).values_list("name", flat=True))
    return _("the mailboxes %(names)s") % {"names": names} if names else ""


def takes_answers(mailbox: Mailbox | None) -> bool:
    """Say whether mail about a case can be answered: of its own mailbox, or of the default one."""
    found = mailbox or default()
    return found is not None and found.source != Source.NONE


def default() -> Mailbox | None:
    """Return the mailbox that mail about cases of other channels goes out from."""
    return Mailbox.objects.filter(is_active=True).order_by("-is_default", "pk").first()
