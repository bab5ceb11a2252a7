"""Erasing: when a message is erased, so are the bytes of the mail that it came by.

The ledger's row stays, with the digest of what was there and the fate that it had.
"""

from plazo.channels.email.models import IntakeRaw
from plazo.sla import Evaluation
from plazo.tickets import readers
from plazo.tickets.models import Ticket, TicketEvent


def register() -> None:
    """Let the ledger hear when a message is erased."""
    readers.register(erase_raw, kinds={"ticket.redacted"}, name="mail ledger")


def erase_raw(ticket: Ticket, event: TicketEvent, evaluation: Evaluation) -> None:
    """Empty the raw mail of an erased message, in the command's own transaction."""
    message = event.payload.get("message")
    if message is not None:
        IntakeRaw.objects.filter(record__public_message=message).update(body=b"")
