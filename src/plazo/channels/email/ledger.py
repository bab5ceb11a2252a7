"""Taking mail in: the bytes are committed first, and only then is the source told."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from plazo.channels.email.models import Fate, IntakeRaw, IntakeRecord, Reason
from plazo.channels.email.tasks import nudge
from plazo.mailboxes.models import Mailbox, Source


def accept(
    raw: bytes,
    *,
    source: str,
    mailbox: Mailbox | None = None,
    source_key: str | None = None,
    envelope_from: str | None = None,
    envelope_to: Sequence[str] = (),
    remote_ip: str | None = None,
    now: datetime,
) -> IntakeRecord:
    """Store a mail and wake a worker; when this returns, the mail cannot be lost any more.

    Units: `source_key` names the mail at its source for ever, such as a folder's UIDVALIDITY and
        UID. `envelope_from` is None where it is not known and empty for the null sender.
    Edges: the same key again, or without a key the same bytes for the same mailbox, returns the
        row that is there: a source that was not told, because we died, may deliver twice.
    Raises: what the database raises; the source must then keep the mail. RuntimeError inside a
        transaction, since the commit is the point.
    """
    digest = hashlib.sha256(raw).hexdigest()
    known = _known(digest, mailbox, source_key)
    if known is not None:
        return known
    try:
        with transaction.atomic(durable=True):
            record = IntakeRecord.objects.create(
                source=source,
                mailbox=mailbox,
                source_key=source_key,
                digest=digest,
                size=len(raw),
                received_at=now,
                envelope_from=None if envelope_from is None else _header(envelope_from),
                envelope_to=[_header(address) for address in envelope_to[:100]],
                remote_ip=remote_ip or None,
                next_attempt_at=now,
            )
            IntakeRaw.objects.create(record=record, body=raw)
            nudge(record.pk)
    except IntegrityError:
        known = _known(digest, mailbox, source_key)  # another process was quicker
        if known is None:
            raise
        return known
    return record


def _known(digest: str, mailbox: Mailbox | None, source_key: str | None) -> IntakeRecord | None:
    if source_key is not None:
        return IntakeRecord.objects.filter(source_key=source_key).first()
    return IntakeRecord.objects.filter(source_key=None, mailbox=mailbox, digest=digest).first()


def _header(text: str) -> str:
    """Return an address as a column takes it: no NUL, no surrogates, not endless."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "")[:320]


def park_too_large(
    header: bytes,
    *,
    mailbox: Mailbox,
    source_key: str,
    size: int,
    now: datetime,
) -> IntakeRecord:
    """Note a mail that is larger than what is taken: its header here, the mail at its source.

    Edges: noted once; to take it, raise PLAZO_MAX_MAIL_BYTES and delete nothing.
    """
    known = _known("", mailbox, source_key)
    if known is not None:
        return known
    with transaction.atomic():
        record = IntakeRecord.objects.create(
            source=Source.IMAP,
            mailbox=mailbox,
            source_key=source_key,
            digest=hashlib.sha256(header).hexdigest(),
            size=size,
            received_at=now,
            processed_at=now,
            fate=Fate.PARKED,
            reason=Reason.TOO_LARGE,
            subject=_field(header, b"subject"),
            sender=_field(header, b"from"),
        )
        IntakeRaw.objects.create(record=record, body=header)
    return record


def _field(header: bytes, name: bytes) -> str:
    """Return a header field as it stands, for people to recognise the mail by."""
    for line in header.splitlines():
        if line.lower().startswith(name + b":"):
            return _header(line.partition(b":")[2].decode("utf-8", "replace").strip())[:300]
    return ""
