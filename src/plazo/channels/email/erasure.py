"""Erasing: with a message go the bytes of the mail that it came by, and with a person all that the
ledger knows of them.

The ledger's row stays, with the digest of what was there and the fate that it had.
"""

from datetime import datetime

from plazo.accounts import erasure
from plazo.accounts.models import Requester
from plazo.channels.email.models import Fate, IntakeRaw, IntakeRecord, Reason
from plazo.core.actor import Actor
from plazo.sla import Evaluation
from plazo.tickets import readers
from plazo.tickets.models import AreaMessage, Ticket, TicketEvent


def register() -> None:
    """Let the ledger hear when a message or a person is erased."""
    readers.register(erase_raw, kinds={"ticket.redacted"}, name="mail ledger")
    erasure.register(erase_sender, name="mail ledger")


def erase_raw(ticket: Ticket, event: TicketEvent, evaluation: Evaluation) -> None:
    """Empty the raw mail of an erased message, in the command's own transaction."""
    message = event.payload.get("message")
    if message is not None:
        IntakeRaw.objects.filter(record__public_message=message).update(body=b"")
    side = AreaMessage.objects.filter(pk=event.payload.get("side") or 0).exclude(message_id="")
    for message_id in side.values_list("message_id", flat=True):
        records = IntakeRecord.objects.filter(
            ticket=ticket, reason=Reason.AREA, message_id=message_id
        )
        IntakeRaw.objects.filter(record__in=records).update(body=b"")


def erase_sender(person: Requester, actor: Actor, now: datetime) -> None:
    """Empty every mail that a person sent us, whatever became of it.

    Edges: one that still waits to be read is left: it may be the next case of the same address.
    """
    records = IntakeRecord.objects.filter(sender__iexact=person.email).exclude(fate=Fate.WAITING)
    IntakeRaw.objects.filter(record__in=records).update(body=b"")
    records.update(
        sender="", reply_to="", subject="", envelope_from=None, remote_ip=None, evidence=""
    )
