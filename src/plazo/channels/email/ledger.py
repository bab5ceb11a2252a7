"""Taking mail in: the bytes are committed first, and only then is the source told."""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction

from plazo.channels.email.models import Fate, IntakeRaw, IntakeRecord, Reason
from plazo.channels.email.tasks import nudge
from plazo.mailboxes.models import Mailbox, Source

# A source that was not told in time delivers again within minutes. A mail without a Message-ID that
# comes later is a device saying the same thing once more.
SAME_WITHIN: Final = timedelta(minutes=10)
_NAMED: Final = re.compile(rb"^message-id[ \t]*:[ \t\r\n]*[^ \t\r\n]", re.IGNORECASE | re.MULTILINE)


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
        row that is there: a source that was not told, because we died, may deliver twice. Bytes
        without a Message-ID are the same mail for SAME_WITHIN only. Of a row that has only the
        header, the rest is filled in, and then it is read.
    Raises: what the database raises; the source must then keep the mail. RuntimeError inside a
        transaction, since the commit is the point.
    """
    digest = hashlib.sha256(raw).hexdigest()
    occasion = 0
    if source_key is None and not _is_named(raw):
        known = _known(digest, mailbox, None, since=now - SAME_WITHIN)
        if known is not None:
            return known
        occasion = int(now.timestamp() // SAME_WITHIN.total_seconds())
    # Nearly always it is new, so that is tried first; the database says where it is not.
    try:
        with transaction.atomic(durable=True):
            record = IntakeRecord.objects.create(
                source=source,
                mailbox=mailbox,
                accepted_for=mailbox,
                source_key=source_key,
                digest=digest,
                occasion=occasion,
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
        known = _known(digest, mailbox, source_key, since=None)
        if known is None:
            raise
        return _completed(known, raw, digest, now) if known.partial else known
    return record


def _is_named(raw: bytes) -> bool:
    """Say whether a mail's header has a Message-ID, by which it is itself for ever."""
    blank = re.search(rb"\n\r?\n", raw)
    return bool(_NAMED.search(raw, 0, blank.end() if blank else len(raw)))


def _known(
    digest: str, mailbox: Mailbox | None, source_key: str | None, *, since: datetime | None
) -> IntakeRecord | None:
    if source_key is not None:
        return IntakeRecord.objects.filter(source_key=source_key).first()
    same = IntakeRecord.objects.filter(source_key=None, accepted_for=mailbox, digest=digest)
    if since is not None:
        same = same.filter(received_at__gt=since)
    return same.order_by("-pk").first()


def _completed(known: IntakeRecord, raw: bytes, digest: str, now: datetime) -> IntakeRecord:
    """Put the mail where only its header was, since it may be taken now, and have it read."""
    with transaction.atomic(durable=True):
        changed = IntakeRecord.objects.filter(pk=known.pk, partial=True).update(
            partial=False,
            digest=digest,
            size=len(raw),
            fate=Fate.WAITING,
            reason=Reason.NONE,
            processed_at=None,
            next_attempt_at=now,
        )
        if changed:
            IntakeRaw.objects.filter(record=known).update(body=raw)
            nudge(known.pk)
    known.refresh_from_db()
    return known


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

    Edges: noted once. It stays where it is, whatever is done to others; once it may be as large
        as it is, the next comparison fetches it.
    """
    known = _known("", mailbox, source_key, since=None)
    if known is not None:
        return known
    with transaction.atomic():
        record = IntakeRecord.objects.create(
            source=Source.IMAP,
            mailbox=mailbox,
            accepted_for=mailbox,
            source_key=source_key,
            partial=True,
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
