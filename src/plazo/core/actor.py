"""Who caused something: every command takes an actor, and the system is one too."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class ActorKind(StrEnum):
    """The four kinds of author a timeline knows."""

    AGENT = "agent"
    REQUESTER = "requester"
    SYSTEM = "system"
    TRIGGER = "trigger"


@dataclass(frozen=True, slots=True)
class Actor:
    """The author of an event: its kind, its row where it has one, and its name at that time.

    Edges: `id` is the primary key of the Agent or the Requester; of a trigger it is the run of
        its rule, and the system has none. `name` is kept with the event, so a later renaming
        changes no history.
    """

    kind: ActorKind
    id: int | None
    name: str

    @classmethod
    def system(cls, name: str) -> Self:
        """Return the actor for work that nobody asked for, such as the sweep's."""
        return cls(ActorKind.SYSTEM, None, name)

    @classmethod
    def trigger(cls, name: str, run: int | None = None) -> Self:
        """Return the actor for what a rule of the team's own does by itself, in one of its runs."""
        return cls(ActorKind.TRIGGER, run, name)
