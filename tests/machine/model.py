"""What the machine believes of its cases: plain values, kept beside the desk and never from it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

OVER = ("solved", "closed")
LONGEST_PAUSE = timedelta(days=7)
REOPENS = timedelta(days=7)
# Whom a status may follow, as the desk's guide says it.
MAY_FOLLOW = {
    "new": {"open", "pending", "on_hold", "solved"},
    "open": {"pending", "on_hold", "solved"},
    "pending": {"pending", "open", "on_hold", "solved"},
    "on_hold": {"open", "pending", "solved"},
    "solved": {"open", "closed"},
    "closed": set(),
}


@dataclass
class Promise:
    """Somebody's word, and by which sending of which reply it was kept."""

    kind: str
    by: datetime
    owner: int | None
    state: str = "open"
    kept_by: tuple[int, int] | None = None
    kept_at: datetime | None = None
    came_back: bool = False


@dataclass
class Asking:
    """What an area was asked: `answers` are those that stand."""

    pk: int
    area: str
    answers: list[int] = field(default_factory=list)
    received: bool = False
    withdrawn: bool = False

    @property
    def awaited(self) -> bool:
        return not self.answers and not self.withdrawn


@dataclass
class Rung:
    """The step that rings: since when, and what for."""

    step: int
    at: datetime
    climbed: bool
    answered: bool
    keys: set[str]


@dataclass(eq=False)
class Case:
    """A case as the machine knows it."""

    pk: int
    number: str
    requester: str
    opened_at: datetime
    channel: str
    requested: str = ""
    receipts: tuple[int, int] = (1, 1)
    from_machine: bool = False
    status: str = "new"
    waiting_for: str = ""
    level: int = 1
    severity: str = ""
    assignee: int | None = None
    group: int | None = None
    tags: set[str] = field(default_factory=set)
    verdict: str = ""
    verdict_at: datetime | None = None
    details: tuple[str, str, str] = ("", "", "")
    public: list[int] = field(default_factory=list)
    said_by: dict[int, str] = field(default_factory=dict)
    sendings: dict[int, list[tuple[datetime, bool]]] = field(default_factory=dict)
    promises: dict[str, Promise] = field(default_factory=dict)
    asks: dict[str, Asking] = field(default_factory=dict)
    people: set[str] = field(default_factory=set)
    into: "Case | None" = None
    merged_at: datetime | None = None
    before_merge: tuple[str, str] = ("", "")
    solved_at: datetime | None = None
    solves: list[datetime] = field(default_factory=list)
    joined: bool = False  # merged, absorbed or split off once: its clocks have other beginnings
    rung: Rung | None = None
    wait_began: datetime | None = None
    waited: timedelta = timedelta()
    # What was looked at already, and the verdicts that were sealed by then.
    seen: int = 0
    head: str = ""
    sealed: dict[str, Any] = field(default_factory=dict)
    met: set[tuple[str, datetime]] = field(default_factory=set)
    was_met: set[tuple[str, datetime]] = field(default_factory=set)
    told: set[tuple[str, str, str]] = field(default_factory=set)

    # — what follows from it —————————————————————————————————————————————————————

    @property
    def over(self) -> bool:
        return self.status in OVER

    @property
    def closed(self) -> bool:
        return self.status == "closed"

    @property
    def answered_at(self) -> datetime | None:
        """Return when the first reply went out that stands."""
        return min(
            (at for each in self.sendings.values() for at, failed in each if not failed),
            default=None,
        )

    @property
    def owed(self) -> dict[str, str]:
        return {key: each.kind for key, each in self.promises.items() if each.state == "open"}

    def everybody(self) -> list[str]:
        return [self.requester, *sorted(self.people)]

    def survivor(self) -> "Case":
        return self if self.into is None else self.into.survivor()

    def can_be_answered(self, now: datetime) -> bool:
        if self.status == "solved":
            assert self.solved_at is not None
            return now <= self.solved_at + REOPENS
        return not self.closed

    def is_paused(self, now: datetime) -> bool:
        began = self.wait_began
        return began is not None and self.waited + (now - began) < LONGEST_PAUSE

    # — what is done to it ———————————————————————————————————————————————————————

    def change(self, status: str, now: datetime, waiting_for: str = "") -> None:
        """Put it in a status: a wait ends or begins; solving keeps what was promised."""
        self.end_wait(now)
        if self.status == "solved" and status == "open":
            self.solved_at = None
        self.status, self.waiting_for = status, waiting_for if status == "pending" else ""
        if status == "pending" and waiting_for == "requester":
            self.wait_began = now
        if status == "solved":
            self.solved_at = now
            self.solves.append(now)
            for promise in self.promises.values():
                if promise.state == "open":
                    promise.state, promise.kept_by = "kept", None

    def end_wait(self, now: datetime) -> None:
        if self.wait_began is not None:
            self.waited += now - self.wait_began
            self.wait_began = None

    def requester_spoke(self, now: datetime) -> None:
        if self.status in {"solved", "pending"}:
            self.change("open", now)
        self.waited = timedelta()

    def acted(self, now: datetime) -> None:
        """Somebody of the requester's side did something without a word."""
        if self.status == "pending" and self.waiting_for == "requester":
            self.change("open", now)

    def replied(self, message: int, now: datetime) -> None:
        self.public.append(message)
        self.sendings[message] = [(now, False)]
        self.brings_updates(message, 1, now)
        if self.status == "new":
            self.change("open", now)

    def brings_updates(self, message: int, attempt: int, now: datetime) -> None:
        for promise in self.promises.values():
            if promise.state == "open" and promise.kind == "update":
                promise.state, promise.kept_by = "kept", (message, attempt)
                promise.kept_at = now

    def failed(self, message: int, attempt: int) -> None:
        """A sending did not arrive: what it had kept is owed again, unless solving kept it."""
        at, _known = self.sendings[message][attempt - 1]
        self.sendings[message][attempt - 1] = (at, True)
        for promise in self.promises.values():
            if promise.kept_by == (message, attempt):
                assert promise.kept_at is not None
                if any(at >= promise.kept_at for at in self.solves):
                    promise.kept_by = None
                else:
                    promise.state = "dropped" if self.into else "open"
                    promise.came_back = True

    def sent_again(self, message: int, now: datetime) -> None:
        attempt = len(self.sendings[message]) + 1
        self.sendings[message].append((now, False))
        for promise in self.promises.values():
            mine = promise.kept_by is not None and promise.kept_by[0] == message
            if promise.state == "open" and mine:
                promise.state, promise.kept_by = "kept", (message, attempt)
                promise.kept_at = now
