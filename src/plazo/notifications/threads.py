"""What ties our mails to a conversation: references, Outlook's own threading, who is shown.

Source: RFC 5322 §3.6.4; [MS-OXOMSG] §2.2.1.3 for Thread-Index.
"""

import base64
import re
from datetime import UTC, datetime
from itertools import chain
from typing import Final

from plazo.notifications.addresses import undeliverable
from plazo.notifications.models import MailKind, OutboundMail
from plazo.notifications.readers import TO_PARTICIPANTS, copied
from plazo.notifications.rendering import address, is_bare, one_line
from plazo.tickets.models import PublicMessage, Ticket

MOST_REFERENCES: Final = 12
_PLAIN_ID: Final = re.compile(r"<[\w.+=$-]{1,200}@[\w.-]{1,200}>", re.ASCII)
_FILETIME_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)


def headers_of(mail: OutboundMail) -> dict[str, str]:
    """Return the headers that tie a mail to what was said before about its ticket.

    Edges: a notice to an agent hangs on our own earlier notices to them alone: the Message-IDs of
        what the requester sent are none of theirs. A bare receipt names what it answers only if
        that is a Message-ID as programs make them, and no words or links.
    """
    if mail.ticket is None:
        return {}
    ours = [
        (created, message_id)
        for created, message_id in OutboundMail.objects.filter(
            ticket=mail.ticket, recipient=mail.recipient, pk__lt=mail.pk
        )
        .order_by("-pk")
        .values_list("created_at", "message_id")[:MOST_REFERENCES]
    ]
    theirs: list[tuple[datetime, str]] = []
    if mail.kind in TO_PARTICIPANTS:
        theirs = list(
            PublicMessage.objects.filter(ticket=mail.ticket)
            .exclude(message_id="")
            .order_by("-pk")
            .values_list("at", "message_id")[:MOST_REFERENCES]
        )
    silent = echoes_nothing(mail)
    if silent:
        theirs = [(at, message_id) for at, message_id in theirs if _PLAIN_ID.match(message_id)]
    known = [message_id for _, message_id in sorted(chain(ours, theirs))]
    # Nothing that came after this mail was planned: a late retry must look as the first try did.
    known = list(dict.fromkeys(known))[-MOST_REFERENCES:]
    headers = {
        "Thread-Topic": "" if silent else one_line(mail.ticket.subject),
        "Thread-Index": thread_index(mail.ticket, mail.created_at),
    }
    if known:
        answered = [message_id for _, message_id in sorted(theirs)]
        headers["In-Reply-To"] = answered[-1] if answered else known[-1]
        headers["References"] = " ".join(known)
    return {name: value for name, value in headers.items() if value}


def echoes_nothing(mail: OutboundMail) -> bool:
    """Say whether a mail must repeat nothing that was typed, subject and name included.

    Edges: so is a receipt to a sender who was not proven, and a reply to an address that nobody
        has confirmed.
    """
    if is_bare(mail):
        return True
    if mail.kind != MailKind.ACKNOWLEDGEMENT:
        return False
    return mail.event is None or not mail.event.payload.get("verified")


def thread_index(ticket: Ticket, at: datetime) -> str:
    """Return Outlook's index: the conversation's head, and one child block for this mail."""
    head = b"\x01" + _filetime(ticket.opened_at)[1:6] + ticket.public_id.bytes
    since = max(int((at - ticket.opened_at).total_seconds() * 10_000_000), 0)
    child = ((since >> 18) & 0x7FFFFFFF).to_bytes(4, "big") + b"\x00"
    return base64.b64encode(head + child).decode()


def _filetime(at: datetime) -> bytes:
    ticks = int((at - _FILETIME_EPOCH).total_seconds() * 10_000_000)
    return ticks.to_bytes(8, "big")


def shown_recipients(mail: OutboundMail) -> tuple[str, str] | None:
    """Return what To and Cc show of an answer: everybody who gets it, although each gets their own.

    Edges: None for a mail to one person alone, and for one that must repeat nothing.
    """
    if mail.kind not in (MailKind.REPLY, MailKind.COPY) or mail.event is None or not mail.ticket:
        return None
    copies = mail.event.payload.get("copies") or []
    if is_bare(mail) or not copies or undeliverable(mail.ticket.requester.email):
        return None
    requester = mail.ticket.requester
    people = [person for person in copied(copies) if person.pk != requester.pk]
    cc = ", ".join(
        address(person.name, person.email) for person in people if not undeliverable(person.email)
    )
    return address(requester.name, requester.email), cc
