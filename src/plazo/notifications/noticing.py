"""Telling our own people what happened: notices and mails, in the command's own transaction.

However many people are told, it takes the same number of queries: one finds them, one keeps what
they were told of a clock, one writes their notices, one tells their open screens, and the mails of
all are written and woken together. Rolled back with the command, nothing was told.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from django.db import connection

from plazo.core import live
from plazo.core.localtime import iso
from plazo.mailboxes import queries as mailboxes
from plazo.notifications import planning, quiet
from plazo.notifications.concerned import Concern, Person, concern_of, people_of_many
from plazo.notifications.models import MailKind, OutboundMail, Preference
from plazo.notifications.news import BY_KEY, group_mail_will_do
from plazo.notifications.readers import message_id
from plazo.notifications.tasks import nudge_all
from plazo.sla import Evaluation
from plazo.tickets import readers
from plazo.tickets.models import Ticket, TicketEvent

RANG: Final = "ladder.rang"
KINDS: Final = frozenset(
    {
        "ticket.opened",
        "ticket.assigned",
        "ticket.replied",
        "requester.replied",
        "note.added",
        "reply.delivery_failed",
        "reply.refused",
        "level.entered",
        "clock.at_risk",
        "clock.breached",
        "escalation.requested",
        "area.answered",
        "area.reminded",
        "area.undelivered",
        "mail.parked",
        "promise.made",
        "promise.handed",
        "help.still_needed",
        "ticket.reopened",
        RANG,
    }
)
WARNINGS: Final = ("at_risk", "promise_at_risk", "group_at_risk")
MOST_DETAILS: Final = 12
# More tickets than these in one pass are a flood: no mail goes out for each.
MANY: Final = 5
FLOOD_SECONDS: Final = 900


def register() -> None:
    """Let our own people hear of events."""
    readers.register(tell, kinds=KINDS, name="news", many=tell_many)


@dataclass(frozen=True, slots=True)
class Telling:
    """One person, what they are told, and how."""

    person: Person
    plan: quiet.Plan


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that goes out at once. `about` says which news it is, to which agent, for whom."""

    kind: MailKind
    email: str
    name: str
    language: str
    about: dict[str, Any]


@dataclass(slots=True)
class Tale:
    """One event, and whom it is told to."""

    ticket: Ticket
    event: TicketEvent
    concern: Concern
    people: list[Person]
    detail: dict[str, Any]
    due: datetime | None = None
    tellings: list[Telling] = field(default_factory=list)

    @property
    def severity(self) -> str:
        return self.ticket.severity or self.ticket.requested_severity


def tell(ticket: Ticket, event: TicketEvent, evaluation: Evaluation) -> None:
    """Tell everybody whom an event concerns, each by the ways and in the hours that they chose."""
    tell_many([(ticket, event, evaluation)])


def tell_many(heard: Sequence[readers.Heard]) -> None:
    """Tell of what happened to many tickets at once, in as many statements as of one.

    Edges: what comes after something else on the same ticket is told after it.
    """
    concerned = [
        (concern, event, ticket, evaluation)
        for ticket, event, evaluation in heard
        if not (concern := concern_of(ticket, event, evaluation)).is_nobodys
    ]
    if not concerned:
        return
    people = people_of_many([(concern, event) for concern, event, _t, _e in concerned])
    tales: list[Tale] = []
    for (concern, event, ticket, evaluation), told in zip(concerned, people, strict=True):
        due = _due_of(event, evaluation) if event.kind.startswith("clock.") else None
        tales.append(Tale(ticket, event, concern, told, _detail(event, due), due))
    _keep_those_not_told_yet([tale for tale in tales if tale.due is not None])
    _leave_out_the_told(tales)
    for tale in tales:
        tale.tellings = _tellings_of(tale)
    many = len({tale.ticket.pk for tale in tales}) > MANY
    if many:
        _gather_mails(tales)
    for turn in _in_turns(tales):
        _write_notices(turn)
    _plan_mails(tales, many=many)


def _leave_out_the_told(tales: Sequence[Tale]) -> None:
    """Keep of those whom the ladder rings only who hears nothing else of the same action: what
    calls for it says more than that it rang.
    """
    told = {(t.ticket.pk, p.agent.pk) for t in tales if t.event.kind != RANG for p in t.people}
    for tale in tales:
        if tale.event.kind == RANG:
            tale.people = [p for p in tale.people if (tale.ticket.pk, p.agent.pk) not in told]


def _in_turns(tales: Sequence[Tale]) -> list[list[Tale]]:
    """Put the first of every ticket together, then the second, and so on."""
    turns: list[list[Tale]] = []
    seen: Counter[int] = Counter()
    for tale in tales:
        number = seen[tale.ticket.pk]
        seen[tale.ticket.pk] += 1
        if number == len(turns):
            turns.append([])
        turns[number].append(tale)
    return turns


def _tellings_of(tale: Tale) -> list[Telling]:
    agreement = tale.ticket.agreement_version.sla
    support = agreement.calendars[agreement.support_calendar]
    return [
        Telling(
            person,
            quiet.plan(
                person.news,
                preference_of(person),
                severity=tale.severity,
                zone=person.agent.user.time_zone,
                support=support,
                at=tale.event.recorded_at,
            ),
        )
        for person in tale.people
    ]


def _gather_mails(tales: Sequence[Tale]) -> None:
    """Let everybody have one mail of all, as what waited goes out."""
    for tale in tales:
        tale.tellings = [
            replace(t, plan=replace(t.plan, mail_now=False, mail_at=tale.event.recorded_at))
            if t.plan.mail_now and t.person.agent.pk not in _rung_for(tale)
            else t
            for t in tale.tellings
        ]


def preference_of(person: Person) -> Preference | None:
    """Return what a person chose, if they chose anything."""
    return getattr(person.agent, "notice_preference", None)


def _detail(event: TicketEvent, due: datetime | None) -> dict[str, Any]:
    """Return what a notice must know of its event for its words: keys, numbers and instants."""
    if due is not None:
        return {"metric": event.payload["metric"], "due": iso(due)}
    by = event.actor_id if event.actor_kind == "agent" else None
    said = {"event": event.kind, "by": by}
    return said | {"cause": event.payload["cause"]} if event.kind == RANG else said


def _due_of(event: TicketEvent, evaluation: Evaluation) -> datetime:
    applied = evaluation.get(event.payload["key"])
    if applied is not None and applied.due_at is not None:
        return applied.due_at
    return datetime.fromisoformat(event.payload["instant"])


_TOLD: Final = """
INSERT INTO notifications_told (agent_id, ticket_id, clock, threshold, due_at)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::timestamptz[])
ON CONFLICT DO NOTHING RETURNING agent_id, ticket_id, clock, threshold, due_at
"""


def _keep_those_not_told_yet(tales: Sequence[Tale]) -> None:
    """Keep those who were not told of a moment of a clock, and write down that they are now.

    Edges: a moment is the clock, the threshold and the deadline: a new deadline is told anew.
    """
    moments = [(person.agent.pk, *_moment_of(tale)) for tale in tales for person in tale.people]
    if not moments:
        return
    with connection.cursor() as cursor:
        columns = [list(column) for column in zip(*moments, strict=True)]
        cursor.execute(_TOLD, columns)
        fresh = set(cursor.fetchall())
    for tale in tales:
        moment = _moment_of(tale)
        tale.people = [p for p in tale.people if (p.agent.pk, *moment) in fresh]


def _moment_of(tale: Tale) -> tuple[int, str, str, datetime | None]:
    clock = tale.event.payload["key"].partition("#")[0]
    return tale.ticket.pk, clock, tale.event.kind.removeprefix("clock."), tale.due


# One statement for all: what is unread of the same in the same case is counted up, else a new row.
_NOTICES: Final = """
INSERT INTO notifications_notice AS kept (
    agent_id, in_place_of_id, news, bundle, browser_at, mail_at,
    ticket_id, event_id, severity, details, count, first_at, at
)
SELECT told.*, 1, %s, %s
FROM unnest(
    %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[],
    %s::bigint[], %s::bigint[], %s::text[], %s::jsonb[]
) AS told
ON CONFLICT (agent_id, bundle) WHERE read_at IS NULL DO UPDATE SET
    event_id = excluded.event_id, severity = excluded.severity, at = excluded.at,
    in_place_of_id = excluded.in_place_of_id, count = kept.count + 1,
    details = CASE WHEN jsonb_array_length(kept.details) < %s
        THEN kept.details || excluded.details ELSE kept.details END,
    browser_at = LEAST(kept.browser_at, excluded.browser_at),
    mail_at = LEAST(kept.mail_at, excluded.mail_at)
RETURNING id, agent_id
"""


def _write_notices(tales: Sequence[Tale]) -> None:
    """Write everybody's notice, and nudge their open screens; two queries for all of them.

    Units: no two of `tales` are of one ticket.
    """
    shown = [(tale, t) for tale in tales for t in tale.tellings if t.plan.desk]
    if not shown:
        return
    at = max(tale.event.recorded_at for tale in tales)
    _overtake_warnings([(t, s) for t, s in shown if t.event.kind == "clock.breached"], at)
    columns = [list(column) for column in zip(*(_columns(*each) for each in shown), strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_NOTICES, [at, at, *columns, MOST_DETAILS])
        written: dict[int, list[int]] = {}
        for notice, agent in cursor.fetchall():
            written.setdefault(agent, []).append(notice)
    rings = {t.person.agent.pk for _tale, t in shown if _rings(t, at)}
    live.publish_all(
        {
            f"agent:{agent}": {"notice": notices[0], "browser": agent in rings}
            if len(notices) == 1
            else {"waited": len(notices), "browser": agent in rings}
            for agent, notices in written.items()
        }
    )


_OVERTAKE: Final = """
UPDATE notifications_notice AS warning SET read_at = %s, mail_at = NULL, browser_at = NULL
FROM unnest(%s::bigint[], %s::bigint[]) AS told (agent_id, ticket_id)
WHERE warning.agent_id = told.agent_id AND warning.ticket_id = told.ticket_id
    AND warning.news = ANY(%s) AND warning.read_at IS NULL
"""


def _overtake_warnings(shown: Sequence[tuple[Tale, Telling]], at: datetime) -> None:
    """Take a warning that nobody has read yet as read: the breach says more."""
    if not shown:
        return
    agents = [telling.person.agent.pk for _tale, telling in shown]
    tickets = [tale.ticket.pk for tale, _telling in shown]
    with connection.cursor() as cursor:
        cursor.execute(_OVERTAKE, [at, agents, tickets, list(WARNINGS)])


def _rings(telling: Telling, at: datetime) -> bool:
    """Say whether open screens show it now, beside counting it."""
    due = telling.plan.browser_at
    return not telling.person.absent and due is not None and due <= at


def _columns(tale: Tale, telling: Telling) -> tuple[Any, ...]:
    person, plan, at = telling.person, telling.plan, tale.event.recorded_at
    substituted = person.in_place_of.pk if person.in_place_of else None
    waits = plan.browser_at if plan.browser_at is not None and plan.browser_at > at else None
    away = person.absent
    return (
        person.agent.pk,
        substituted,
        person.news.key,
        f"{person.news.key}:{tale.ticket.pk}",
        None if away else waits,
        None if away else plan.mail_at,
        tale.ticket.pk,
        tale.event.pk,
        tale.severity,
        json.dumps([tale.detail]),
    )


def _plan_mails(tales: Sequence[Tale], *, many: bool) -> None:
    """Write the mails that go out at once: everybody's own, and those to the groups' addresses."""
    planned = [(tale, letter) for tale in tales for letter in _letters_of(tale)]
    if many:  # then everybody's own has been gathered: what is left is the groups'
        _tell_of_flood(planned)
        return
    if not planned:
        return
    usual = mailboxes.default()
    mails = []
    for tale, letter in planned:
        ticket, event = tale.ticket, tale.event
        mailbox = ticket.mailbox if ticket.mailbox_id else usual
        mails.append(
            OutboundMail(
                event=event,
                kind=letter.kind,
                about=letter.about,
                recipient=letter.email,
                ticket=ticket,
                mailbox=mailbox,
                recipient_name=letter.name,
                language=letter.language,
                message_id=message_id(f"{ticket.number}.{event.sequence}", mailbox),
                created_at=event.recorded_at,
                next_attempt_at=event.recorded_at,
            )
        )
    nudge_all([mail.pk for mail in OutboundMail.objects.bulk_create(mails)])


def _letters_of(tale: Tale) -> list[Letter]:
    """Return the mails of one event that go out at once.

    Edges: whom the ladder rings for it gets that mail, and no second one.
    """
    concern, rung = tale.concern, _rung_for(tale)
    group = concern.mail_group
    group_mail = group is not None and bool(group.email)
    told: dict[tuple[str, str], Letter] = {}
    for telling in tale.tellings:
        person = telling.person
        if person.absent or not telling.plan.mail_now or person.agent.pk in rung:
            continue
        preference = preference_of(person)
        if group_mail and person.in_mail_group and group_mail_will_do(person.news, preference):
            continue
        letter = _to_person(person)
        told.setdefault((letter.kind, letter.email.lower()), letter)
    if group is not None and group_mail:
        news = BY_KEY[concern.group_news]
        letter = Letter(news.mail_kind, group.email, group.name, "es", {"news": news.key})
        told.setdefault((letter.kind, letter.email.lower()), letter)
    return list(told.values())


def _rung_for(tale: Tale) -> set[int]:
    """Return whom the ladder rings in the same action."""
    ladder = tale.ticket.ladder
    if not ladder or ladder["at"] != iso(tale.event.recorded_at):
        return set()
    return set(ladder["agents"])


def _tell_of_flood(planned: Sequence[tuple[Tale, Letter]]) -> None:
    """Let a group's address have one mail that says that there is a flood.

    Edges: one for each address and quarter of an hour, however many passes a flood takes.
    """
    flooded = {(letter.email.lower(), letter.about["news"]): (t, letter) for t, letter in planned}
    for (address, news), (tale, letter) in flooded.items():
        at = tale.event.recorded_at
        planning.plan(
            kind=MailKind.FLOOD,
            recipient=letter.email,
            name=letter.name,
            language=letter.language,
            about={"news": news},
            once=f"flood:{news}:{address}:{int(at.timestamp()) // FLOOD_SECONDS}",
            now=at,
        )


def _to_person(person: Person) -> Letter:
    user, news = person.agent.user, person.news
    about: dict[str, Any] = {"news": news.key, "agent": person.agent.pk}
    if person.in_place_of is not None:
        about["in_place_of"] = person.in_place_of.pk
    return Letter(news.mail_kind, user.email, user.name, user.language, about)
