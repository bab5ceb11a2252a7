"""Commands by which an agent gives their word: a solution or the next update, by an instant.

Verdicts on promises are sealed: `promise.kept` and `promise.broken` carry a digest of all that they
rest on, so that a promise's history cannot be told otherwise later.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from plazo.accounts.models import Agent
from plazo.core.actor import Actor, ActorKind
from plazo.core.localtime import iso
from plazo.sla import Metric, State, evaluate
from plazo.tickets import events, timeline
from plazo.tickets.errors import (
    NotWhileSolved,
    PromiseNotOpen,
    PromiseOutOfRange,
    PromiseStands,
    ReasonRequired,
    UnknownAgent,
)
from plazo.tickets.models import Status, TicketEvent, reason_of

FARTHEST: Final = timedelta(days=60)
_PREFIX: Final = f"{Metric.PROMISED_UPDATE.value}:"
Kind = Literal["solution", "update"]


@dataclass(frozen=True, slots=True)
class Owed:
    """A promise that is still owed, late or not."""

    kind: Kind
    due: datetime
    owner: int | None


def make_promise(
    *,
    ticket_id: int,
    by: datetime,
    promised: Kind = "update",
    owner_id: int | None = None,
    actor: Actor,
    now: datetime,
) -> TicketEvent:
    """Promise the requester a solution or an update by an instant. It counts all time and never
    pauses.

    Edges: `owner_id` answers for it; without one, whoever has the case, else whoever promises.
    Raises: PromiseOutOfRange; PromiseStands where one of the kind is promised already;
        NotWhileSolved; UnknownAgent; TicketClosed.
    Source: agreement §4; docs/metrics.md M-70.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        return promise(page, by, promised, owner_id)


def move_promise(
    *, ticket_id: int, promise: str, by: datetime, reason: str, actor: Actor, now: datetime
) -> TicketEvent:
    """Give a promise another instant, with a reason that the requester reads.

    Raises: PromiseNotOpen for one that was kept, or whose time has passed: moving it then would
        hide that it was broken (M-72); PromiseOutOfRange; ReasonRequired; TicketClosed.
    """
    reason = reason_of(reason)
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        owed = open_promises(page).get(promise)
        if owed is None or owed.due < max(now, page.ticket.last_at):
            raise PromiseNotOpen
        if not reason:
            raise ReasonRequired
        _require_in_range(page, by)
        return page.append(events.PromiseMoved(promise=promise, by=by, reason=reason))


def hand_promise(
    *, ticket_id: int, promise: str, owner_id: int, actor: Actor, now: datetime
) -> TicketEvent | None:
    """Let somebody else answer for a promise that is still owed.

    Edges: None where they do already. Raises: PromiseNotOpen; UnknownAgent; TicketClosed.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        owed = open_promises(page).get(promise)
        if owed is None:
            raise PromiseNotOpen
        if owed.owner == owner_id:
            return None
        _require_agent(owner_id)
        return page.append(events.PromiseHanded(promise=promise, owner=owner_id))


def open_promises(page: timeline.Page) -> dict[str, Owed]:
    """Return the promises that are still owed, late ones too, by their keys."""
    promises = page.ticket.promises or {}
    if not promises:
        return {}
    at = max(page.now, page.ticket.last_at)
    evaluation = evaluate(page.ticket.agreement_version.sla, timeline.facts_of(page.chain), at)
    owed = {}
    for applied in evaluation.applied:
        known = promises.get(applied.key.removeprefix(_PREFIX))
        if known is None or applied.metric is not Metric.PROMISED_UPDATE:
            continue
        if applied.ended_at is None and applied.state in (State.RUNNING, State.BREACHED):
            key = applied.key.removeprefix(_PREFIX)
            owed[key] = Owed(known["kind"], applied.due_at or at, known["owner"])
    return owed


def promise(
    page: timeline.Page, by: datetime, promised: Kind = "update", owner_id: int | None = None
) -> TicketEvent:
    """Append a promise, as a part of a command."""
    if page.ticket.is_ended:
        raise NotWhileSolved(number=page.ticket.number, what="promise")
    if any(owed.kind == promised for owed in open_promises(page).values()):
        raise PromiseStands(kind=promised)
    _require_in_range(page, by)
    if owner_id is not None:
        _require_agent(owner_id)
    mine = page.actor.id if page.actor.kind is ActorKind.AGENT else None
    number = 1 + sum(event.kind == events.PromiseMade.kind for event in page.chain)
    return page.append(
        events.PromiseMade(
            promise=f"{promised}-{number}",
            promised=promised,
            by=by,
            owner=owner_id or page.ticket.assignee_id or mine,
        )
    )


def keep_updates(page: timeline.Page, reply: TicketEvent) -> None:
    """Append that a reply brings what was promised: every update that is still owed (M-75)."""
    for key, owed in open_promises(page).items():
        if owed.kind == "update":
            _keep(page, key, owed, reply, message=reply.payload["message"])


def keep_by_solving(page: timeline.Page, solved: TicketEvent, owed: dict[str, Owed]) -> None:
    """Append that solving kept what was still owed just before (M-74)."""
    for key, each in owed.items():
        _keep(page, key, each, solved)


def keep_again(page: timeline.Page, sending: TicketEvent) -> None:
    """Append that a reply that is sent once more brings what its first sending would have."""
    message, attempt = sending.payload["message"], sending.payload["attempt"]
    kept = {
        event.payload["promise"]
        for event in page.chain
        if event.kind == events.PromiseKept.kind and event.payload.get("message") == message
    }
    for key, owed in sorted(open_promises(page).items()):
        if key in kept:
            _keep(page, key, owed, sending, message=message, attempt=attempt)


def _keep(
    page: timeline.Page,
    key: str,
    owed: Owed,
    deed: TicketEvent,
    *,
    message: int | None = None,
    attempt: int = 1,
) -> None:
    late = owed.due < deed.at
    if late:
        seal_broken(page, key, owed.due)
    page.append(
        events.PromiseKept(
            promise=key,
            message=message,
            attempt=attempt,
            late=late,
            rests_on=seal_of_verdict(page.chain, key, deed.hash),
        )
    )


def seal_broken(page: timeline.Page, key: str, due: datetime) -> TicketEvent | None:
    """Append that a promise was broken at its instant; None where that is written already."""
    instant = iso(due)
    known = (page.ticket.promises or {}).get(key)
    if known is None or any(
        event.kind == events.PromiseBroken.kind
        and (event.payload["promise"], event.payload["by"]) == (key, instant)
        for event in page.chain
    ):
        return None
    return page.compose(
        events.PromiseBroken(
            promise=key,
            by=due,
            owner=known["owner"],
            rests_on=seal_of_verdict(page.chain, key, instant),
        )
    )


def seal_of_verdict(chain: Sequence[TicketEvent], key: str, deed: str) -> str:
    """Return the digest of what a verdict rests on: SHA-256 over the hashes of the events that made
    and moved the promise, in order, and the deed.

    Units: `deed` is the hash of the event that did what was promised or, for a broken promise, the
        instant at which it broke, in ISO 8601.
    """
    kinds = (events.PromiseMade.kind, events.PromiseMoved.kind)
    said = [e.hash for e in chain if e.kind in kinds and e.payload["promise"] == key]
    return hashlib.sha256("\n".join([*said, deed]).encode()).hexdigest()


def false_verdicts(chain: Sequence[TicketEvent]) -> list[TicketEvent]:
    """Return the verdicts whose seal does not fit what stands before them on the timeline."""
    wrong = []
    for place, event in enumerate(chain):
        payload = event.payload
        if event.kind not in _VERDICTS or not payload.get("rests_on"):
            continue
        before = chain[:place]
        if event.kind == events.PromiseBroken.kind:
            deeds = [payload["by"]]
        else:
            deeds = [each.hash for each in before if _did(each, payload)]
        if payload["rests_on"] not in {
            seal_of_verdict(before, payload["promise"], deed) for deed in deeds
        }:
            wrong.append(event)
    return wrong


_VERDICTS: Final = (events.PromiseKept.kind, events.PromiseBroken.kind)


def _did(event: TicketEvent, kept: dict[str, object]) -> bool:
    """Say whether an event may be the deed by which a promise was kept."""
    if kept["message"] is None:
        solved = Status.SOLVED.value
        return event.kind == events.StatusChanged.kind and event.payload["status"] == solved
    replies = (events.TicketReplied.kind, events.ReplySentAgain.kind)
    return event.kind in replies and event.payload["message"] == kept["message"]


def _require_agent(owner_id: int) -> None:
    if not Agent.objects.filter(pk=owner_id, is_active=True).exists():
        raise UnknownAgent


def _require_in_range(page: timeline.Page, by: datetime) -> None:
    now = max(page.now, page.ticket.last_at)
    if not now < by <= now + FARTHEST:
        raise PromiseOutOfRange(days=FARTHEST.days)
