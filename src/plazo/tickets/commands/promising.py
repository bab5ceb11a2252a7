"""Commands by which an agent gives their word: the next update by an instant."""

from datetime import datetime, timedelta
from typing import Final

from plazo.core.actor import Actor
from plazo.sla import Metric, State, evaluate
from plazo.tickets import events, timeline
from plazo.tickets.errors import (
    NotWhileSolved,
    PromiseNotOpen,
    PromiseOutOfRange,
    PromiseStands,
    ReasonRequired,
)
from plazo.tickets.models import TicketEvent, reason_of

FARTHEST: Final = timedelta(days=60)
_PREFIX: Final = f"{Metric.PROMISED_UPDATE.value}:"


def make_promise(*, ticket_id: int, by: datetime, actor: Actor, now: datetime) -> TicketEvent:
    """Promise the requester an update by an instant. It counts all time and never pauses.

    Raises: PromiseOutOfRange; PromiseStands where one is promised already; NotWhileSolved;
        TicketClosed.
    Source: agreement §4; docs/metrics.md M-70.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        if open_updates(page):
            raise PromiseStands
        return promise_update(page, by)


def move_promise(
    *, ticket_id: int, promise: str, by: datetime, reason: str, actor: Actor, now: datetime
) -> TicketEvent:
    """Give a promised update another instant, with a reason that the requester reads.

    Raises: PromiseNotOpen for one that was kept, or whose time has passed: moving it then would
        hide that it was broken (M-72); PromiseOutOfRange; ReasonRequired; TicketClosed.
    """
    reason = reason_of(reason)
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        due = open_updates(page).get(promise)
        if due is None or due < max(now, page.ticket.last_at):
            raise PromiseNotOpen
        if not reason:
            raise ReasonRequired
        _require_in_range(page, by)
        return page.append(events.PromiseMoved(promise=promise, by=by, reason=reason))


def open_updates(page: timeline.Page) -> dict[str, datetime]:
    """Return the promised updates that are still owed, late ones too, with their instants."""
    made = {
        event.payload["promise"]
        for event in page.chain
        if event.kind == events.PromiseMade.kind and event.payload["promised"] == "update"
    }
    if not made:
        return {}
    at = max(page.now, page.ticket.last_at)
    evaluation = evaluate(page.ticket.agreement_version.sla, timeline.facts_of(page.chain), at)
    owed = {}
    for applied in evaluation.applied:
        promise = applied.key.removeprefix(_PREFIX)
        if promise not in made or applied.metric is not Metric.PROMISED_UPDATE:
            continue
        if applied.ended_at is None and applied.state in (State.RUNNING, State.BREACHED):
            owed[promise] = applied.due_at or at
    return owed


def promise_update(page: timeline.Page, by: datetime) -> TicketEvent:
    """Append a promise, as a part of a command."""
    if page.ticket.is_ended:
        raise NotWhileSolved(number=page.ticket.number)
    _require_in_range(page, by)
    number = 1 + sum(event.kind == events.PromiseMade.kind for event in page.chain)
    return page.append(events.PromiseMade(promise=f"update-{number}", promised="update", by=by))


def keep_updates(page: timeline.Page, message: int) -> None:
    """Append that a reply brings what was promised: every update that is still owed (M-75)."""
    for promise in open_updates(page):
        page.append(events.PromiseKept(promise=promise, message=message))


def keep_again(page: timeline.Page, message: int, attempt: int) -> None:
    """Append that a reply that is sent once more brings what its first sending would have."""
    kept = {
        event.payload["promise"]
        for event in page.chain
        if event.kind == events.PromiseKept.kind and event.payload.get("message") == message
    }
    for promise in sorted(kept & open_updates(page).keys()):
        page.append(events.PromiseKept(promise=promise, message=message, attempt=attempt))


def _require_in_range(page: timeline.Page, by: datetime) -> None:
    now = max(page.now, page.ticket.last_at)
    if not now < by <= now + FARTHEST:
        raise PromiseOutOfRange(days=FARTHEST.days)
