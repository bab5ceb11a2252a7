"""Telling our own people what happened: notices and mails, in the command's own transaction.

However many people are told, it takes the same number of queries: one finds them, one keeps what
they were told of a clock, one writes their notices, one tells their open screens, and the mails of
all are written and woken together. Rolled back with the command, nothing was told.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

from plazo.core import live
from plazo.core.localtime import iso
from plazo.mailboxes import queries as mailboxes
from plazo.notifications import quiet
from plazo.notifications.concerned import Concern, Person, concern_of, people_of
from plazo.notifications.models import MailKind, Notice, OutboundMail, Preference
from plazo.notifications.news import BY_KEY, group_mail_will_do
from plazo.notifications.readers import message_id
from plazo.notifications.tasks import nudge_all
from plazo.sla import Evaluation
from plazo.tickets import readers
from plazo.tickets.models import Ticket, TicketEvent

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
    }
)
WARNINGS: Final = ("at_risk", "promise_at_risk", "group_at_risk")
MOST_DETAILS: Final = 12


def register() -> None:
    """Let our own people hear of events."""
    readers.register(tell, kinds=KINDS, name="news")


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


def tell(ticket: Ticket, event: TicketEvent, evaluation: Evaluation) -> None:
    """Tell everybody whom an event concerns, each by the ways and in the hours that they chose."""
    concern = concern_of(ticket, event, evaluation)
    if concern.is_nobodys:
        return
    people = people_of(concern, event)
    if event.kind.startswith("clock."):
        people = _not_told_yet(people, ticket, event, evaluation)
    agreement = ticket.agreement_version.sla
    support = agreement.calendars[agreement.support_calendar]
    severity = ticket.severity or ticket.requested_severity
    tellings = [
        Telling(
            person,
            quiet.plan(
                person.news,
                preference_of(person),
                severity=severity,
                zone=person.agent.user.time_zone,
                support=support,
                at=event.recorded_at,
            ),
        )
        for person in people
    ]
    _write_notices(tellings, ticket, event, severity, _detail(event, evaluation))
    _plan_mails(tellings, concern, ticket, event)


def preference_of(person: Person) -> Preference | None:
    """Return what a person chose, if they chose anything."""
    return getattr(person.agent, "notice_preference", None)


def _detail(event: TicketEvent, evaluation: Evaluation) -> dict[str, Any]:
    """Return what a notice must know of its event for its words: keys, numbers and instants."""
    if not event.kind.startswith("clock."):
        return {"event": event.kind, "by": event.actor_id if event.actor_kind == "agent" else None}
    return {"metric": event.payload["metric"], "due": iso(_due_of(event, evaluation))}


def _due_of(event: TicketEvent, evaluation: Evaluation) -> datetime:
    applied = evaluation.get(event.payload["key"])
    if applied is not None and applied.due_at is not None:
        return applied.due_at
    return datetime.fromisoformat(event.payload["instant"])


_TOLD: Final = """
INSERT INTO notifications_told (agent_id, ticket_id, clock, threshold, due_at)
SELECT agent, %s, %s, %s, %s FROM unnest(%s::bigint[]) AS agent
ON CONFLICT DO NOTHING RETURNING agent_id
"""


def _not_told_yet(
    people: Sequence[Person], ticket: Ticket, event: TicketEvent, evaluation: Evaluation
) -> list[Person]:
    """Keep those who were not told of this moment of a clock, and write down that they are now.

    Edges: a moment is the clock, the threshold and the deadline: a new deadline is told anew.
    """
    if not people:
        return []
    clock = event.payload["key"].partition("#")[0]
    threshold = event.kind.removeprefix("clock.")
    keys = [person.agent.pk for person in people]
    with connection.cursor() as cursor:
        cursor.execute(_TOLD, [ticket.pk, clock, threshold, _due_of(event, evaluation), keys])
        fresh = {row[0] for row in cursor.fetchall()}
    return [person for person in people if person.agent.pk in fresh]


# One statement for all: what is unread of the same in the same case is counted up, else a new row.
_NOTICES: Final = """
INSERT INTO notifications_notice AS kept (
    agent_id, in_place_of_id, news, bundle, browser_at, mail_at,
    ticket_id, event_id, severity, details, count, first_at, at
)
SELECT told.*, %s, %s, %s, %s::jsonb, 1, %s, %s
FROM unnest(
    %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[]
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


def _write_notices(
    tellings: Sequence[Telling],
    ticket: Ticket,
    event: TicketEvent,
    severity: str,
    detail: dict[str, Any],
) -> None:
    """Write everybody's notice, and nudge their open screens; two queries for all of them."""
    shown = [telling for telling in tellings if telling.plan.desk]
    if not shown:
        return
    at = event.recorded_at
    if event.kind == "clock.breached":
        _overtake_warnings(shown, ticket, at)
    columns = [_columns(telling, ticket, at) for telling in shown]
    values: list[Any] = [ticket.pk, event.pk, severity, json.dumps([detail]), at, at]
    values += [list(column) for column in zip(*columns, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_NOTICES, [*values, MOST_DETAILS])
        written = {agent: notice for notice, agent in cursor.fetchall()}
    live.publish_all(
        {
            f"agent:{telling.person.agent.pk}": {
                "notice": written[telling.person.agent.pk],
                "browser": _rings(telling, at),
            }
            for telling in shown
        }
    )


def _overtake_warnings(shown: Sequence[Telling], ticket: Ticket, at: datetime) -> None:
    """Take a warning that nobody has read yet as read: the breach says more."""
    Notice.objects.filter(
        agent__in=[telling.person.agent.pk for telling in shown],
        ticket=ticket,
        news__in=WARNINGS,
        read_at=None,
    ).update(read_at=at, mail_at=None, browser_at=None)


def _rings(telling: Telling, at: datetime) -> bool:
    """Say whether open screens show it now, beside counting it."""
    due = telling.plan.browser_at
    return not telling.person.absent and due is not None and due <= at


def _columns(telling: Telling, ticket: Ticket, at: datetime) -> tuple[Any, ...]:
    person, plan = telling.person, telling.plan
    substituted = person.in_place_of.pk if person.in_place_of else None
    waits = plan.browser_at if plan.browser_at is not None and plan.browser_at > at else None
    away = person.absent
    return (
        person.agent.pk,
        substituted,
        person.news.key,
        f"{person.news.key}:{ticket.pk}",
        None if away else waits,
        None if away else plan.mail_at,
    )


def _plan_mails(
    tellings: Sequence[Telling], concern: Concern, ticket: Ticket, event: TicketEvent
) -> None:
    """Write the mails that go out at once: everybody's own, and the one to the group's address."""
    group = concern.mail_group
    group_mail = group is not None and bool(group.email)
    told: dict[tuple[str, str], Letter] = {}
    for telling in tellings:
        person = telling.person
        if person.absent or not telling.plan.mail_now:
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
    if not told:
        return
    mailbox = ticket.mailbox if ticket.mailbox_id else mailboxes.default()
    mails = OutboundMail.objects.bulk_create(
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
        for letter in told.values()
    )
    nudge_all([mail.pk for mail in mails])


def _to_person(person: Person) -> Letter:
    user, news = person.agent.user, person.news
    about: dict[str, Any] = {"news": news.key, "agent": person.agent.pk}
    if person.in_place_of is not None:
        about["in_place_of"] = person.in_place_of.pk
    return Letter(news.mail_kind, user.email, user.name, user.language, about)
