"""Replies that wait some seconds before they go out, so that they can be taken back.

The row is the truth: it says what will be sent, by whom and when. A loop of the worker sends what
is due, and the sender's own screen nudges it at the same moment; whichever comes first deletes the
row in the transaction that writes the reply, so it goes out once, or not at all and is still there.
Nobody is told anything before that.
"""

import hashlib
import json
import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, close_old_connections, transaction
from django.db.models import F, Q
from django.utils import timezone, translation

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Agent
from plazo.core.actor import Actor
from plazo.core.errors import PlazoError
from plazo.tickets import commands, drafts, timeline
from plazo.tickets.bodies import StoredUpload
from plazo.tickets.commands.promising import Kind
from plazo.tickets.errors import NotHeld
from plazo.tickets.models import Draft, Participant, Ticket, TicketEvent

logger = logging.getLogger(__name__)

ACTOR: Final = Actor.system("held replies")
LONGEST_SLEEP_SECONDS: Final = 1.0
SECONDS: Final = (0, 5, 10, 20)
BATCH: Final = 100
BACK_OFF: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A reply that is ready to go: what is sent, and how it stood in the composer.

    Units: `body` is sent, `typed` is what the agent sees again who takes it back.
    """

    body: str
    typed: str
    choices: dict[str, Any]
    files: list[StoredUpload]
    copies: list[int] | None = None
    then: str = ""
    waiting_for: str = ""
    reason: str = ""
    promise_by: datetime | None = None
    promised: Kind = "update"
    cause: str = ""
    solution: str = ""
    seen: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return what is sent as a row keeps it, with its digest."""
        values: dict[str, Any] = {
            "body": self.body,
            "copies": self.copies,
            "then": self.then,
            "waiting_for": self.waiting_for,
            "reason": self.reason,
            "promise_by": self.promise_by.isoformat() if self.promise_by else None,
            "promised": self.promised,
            "cause": self.cause,
            "solution": self.solution,
        }
        said = json.dumps([values, drafts.as_rows(self.files)], sort_keys=True)
        return values | {"digest": hashlib.sha256(said.encode()).hexdigest()}


@transaction.atomic
def hold_reply(
    *, ticket_id: int, letter: Letter, seconds: int, actor: Actor, now: datetime
) -> Draft | None:
    """Let a reply wait for `seconds`; None where it went out at once.

    Edges: whatever would refuse it refuses it now. It does not wait where a clock of the ticket
        falls due meanwhile: a kindness to the sender must not break a promise. The same again
        while it waits is the same one. What the agent had as a draft is this one now.
    Raises: what `reply_to_ticket` raises.
    """
    ticket = Ticket.objects.select_for_update().get(pk=ticket_id)
    agent = Agent.objects.get(pk=actor.id or 0)
    sending = letter.as_json()
    waiting = Draft.objects.filter(ticket=ticket, author=agent, send_at__isnull=False)
    twin = waiting.filter(sending__digest=sending["digest"]).first()
    if twin is not None:
        return twin
    send_at = now + timedelta(seconds=seconds)
    due = ticket.next_due_at is not None and ticket.next_due_at <= send_at
    if seconds <= 0 or due or _rehearse(ticket, sending, letter.files, actor, now):
        _reply(ticket.pk, sending, letter.files, actor, now)
        drafts.discard(ticket_id=ticket.pk, agent=agent)
        return None
    drafts.discard(ticket_id=ticket.pk, agent=agent)
    return Draft.objects.create(
        ticket=ticket,
        agent=agent,
        author=agent,
        kind="reply",
        body=letter.typed,
        choices=letter.choices,
        files=drafts.as_rows(letter.files),
        sending=sending | {"taking_part": sorted(_taking_part(ticket.pk))},
        seen=letter.seen,
        at=now,
        send_at=send_at,
    )


def _reply(
    ticket_id: int,
    sending: dict[str, Any],
    files: list[StoredUpload],
    actor: Actor,
    now: datetime,
) -> TicketEvent:
    by = sending["promise_by"]
    return commands.reply_to_ticket(
        ticket_id=ticket_id,
        body=sending["body"],
        attachments=files,
        copies=sending["copies"],
        then=sending["then"],
        waiting_for=sending["waiting_for"],
        reason=sending["reason"],
        promise_by=datetime.fromisoformat(by) if by else None,
        # Held before there were kinds and outcomes, a reply names neither.
        promised=sending.get("promised", "update"),
        outcome=commands.Outcomes(sending.get("cause", ""), sending.get("solution", "")),
        actor=actor,
        now=now,
    )


def _taking_part(ticket_id: int) -> set[int]:
    people = Participant.objects.filter(ticket=ticket_id)
    return set(people.values_list("requester_id", flat=True))


def _as_of_now(draft: Draft) -> dict[str, Any]:
    """Return what is sent without copies to whoever was taken out of the ticket meanwhile."""
    sending: dict[str, Any] = draft.sending
    timeline.lock(draft.ticket_id)
    left = set(sending.get("taking_part", ())) - _taking_part(draft.ticket_id)
    if sending["copies"] is None or not left:
        return sending
    return sending | {"copies": [pk for pk in sending["copies"] if pk not in left]}


class _Rehearsed(Exception):
    """Ends a rehearsal, whose writes must not stay."""


def _rehearse(
    ticket: Ticket,
    sending: dict[str, Any],
    files: list[StoredUpload],
    actor: Actor,
    now: datetime,
) -> bool:
    """Reply and undo it, so that a refusal is heard now. Return whether it had been sent before."""
    known = False
    try:
        with transaction.atomic():
            event = _reply(ticket.pk, sending, files, actor, now)
            known = event.sequence <= ticket.last_sequence
            raise _Rehearsed
    except _Rehearsed:
        return known


def send_held(*, draft_id: int, now: datetime) -> TicketEvent | None:
    """Send a reply whose time has come. None where it is not due, not there, or refused.

    Edges: of several at once, one sends it. What is refused by now goes back to its author as a
        draft, with the reason, and the timeline says so, by which they are told; to whoever has
        the ticket where the author has left the team.
    """
    with transaction.atomic():
        draft = (
            Draft.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("author__user", "ticket")
            .filter(_due(now), pk=draft_id)
            .first()
        )
        if draft is None:
            return None
        actor, files = actor_of_agent(draft.author), drafts.files_of(draft)
        try:
            with transaction.atomic():
                event = _reply(draft.ticket_id, _as_of_now(draft), files, actor, now)
        except PlazoError as error:
            with translation.override(draft.author.user.language):
                _give_back(draft, now, refused=error.user_message())
            commands.record_refused_reply(
                ticket_id=draft.ticket_id, agent_id=draft.author_id, actor=ACTOR, now=now
            )
            if not draft.author.is_active:
                drafts.hand_over(draft.ticket, to=draft.ticket.assignee_id, of={draft.agent_id})
            return None
        draft.delete()
        return event


def _due(now: datetime) -> Q:
    """A held reply is due at its instant, or as soon as a clock would run out before that."""
    return Q(send_at__lte=now) | Q(send_at__isnull=False, ticket__next_due_at__lte=F("send_at"))


def take_back(*, draft_id: int, actor: Actor, now: datetime) -> Draft:
    """Give a reply that waits back to its author, as a draft.

    Edges: a draft of theirs that is saved at the same moment does not keep it from coming back.
    Raises: NotHeld.
    """
    try:
        return _taken_back(draft_id, actor, now)
    except IntegrityError:
        return _taken_back(draft_id, actor, now)


@transaction.atomic
def _taken_back(draft_id: int, actor: Actor, now: datetime) -> Draft:
    draft = (
        Draft.objects.select_for_update()
        .filter(pk=draft_id, author=actor.id or 0, send_at__isnull=False)
        .first()
    )
    if draft is None:
        raise NotHeld
    return _give_back(draft, now)


def _give_back(draft: Draft, now: datetime, *, refused: str = "") -> Draft:
    """Make a draft of a reply that waits: before what was begun since; if refused, beside it."""
    draft.send_at, draft.sending, draft.at = None, {}, now
    draft.refused = refused[:300]
    later = (
        Draft.objects.select_for_update()
        .filter(
            ticket=draft.ticket_id,
            agent=draft.agent_id,
            author=draft.author_id,
            send_at=None,
            refused="",
        )
        .first()
    )
    if later is not None and not refused:
        drafts.join(draft, draft, later)
        later.delete()
    draft.save()
    return draft


def send_due(now: datetime) -> int:
    """Send every reply that is due; return how many went out. One that fails waits a minute."""
    sent = 0
    due = Draft.objects.filter(_due(now)).order_by("send_at")
    for draft_id in list(due.values_list("pk", flat=True)[:BATCH]):
        try:
            sent += send_held(draft_id=draft_id, now=now) is not None
        except Exception:
            logger.exception("the reply of draft %s was not sent", draft_id)
            Draft.objects.filter(pk=draft_id, send_at__isnull=False).update(send_at=now + BACK_OFF)
    return sent


def run_forever(stop: threading.Event) -> None:
    """Send what is due until `stop`: at the next moment, or after a second."""
    while not stop.is_set():
        now = timezone.now()
        send_due(now)
        following = (
            Draft.objects.filter(send_at__gt=now)
            .order_by("send_at")
            .values_list("send_at", flat=True)
            .first()
        )
        close_old_connections()
        wait = LONGEST_SLEEP_SECONDS
        if following is not None:
            wait = min(max((following - timezone.now()).total_seconds(), 0.05), wait)
        stop.wait(wait)
