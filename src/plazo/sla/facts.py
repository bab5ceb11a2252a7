"""Facts: what happened to a ticket, as the core needs to know it.

Every fact carries the UTC instant at which it happened. Facts are given to `evaluate` in the
order of the timeline; their instants never go back.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from plazo.sla.calendar import micros_of

# Stands for "not said": the fields of a fact have defaults because those of its base have none.
LATEST = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened at an instant."""

    at: datetime

    def __post_init__(self) -> None:
        micros_of(self.at)


@dataclass(frozen=True, slots=True)
class Opened(Fact):
    """The ticket began. What policies are chosen by is sealed here."""

    service: str | None = None
    stage: str | None = None
    organization: str | None = None
    level: int = 1
    severity: str | None = None


@dataclass(frozen=True, slots=True)
class Acknowledged(Fact):
    """The automatic receipt went out. It starts and stops nothing."""


@dataclass(frozen=True, slots=True)
class RepliedPublicly(Fact):
    """An agent answered where the requester can read it. `reply` names it."""

    reply: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryFailed(Fact):
    """A reply will never reach the requester: it counts as never sent."""

    reply: str = ""


@dataclass(frozen=True, slots=True)
class RequesterSpoke(Fact):
    """The requester said something, through whichever channel. Ends a pause."""


@dataclass(frozen=True, slots=True)
class Paused(Fact):
    """We wait for somebody, and cannot go on without them."""

    reason: str = ""
    waiting_for: str = ""


@dataclass(frozen=True, slots=True)
class Resumed(Fact):
    """We go on, although the requester did not speak."""


@dataclass(frozen=True, slots=True)
class SeveritySet(Fact):
    """The impact was judged, or judged anew."""

    severity: str = ""


@dataclass(frozen=True, slots=True)
class LevelEntered(Fact):
    """A functional escalation: the ticket is now worked at this level."""

    level: int = 2


@dataclass(frozen=True, slots=True)
class VerdictGiven(Fact):
    """Somebody decided whether the ticket is in scope, or out by which clause."""

    in_scope: bool = True
    clause: str | None = None


@dataclass(frozen=True, slots=True)
class PromiseMade(Fact):
    """A person gave their word: a solution, or the next update, by an instant."""

    promise: str = ""
    kind: Literal["solution", "update"] = "update"
    by: datetime = LATEST

    def __post_init__(self) -> None:
        Fact.__post_init__(self)
        micros_of(self.by)


@dataclass(frozen=True, slots=True)
class PromiseMoved(Fact):
    """The word was changed to another instant, with a reason that the requester sees."""

    promise: str = ""
    by: datetime = LATEST
    reason: str = ""

    def __post_init__(self) -> None:
        Fact.__post_init__(self)
        micros_of(self.by)


@dataclass(frozen=True, slots=True)
class PromiseKept(Fact):
    """What was promised was done; `reply` names the sending that did it, where one did."""

    promise: str = ""
    reply: str = ""


@dataclass(frozen=True, slots=True)
class AreaAsked(Fact):
    """Another area was asked for something: `ask` names the asking, `area` whom."""

    ask: str = ""
    area: str = ""


@dataclass(frozen=True, slots=True)
class AreaAnswered(Fact):
    """The area answered what it was asked; `answer` names it. Its receipt is no answer."""

    ask: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True)
class AreaAnswerSetAside(Fact):
    """What was taken for an answer is none: it counts as never given."""

    ask: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True)
class AreaWithdrawn(Fact):
    """The area need not answer any more."""

    ask: str = ""


@dataclass(frozen=True, slots=True)
class Solved(Fact):
    """We gave a solution, or ended the case in another way that the requester is told."""


@dataclass(frozen=True, slots=True)
class Reopened(Fact):
    """The solution did not hold; the requester said so, or we saw it ourselves.

    `undone` says that it never was one: solving was a slip, taken back.
    """

    by_requester: bool = False
    undone: bool = False


@dataclass(frozen=True, slots=True)
class Closed(Fact):
    """The ticket is ended for good."""


@dataclass(frozen=True, slots=True)
class Merged(Fact):
    """This ticket was absorbed by another, which carries its duties on."""

    into: str = ""


@dataclass(frozen=True, slots=True)
class Absorbed(Fact):
    """This ticket took another one in.

    `waiting_since` is the instant since which the other's requester awaited our word, or None
    if we owed them nothing; `unanswered` says that it was the other's first reply. The other's
    reply at level 2 was owed since `escalated_since`, or not at all.
    """

    other: str = ""
    waiting_since: datetime | None = None
    unanswered: bool = False
    escalated_since: datetime | None = None

    def __post_init__(self) -> None:
        Fact.__post_init__(self)
        for since in (self.waiting_since, self.escalated_since):
            if since is not None:
                micros_of(since)


@dataclass(frozen=True, slots=True)
class Unmerged(Fact):
    """The merge was taken back: this ticket stands on its own again.

    `answered_at` is when its requester was answered on the other one, or None.
    """

    answered_at: datetime | None = None

    def __post_init__(self) -> None:
        Fact.__post_init__(self)
        if self.answered_at is not None:
            micros_of(self.answered_at)


@dataclass(frozen=True, slots=True)
class Released(Fact):
    """The ticket that this one had taken in stands on its own again."""

    other: str = ""
