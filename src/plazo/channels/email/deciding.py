"""What a mail means: which ticket it makes or joins, whose word it is, or why it is neither.

One decision is one transaction, under the thread's lock, which `intake` holds. Either a message is
written, or `Settled` says why not.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NoReturn

from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from plazo.accounts.access import actor_of_agent, actor_of_requester
from plazo.accounts.commands import confirm_address, find_or_create_requester
from plazo.accounts.models import Agent, Requester
from plazo.accounts.queries import requesters_by_email
from plazo.channels.email import answers, network, placing, wording
from plazo.channels.email.ledger import SAME_WITHIN
from plazo.channels.email.models import Fate, IntakeRecord, Reason
from plazo.channels.email.parsing import Address, ParsedMail
from plazo.channels.email.placing import Placement
from plazo.core.actor import Actor
from plazo.core.errors import PlazoError, kept
from plazo.mailboxes import tokens
from plazo.mailboxes.models import Mailbox
from plazo.notifications import brake, sending
from plazo.notifications.models import OutboundMail
from plazo.tickets import access, commands
from plazo.tickets.bodies import StoredUpload, Written
from plazo.tickets.errors import ReopenWindowOver, TicketClosed
from plazo.tickets.models import (
    AreaAsk,
    Authenticity,
    Channel,
    Participant,
    PublicMessage,
    Status,
    Ticket,
    WaitingFor,
)
from plazo.triage import sides

ACTOR: Final = Actor.system("mail")
MOST_PARTICIPANTS: Final = 30
LONGEST_ERROR: Final = 2000
# A clock that is right to a day; a device whose clock is not says nothing with its Date.
_PLAUSIBLE: Final = timedelta(days=1)
# What stands above a note, in its author's language.
NO_SENDER: Final = gettext_lazy("(This mail has no sender that can be answered.)")
UNPROVEN: Final = gettext_lazy(
    "(This mail came in the name of %(email)s, without proof that it is theirs.)"
)
BESIDE: Final = gettext_lazy("(Written in the conversation with another area, and kept as a note.)")
KEPT: Final = gettext_lazy(
    "(Kept as a note and not sent to the requester: the mail was passed on, or written to others"
    " too.)"
)


class Settled(Exception):
    """A mail's fate is known and there is nothing to write but the fate itself."""

    def __init__(self, fate: Fate, reason: Reason, ticket: Ticket | None = None) -> None:
        super().__init__(fate, reason)
        self.fate, self.reason, self.ticket = fate, reason, ticket


class Decision:
    """One mail's decision. Units: `boxes` are all our mailboxes."""

    def __init__(
        self,
        record: IntakeRecord,
        mail: ParsedMail,
        uploads: list[StoredUpload],
        boxes: Sequence[Mailbox],
        now: datetime,
    ) -> None:
        self.record, self.mail, self.uploads, self.now = record, mail, uploads, now
        self.mailbox: Mailbox | None = record.mailbox
        self.boxes = boxes
        self.own = {address for box in boxes for address in box.addresses}
        # A side conversation's mails are no part of the requester's thread, and never lead into it.
        self.aside = False

    def carry_out(self) -> int | None:
        """Write what the mail means; return the key of the message. Raises: Settled."""
        self._stop_doubles()
        if self.record.machine == "bounce":
            self._bounced()
        author = self._author()
        if author is None:
            return self._without_author()
        ask = self._asking()
        if ask is not None and not self._is_the_requesters(author, ask):
            return self._from_area(ask, author)
        if author == self.mail.sender and not self.record.machine:
            agent = placing.agent_by_address(author.email)
            if agent is not None:
                return self._from_agent(agent, author)
        return self._from_requester(author)

    # — what makes no message —————————————————————————————————————————————————————————

    def _stop_doubles(self) -> None:
        """Reject what came before: the same Message-ID with the same content, or the same bytes.

        Edges: a Message-ID alone proves nothing, since broken programs use one again and again;
        without one the same content is the same mail for some minutes, or if its Date is true.
        """
        if self.mail.doctor and tokens.is_doctor_mark(self.mail.doctor):
            self.record.evidence = self.mail.doctor
            raise Settled(Fate.REJECTED, Reason.DOCTOR)
        if self.record.insisted:
            return
        taken = [Fate.NEW_TICKET, Fate.APPENDED]
        before = (
            IntakeRecord.objects.filter(
                message_id=self.record.message_id,
                content_digest=self.record.content_digest,
                # What has only its content for a name is not rejected because of what was rejected.
                fate__in=[*taken, Fate.REJECTED] if self.record.message_id else taken,
            )
            .exclude(pk=self.record.pk)
            .select_related("ticket")
            .only("received_at", "ticket")
            .order_by("-pk")
            .first()
        )
        if before is not None and self._is_the_same(before.received_at):
            raise Settled(Fate.REJECTED, Reason.DUPLICATE, before.ticket)

    def _is_the_same(self, came_at: datetime) -> bool:
        date = self.mail.date
        return bool(
            self.record.message_id
            or abs(self.record.received_at - came_at) < SAME_WITHIN
            or (date is not None and abs(came_at - date) < _PLAUSIBLE)
        )

    def _author(self) -> Address | None:
        """Return whose word the mail is; None if there is nobody. Raises: Settled for our own.

        Edges: a form on our own site writes from our own address, and names the person as the
        one to answer: that is believed where our server proves that the mail is from us, or where
        somebody insists. The person themself is not proven by it.
        """
        token = tokens.read(self.mail.own_token) if self.mail.own_token else None
        if token is not None and token.kind == tokens.BOUNCE:
            sent = OutboundMail.objects.select_related("ticket").filter(pk=token.pk).first()
            raise Settled(Fate.REJECTED, Reason.OWN, sent.ticket if sent else None)
        sender = self.mail.sender
        if sender is None or not self._is_ours(sender.email):
            return sender
        other = next((a for a in self.mail.reply_to if not self._is_ours(a.email)), None)
        proven = self.record.authenticity == Authenticity.PASSED
        if not self.record.insisted and not (proven and other is not None):
            raise Settled(Fate.PARKED, Reason.OWN_ADDRESS)
        self.record.authenticity = Authenticity.UNKNOWN
        return other

    def _is_ours(self, email: str) -> bool:
        return email in self.own or tokens.without_plus(email) in self.own

    def _without_author(self) -> int | None:
        """Settle a mail that nobody can be answered about. Raises: Settled, unless insisted.

        Edges: whoever insists carries it: as a note where it names a ticket, and else as a case of
        their own, since somebody must be told of it.
        """
        agent = self.record.insisted_by if self.record.insisted else None
        if agent is None:
            raise Settled(Fate.PARKED, Reason.NO_SENDER)
        found = placing.agent_ticket(self.record, self.mail)
        if found is not None:
            return self._note(agent, found[0], self.mail.text, NO_SENDER)
        person = find_or_create_requester(
            email=agent.user.email, name=agent.user.name, now=self.now
        )
        return self._open(person, Placement(), quiet="by_hand", before=str(NO_SENDER))

    def _bounced(self) -> None:
        """Match a delivery report with the mail it is about. Raises: Settled, unless insisted.

        Edges: a report that came to the envelope's sender is about that mail. Another that names
        one must be a report by its form, or have the null sender: a stranger who writes
        "undelivered" undoes nothing.
        """
        if self.record.insisted:
            return
        sent = placing.returned_to(self.record, self.mail)
        null = self.record.envelope_from == "" or self.mail.return_path == ""
        if sent is None and (self.mail.is_report or null):
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
        ticket = sent.ticket or sides.ticket_of(sent)
        raise Settled(Fate.APPENDED if ticket is not None else Fate.REJECTED, reason, ticket)

    def _mail_that_came_back(self) -> OutboundMail | None:
        mail = self.mail
        ids = [*mail.original_message_ids, *mail.in_reply_to, *reversed(mail.references)]
        known = OutboundMail.objects.select_related("ticket")
        return known.filter(message_id__in=ids).order_by("-pk").first() if ids else None

    # — what other areas write —————————————————————————————————————————————————————————

    def _asking(self) -> AreaAsk | None:
        mail = self.mail
        return sides.answered(
            addresses=placing.recipients_of(self.record, mail),
            message_ids=list(dict.fromkeys([*mail.in_reply_to, *reversed(mail.references)])),
            body_token=mail.body_token,
        )

    def _is_the_requesters(self, author: Address, ask: AreaAsk) -> bool:
        """Say whether a mail answers the requester's thread as well, and comes from somebody who
        takes part in it: then it is theirs, whoever else is in copy.
        """
        if author.email == ask.email:
            return False
        person = self._known(author.email)
        return (
            person is not None and placing.place(self.record, self.mail, person).joins is not None
        )

    def _from_area(self, ask: AreaAsk, author: Address) -> int | None:
        """Take in what an area says, as an entry of its side conversation and of nothing else.

        Edges: a machine's answer is noted and counts for nothing. An agent who is in copy of the
            area's mails does not speak for it: what they write is a note. Whoever else is not known
            to the area is parked, unless a person insists.
        """
        self.aside = True
        record, ticket = self.record, ask.ticket
        if record.insisted:
            return self._insisted_aside(ask, author)
        if record.machine in {"auto_reply", "auto_generated"}:
            commands.record_machine(
                ticket_id=ticket.pk,
                record_id=record.pk,
                evidence=record.evidence,
                ask=ask.key,
                actor=ACTOR,
                now=self.now,
            )
            raise Settled(Fate.APPENDED, Reason.MACHINE, ticket)
        agent = placing.agent_by_address(author.email)
        if agent is not None and author.email != ask.email:
            if record.authenticity != Authenticity.PASSED:
                self._park(ticket, Reason.AGENT_UNPROVEN, ask.key)
            return self._note(agent, ticket, self.mail.text, BESIDE)
        forged = record.authenticity == Authenticity.FAILED or author != self.mail.sender
        if forged or not sides.may_speak(ask, author.email):
            self._end_the_wait(access.survivor_of(ticket), author)
            self._park(ticket, Reason.AREA_STRANGER, ask.key)
        self._area_answer(ask, author)
        return None

    def _end_the_wait(self, ticket: Ticket, author: Address) -> None:
        """End the wait for a requester's side that wrote to us, if beside an area's thread: nobody
        is to be reminded, or given up, who has spoken. Only a proven sender has.
        """
        waits = (ticket.status, ticket.waiting_for) == (Status.PENDING, WaitingFor.REQUESTER)
        person = self._known(author.email)
        proven = self.record.authenticity == Authenticity.PASSED and author == self.mail.sender
        if waits and proven and person is not None and placing.takes_part(ticket, person):
            commands.still_needed(
                ticket_id=ticket.pk, actor=actor_of_requester(person), now=self.now
            )

    def _insisted_aside(self, ask: AreaAsk, author: Address) -> int | None:
        """Take in what a person lets through: as their own words from whoever takes part in the
        case, since they never speak for an area; as the area's from anybody else.
        """
        ticket, person = access.survivor_of(ask.ticket), self._known(author.email)
        if person is None or not placing.takes_part(ticket, person):
            self._area_answer(ask, author)
            return None
        joined = self._join(ticket, person)
        if joined is not None:
            return joined
        follows = Placement(suggests=ticket, why="follow_up")
        return self._open(person, follows, quiet=self._quiet(person, follows))

    def _area_answer(self, ask: AreaAsk, author: Address) -> None:
        commands.record_area_answer(
            ask_id=ask.pk,
            written=self._written(),
            attachments=self.uploads,
            name=author.name or author.email,
            actor=ACTOR,
            now=self.now,
        )
        self.record.fate, self.record.ticket = Fate.APPENDED, ask.ticket
        self.record.reason = Reason.AREA

    # — what agents write ——————————————————————————————————————————————————————————————

    def _from_agent(self, agent: Agent, author: Address) -> int | None:
        """Take an agent's mail about a ticket: a public reply, or a note.

        Edges: only from a proven sender, since whoever forges it would speak in our name; where
        somebody insists all the same, it is a note of theirs. Without a ticket it is an ordinary
        mail, from somebody who happens to be an agent.
        """
        found = placing.agent_ticket(self.record, self.mail)
        person = self._known(author.email)
        if found is None or (person is not None and placing.takes_part(found[0], person)):
            return self._from_requester(author)
        ticket, proof = found
        desk_url = f"{settings.PLAZO.base_url}/desk/"
        answer = answers.read(self.mail, self.boxes, desk_url=desk_url)
        proven = self.record.authenticity == Authenticity.PASSED
        if self.record.insisted:
            by = agent if proven else (self.record.insisted_by or agent)
            return self._note(by, ticket, answer.text, "" if proven else UNPROVEN)
        if not proven:
            self._park(ticket, Reason.AGENT_UNPROVEN)
        if answer.is_note:
            return self._note(agent, ticket, answer.text)
        if not answers.may_be_published(answer, proof, self.mail, self.own):
            return self._note(agent, ticket, answer.text, KEPT)
        return self._reply(agent, ticket, answer.text)

    def _reply(self, agent: Agent, ticket: Ticket, text: str) -> int:
        """Send an agent's words to the requester and to those whom the notice named."""
        seen = placing.shown_until(self.mail, ticket, agent.user.email)
        shown = Participant.objects.filter(ticket=ticket, added_at__lte=seen or ticket.opened_at)
        copies = list(shown.values_list("requester_id", flat=True)) if seen else []
        try:
            event = commands.reply_to_ticket(
                ticket_id=ticket.pk,
                body=self._agents_words(text),
                attachments=self.uploads,
                copies=copies,
                actor=actor_of_agent(agent),
                now=self.now,
            )
        except PlazoError as error:
            self._refuse(ticket, error)
        self.record.fate, self.record.ticket = Fate.APPENDED, ticket
        self.record.reason = Reason.REPLY
        return int(event.payload["message"])

    def _note(
        self, agent: Agent, ticket: Ticket, text: str, words: str | Promise = ""
    ) -> int | None:
        """Keep an agent's words for the team; a note is no message, so there is no key.

        Units: `words` say beforehand what is special.
        """
        sender = self.mail.sender.email if self.mail.sender else ""
        with translation.override(agent.user.language):
            before = str(words) % {"email": sender}
        try:
            commands.add_internal_note(
                ticket_id=ticket.pk,
                body=self._agents_words(text, before),
                attachments=self.uploads,
                actor=actor_of_agent(agent),
                now=self.now,
            )
        except PlazoError as error:
            self._refuse(ticket, error)
        self.record.fate, self.record.ticket = Fate.APPENDED, ticket
        self.record.reason = Reason.NOTE
        return None

    def _agents_words(self, text: str, before: str = "") -> Written:
        with translation.override(self._language()):
            return wording.by_agent(self.mail, text, before=before)

    def _refuse(self, ticket: Ticket, error: PlazoError) -> NoReturn:
        self.record.error = kept(error, LONGEST_ERROR)
        self._park(ticket, Reason.REFUSED)

    def _park(self, ticket: Ticket, reason: Reason, ask: str = "") -> NoReturn:
        """Leave the mail in the ledger, and say on the ticket that it waits there."""
        commands.record_parked_mail(
            ticket_id=ticket.pk,
            record_id=self.record.pk,
            reason=reason,
            ask=ask,
            actor=ACTOR,
            now=self.now,
        )
        raise Settled(Fate.PARKED, reason, ticket)

    # — what everybody else writes —————————————————————————————————————————————————————

    def _requester(self, author: Address) -> Requester:
        return find_or_create_requester(
            email=author.email,
            name=author.name[:120],
            language=self._language(),
            now=self.now,
        )

    def _language(self) -> str:
        if self.mail.language in {"es", "en"}:
            return self.mail.language
        return self.mailbox.language if self.mailbox else "es"

    def _from_requester(self, author: Address) -> int | None:
        person = self._known(author.email)
        placement = placing.place(self.record, self.mail, person)
        self._stop_machines(placement, person)
        person = person if person is not None and person.name else self._requester(author)
        if person.email_confirmed_at is None and self._proves(author, person):
            confirm_address(requester_id=person.pk, now=self.now)
        if placement.joins is not None:
            joined = self._join(placement.joins, person)
            if joined is not None:
                return joined
            placement = Placement(suggests=placement.joins, why="follow_up")
        return self._open(person, placement, quiet=self._quiet(person, placement))

    def _proves(self, author: Address, person: Requester) -> bool:
        """Say whether the mail shows that whoever sent it reads the address that it names.

        Edges: a server that we trust says so; or it was sent to the reply address of a case of
            theirs, which only our mails about it carry, and nobody says that it is forged.
        """
        if self.record.machine or author != self.mail.sender:
            return False
        if self.record.authenticity == Authenticity.PASSED:
            return True
        return self.record.authenticity != Authenticity.FAILED and any(
            ticket.requester_id == person.pk
            for ticket in placing.written_to(self.record, self.mail)
        )

    def _known(self, email: str) -> Requester | None:
        return requesters_by_email(email).select_related("organization").first()

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
        """Add the mail to a ticket; None where the ticket takes nothing any more.

        Edges: where it was merged between the two reads, the mail joins what it goes on in.
        """
        if not ticket.can_be_answered(self.now):
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
            ticket.refresh_from_db(fields=["merged_into"])
            goes_on = access.survivor_of(ticket)
            if goes_on == ticket or not placing.takes_part(goes_on, person):
                return None
            return self._join(goes_on, person)
        self.record.fate, self.record.ticket = Fate.APPENDED, ticket
        return int(event.payload["message"])

    def _open(
        self, person: Requester, placement: Placement, *, quiet: str, before: str = ""
    ) -> int:
        ticket = commands.open_ticket(
            requester_id=person.pk,
            subject=self.mail.subject,
            body=self._written(before),
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
                quiet=quiet,
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
                network=brake.network_of(network.origin(self.record.remote_ip, self.mail.hops)),
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

    def _written(self, before: str = "") -> Written:
        with translation.override(self._language()):
            return wording.by_requester(
                self.mail, authenticity=self.record.authenticity, before=before
            )

    def _others(self, person: Requester) -> Sequence[int]:
        """Return the people in To and Cc besides the sender and ourselves.

        Edges: beside an area's thread they are the area's, and take no part in the case. Agents
        take part by signing in, so they are no participants; nor is a list of hundreds, which
        nobody wants to write to.
        """
        people: list[int] = []
        if self.aside:
            return people
        for address in (*self.mail.to, *self.mail.cc)[:MOST_PARTICIPANTS]:
            if self._is_ours(address.email) or address.email == person.email:
                continue
            if placing.agent_by_address(address.email) is not None:
                continue
            other = find_or_create_requester(
                email=address.email,
                name=address.name[:120],
                language=person.language,
                now=self.now,
            )
            people.append(other.pk)
        return people
