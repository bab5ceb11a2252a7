"""Dry runs: what a rule would do to the last tickets, and why not to the others.

Conditions are asked of the database as columns of one query; actions are described. Nothing is
written, so a rule can be tried before it is saved, and as often as one likes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import BooleanField, Case, Max, Value, When

from plazo.automation import rules
from plazo.automation.actions import Action, Names
from plazo.automation.rule_models import Rule
from plazo.automation.timing import due_tickets
from plazo.tickets import events, filters
from plazo.tickets.models import Ticket, TicketEvent

LAST: Final = 100
COUNTED: Final = 1000
# How many events back at most one looks for the last ones of a kind that is rare.
FURTHEST: Final = 50_000


@dataclass(frozen=True, slots=True)
class Look:
    """One ticket, looked at: at which event, which conditions it meets, what would be done.

    `would` are the actions' sentences, each with whether the ticket is so already.
    """

    ticket: Ticket
    at: datetime
    label: str
    meets: tuple[bool, ...]
    would: tuple[tuple[str, bool], ...]

    @property
    def matches(self) -> bool:
        return all(self.meets)

    @property
    def failing(self) -> tuple[int, ...]:
        """Return the numbers of the conditions that it does not meet, from 0."""
        return tuple(number for number, met in enumerate(self.meets) if not met)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a dry run found, those that match first; `due` is how many tickets are due right now."""

    looks: list[Look]
    due: int | None = None

    @property
    def matched(self) -> int:
        return sum(look.matches for look in self.looks)


def rehearse(
    definition: rules.Definition, *, rule: Rule | None = None, names: Names, now: datetime
) -> Rehearsal:
    """Say what a rule would do: to the tickets of the last events of its kinds, or the last ones.

    Edges: conditions are asked of the tickets as they stand now, and not as they stood then. An
        automation's moment is its last condition. Costs three queries at most, whatever is found.
    """
    if definition.moment is None:
        found = _last_events(definition.when)
    else:
        found = [(t.pk, t.opened_at, "") for t in Ticket.objects.order_by("-pk")[:LAST]]
    tickets = _tickets({pk for pk, _at, _label in found}, definition, now)
    looks = [
        Look(
            tickets[pk][0],
            at,
            label,
            tickets[pk][1],
            _would(definition.actions, tickets[pk][0], names),
        )
        for pk, at, label in found
    ]
    looks.sort(key=lambda look: not look.matches)
    due = None
    if definition.moment is not None:
        due = due_tickets(rule, definition, now)[: COUNTED + 1].count()
    return Rehearsal(looks, due)


def _last_events(when: Sequence[str]) -> list[tuple[int, datetime, str]]:
    kinds = [kind for key in when for kind in rules.WHEN[key][1]]
    newest = TicketEvent.objects.aggregate(newest=Max("pk"))["newest"] or 0
    found = TicketEvent.objects.filter(kind__in=kinds, pk__gt=newest - FURTHEST).order_by("-pk")
    return [
        (ticket_id, at, str(events.REGISTRY[kind].label))
        for ticket_id, at, kind in found.values_list("ticket_id", "at", "kind")[:LAST]
    ]


def _tickets(
    keys: set[int], definition: rules.Definition, now: datetime
) -> dict[int, tuple[Ticket, tuple[bool, ...]]]:
    """Return tickets with what they say to each condition. One query."""
    context = filters.Context(now=now)
    asked = [condition.q(context) for condition in definition.conditions]
    if definition.moment is not None:
        asked.append(definition.moment.q(now))
    columns = {
        f"meets_{number}": Case(
            When(q, then=Value(True)), default=Value(False), output_field=BooleanField()
        )
        for number, q in enumerate(asked)
    }
    return {
        ticket.pk: (ticket, tuple(getattr(ticket, name) for name in columns))
        for ticket in Ticket.objects.filter(pk__in=keys).annotate(**columns)
    }


def _would(actions: Sequence[Action], ticket: Ticket, names: Names) -> tuple[tuple[str, bool], ...]:
    return tuple((a.words(names), a.kind.already(a.values, ticket)) for a in actions)
