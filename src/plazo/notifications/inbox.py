"""A person's notices: how many are unread, what they say, and what was read."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from plazo.accounts.models import Agent
from plazo.accounts.queries import names_of_agents
from plazo.agreements.labels import metric_label
from plazo.core import localtime
from plazo.notifications.models import Notice
from plazo.notifications.news import BY_KEY
from plazo.tickets.access import tickets_for_agent

COUNT_CAP: Final = 99
PAGE_SIZE: Final = 50


def notices_for(agent: Agent) -> QuerySet[Notice]:
    """Return what a person was told of cases that they may see."""
    return Notice.objects.filter(agent=agent, ticket__in=tickets_for_agent(agent))


def unread_of(agent: Agent) -> QuerySet[Notice]:
    """Return the notices that a person has not read. One partial index."""
    unread = Notice.objects.filter(agent=agent, read_at=None)
    return unread if agent.is_active else unread.none()


def unread(agent: Agent) -> int:
    """Return how many notices are unread, up to the cap and one more."""
    return unread_of(agent)[: COUNT_CAP + 1].count()


def unread_words(count: int) -> str:
    """Return the count as it is shown: nothing for nought, "99+" over the cap."""
    return f"{COUNT_CAP}+" if count > COUNT_CAP else str(count or "")


@dataclass(frozen=True, slots=True)
class Line:
    """A notice as it is shown: what happened, in the reader's words and zone."""

    notice: Notice
    icon: str
    state: str
    words: str
    instead_of: str


def page(
    agent: Agent, *, only_unread: bool, after: str = "", now: datetime, zone: str
) -> tuple[list[Line], str]:
    """Return one page of notices, the latest first, and what the next page begins after.

    Costs two queries at most, whatever the length.
    """
    found = notices_for(agent).select_related("ticket", "in_place_of__user")
    if only_unread:
        found = found.filter(read_at=None)
    place = _place(after)
    if place is not None:
        at, pk = place
        found = found.filter(Q(at__lt=at) | Q(at=at, pk__lt=pk), at__lte=at)
    rows = list(found.order_by("-at", "-pk")[: PAGE_SIZE + 1])
    following = ""
    if len(rows) > PAGE_SIZE:
        rows = rows[:PAGE_SIZE]
        following = f"{rows[-1].at.isoformat()}~{rows[-1].pk}"
    return lines(rows, now=now, zone=zone), following


def _place(after: str) -> tuple[datetime, int] | None:
    instant, _sep, pk = after.partition("~")
    try:
        at, key = datetime.fromisoformat(instant), int(pk[:18])
    except ValueError:
        return None
    return (at, key) if at.tzinfo is not None else None


def lines(notices: Sequence[Notice], *, now: datetime, zone: str) -> list[Line]:
    """Put notices into words. Costs one query, for the names of all who did something."""
    doers = {
        detail["by"] for notice in notices for detail in notice.details[-1:] if detail.get("by")
    }
    names = names_of_agents(doers) if doers else {}
    return [
        Line(
            notice=notice,
            icon=BY_KEY[notice.news].icon,
            state=_STATES.get(notice.news, ""),
            words=words_of(notice, names, now=now, zone=zone),
            instead_of=str(notice.in_place_of) if notice.in_place_of else "",
        )
        for notice in notices
        if notice.news in BY_KEY
    ]


_STATES: Final = {
    "at_risk": "risk",
    "promise_at_risk": "risk",
    "group_at_risk": "risk",
    "breached": "late",
    "group_breached": "late",
    "climbed": "late",
    "rung": "late",
    "group_climbed": "late",
    "undelivered": "late",
    "not_sent": "late",
    "area_silent": "risk",
    "area_parked": "risk",
    "area_unreached": "late",
    "promise_missing": "risk",
}


# News that need no more than their sentence.
_SENTENCES: Final = {
    "not_sent": gettext_lazy("A reply was not sent: it is a draft again"),
    "undelivered": gettext_lazy("A reply did not arrive"),
    "climbed": gettext_lazy("The requester has escalated"),
    "group_climbed": gettext_lazy("The requester has escalated"),
    "area_answered": gettext_lazy("Another area answered"),
    "area_silent": gettext_lazy("An area was reminded: its answer is missing"),
    "area_parked": gettext_lazy("An answer for another area was kept back for somebody to look at"),
    "area_unreached": gettext_lazy("A mail to another area did not arrive"),
    "promise_missing": gettext_lazy("Nothing is promised at level 2 yet"),
    "promise_handed": gettext_lazy("You answer for a promise in it"),
    "help_needed": gettext_lazy("The requester still needs help"),
    "group_raised": gettext_lazy("The case came up to your group"),
    "rung": gettext_lazy("It rings for you: somebody must say “I have it”"),
}


def words_of(notice: Notice, names: dict[int, str], *, now: datetime, zone: str) -> str:
    """Say what happened in one short sentence, without the case, which stands beside it.

    Units: `names` are those of the agents who did it, by their keys.
    """
    match notice.news:
        case "at_risk" | "promise_at_risk" | "group_at_risk" | "breached" | "group_breached":
            return _clock_words(notice, now=now, zone=zone)
        case "requester_wrote":
            words = ngettext(
                "The requester wrote", "The requester wrote %(count)s times", notice.count
            )
            return words % {"count": notice.count}
        case "agent_wrote" if notice.count > 1:
            return _("The team wrote %(count)s times") % {"count": notice.count}
        case "mentioned" | "agent_wrote" | "assigned":
            return _colleague_words(notice, names)
        case news if news in _SENTENCES:
            return str(_SENTENCES[news])
        case _:
            return _("New in your group")


def _colleague_words(notice: Notice, names: dict[int, str]) -> str:
    latest = notice.details[-1] if notice.details else {}
    who = names.get(latest.get("by") or 0, "") if notice.count == 1 else ""
    match notice.news:
        case "mentioned" if who:
            words = _("%(who)s mentions you in a note")
        case "mentioned":
            words = _("You are mentioned in the notes")
        case "assigned" if who:
            words = _("%(who)s assigned the case to you")
        case "assigned":
            words = _("The case was assigned to you")
        case _ if latest.get("event") == "note.added":
            words = _("%(who)s left a note")
        case _:
            words = _("%(who)s replied")
    return words % {"who": who}


def _clock_words(notice: Notice, *, now: datetime, zone: str) -> str:
    what = list(dict.fromkeys(metric_label(detail["metric"]) for detail in notice.details))
    due = min(datetime.fromisoformat(detail["due"]) for detail in notice.details)
    said = {"what": ", ".join(what), "moment": localtime.at_words(due, zone, now)}
    if _STATES[notice.news] == "risk":
        return (
            ngettext(
                "At risk, due %(moment)s: %(what)s", "At risk, due %(moment)s: %(what)s", len(what)
            )
            % said
        )
    return (
        ngettext("Missed, due %(moment)s: %(what)s", "Missed, due %(moment)s: %(what)s", len(what))
        % said
    )


def by_case(found: Iterable[Line]) -> list[tuple[Any, list[Line]]]:
    """Put lines together by their case, in the order in which the cases come."""
    cases: dict[int, tuple[Any, list[Line]]] = {}
    for line in found:
        cases.setdefault(line.notice.ticket_id, (line.notice.ticket, []))[1].append(line)
    return list(cases.values())


# ── What was read ─────────────────────────────────────────────────────────────────────────────


_READ: Final = """
UPDATE notifications_notice SET read_at = %s, mail_at = NULL, browser_at = NULL
WHERE id IN (
    SELECT id FROM notifications_notice
    WHERE agent_id = %s AND read_at IS NULL
        AND (%s::bigint[] IS NULL OR id = ANY(%s)) AND (%s::bigint IS NULL OR ticket_id = %s)
    FOR UPDATE SKIP LOCKED
)
"""


def read_notices(
    *,
    agent_id: int,
    notices: Collection[int] | None = None,
    ticket_id: int | None = None,
    now: datetime,
) -> int:
    """Take a person's notices as read: some, those of a case, or all; return how many.

    Edges: what is read goes out by no way any more. What is being counted up at this very moment
        stays unread: more of it is coming. Costs one query.
    """
    some = list(notices) if notices is not None else None
    with connection.cursor() as cursor:
        cursor.execute(_READ, [now, agent_id, some, some, ticket_id, ticket_id])
        return int(cursor.rowcount)


@transaction.atomic
def unread_notices(*, agent_id: int, read_at: datetime) -> int:
    """Take back what was read at an instant; return how many are unread again.

    Edges: where more of the same came since, that one stays and the old one is let be.
    """
    newer = Notice.objects.filter(agent_id=agent_id, read_at=None).values("bundle")
    latest = (
        Notice.objects.filter(agent_id=agent_id, read_at=read_at)
        .exclude(bundle__in=newer)
        .order_by("bundle", "-at")
        .distinct("bundle")
        .values("pk")
    )
    return Notice.objects.filter(pk__in=list(latest.values_list("pk", flat=True))).update(
        read_at=None
    )
