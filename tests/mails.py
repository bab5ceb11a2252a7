"""Mails for tests: raw bytes, as a mail program would send them."""

import itertools
from email.message import EmailMessage
from email.utils import format_datetime

from plazo.accounts.models import Group
from plazo.channels.email.ledger import accept
from plazo.channels.email.models import IntakeRecord
from plazo.mailboxes.models import Mailbox, Source
from tests.factory import TUESDAY

_numbers = itertools.count(1)
CLIENT = "Compras Andina <compras@andina.example>"


def a_mailbox(address: str = "soporte@iws.example", **fields: object) -> Mailbox:
    """Return a mailbox of level 1, made on first sight."""
    found = Mailbox.objects.filter(address=address).first()
    if found is not None:
        return found
    group, _ = Group.objects.get_or_create(key="soporte", defaults={"name": "Nivel 1", "level": 1})
    wanted: dict[str, object] = {
        "key": address.partition("@")[0].replace(".", "-"),
        "name": "Soporte IWS",
        "address": address,
        "group": group,
        "source": Source.SMTP,
        "trusted_hosts": ["mx.iws.example"],
    }
    return Mailbox.objects.create(**wanted | fields)


def a_mail(
    body: str = "La orden 4512 no llega y el portal dice que sí.",
    *,
    sender: str = CLIENT,
    to: str = "soporte@iws.example",
    subject: str = "La orden no llega",
    proven: bool = False,
    files: dict[str, bytes] | None = None,
    html: str = "",
    **headers: str,
) -> bytes:
    """Return a mail. Header names are given with underscores; an empty value leaves one out."""
    message = EmailMessage()
    if proven:
        domain = sender.rpartition("@")[2].rstrip(">")
        message["Authentication-Results"] = (
            f"mx.iws.example; dkim=pass header.d={domain}; dmarc=pass header.from={domain}"
        )
    wanted = {
        "From": sender,
        "To": to,
        "Subject": subject,
        "Date": format_datetime(TUESDAY),
        "Message-ID": f"<{next(_numbers)}.test@andina.example>",
    }
    wanted |= {name.replace("_", "-"): value for name, value in headers.items()}
    for name, value in wanted.items():
        if value:
            message[name] = value
    message.set_content(body)
    if html:
        message.add_alternative(html, subtype="html")
    for name, data in (files or {}).items():
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def arrive(raw: bytes, *, mailbox: Mailbox | None = None, **envelope: object) -> IntakeRecord:
    """Put a mail into the ledger, as a source does."""
    mailbox = mailbox or a_mailbox()
    return accept(raw, source=Source.SMTP, mailbox=mailbox, now=TUESDAY, **envelope)  # type: ignore[arg-type]
