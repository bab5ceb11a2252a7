"""What a case's promises say: read from its timeline, for screens and mails. Costs no query."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from plazo.sla import Calendar, Evaluation, Metric
from plazo.tickets import events
from plazo.tickets.models import Status, Ticket, TicketEvent, WaitingFor

Standing = Literal["open", "late", "kept", "kept_late", "broken", "dropped"]


@dataclass(frozen=True, slots=True)
class Moved:
    """A promise was given another instant: from which, to which, when, by whom and why."""

    before: datetime
    after: datetime
    at: datetime
    name: str
    reason: str


@dataclass(slots=True)
class Told:
    """A promise from its making to its verdict.

    Units: `owner` is an agent's key; `seal` is what the verdict rests on. Edges: `dropped` is one
        that ended with its case's merging.
    """

    key: str
    kind: str
    made_at: datetime
    by: datetime
    owner: int | None
    standing: Standing = "open"
    seal: str = ""
    moved: list[Moved] = field(default_factory=list)


def promises_of(chain: Sequence[TicketEvent], evaluation: Evaluation) -> list[Told]:
    """Return every promise of a case, in the order in which they were made."""
    found: dict[str, Told] = {}
    for event in chain:
        payload = event.payload
        promise = found.get(payload.get("promise", ""))
        if event.kind == events.PromiseMade.kind:
            found[payload["promise"]] = Told(
                payload["promise"],
                payload["promised"],
                event.at,
                datetime.fromisoformat(payload["by"]),
                payload.get("owner"),
            )
        elif promise is None:
            continue
        elif event.kind == events.PromiseMoved.kind:
            after = datetime.fromisoformat(payload["by"])
            promise.moved.append(
                Moved(promise.by, after, event.at, event.actor_name, payload["reason"])
            )
            promise.by = after
        elif event.kind == events.PromiseHanded.kind:
            promise.owner = payload["owner"]
        elif event.kind in (events.PromiseKept.kind, events.PromiseBroken.kind):
            promise.seal = payload.get("rests_on", "")
    for promise in found.values():
        promise.standing = _standing(promise.key, evaluation)
    return list(found.values())


def _standing(key: str, evaluation: Evaluation) -> Standing:
    applied = evaluation.get(f"{Metric.PROMISED_UPDATE.value}:{key}")
    if applied is None or (applied.cancelled_at and not applied.breached_at):
        return "dropped"
    if applied.done_at is not None:
        return "kept_late" if applied.breached_at else "kept"
    if applied.cancelled_at is not None:
        return "broken"
    return "late" if applied.breached_at else "open"


def lacks_promise(ticket: Ticket) -> bool:
    """Say whether somebody must still promise something: at level 2, unless we wait for the
    requester. The same as the filter `promise` means by “missing”.

    Source: agreement §4.
    """
    return (
        ticket.level >= 2
        and ticket.promised_by is None
        and ticket.status not in (Status.SOLVED, Status.CLOSED)
        and ticket.waiting_for != WaitingFor.REQUESTER
    )


def calendar_of(ticket: Ticket) -> Calendar:
    """Return the hours in which a promise on a ticket may fall due: those of its reply at level 2,
    by its severity; before that, those of support.
    """
    agreement = ticket.agreement_version.sla
    support = agreement.calendars[agreement.support_calendar]
    if ticket.level < 2:
        return support
    policy = agreement.policy_named(ticket.policy)
    target = policy.target_for(Metric.ESCALATED_REPLY, ticket.severity or None)
    return agreement.calendars[target.calendar] if target is not None else support


def support_of(ticket: Ticket) -> Calendar:
    """Return the hours that “working hours” means in a promise."""
    agreement = ticket.agreement_version.sla
    calendar = calendar_of(ticket)
    return agreement.calendars[agreement.support_calendar] if calendar.always_open else calendar
