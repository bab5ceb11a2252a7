"""Drafts: what an agent is writing, kept while they write it.

One for each agent and ticket, whichever kind it is to become. Whoever is given the ticket is given
what was begun on it. A draft is nobody's word yet, so the timeline knows nothing of it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, prefetch_related_objects

from plazo.accounts.models import Agent
from plazo.tickets.bodies import LONGEST_BODY, StoredUpload
from plazo.tickets.models import Draft, Ticket


@dataclass(frozen=True, slots=True)
class Desk:
    """What an agent has on a ticket: their own draft, those they were given or that could not be
    sent, and what waits to go.
    """

    own: Draft | None
    given: Sequence[Draft]
    held: Sequence[Draft]


def on_ticket(ticket: Ticket, agent: Agent) -> Desk:
    """Return the drafts that an agent has on a ticket. One query, and two more for those given."""
    found = list(Draft.objects.filter(ticket=ticket, agent=agent).order_by("pk"))
    open_ = [draft for draft in found if draft.send_at is None]
    own = next((d for d in open_ if d.author_id == agent.pk and not d.refused), None)
    given = [draft for draft in open_ if draft is not own]
    prefetch_related_objects(given, "author__user")
    return Desk(own, given, [draft for draft in found if draft.send_at is not None])


def begun_on(agent: Agent, tickets: Iterable[int]) -> set[int]:
    """Return on which of some tickets an agent has a draft, or was given one. One query."""
    rows = Draft.objects.filter(agent=agent, ticket__in=list(tickets), send_at=None)
    return set(rows.values_list("ticket_id", flat=True))


@transaction.atomic
def save(
    *,
    ticket_id: int,
    agent: Agent,
    kind: str,
    body: str,
    choices: dict[str, Any],
    files: Sequence[StoredUpload] = (),
    seen: int = 0,
    now: datetime,
) -> Draft | None:
    """Keep what an agent has written so far. The last one wins; an empty one is none.

    Units: `choices` are the composer's other fields as they stand.
    """
    body = body.replace("\x00", "")[:LONGEST_BODY]
    if not body.strip() and not files:
        discard(ticket_id=ticket_id, agent=agent)
        return None
    draft, _made = Draft.objects.update_or_create(
        ticket_id=ticket_id,
        agent=agent,
        author=agent,
        send_at=None,
        refused="",
        defaults={
            "kind": "note" if kind == "note" else "reply",
            "body": body,
            "choices": choices,
            "files": as_rows(files),
            "seen": seen,
            "at": now,
        },
    )
    return draft


def discard(*, ticket_id: int, agent: Agent) -> None:
    """Forget what an agent wrote themselves, and has not sent."""
    own = Draft.objects.filter(ticket=ticket_id, agent=agent, author=agent, send_at=None)
    own.filter(refused="").delete()


@transaction.atomic
def take(*, draft_id: int, agent: Agent, now: datetime) -> Draft | None:
    """Go on with a draft that one was given, or that was not sent: it becomes one's own, after
    what one has begun.

    Edges: None where it is not there any more.
    """
    given = _open(draft_id, agent)
    if given is None:
        return None
    return move(given, to=agent, author=agent, now=now)


@transaction.atomic
def decline(*, draft_id: int, agent: Agent) -> None:
    """Forget a draft that one was given."""
    given = _open(draft_id, agent)
    if given is not None:
        given.delete()


def _open(draft_id: int, agent: Agent) -> Draft | None:
    rows = Draft.objects.select_for_update().filter(pk=draft_id, agent=agent, send_at=None)
    return rows.exclude(author=agent, refused="").first()


def hand_over(ticket: Ticket, *, to: int | None, of: Collection[int | None]) -> None:
    """Give what some agents have begun on a ticket to another.

    Edges: what somebody left there who is no agent any more goes along too.
    """
    if to is None:
        return
    givers = {pk for pk in of if pk is not None} - {to}
    theirs = Q(agent__in=givers) | Q(agent__is_active=False)
    with transaction.atomic():
        rows = Draft.objects.filter(theirs, ticket=ticket, send_at=None)
        for draft in rows.select_for_update(of=("self",)).order_by("pk"):
            move(draft, to=to, author=draft.author_id, now=draft.at)


def move(draft: Draft, *, to: int | Agent, author: int | Agent, now: datetime) -> Draft:
    """Make a draft somebody's; where they have one by the same author, it comes after that.

    Edges: a note and a reply together are a note: words for the team reach nobody unasked.
    """
    holder = to.pk if isinstance(to, Agent) else to
    writer = author.pk if isinstance(author, Agent) else author
    same = (
        Draft.objects.select_for_update()
        .filter(ticket=draft.ticket_id, agent=holder, author=writer, send_at=None, refused="")
        .exclude(pk=draft.pk)
        .first()
    )
    if same is not None:
        join(draft, same, draft)
        same.delete()
    draft.agent_id, draft.author_id, draft.at, draft.refused = holder, writer, now, ""
    draft.save()
    return draft


def join(draft: Draft, first: Draft, second: Draft) -> None:
    """Let a draft say what two say, the one after the other; a note if either is one."""
    kinds = {first.kind, second.kind}
    body = "\n\n".join(text for text in (first.body, second.body) if text.strip())
    files = [*first.files, *(row for row in second.files if row not in first.files)]
    draft.kind, draft.body, draft.files = "note" if "note" in kinds else "reply", body, files


def forget_about(tickets: Collection[int], *, person_id: int) -> None:
    """Forget every draft on some tickets: whom they are about is being erased.

    Edges: what was sent to somebody else, and only waits for its moment, still goes out.
    """
    begun = Q(send_at=None) | Q(ticket__requester=person_id)
    Draft.objects.filter(begun, ticket__in=tickets).delete()


def as_rows(files: Iterable[StoredUpload]) -> list[dict[str, Any]]:
    """Return stored files as a draft keeps them."""
    return [asdict(file) for file in files]


def files_of(draft: Draft) -> list[StoredUpload]:
    """Return the stored files that a draft keeps."""
    return [StoredUpload(**row) for row in draft.files]
