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
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final

from django.core.files.base import File
from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from plazo.accounts.access import actor_of_agent, actor_of_requester
from plazo.accounts.commands import find_or_create_requester
from plazo.accounts.models import Agent, Requester
from plazo.channels.email import placing, webhook
from plazo.channels.email.models import Fate, IntakeRaw, IntakeRecord, Reason
from plazo.channels.email.parsing import ParsedMail
from plazo.channels.email.placing import Placement
from plazo.channels.email.sandbox import ReaderFailed, sandbox
from plazo.channels.email.senders import authenticity_of
from plazo.channels.email.tasks import nudge
from plazo.core.actor import Actor
from plazo.core.errors import PlazoError
from plazo.mailboxes import queries as mailboxes
from plazo.mailboxes import tokens
from plazo.mailboxes.models import Mailbox, Source
from plazo.notifications import brake, sending
from plazo.notifications.models import OutboundMail
from plazo.tickets import commands
from plazo.tickets.bodies import StoredUpload, Written, html_of_plain, store_upload
from plazo.tickets.errors import ReopenWindowOver, TicketClosed
from plazo.tickets.models import Authenticity, Channel, PublicMessage, Status, Ticket

logger = logging.getLogger(__name__)

ACTOR: Final = Actor.system("mail")
CLAIM: Final = timedelta(minutes=1)
MOST_ATTEMPTS: Final = 5
MOST_PARTICIPANTS: Final = 30
LONGEST_BODY: Final = 100_000


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
    "subject",
    "machine",
    "evidence",
    "authenticity",
    "verdicts",
    "defects",
)


class Settled(Exception):
    """A mail's fate is known and there is nothing to write but the fate itself."""

    def __init__(self, fate: Fate, reason: Reason, ticket: Ticket | None = None) -> None:
        super().__init__(fate, reason)
        self.fate, self.reason, self.ticket = fate, reason, ticket


def process(record_id: int, *, now: datetime) -> str:
    """Bring one mail of the ledger to its fate, and return the fate.

    Edges: a row that is not due, has its fate, or is in another worker's hands is left alone.
    """
    record = _claim(record_id, now)
    if record is None:
        return ""
    try:
        raw = IntakeRaw.objects.get(record=record).data
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


def run_again(record_id: int, *, now: datetime) -> bool:
    """Let a parked mail be read once more, and become a case whatever the rules say.

    Edges: only a parked one; anything else has its fate for good. False where it was not parked.
    """
    changed = IntakeRecord.objects.filter(pk=record_id, fate=Fate.PARKED).update(
        fate=Fate.WAITING,
        reason=Reason.NONE,
        error="",
        attempts=0,
        insisted=True,
        processed_at=None,
        next_attempt_at=now,
        ticket=None,
    )
    if changed:
        nudge(record_id)
    return bool(changed)


def _claim(record_id: int, now: datetime) -> IntakeRecord | None:
    """Take the row for a while. The attempt counts before it is made: a mail that kills its
    worker each time must not be tried for ever.
    """
    with transaction.atomic():
        record = (
            IntakeRecord.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("mailbox__group")
            .filter(pk=record_id, fate=Fate.WAITING, next_attempt_at__lte=now)
            .first()
        )
        if record is None:
            return None
        record.attempts += 1
        record.claim += 1
        record.next_attempt_at = now + CLAIM * record.attempts
        record.save(update_fields=["attempts", "claim", "next_attempt_at"])
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
        _describe(record, mail)
        _lock_thread(record, mail)
        try:
            message = _Decision(record, mail, uploads, now).carry_out()
            if record.ticket is not None:
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


def _describe(record: IntakeRecord, mail: ParsedMail) -> None:
    """Note on the row what the ledger shows of a mail."""
    sender = mail.sender.email if mail.sender else ""
    if record.mailbox is None:
        record.mailbox = mailboxes.by_address(placing.recipients_of(record, mail))
    record.message_id = mail.message_id[:500]
    record.content_digest = mail.content_digest
    record.sender = sender[:320]
    record.subject = mail.subject[:300]
    record.machine, record.evidence = mail.machine, mail.machine_evidence[:300]
    if not record.machine and record.envelope_from == "":
        record.machine, record.evidence = "auto_reply", "MAIL FROM:<>"
    record.authenticity = authenticity_of(sender, mail.verdicts, record.mailbox)
    record.verdicts = [asdict(verdict) for verdict in mail.verdicts[:20]]
    record.defects = list(mail.defects)[:50]


def _lock_thread(record: IntakeRecord, mail: ParsedMail) -> None:
    """Let nobody else decide about the same thread meanwhile; the lock ends with the transaction.

    Edges: a mail and the answers to it come to one ticket in whatever order they are read.
    """
    roots = [*mail.references[:1], *mail.in_reply_to[:1], mail.message_id, record.content_digest]
    with connection.cursor() as cursor:
        for root in sorted(dict.fromkeys(root for root in roots if root)):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", [root])


class _Decision:
    """One mail's decision. Either a message is written, or `Settled` says why not."""

    def __init__(
        self, record: IntakeRecord, mail: ParsedMail, uploads: list[StoredUpload], now: datetime
    ) -> None:
        self.record, self.mail, self.uploads, self.now = record, mail, uploads, now
        self.mailbox: Mailbox | None = record.mailbox
        self.own = mailboxes.own_addresses()

    def carry_out(self) -> int | None:
        """Write what the mail means; return the key of the message. Raises: Settled."""
        self._stop_doubles()
        if self.record.machine == "bounce":
            self._bounced()
        if self.mail.sender is None:
            raise Settled(Fate.PARKED, Reason.NO_SENDER)
        self._stop_our_own()
        agent = placing.agent_by_address(self.mail.sender.email)
        if agent is not None and not self.record.machine:
            return self._from_agent(agent)
        return self._from_requester()

    # — what makes no message —————————————————————————————————————————————————————————

    def _stop_doubles(self) -> None:
        """Reject what came before: the same Message-ID with the same content, or the same bytes.

        Edges: a Message-ID alone proves nothing, since broken programs use one again and again.
        """
        if self.mail.doctor:
            self.record.evidence = self.mail.doctor
            raise Settled(Fate.REJECTED, Reason.DOCTOR)
        if self.record.insisted:
            return
        before = IntakeRecord.objects.filter(
            message_id=self.record.message_id,
            content_digest=self.record.content_digest,
            fate__in=(Fate.NEW_TICKET, Fate.APPENDED, Fate.REJECTED),
        ).exclude(pk=self.record.pk)
        for ticket_id in before.order_by("pk").values_list("ticket_id", flat=True)[:1]:
            ticket = Ticket.objects.filter(pk=ticket_id).first() if ticket_id else None
            raise Settled(Fate.REJECTED, Reason.DUPLICATE, ticket)

    def _stop_our_own(self) -> None:
        """Reject a mail that we sent ourselves: by the proof in it, or by our own address."""
        token = tokens.read(self.mail.own_token) if self.mail.own_token else None
        ours = token is not None and token.kind == tokens.BOUNCE
        assert self.mail.sender is not None  # noqa: S101 - looked at before
        if ours or self.mail.sender.email in self.own:
            raise Settled(Fate.REJECTED, Reason.OWN)

    def _bounced(self) -> None:
        """Match a delivery report with the mail it is about. Raises: Settled, always."""
        if self.record.insisted:
            return
        sent = self._mail_that_came_back()
        if sent is None:
            raise Settled(Fate.PARKED, Reason.BOUNCE)
        reports = self.mail.bounces
        # A report that names nobody is an old one: it was written because it is over.
        permanent = not reports or any(report.permanent for report in reports)
        words = next((r.diagnostic or r.status for r in reports if r.diagnostic or r.status), "")
        sending.record_bounce(
            sent.pk, reason=words or self.mail.subject, permanent=permanent, now=self.now
        )
        reason = Reason.BOUNCED if permanent else Reason.DELAYED
        fate = Fate.APPENDED if sent.ticket is not None else Fate.REJECTED
        raise Settled(fate, reason, sent.ticket)

    def _mail_that_came_back(self) -> OutboundMail | None:
        known = OutboundMail.objects.select_related("ticket")
        for token in tokens.in_addresses(placing.recipients_of(self.record, self.mail)):
            if token.kind == tokens.BOUNCE:
                found = known.filter(pk=token.pk).first()
                if found is not None:
                    return found
        mail = self.mail
        ids = [*mail.original_message_ids, *mail.in_reply_to, *reversed(mail.references)]
        return known.filter(message_id__in=ids).order_by("-pk").first() if ids else None

    # — what agents write ——————————————————————————————————————————————————————————————

    def _from_agent(self, agent: Agent) -> int | None:
        """Take an agent's answer to a notice: a public reply, or after a line `#note` a note.

        Edges: only from a proven sender, since whoever forges it would speak in our name. Without
        a ticket that it answers it is an ordinary mail, from somebody who happens to be an agent.
        """
        assert self.mail.sender is not None  # noqa: S101 - looked at before
        ticket = placing.agent_ticket(self.record, self.mail)
        person = self._known(self.mail.sender.email)
        if ticket is None or (person is not None and placing.takes_part(ticket, person)):
            return self._from_requester()
        if self.record.authenticity != Authenticity.PASSED:
            raise Settled(Fate.PARKED, Reason.AGENT_UNPROVEN, ticket)
        first, _sep, rest = self.mail.text.lstrip().partition("\n")
        is_note = first.strip().lower() in {"#note", "#nota"}
        text = (rest if is_note else self.mail.text).strip()
        actor = actor_of_agent(agent)
        common = {"ticket_id": ticket.pk, "attachments": self.uploads, "actor": actor}
        self.record.fate, self.record.ticket = Fate.APPENDED, ticket
        try:
            if is_note:
                commands.add_internal_note(body=text, now=self.now, **common)  # type: ignore[arg-type]
                self.record.reason = Reason.NOTE
                return None
            event = commands.reply_to_ticket(body=text, now=self.now, **common)  # type: ignore[arg-type]
        except PlazoError as error:
            self.record.error = str(error)
            raise Settled(Fate.PARKED, Reason.FAULT, ticket) from error
        self.record.reason = Reason.REPLY
        return int(event.payload["message"])

    # — what everybody else writes —————————————————————————————————————————————————————

    def _requester(self) -> Requester:
        assert self.mail.sender is not None  # noqa: S101 - looked at before
        language = self._language()
        return find_or_create_requester(
            email=self.mail.sender.email[:254],
            name=self.mail.sender.name[:120],
            language=language,
            now=self.now,
        )

    def _language(self) -> str:
        if self.mail.language in {"es", "en"}:
            return self.mail.language
        return self.mailbox.language if self.mailbox else "es"

    def _from_requester(self) -> int | None:
        assert self.mail.sender is not None  # noqa: S101 - looked at before
        person = self._known(self.mail.sender.email)
        placement = placing.place(self.record, self.mail, person)
        self._stop_machines(placement, person)
        person = person if person is not None and person.name else self._requester()
        if placement.joins is not None:
            joined = self._join(placement.joins, person)
            if joined is not None:
                return joined
            placement = Placement(suggests=placement.joins, why="follow_up")
        return self._open(person, placement)

    def _known(self, email: str) -> Requester | None:
        return Requester.objects.select_related("organization").filter(email__iexact=email).first()

    def _stop_machines(self, placement: Placement, person: Requester | None) -> None:
        """Settle what a machine wrote. Nobody answers it, and it answers nothing.

        Edges: an alarm written by a known client's own machine is a case of theirs, opened
        without a receipt.
        """
        kind = self.record.machine
        if not kind or self.record.insisted:
            return
        if kind == "auto_reply" or (kind == "auto_generated" and placement.joins is not None):
            about = placement.joins or (placement.suggests if placement.why == "stranger" else None)
            if about is None:
                raise Settled(Fate.PARKED, Reason.AUTO_REPLY)
            commands.record_machine(
                ticket_id=about.pk,
                record_id=self.record.pk,
                evidence=self.record.evidence,
                actor=ACTOR,
                now=self.now,
            )
            raise Settled(Fate.APPENDED, Reason.MACHINE, about)
        if person is None or person.organization_id is None:
            raise Settled(Fate.PARKED, Reason(kind))

    def _join(self, ticket: Ticket, person: Requester) -> int | None:
        """Add the mail to a ticket; None where the ticket takes nothing any more."""
        window = ticket.agreement_version.document.closing.reopen_within
        late = ticket.solved_at is not None and self.now > ticket.solved_at + window
        if ticket.status == Status.CLOSED or (ticket.status == Status.SOLVED and late):
            return None
        try:
            event = commands.reply_as_requester(
                ticket_id=ticket.pk,
                body=self._written(),
                attachments=self.uploads,
                channel=Channel.EMAIL,
                participants=self._others(person),
                actor=actor_of_requester(person),
                now=self.now,
            )
        except (TicketClosed, ReopenWindowOver):  # it ended between the two reads
            return None
        self.record.fate, self.record.ticket = Fate.APPENDED, ticket
        return int(event.payload["message"])

    def _open(self, person: Requester, placement: Placement) -> int:
        ticket = commands.open_ticket(
            requester_id=person.pk,
            subject=self.mail.subject,
            body=self._written(),
            service=self.mailbox.service if self.mailbox else "",
            environment="",
            request_type="",
            channel=Channel.EMAIL,
            language=self._language(),
            attachments=self.uploads,
            arrival=commands.Arrival(
                mailbox=self.mailbox,
                participants=self._others(person),
                related=[(placement.suggests, placement.why)] if placement.suggests else (),
                verified=self.record.authenticity == Authenticity.PASSED,
                quiet=self._quiet(person, placement),
            ),
            actor=actor_of_requester(person),
            now=self.now,
        )
        self.record.fate, self.record.ticket = Fate.NEW_TICKET, ticket
        first = PublicMessage.objects.filter(ticket=ticket).order_by("pk")
        return first.values_list("pk", flat=True)[0]

    def _quiet(self, person: Requester, placement: Placement) -> str:
        """Return why no receipt is sent; empty where one is, and then it is charged for."""
        if self.record.machine:
            return f"machine:{self.record.machine}"
        if self.record.authenticity == Authenticity.FAILED:
            return "forged"
        scope = brake.spend(
            brake.charges(
                address=person.email,
                network=brake.network_of(self.record.remote_ip or self.mail.received_from),
                thread=self._thread_root(placement),
                likeness=self.mail.fingerprint,
            ),
            now=self.now,
        )
        return f"budget:{scope}" if scope else ""

    def _thread_root(self, placement: Placement) -> str:
        """Name the conversation that a stranger's answer belongs to, back to its first ticket.

        Edges: each round of a loop points to the ticket before; the budget is the first one's.
        """
        ticket = placement.suggests if placement.why == "stranger" else None
        if ticket is None:
            return ""
        for _step in range(20):
            before = (
                ticket.events.filter(kind="ticket.related", payload__why="stranger")
                .values_list("payload__ticket", flat=True)
                .first()
            )
            older = Ticket.objects.filter(pk=before).first() if before else None
            if older is None:
                break
            ticket = older
        return str(ticket.number)

    def _others(self, person: Requester) -> Sequence[int]:
        """Return the people in To and Cc besides the sender and ourselves.

        Edges: agents take part by signing in, so they are no participants; nor is a list of
        hundreds, which nobody wants to write to.
        """
        own = self.own
        people = []
        for address in (*self.mail.to, *self.mail.cc)[:MOST_PARTICIPANTS]:
            plain = tokens.without_plus(address.email)
            if address.email in own or plain in own or address.email == person.email:
                continue
            if placing.agent_by_address(address.email) is not None:
                continue
            other = find_or_create_requester(
                email=address.email[:254],
                name=address.name[:120],
                language=person.language,
                now=self.now,
            )
            people.append(other.pk)
        return people

    def _written(self) -> Written:
        """Return what the sender wrote; a mail without words says so, in their language."""
        mail = self.mail
        text = mail.text.strip("\n")[:LONGEST_BODY]
        html = mail.html
        if not text.strip():
            with translation.override(self._language()):
                text = _("(This mail has no text.)")
                if mail.protection == "encrypted":
                    text = _("(This mail is encrypted. It is attached as it came.)")
        quoted = "\n\n".join(part for part in (mail.signature_text, mail.quoted_text) if part)
        return Written(
            text=text,
            html=html or html_of_plain(text),
            quoted_text=quoted[: LONGEST_BODY * 3],
            quoted_html=mail.quoted_html or (html_of_plain(quoted) if quoted else ""),
            authenticity=self.record.authenticity,
            message_id=mail.message_id[:500],
        )
