"""The machine's world: a team, two companies, a mailbox, the post that they send by, and a plain
count of open minutes. Nothing of it asks the code under test what is right.
"""

import logging
import smtplib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from plazo.accounts.access import actor_of_agent, actor_of_requester
from plazo.accounts.models import Agent, Group, Requester, Role, User
from plazo.core.actor import Actor
from plazo.mailboxes.models import Mailbox
from tests.factory import publish_iws
from tests.mails import a_mailbox
from tests.oracle import MINUTE, MinuteOracle, Rules
from tests.people import a_person

# Thursday 19 November 2026, midnight in UTC; examples begin in the week after.
FIRST = datetime(2026, 11, 19, tzinfo=UTC)
DAYS = 90
LAST = FIRST + timedelta(days=DAYS - 20)

WEEK = {day: [(6 * 60, 22 * 60)] for day in range(5)} | {5: [(540, 1020)], 6: [(540, 1020)]}


class Minutes:
    """Open minutes of a calendar, counted one by one, and added up so that asking is quick."""

    def __init__(self, rules: Rules) -> None:
        self.sums = [0]
        for is_open in MinuteOracle(rules, FIRST, DAYS).open:
            self.sums.append(self.sums[-1] + is_open)

    def until(self, at: datetime) -> timedelta:
        """Return the open time from the first day until an instant."""
        whole = (at - FIRST) // MINUTE
        rest = at - FIRST - whole * MINUTE
        is_open = self.sums[whole + 1] - self.sums[whole]
        return self.sums[whole] * MINUTE + (rest if is_open else timedelta())

    def between(self, a: datetime, b: datetime) -> timedelta:
        return self.until(b) - self.until(a)

    def after(self, start: datetime, minutes: int) -> datetime:
        """Return the end of the minute that uses so many up."""
        assert start == FIRST + (start - FIRST) // MINUTE * MINUTE
        wanted = self.sums[(start - FIRST) // MINUTE] + minutes
        return FIRST + bisect_left(self.sums, wanted) * MINUTE

    def just_counted(self, at: datetime) -> bool:
        """Say whether the moment before an instant is open."""
        moment = at - timedelta(microseconds=1)
        whole = (moment - FIRST) // MINUTE
        return self.sums[whole + 1] > self.sums[whole]


@cache
def counts() -> dict[str, Minutes]:
    """Return the agreement's calendars as the client's document says them."""
    open_hours = Minutes(Rules("America/Panama", WEEK))
    always = Minutes(Rules("UTC", {day: [(0, 24 * 60)] for day in range(7)}))
    return {"support": open_hours, "working": open_hours, "always": always}


class Post(BaseEmailBackend):
    """The mail server: it keeps what it takes, and refuses some addresses for good."""

    taken: list[EmailMessage] = []
    refuses: set[str] = set()

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            refused = {a for a in message.recipients() if any(r in a for r in self.refuses)}
            if refused:
                raise smtplib.SMTPRecipientsRefused(dict.fromkeys(refused, (550, b"no such user")))
            self.taken.append(message)
        return len(email_messages)


class Faults(logging.Handler):
    """Loops log what fails and go on; to the machine that is a failure."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))


@dataclass(frozen=True)
class World:
    """Who is there, by name."""

    agents: dict[str, Agent]
    people: dict[str, Requester]
    groups: dict[int, Group]
    mailbox: Mailbox
    areas: dict[str, str]
    faults: Faults = field(default_factory=Faults)

    def agent(self, name: str) -> Actor:
        return actor_of_agent(self.agents[name])

    def person(self, name: str) -> Actor:
        return actor_of_requester(self.people[name])

    def level(self, level: int) -> list[int]:
        """Return who is rung on a step: the members of its group."""
        found = [agent.pk for agent in self.agents.values() if agent.level == level]
        return sorted(found)


TEAM = {"soporte": 1, "marta": 1, "laura": 2, "andres": 2, "beatriz": 3}
PEOPLE = {
    "compras": ("andina", False),
    "bodega": ("andina", False),
    "gerencia": ("andina", True),
    "pedidos": ("boreal", False),
    "ajeno": (None, False),
}
AREAS = {
    "credit": "credito@intcomex.example",
    "integrations": "integraciones@intcomex.example",
    "sales": "ventas@intcomex.example",
    "client": "cliente@intcomex.example",
}


def make_world() -> World:
    """Make the agreement, the team, the clients and the mailbox."""
    publish_iws()
    counts()
    mailbox = a_mailbox(per_minute=0, is_default=True)
    groups = {1: mailbox.group}
    for level in (2, 3):
        groups[level] = Group.objects.create(
            key=f"nivel{level}", name=f"Nivel {level}", level=level
        )
    roles = {1: Role.AGENT, 2: Role.COORDINATOR, 3: Role.MANAGER}
    agents = {}
    for name, level in TEAM.items():
        user = User.objects.create_user(f"{name}@demo.example", name=name.title())
        agents[name] = Agent.objects.create(user=user, role=roles[level], level=level)
        agents[name].groups.add(groups[level])
    people = {
        name: a_person(f"{name}@{company or 'lejos'}.example", name.title(), company=company,
                       manages=manages, password=False)
        for name, (company, manages) in PEOPLE.items()
    }  # fmt: skip
    return World(agents, people, groups, mailbox, AREAS)
