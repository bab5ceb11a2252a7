"""Reads of the ledger: pages by keyset, counts by their index, never the count of the table."""

from dataclasses import dataclass
from typing import Final

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from plazo.channels.email.models import Fate, IntakeRecord
from plazo.mailboxes.models import Mailbox
from plazo.tickets.models import Ticket

PAGE_SIZE: Final = 50
COUNT_CAP: Final = 99
FATES: Final = {
    "waiting": _("Waiting"),
    "ticket": _("New cases"),
    "appended": _("Added to a case"),
    "parked": _("Parked"),
    "rejected": _("Rejected"),
}


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """One page of the ledger, and where the next one begins."""

    records: list[IntakeRecord]
    next_before: str


def ledger_page(*, fate: str = "", mailbox: str = "", before: str = "") -> LedgerPage:
    """Return a page of the ledger, the newest first. Costs one query."""
    records = IntakeRecord.objects.select_related("mailbox", "ticket").order_by("-pk")
    if fate in FATES:
        records = records.filter(fate="" if fate == "waiting" else fate)
    if mailbox:
        records = records.filter(mailbox__key=mailbox.replace("\x00", ""))
    if before.isdigit():
        records = records.filter(pk__lt=int(before))
    rows = list(records[: PAGE_SIZE + 1])
    following = str(rows[PAGE_SIZE - 1].pk) if len(rows) > PAGE_SIZE else ""
    return LedgerPage(rows[:PAGE_SIZE], following)


def ledger_counts() -> dict[str, str]:
    """Return how many mails wait and how many are parked, up to the cap. Costs two queries."""
    found = {}
    for key, fate in (("waiting", Fate.WAITING), ("parked", Fate.PARKED)):
        number = IntakeRecord.objects.filter(fate=fate)[: COUNT_CAP + 1].count()
        found[key] = f"{COUNT_CAP}+" if number > COUNT_CAP else str(number)
    return found


def mailboxes_at_a_glance() -> list[Mailbox]:
    """Return the mailboxes in use, and those in trouble, by name."""
    return list(
        Mailbox.objects.filter(Q(is_active=True) | ~Q(fetch_error="")).select_related("group")
    )


def record(pk: int) -> IntakeRecord | None:
    """Return one mail of the ledger with all that its page shows."""
    return (
        IntakeRecord.objects.select_related("mailbox", "ticket", "raw", "public_message")
        .filter(pk=pk)
        .first()
    )


def records_of(ticket: Ticket) -> dict[int, int]:
    """Return the mail that each message of a ticket came by: message to record. One query."""
    found = IntakeRecord.objects.filter(ticket=ticket, public_message__isnull=False)
    return dict(found.values_list("public_message_id", "pk"))
