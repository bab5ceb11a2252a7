"""Whose turn it is: weekly turns in local wall time.

A turn is a stretch of the wall clock, from a weekday and an hour to the same a week later, so it
does not move when clocks change: a week with a change in it is an hour longer or shorter.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from plazo.core import localtime

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Turn:
    """One person's turn, `[begins_at, ends_at)`. Units: instants are UTC; `agent` is a key."""

    agent: int
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Turns:
    """A rota as a value: who takes turns, from which day and hour on, in which zone.

    Units: `gone` are those of `agents` who have left the team. Whoever comes next in the order
        takes their turns, and nobody else's turn moves by it.
    """

    zone: str
    begins_on: date
    hands_over_at: time
    agents: Sequence[int]
    gone: Collection[int] = ()

    def turn_at(self, at: datetime) -> Turn | None:
        """Return the turn that runs at an instant; None without members, or once all are gone.

        Edges: before the first turn the members took turns as they will after it, so a rota
            covers all time. At the handover itself the new turn runs.
        """
        if set(self.agents) <= set(self.gone):
            return None
        days = (localtime.local(at, self.zone).date() - self.begins_on).days
        number = days // 7
        if self._begins(number) > at:
            number -= 1
        elif self._begins(number + 1) <= at:
            number += 1
        return self._turn(number)

    def turns_between(self, begins_at: datetime, ends_at: datetime) -> list[Turn]:
        """Return the turns that touch `[begins_at, ends_at)`, in order."""
        found: list[Turn] = []
        turn = self.turn_at(begins_at)
        while turn is not None and turn.begins_at < ends_at:
            found.append(turn)
            turn = self.turn_at(turn.ends_at)
        return found

    def _turn(self, number: int) -> Turn:
        place = number % len(self.agents)
        order = (*self.agents[place:], *self.agents[:place])
        agent = next(each for each in order if each not in self.gone)
        return Turn(agent, self._begins(number), self._begins(number + 1))

    def _begins(self, number: int) -> datetime:
        day = self.begins_on + number * WEEK
        return localtime.utc(datetime.combine(day, self.hands_over_at), self.zone)
