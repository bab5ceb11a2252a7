"""Who is away, in words, where people of the team are listed or chosen."""

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from plazo.accounts.models import Absence, Agent
from plazo.accounts.queries import standing_in
from plazo.core import localtime


def until_words(absence: Absence, zone: str, now: datetime) -> str:
    """Return until when somebody is away: "ausente hasta el jueves 26", "… hasta hoy, 18:00".

    Edges: one that ends at midnight lasts until the day before; nobody is back at that hour.
    """
    ends = localtime.local(absence.ends_at, zone)
    if (ends.hour, ends.minute) == (0, 0):
        last, hour = absence.ends_at - timedelta(minutes=1), ""
    else:
        last, hour = absence.ends_at, f", {localtime.clock_time(absence.ends_at, zone)}"
    day = localtime.day_word(last, zone, now)
    if abs((localtime.local(last, zone).date() - localtime.local(now, zone).date()).days) > 1:
        day = pgettext("until a day", "%(day)s") % {"day": day}
    return _("away until %(day)s") % {"day": f"{day}{hour}"}


@dataclass(frozen=True, slots=True)
class Away:
    """Somebody who has a case and is away, with who stands in where somebody does."""

    name: str
    words: str
    note: str
    substitute: Agent | None


def away_of(
    agent_id: int | None, away: dict[int, Absence], zone: str, now: datetime
) -> Away | None:
    """Return what to say beside a case of an agent's, by their key; None for who is there."""
    absence = away.get(agent_id or 0)
    if absence is None:
        return None
    stands_in = standing_in(absence.agent, away)
    return Away(
        str(absence.agent),
        until_words(absence, zone, now),
        absence.note,
        stands_in if stands_in.pk != absence.agent_id else None,
    )


def with_absences(
    agents: Iterable[Agent], away: dict[int, Absence], zone: str, now: datetime
) -> list[Agent]:
    """Return agents that say until when they are away (`away_words`); "" for who is there.

    Edges: copies, since those given may be kept for other requests.
    """
    found = [copy(agent) for agent in agents]
    for agent in found:
        absence = away.get(agent.pk)
        agent.away_words = until_words(absence, zone, now) if absence else ""
    return found


def to_choose_from(agents: Iterable[Agent], *, levels: bool = False) -> list[tuple[int, str]]:
    """Return agents with their absences as a list offers them; with `levels`, after their level."""
    return [
        (
            agent.pk,
            (f"L{agent.level} · " if levels else "")
            + str(agent)
            + (f" ({agent.away_words})" if agent.away_words else ""),
        )
        for agent in agents
    ]
