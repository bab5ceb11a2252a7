"""From a stored mail to its fate: claim, read, decide, write; each step may be the last.

- A worker that dies before the fate is written leaves the row claimed until its claim ends; then
  another takes it, and the attempt counts.
- The fate and all that it means (the ticket, the message, the receipt's row) are one transaction.
- A mail that kills, blocks or exhausts its reader is parked at once; one that meets a fault of
  ours is tried again a few times and then parked. Nothing is ever dropped, and nothing waits
  behind it.
"""

import io
import logging
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final

from django.core.files.base import File
from django.db import connection, transaction
from django.utils.translation import gettext as _

from plazo.channels.email import placing, webhook
from plazo.channels.email.deciding import Decision, Settled
from plazo.channels.email.models import BY_RULE, Fate, IntakeRecord, Reason
from plazo.channels.email.parsing import ParsedMail
from plazo.channels.email.sandbox import ReaderFailed, sandbox
from plazo.channels.email.senders import authenticity_of
from plazo.channels.email.tasks import nudge
from plazo.core.actor import Actor, ActorKind
from plazo.core.errors import PlazoError
from plazo.mailboxes import queries as mailboxes
from plazo.mailboxes.models import Mailbox, Source
from plazo.tickets.bodies import StoredUpload, store_upload

logger = logging.getLogger(__name__)

CLAIM: Final = timedelta(minutes=1)
MOST_ATTEMPTS: Final = 5

# What a decision writes on the record; what came with the mail is never written again.
DECIDED: Final = (
    "mailbox",
    "fate",
    "reason",
    "ticket",
    "public_message",
    "processed_at",
    "next_attempt_at",
    "error",
    "message_id",
    "content_digest",
    "sender",
    "reply_to",
    "subject",
    "machine",
    "evidence",
    "authenticity",
    "verdicts",
    "defects",
)


def process(record_id: int, *, now: datetime) -> str:
    """Bring one mail of the ledger to its fate, and return the fate.

    Edges: a row that is not due, has its fate, or is in another worker's hands is left alone.
    """
    record = _claim(record_id, now)
    if record is None:
        return ""
    try:
        raw = record.raw.data
        if record.source == Source.WEBHOOK:
            raw = webhook.mail_of_request(raw)
        mail = sandbox.parse(raw)
    except ReaderFailed as error:
        return _park(record, Reason(error.reason), str(error), now)
    except Exception as error:
        logger.exception("mail %s could not be read", record.pk)
        return _fault(record, error, now)
    try:
        return _settle(record, mail, now)
    except Exception as error:
        logger.exception("mail %s was not taken in", record.pk)
        return _fault(record, error, now)


class OnlyTheHeader(PlazoError):
    """Of this mail only the header is here; the mail itself is on its server."""

    code = "only_the_header"

    def user_message(self) -> str:
        return _(
            "Only the header of this mail is here. The mail itself is still on its server: it is"
            " fetched by itself once PLAZO_MAX_MAIL_BYTES is larger than it."
        )


def run_again(record_id: int, *, actor: Actor, now: datetime) -> bool:
    """Let a parked mail be read once more; one that a rule parked becomes a case, or a note.

    Edges: only a parked one; anything else has its fate for good. False where it was not parked.
        What was parked because we could not read it is judged by the rules, like any other.
    Raises: OnlyTheHeader.
    """
    with transaction.atomic():
        record = (
            IntakeRecord.objects.select_for_update(of=("self",))
            .filter(pk=record_id, fate=Fate.PARKED)
            .first()
        )
        if record is None:
            return False
        if record.partial:
            raise OnlyTheHeader
        if record.reason in BY_RULE:
            record.insisted = True
            record.insisted_by_id = actor.id if actor.kind is ActorKind.AGENT else None
        record.fate, record.reason, record.error = Fate.WAITING, Reason.NONE, ""
        record.attempts, record.processed_at, record.ticket = 0, None, None
        record.next_attempt_at = now
        record.save()
        nudge(record_id)
    return True


def _claim(record_id: int, now: datetime) -> IntakeRecord | None:
    """Take the row for a while. The attempt counts before it is made: a mail that kills its
    worker each time must not be tried for ever.

    Edges: of several workers that saw the same row, the one whose update finds it unchanged has it.
    """
    due = IntakeRecord.objects.filter(
        pk=record_id, fate=Fate.WAITING, next_attempt_at__lte=now, partial=False
    )
    record = due.select_related("raw").first()
    if record is None:
        return None
    unchanged = due.filter(claim=record.claim)
    record.attempts += 1
    record.claim += 1
    record.next_attempt_at = now + CLAIM * record.attempts
    taken = unchanged.update(
        attempts=record.attempts, claim=record.claim, next_attempt_at=record.next_attempt_at
    )
    if not taken:
        return None
    if record.attempts > MOST_ATTEMPTS:
        _park(record, Reason.FAULT, record.error or "every attempt ended before its end", now)
        return None
    return record


def _park(record: IntakeRecord, reason: Reason, words: str, now: datetime) -> str:
    changed = IntakeRecord.objects.filter(
        pk=record.pk, claim=record.claim, fate=Fate.WAITING
    ).update(
        fate=Fate.PARKED,
        reason=reason,
        error=words[:2000],
        processed_at=now,
        next_attempt_at=None,
    )
    logger.warning("mail %s is parked: %s (%s)", record.pk, reason, words)
    return Fate.PARKED if changed else ""


def _fault(record: IntakeRecord, error: Exception, now: datetime) -> str:
    """Note a fault of ours: the mail is tried again, a few times, and then parked."""
    words = f"{type(error).__name__}: {error}"
    if record.attempts >= MOST_ATTEMPTS:
        return _park(record, Reason.FAULT, words, now)
    IntakeRecord.objects.filter(pk=record.pk, claim=record.claim, fate=Fate.WAITING).update(
        error=words[:2000], next_attempt_at=now + timedelta(seconds=15) * 2**record.attempts
    )
    return Fate.WAITING


def _settle(record: IntakeRecord, mail: ParsedMail, now: datetime) -> str:
    """Decide and write, in one transaction, while no other mail of the thread is decided."""
    uploads = _stored(mail)
    with transaction.atomic():
        held = IntakeRecord.objects.select_for_update(of=("self",)).filter(
            pk=record.pk, claim=record.claim, fate=Fate.WAITING
        )
        if not held.exists():
            return ""
        record.error = ""
        boxes = mailboxes.every()
        record.mailbox = next((box for box in boxes if box.pk == record.mailbox_id), None)
        _describe(record, mail, boxes)
        _lock_thread(record, mail)
        try:
            decision = Decision(record, mail, uploads, boxes, now)
            message = decision.carry_out()
            if record.ticket is not None and not decision.aside:
                placing.remember(record.ticket, mail)
        except Settled as settled:
            message = None
            record.fate, record.reason = settled.fate, settled.reason
            record.ticket = settled.ticket
        record.public_message_id = message
        record.processed_at, record.next_attempt_at = now, None
        record.save(update_fields=DECIDED)
    return record.fate


def _stored(mail: ParsedMail) -> list[StoredUpload]:
    """Store the files' bytes before the transaction that points to them."""
    return [
        store_upload(
            File(io.BytesIO(part.data)),
            name=part.name,
            content_type=part.content_type,
            content_id=part.content_id,
        )
        for part in mail.attachments
    ]


def _describe(record: IntakeRecord, mail: ParsedMail, boxes: list[Mailbox]) -> None:
    """Note on the row what the ledger shows of a mail."""
    sender = mail.sender.email if mail.sender else ""
    if record.mailbox is None:
        record.mailbox = mailboxes.among(boxes, placing.recipients_of(record, mail))
    record.message_id = mail.message_id[:500]
    record.content_digest = mail.content_digest
    record.sender = sender[:320]
    record.reply_to = next((a.email for a in mail.reply_to if a.email != sender), "")[:320]
    record.subject = mail.subject[:300]
    record.machine, record.evidence = mail.machine, mail.machine_evidence[:300]
    if not record.machine:
        record.machine, record.evidence = _machine(record, mail)
    record.authenticity = authenticity_of(mail, record.mailbox)
    record.verdicts = [asdict(verdict) for verdict in mail.verdicts[:20]]
    record.defects = list(mail.defects)[:50]


def _machine(record: IntakeRecord, mail: ParsedMail) -> tuple[str, str]:
    """Return what shows that a machine wrote a mail, where its own header does not.

    Edges: people answer where we ask them to, and never the envelope's sender. A subject that
        says that somebody is away shows it only in an answer to a mail of ours.
    """
    if record.envelope_from == "":
        return "auto_reply", "MAIL FROM:<>"
    returned = placing.returned_to(record, mail)
    if returned is not None:
        return "auto_reply", f"To: the envelope's sender of mail {returned.pk}"
    if mail.away and placing.answers_ours(record, mail):
        return "auto_reply", f"Subject: {mail.subject}"[:300]
    return "", ""


# In one order, always: two transactions never wait for each other.
_LOCK: Final = """
SELECT pg_advisory_xact_lock(hashtextextended(root, 1))
FROM unnest(%s::text[]) WITH ORDINALITY AS wanted (root, place) ORDER BY place
"""


def _lock_thread(record: IntakeRecord, mail: ParsedMail) -> None:
    """Let nobody else decide about the same thread meanwhile; the lock ends with the transaction.

    Edges: a mail and the answers to it come to one ticket in whatever order they are read.
    """
    roots = [*mail.references[:1], *mail.in_reply_to[:1], mail.message_id, record.content_digest]
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [sorted({root for root in roots if root})])
