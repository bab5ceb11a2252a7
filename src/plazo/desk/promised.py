"""What the case's page says of promises, and how an agent's words become an instant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from plazo.accounts.queries import names_of_agents
from plazo.core import localtime
from plazo.sla import Evaluation
from plazo.tickets.commands.promising import FARTHEST
from plazo.tickets.errors import PromiseOutOfRange
from plazo.tickets.instants import UnreadableInstant, read_instant
from plazo.tickets.models import Ticket, TicketEvent
from plazo.tickets.promises import Told, calendar_of, lacks_promise, promises_of, support_of


def understand(found: Ticket, text: str, zone: str, now: datetime) -> datetime:
    """Return the instant that an agent's words mean, within the hours in which it may fall.

    Raises: UnreadableInstant; PromiseOutOfRange, before anybody confirms what will be refused.
    """
    at = read_instant(text, zone=zone, calendar=support_of(found), now=now)
    if at > now + FARTHEST:
        raise PromiseOutOfRange(days=FARTHEST.days)
    calendar = calendar_of(found)
    # Closing time itself is still within the hours: what is promised by then is done by then.
    if not (calendar.is_open(at) or calendar.is_open(at - timedelta(microseconds=1))):
        opens = localtime.at_words(calendar.next_open(at), zone, now)
        raise UnreadableInstant(why="shut", opens=opens)
    return at


def is_exact(text: str) -> bool:
    """Say whether an instant was chosen and not worded: then there is nothing to understand."""
    try:
        datetime.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def instant_words(at: datetime, zone: str, now: datetime) -> str:
    """Return an instant as it is shown to whoever is about to promise it."""
    label = localtime.zone_label(at, zone)
    day = localtime.day_label(at, zone)
    return f"{day}, {localtime.clock_time(at, zone)} {label} ({_in(at - now)})"


def _in(span: timedelta) -> str:
    return _("in %(time)s") % {"time": localtime.duration(span)}


@dataclass(frozen=True, slots=True)
class Shown:
    """A promise as the side panel shows it."""

    told: Told
    label: str
    owner: str
    owner_away: str


KINDS = {"update": gettext_lazy("Next update"), "solution": gettext_lazy("Estimated solution")}


def promises_context(
    found: Ticket,
    chain: Sequence[TicketEvent],
    evaluation: Evaluation,
    agents: Sequence[Any],
) -> dict[str, Any]:
    """Return what the side panel says of promises. One query at most, and none for names kept.

    Units: `agents` are those who may be given a promise, with until when they are away.
    """
    told = promises_of(chain, evaluation)
    names = names_of_agents({each.owner for each in told if each.owner})
    away = {person.pk: person.away_words for person in agents}
    shown = [
        Shown(
            each,
            str(KINDS.get(each.kind, each.kind)),
            names.get(each.owner or 0, ""),
            away.get(each.owner or 0, ""),
        )
        for each in told
    ]
    owed = [each for each in shown if each.told.standing in ("open", "late")]
    standing = {each.told.kind for each in owed}
    return {
        "promises_owed": owed,
        "promises_past": [each for each in reversed(shown) if each not in owed],
        "promise_kinds": [(key, words) for key, words in KINDS.items() if key not in standing],
        "promise_missing": lacks_promise(found),
    }
