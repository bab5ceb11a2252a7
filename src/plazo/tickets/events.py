"""What can happen to a ticket: one payload class for each kind of event, with its duties.

A kind is a stable, dotted key in the past tense; it is never reused. A payload holds keys and
numbers, never labels or translated text, and points to bodies by their row: the fact stays when a
body must be erased. docs/timeline.md is checked against this registry.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from plazo.core.localtime import iso
from plazo.sla import Metric, facts

PUBLIC: Literal["public"] = "public"
INTERNAL: Literal["internal"] = "internal"

EventFact = facts.Fact | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The base of all payloads. Every class says who may see it and what is personal in it."""

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    audience: ClassVar[Literal["public", "internal"]]
    label: ClassVar[str | Promise]
    personal: ClassVar[str]
    names: ClassVar[tuple[str, ...]]
    instants: ClassVar[tuple[str, ...]]

    def to_json(self) -> dict[str, Any]:
        """Return plain values: instants in ISO 8601, UTC."""
        values = {name: getattr(self, name) for name in self.names}
        for name in self.instants:
            values[name] = iso(values[name])
        return values

    def seen_by(self) -> Literal["public", "internal"]:
        """Return who may see this one: never more than may see its kind."""
        return self.audience

    def to_fact(self, at: datetime) -> EventFact:
        """Return what the SLA core must know of it, or None."""
        return None


P = TypeVar("P", bound=type[Payload])
REGISTRY: dict[str, type[Payload]] = {}

NOTHING = "nothing: keys and numbers only"
# `digest` is of what was said, the words and files; `seal` of all that people see of it. Events
# from before there were seals have none.
BODY = "the body is a row of its own, erased there; the digest and the seal stay"


def event(
    kind: str, audience: Literal["public", "internal"], label: str | Promise, personal: str
) -> Callable[[P], P]:
    """Register a payload class under its kind, with its duties."""

    def register(cls: P) -> P:
        if kind in REGISTRY:
            raise ValueError(f"two payloads of kind {kind}")
        cls.kind, cls.audience, cls.label, cls.personal = kind, audience, label, personal
        cls.names = tuple(field.name for field in fields(cls))
        cls.instants = tuple(f.name for f in fields(cls) if f.type in (datetime, "datetime"))
        REGISTRY[kind] = cls
        return cls

    return register


def from_json(kind: str, payload: dict[str, Any]) -> Payload:
    """Read a stored payload back into its class."""
    cls = REGISTRY[kind]
    if not cls.instants:
        return cls(**payload)
    read = {name: datetime.fromisoformat(payload[name]) for name in cls.instants}
    return cls(**payload | read)


@event("ticket.opened", PUBLIC, _("Case opened"), BODY)
@dataclass(frozen=True, slots=True, kw_only=True)
class TicketOpened(Payload):
    """The ticket began. What the policy is chosen by is sealed here, with the version."""

    requester: int
    organization: str | None
    stage: str | None
    service: str
    environment: str
    request_type: str
    channel: str
    requested_severity: str
    group: int | None
    agreement: str
    agreement_version: int
    message: int
    digest: str
    seal: str = ""
    # Whether the sender's address was proven to be theirs: only then is their text sent back.
    verified: bool = False
    # Why no receipt is sent, as a key; empty where one is.
    quiet: str = ""
    # Keys of the form's further questions that were answered; the answers are rows of their own.
    fields: list[str] = field(default_factory=list)
    # Why the client is not entitled, as a key; the clause that the form pointed to and what the
    # person answered to it; the article and the announcement that they came from.
    entitlement: str = ""
    clause: str = ""
    answer: Literal["", "pass_on", "technical"] = ""
    article: str = ""
    announcement: str = ""
    # Which of our own people asked for it, as a key of their role; who that is, is a row.
    asked_by: str = ""

    def to_fact(self, at: datetime) -> EventFact:
        return facts.Opened(at, self.service, self.stage, self.organization)


@event("ticket.acknowledged", PUBLIC, _("Receipt sent"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class TicketAcknowledged(Payload):
    """The mail server took the automatic receipt. It is no reply."""

    mail: int

    def to_fact(self, at: datetime) -> EventFact:
        return facts.Acknowledged(at)


@event("ticket.replied", PUBLIC, _("Public reply"), BODY)
@dataclass(frozen=True, slots=True, kw_only=True)
class TicketReplied(Payload):
    """An agent answered the requester, with copies to participants (keys of people)."""

    message: int
    digest: str
    copies: list[int] = field(default_factory=list)
    seal: str = ""

    def to_fact(self, at: datetime) -> EventFact:
        return facts.RepliedPublicly(at, str(self.message))


@event("ticket.answered", PUBLIC, _("Automatic answer sent"), BODY)
@dataclass(frozen=True, slots=True, kw_only=True)
class TicketAnswered(Payload):
    """A rule of the team's own wrote to the requester. As with a receipt, it is no reply."""

    message: int
    digest: str
    seal: str = ""


@event("requester.replied", PUBLIC, _("The requester wrote"), BODY)
@dataclass(frozen=True, slots=True, kw_only=True)
class RequesterReplied(Payload):
    """The requester said something, through whichever channel."""

    message: int
    digest: str
    channel: str
    seal: str = ""

    def to_fact(self, at: datetime) -> EventFact:
        return facts.RequesterSpoke(at)


@event("note.added", INTERNAL, _("Internal note"), BODY)
@dataclass(frozen=True, slots=True, kw_only=True)
class NoteAdded(Payload):
    """An agent told the others something, and named some of them (keys of agents)."""

    note: int
    digest: str
    seal: str = ""
    mentions: list[int] = field(default_factory=list)


@event("participant.added", PUBLIC, _("Takes part"), "the person's key; erased with the person")
@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantAdded(Payload):
    """Somebody else takes part from here on: they were in copy, wrote, or were added by hand."""

    person: int
    # Added by hand, and so told of it; whoever was in copy knows.
    told: bool = False


@event(
    "participant.removed",
    PUBLIC,
    _("Takes no part any more"),
    "the person's key; erased with the person",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantRemoved(Payload):
    """Somebody takes no part any more: no copies, and no sight of the case."""

    person: int


@event("ticket.related", INTERNAL, _("May belong together"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRelated(Payload):
    """Another ticket belongs to this one: it follows it up, or a mail pointed to it without the
    right to join it.

    Edges: a follow-up is told on both; the newer one follows. So is every link that an agent makes:
        `problem` says that the other is the problem of which this is an incident, `incident` the
        converse; `duplicate_of` and `duplicate` likewise, `split_from` and `split_off`.
    """

    ticket: int
    number: str
    why: Literal[
        "subject",
        "stranger",
        "follow_up",
        "merged",
        "related",
        "problem",
        "incident",
        "duplicate_of",
        "duplicate",
        "split_from",
        "split_off",
    ]
    # The message that was split off, in the row where it was written.
    message: int | None = None


@event("ticket.unrelated", INTERNAL, _("Link removed"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class TicketUnrelated(Payload):
    """A link with another ticket was taken off."""

    ticket: int
    number: str
    why: str


@event("machine.wrote", INTERNAL, _("Automatic answer"), "the text is in the mail ledger alone")
@dataclass(frozen=True, slots=True, kw_only=True)
class MachineWrote(Payload):
    """An out-of-office note or the like arrived. It is nobody's word and moves no clock."""

    record: int
    evidence: str
    # The asking whose area's machine it was; empty for the requester's side.
    ask: str = ""


@event("mail.parked", INTERNAL, _("A mail was kept back"), "the text is in the mail ledger alone")
@dataclass(frozen=True, slots=True, kw_only=True)
class MailParked(Payload):
    """A mail about this ticket was not taken in: a person must look at it. It moves no clock."""

    record: int
    reason: str
    # The asking of an area that it claims to answer; empty for any other mail.
    ask: str = ""


@event("reply.delivery_failed", INTERNAL, _("Reply not delivered"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyDeliveryFailed(Payload):
    """A reply will never arrive: the clocks stand as if it had not been sent."""

    message: int
    reason: str
    attempt: int = 1

    def to_fact(self, at: datetime) -> EventFact:
        return facts.DeliveryFailed(at, _sending(self.message, self.attempt))


@event(
    "reply.refused", INTERNAL, _("Reply not sent"), "the agent's key; erased with the agent's name"
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyRefused(Payload):
    """A reply that waited was refused when its moment came. Its words went back to its author."""

    agent: int


@event("reply.sent_again", PUBLIC, _("Reply sent again"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class ReplySentAgain(Payload):
    """A reply that had not arrived was sent once more: it is a reply from here on."""

    message: int
    attempt: int

    def to_fact(self, at: datetime) -> EventFact:
        return facts.RepliedPublicly(at, _sending(self.message, self.attempt))


def _sending(message: int, attempt: int) -> str:
    """Return the key of one sending of a reply, by which a failure names it."""
    return str(message) if attempt == 1 else f"{message}/{attempt}"


@event("ticket.assigned", INTERNAL, _("Assigned"), "the agent's key; erased with the agent's name")
@dataclass(frozen=True, slots=True, kw_only=True)
class TicketAssigned(Payload):
    """The ticket was given to an agent, a group, or nobody."""

    agent: int | None
    group: int | None


IMPACT = "the impact's words are a row of their own, erased there; the digest stays"


@event("severity.set", PUBLIC, _("Severity set"), IMPACT)
@dataclass(frozen=True, slots=True, kw_only=True)
class SeveritySet(Payload):
    """The impact was judged."""

    severity: str
    previous: str
    # The row of the words that it rests on, and their digest.
    impact: int | None = None
    impact_digest: str = ""

    def to_fact(self, at: datetime) -> EventFact:
        return facts.SeveritySet(at, self.severity)


@event("level.entered", PUBLIC, _("Level entered"), IMPACT)
@dataclass(frozen=True, slots=True, kw_only=True)
class LevelEntered(Payload):
    """A functional escalation to another support level."""

    level: int
    previous: int
    group: int | None
    impact: int | None = None
    impact_digest: str = ""

    def to_fact(self, at: datetime) -> EventFact:
        return facts.LevelEntered(at, self.level)


@event("status.changed", PUBLIC, _("Status changed"), "the reason, written by an agent")
@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged(Payload):
    """The ticket is in another status. Pending says whom we wait for, and why."""

    status: str
    previous: str
    waiting_for: str = ""
    reason: str = ""

    def to_fact(self, at: datetime) -> EventFact:
        if self.status == "solved":
            return facts.Solved(at)
        if self.status == "closed":
            return facts.Closed(at)
        if self.status == "pending" and self.waiting_for == "requester":
            return facts.Paused(at, self.reason, self.waiting_for)
        if self.previous == "pending":
            return facts.Resumed(at)
        return None


@event("ticket.reopened", PUBLIC, _("Case reopened"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class TicketReopened(Payload):
    """The solution did not hold; the ticket is open again.

    `undone` says that solving it was a slip, taken back at once.
    """

    previous: str
    by_requester: bool = False
    undone: bool = False

    def to_fact(self, at: datetime) -> EventFact:
        return facts.Reopened(at, self.by_requester, self.undone)


@event("verdict.given", PUBLIC, _("Scope verdict"), "why, written by an agent for agents")
@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictGiven(Payload):
    """Somebody decided whether the ticket is in scope, or out by which clause.

    What was proposed to them goes with it, so that proposals can be measured: a verdict, who
    proposed it, and the keys of the rules or of the model that it rested on.
    """

    in_scope: bool
    clause: str | None = None
    why: str = ""
    suggested: str = ""
    suggested_by: Literal["", "rules", "model"] = ""
    evidence: list[str] = field(default_factory=list)

    def to_fact(self, at: datetime) -> EventFact:
        return facts.VerdictGiven(at, self.in_scope, self.clause)


OWNER = "the owner's key; erased with the agent's name"


@event("promise.made", PUBLIC, _("Promise made"), OWNER)
@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseMade(Payload):
    """A person gave their word: a solution or an update by an instant."""

    promise: str
    promised: Literal["solution", "update"]
    by: datetime
    # Who answers for it, as the key of an agent.
    owner: int | None = None

    def to_fact(self, at: datetime) -> EventFact:
        return facts.PromiseMade(at, self.promise, self.promised, self.by)


@event("promise.moved", PUBLIC, _("Promise moved"), "the reason, written by an agent")
@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseMoved(Payload):
    """A promise was given another instant."""

    promise: str
    by: datetime
    reason: str

    def to_fact(self, at: datetime) -> EventFact:
        return facts.PromiseMoved(at, self.promise, self.by, self.reason)


@event("promise.kept", PUBLIC, _("Promise kept"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseKept(Payload):
    """What was promised was done; by which sending of which reply, where a reply did it.

    `rests_on` seals the verdict: see `promising.seal_of_verdict`. Events from before have none.
    """

    promise: str
    message: int | None = None
    attempt: int = 1
    late: bool = False
    rests_on: str = ""

    def to_fact(self, at: datetime) -> EventFact:
        sending = "" if self.message is None else _sending(self.message, self.attempt)
        return facts.PromiseKept(at, self.promise, sending)


@event("promise.broken", INTERNAL, _("Promise broken"), OWNER)
@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseBroken(Payload):
    """The instant of a promise passed and what was promised was not done.

    `by` is that instant, `rests_on` the seal of the verdict. The clock breached by itself.
    """

    promise: str
    by: datetime
    owner: int | None = None
    rests_on: str = ""


@event("promise.handed", INTERNAL, _("Promise handed over"), OWNER)
@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseHanded(Payload):
    """Somebody else answers for a promise from here on."""

    promise: str
    owner: int


@event("requester.reminded", PUBLIC, _("Reminder sent"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class RequesterReminded(Payload):
    """The requester was reminded that we wait for them: which reminder, of how many."""

    number: int
    of: int


@event("requester.silent", PUBLIC, _("No answer came"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class RequesterSilent(Payload):
    """We waited for the requester as long as the agreement says; the case is solved with it."""

    since: datetime
    reminders: int


@event("help.still_needed", PUBLIC, _("Help is still needed"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class HelpStillNeeded(Payload):
    """The requester said by a click that they still wait for us. It is a word of theirs."""

    def to_fact(self, at: datetime) -> EventFact:
        return facts.RequesterSpoke(at)


@event("solution.confirmed", PUBLIC, _("Solution confirmed"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class SolutionConfirmed(Payload):
    """The requester said that it is solved indeed."""


@event("outcome.set", INTERNAL, _("Cause and solution"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeSet(Payload):
    """What it was, and how it was solved: keys of the team's own lists, or empty."""

    cause: str
    solution: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockMoment(Payload):
    """A moment of a clock: which, under which severity, and its true instant."""

    key: str
    metric: str
    severity: str | None
    instant: datetime

    def seen_by(self) -> Literal["public", "internal"]:
        """Edges: what another area owes us is nothing that a requester was promised."""
        return INTERNAL if self.metric == Metric.AREA_REPLY else self.audience


@event("clock.at_risk", INTERNAL, _("Deadline at risk"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class ClockAtRisk(ClockMoment):
    """A running clock spent its warning share."""


@event("clock.breached", PUBLIC, _("Deadline missed"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class ClockBreached(ClockMoment):
    """A deadline passed undone."""


@event("escalation.requested", PUBLIC, _("The requester escalated"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationRequested(Payload):
    """Level 1 was late, and the requester climbed: which clocks, late since when, and what they
    said with it.
    """

    keys: list[str]
    late_since: datetime
    message: int | None = None


@event("ladder.rang", INTERNAL, _("The ladder rang"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class LadderRang(Payload):
    """A step of the ladder was rung: why, when it was due, and which agents it rang.

    `keys` are the clocks that called for it; with none the requester climbed. `level` is the one
    at which the ticket was.
    """

    step: int
    cause: str
    instant: datetime
    level: int
    keys: list[str] = field(default_factory=list)
    agents: list[int] = field(default_factory=list)


@event("ladder.answered", INTERNAL, _("Somebody has it"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class LadderAnswered(Payload):
    """Somebody said "I have it": the ladder is silent until something calls for it anew.

    `by` is how: in the desk or by the link of the mail. `contact` is which contact of the agreement
    spoke, where it was none of our agents.
    """

    step: int
    by: Literal["desk", "link"]
    agent: int | None = None
    contact: int | None = None


@event("ladder.settled", INTERNAL, _("The ladder is silent"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class LadderSettled(Payload):
    """What the ladder rang for was done, or needs no doing any more, before anybody answered."""

    step: int


@event("ticket.rated", PUBLIC, _("Service rated"), "the words are a row of its own, erased there")
@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRated(Payload):
    """The requester said what they think of the service. A later rating takes its place."""

    rating: int
    score: int
    digest: str


@event("tags.changed", INTERNAL, _("Tags changed"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class TagsChanged(Payload):
    """Words by which agents find the ticket again were put on it or taken off."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


@event("ticket.classified", INTERNAL, _("Details corrected"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class TicketClassified(Payload):
    """Service, environment and type of request are others than were said when it was opened.

    The policy was chosen by what was said then, and stays (decision 43).
    """

    service: str
    environment: str
    request_type: str


@event("fields.set", INTERNAL, _("Fields filled in"), "the values are rows of their own")
@dataclass(frozen=True, slots=True, kw_only=True)
class FieldsSet(Payload):
    """Further details of the case were filled in: which ones, and the digest of all of them."""

    fields: list[str]
    values_digest: str


@event("ticket.merged", INTERNAL, _("Merged into another case"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class TicketMerged(Payload):
    """This ticket was absorbed by another, which carries its duties on."""

    into: str
    ticket: int | None = None

    def to_fact(self, at: datetime) -> EventFact:
        return facts.Merged(at, self.into)


@event(
    "ticket.absorbed",
    INTERNAL,
    _("Took another case in"),
    "the keys of people who take part by it; erased with the person",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class TicketAbsorbed(Payload):
    """This ticket took another one in, with those that the other had taken in before.

    `waiting_since` and `escalated_since` are instants in ISO 8601, or empty: since when the
    other's requester awaited our word, and its reply at level 2.
    """

    ticket: int
    number: str
    carried: list[int] = field(default_factory=list)
    people: list[int] = field(default_factory=list)
    waiting_since: str = ""
    unanswered: bool = False
    escalated_since: str = ""

    def to_fact(self, at: datetime) -> EventFact:
        return facts.Absorbed(
            at,
            self.number,
            _instant(self.waiting_since),
            self.unanswered,
            _instant(self.escalated_since),
        )


@event("ticket.unmerged", INTERNAL, _("Merge undone"), "the reason of a wait, written by an agent")
@dataclass(frozen=True, slots=True, kw_only=True)
class TicketUnmerged(Payload):
    """This ticket stands on its own again, as it stood before it was merged away.

    `answered_at` is when its requester was answered on the other one, or empty.
    """

    ticket: int
    number: str
    status: str
    waiting_for: str = ""
    reason: str = ""
    answered_at: str = ""

    def to_fact(self, at: datetime) -> EventFact:
        return facts.Unmerged(at, _instant(self.answered_at))


@event("ticket.released", INTERNAL, _("Set another case free"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class TicketReleased(Payload):
    """The ticket that this one had taken in stands on its own again."""

    ticket: int
    number: str

    def to_fact(self, at: datetime) -> EventFact:
        return facts.Released(at, self.number)


def _instant(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SideMessage(Payload):
    """Something that was said in the side conversation of an asking."""

    ask: str
    side: int
    digest: str
    seal: str


@event("area.asked", INTERNAL, _("Another area was asked"), BODY)
@dataclass(frozen=True, slots=True, kw_only=True)
class AreaAsked(SideMessage):
    """Another area was asked, with the severity and these messages of the case (their keys).

    `route` says whether it went to the area itself, to the client's own representative, or to
    another address; `consent` whether the customer agreed to be contacted directly.
    """

    area: str
    route: Literal["area", "representative", "address"]
    clause: str
    severity: str
    consent: Literal["yes", "no", "unknown"]
    shared: list[int]

    def to_fact(self, at: datetime) -> EventFact:
        return facts.AreaAsked(at, self.ask, self.area)


@event("area.written", INTERNAL, _("Written to the area"), BODY)
@dataclass(frozen=True, slots=True, kw_only=True)
class AreaWritten(SideMessage):
    """An agent wrote to the area once more, in the same thread."""


@event("area.answered", INTERNAL, _("The area answered"), BODY)
@dataclass(frozen=True, slots=True, kw_only=True)
class AreaAnswered(SideMessage):
    """The area said something: by mail, or to an agent who wrote it down."""

    by_hand: bool = False

    def to_fact(self, at: datetime) -> EventFact:
        return facts.AreaAnswered(at, self.ask, str(self.side))


@event("area.answer_set_aside", INTERNAL, _("No answer yet"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class AreaAnswerSetAside(Payload):
    """What the area wrote was no answer: it only said that it has the question."""

    ask: str
    answer: int

    def to_fact(self, at: datetime) -> EventFact:
        return facts.AreaAnswerSetAside(at, self.ask, str(self.answer))


@event("area.received", INTERNAL, _("The area has it"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class AreaReceived(Payload):
    """The area said that it has the question. It is no answer."""

    ask: str


@event("area.reminded", INTERNAL, _("The area was reminded"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class AreaReminded(Payload):
    """The area was reminded, for the `number`th time: of what is due soon, or is late."""

    ask: str
    number: int
    why: Literal["warning", "late"]


@event("area.withdrawn", INTERNAL, _("Question withdrawn"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class AreaWithdrawn(Payload):
    """The area need not answer any more."""

    ask: str

    def to_fact(self, at: datetime) -> EventFact:
        return facts.AreaWithdrawn(at, self.ask)


@event("area.undelivered", INTERNAL, _("Not delivered to the area"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class AreaUndelivered(Payload):
    """A mail to the area will never arrive; which one, by its key."""

    ask: str
    mail: int
    reason: str


@event("ticket.redacted", INTERNAL, _("Text erased"), NOTHING)
@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRedacted(Payload):
    """A body was erased as the law asks. The fact that it was written stays."""

    message: int | None = None
    note: int | None = None
    rating: int | None = None
    side: int | None = None
    impact: int | None = None


# Named sets, in place of conditions scattered over the code.
COUNTS_AS_REPLY = frozenset({TicketReplied.kind})
ALARMS = {"at_risk": ClockAtRisk, "breached": ClockBreached}
SHOWN_IN_CONVERSATION = frozenset(REGISTRY) - {NoteAdded.kind}
