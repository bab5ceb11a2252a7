"""The digest of receipts that a budget refused: one mail an hour to the team, and no more."""

from datetime import datetime

from django.db import transaction

from plazo.accounts.models import Group
from plazo.mailboxes import queries as mailboxes
from plazo.notifications import brake
from plazo.notifications.models import MailKind, OutboundMail, Spent
from plazo.notifications.readers import message_id
from plazo.notifications.tasks import nudge


def tell_once(now: datetime) -> int:
    """Plan the digest of the hours that are over; return how many budgets it tells of.

    Edges: told once, however many processes look. Where no group has an address, the ledger and
        the ticket alone say it, and the rows stay untold until a group has one.
    """
    with transaction.atomic():
        rows = list(
            Spent.objects.select_for_update(skip_locked=True).filter(
                pk__in=[row.pk for row in brake.untold(now=now)], told_at=None
            )
        )
        groups = list(Group.objects.exclude(email="").order_by("level", "pk")[:1])
        if not rows or not groups:
            return 0
        Spent.objects.filter(pk__in=[row.pk for row in rows]).update(told_at=now)
        mailbox = mailboxes.default()
        mail = OutboundMail.objects.create(
            kind=MailKind.DIGEST,
            mailbox=mailbox,
            recipient=groups[0].email,
            recipient_name=groups[0].name,
            language=mailbox.language if mailbox else "es",
            message_id=message_id("digest", mailbox),
            created_at=now,
            next_attempt_at=now,
        )
        nudge(mail.pk)
    return len(rows)
