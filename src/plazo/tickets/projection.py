"""The projection: a ticket's stored columns, as a pure fold of its events.

`apply_event` does what one event does to the columns; `refresh` adds what the clocks say. The
rebuild law: folding all events of a ticket anew, and evaluating at `evaluated_at`, gives exactly
the columns that are stored. A fixture checks it after every test, `plazo verify` everywhere.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from plazo.core.localtime import iso
from plazo.sla import (
    AppliedTarget,
    Evaluation,
    Fact,
    Metric,
    MomentName,
    Rung,
    State,
    evaluate,
    moment_name,
    silence_ends_at,
)
from plazo.sla.calendar import MICROSECOND
from plazo.tickets.models import Status, Ticket, TicketEvent

# What a requester sees of our clocks: the promises that were made to them.
PROMISED = (
    Metric.FIRST_REPLY,
    Metric.ESCALATED_REPLY,
    Metric.NEXT_REPLY,
    Metric.PROMISED_UPDATE,
    Metric.RESOLUTION,
)
# Sorts behind every real deadline.
NEVER = datetime(9999, 1, 1, tzinfo=UTC)

# What happens without anybody having done something to the ticket.
BY_ITSELF = (
    "clock.at_risk",
    "ticket.acknowledged",
    "machine.wrote",
    "mail.parked",
    "area.reminded",
    "requester.reminded",
    "ladder.rang",
    "ladder.settled",
)

COLUMNS = [
    "service",
    "environment",
    "request_type",
    "merged_into_id",
    "status",
    "waiting_for",
    "waiting_reason",
    "severity",
    "requested_severity",
    "level",
    "assignee_id",
    "group_id",
    "policy",
    "opened_at",
    "updated_at",
    "status_since",
    "solved_at",
    "closed_at",
    "verdict",
    "tags",
    "next_due_at",
    "late_since",
    "sort_due_at",
    "requester_due_at",
    "next_alarm_at",
    "promises",
    "promised_by",
    "closes_at",
    "cause",
    "solution",
    "clocks",
    "announced",
    "ladder",
    "promised_by",
    "closes_at",
    "evaluated_at",
    "last_sequence",
    "last_hash",
    "last_at",
]

# Of these, those that the sweep's own events can change.
SWEPT = [
    "updated_at",
    "policy",
    "next_due_at",
    "late_since",
    "sort_due_at",
    "requester_due_at",
    "next_alarm_at",
    "clocks",
    "announced",
    "ladder",
    "evaluated_at",
    "last_sequence",
    "last_hash",
    "last_at",
]


# What changes nothing that people did: the case is not “changed” by it.
def blank(ticket: Ticket) -> Ticket:
    """Return a ticket of the same identity with nothing projected on it yet."""
    return Ticket(
        pk=ticket.pk,
        public_id=ticket.public_id,
        number=ticket.number,
        agreement_version=ticket.agreement_version,
    )


def apply_event(ticket: Ticket, event: TicketEvent) -> None:
    """Do to the columns what one event does."""
    payload = event.payload
    ticket.last_sequence, ticket.last_hash, ticket.last_at = event.sequence, event.hash, event.at
    if event.kind not in BY_ITSELF:
        ticket.updated_at = event.at
    match event.kind:
        case "ticket.opened":
            ticket.opened_at = ticket.status_since = event.at
            _classify(ticket, event)
            ticket.status = Status.NEW
            ticket.requested_severity = payload["requested_severity"]
            ticket.group_id = payload["group"]
        case "ticket.assigned":
            ticket.assignee_id, ticket.group_id = payload["agent"], payload["group"]
        case "severity.set":
            ticket.severity = payload["severity"]
        case "level.entered":
            ticket.level = payload["level"]
            ticket.group_id = payload["group"] or ticket.group_id
        case "ticket.reopened":
            ticket.status, ticket.solved_at = Status.OPEN, None
            ticket.status_since = event.at
            ticket.cause = ticket.solution = ""
        case "verdict.given":
            ticket.verdict = "in_scope" if payload["in_scope"] else payload["clause"] or "out"
        case "tags.changed":
            kept = set(ticket.tags) - set(payload["removed"])
            ticket.tags = sorted(kept | set(payload["added"]))
        case "clock.at_risk" | "clock.breached":
            ticket.announced = [*(ticket.announced or []), _told(event)]
        case kind if kind in APPLIES:
            APPLIES[kind](ticket, event)


def _apply_merge(ticket: Ticket, event: TicketEvent) -> None:
    if event.kind == "ticket.merged":
        ticket.status = Status.CLOSED
        ticket.closed_at = ticket.status_since = event.at
        ticket.merged_into_id = event.payload.get("ticket")
        ticket.waiting_for = ticket.waiting_reason = ""
    else:
        ticket.merged_into_id = ticket.closed_at = None
        _apply_status(ticket, event)


def _classify(ticket: Ticket, event: TicketEvent) -> None:
    ticket.service = event.payload["service"]
    ticket.environment = event.payload["environment"]
    ticket.request_type = event.payload["request_type"]


def _apply_status(ticket: Ticket, event: TicketEvent) -> None:
    """Give a ticket a status. One that a merge had left solved was solved when it was."""
    ticket.status, ticket.status_since = event.payload["status"], event.at
    ticket.waiting_for = event.payload["waiting_for"]
    ticket.waiting_reason = event.payload["reason"] if ticket.waiting_for else ""
    if ticket.status == Status.SOLVED:
        ticket.solved_at = ticket.solved_at or event.at
    elif ticket.status == Status.CLOSED:
        ticket.closed_at = event.at


def _apply_outcome(ticket: Ticket, event: TicketEvent) -> None:
    ticket.cause, ticket.solution = event.payload["cause"], event.payload["solution"]


def _apply_promise(ticket: Ticket, event: TicketEvent) -> None:
    payload, promises = event.payload, dict(ticket.promises or {})
    key = payload["promise"]
    known = promises.get(key, {})
    match event.kind:
        case "promise.made":
            promises[key] = {
                "kind": payload["promised"],
                "by": payload["by"],
                "owner": payload.get("owner"),
                "moved": 0,
            }
        case "promise.moved":
            promises[key] = known | {"by": payload["by"], "moved": known.get("moved", 0) + 1}
        case "promise.handed":
            promises[key] = known | {"owner": payload["owner"]}
    ticket.promises = promises


def _apply_ladder(ticket: Ticket, event: TicketEvent) -> None:
    """Keep what rings: the step, since when, what for, and whom. Answered or settled, nothing."""
    if event.kind != "ladder.rang":
        ticket.ladder = {}
        return
    payload, before = event.payload, ticket.ladder or {}
    climbs = payload["cause"] == "climbed"
    answered = {"answered": True} if before.get("answered") and not climbs else {}
    ticket.ladder = answered | {
        "step": payload["step"],
        "at": iso(event.recorded_at),
        "since": before.get("since", iso(event.recorded_at)),
        "keys": sorted({*before.get("keys", []), *payload["keys"]}),
        "climbed": before.get("climbed", False) or climbs,
        "agents": payload["agents"],
        "sequence": event.sequence,
    }


def _apply_answer(ticket: Ticket, event: TicketEvent) -> None:
    """Keep that whoever climbed was answered, while the ladder rings for something else still."""
    if ticket.ladder and ticket.ladder["climbed"]:
        ticket.ladder = ticket.ladder | {"answered": True}


def ringing(ticket: Ticket) -> Rung | None:
    """Return the highest step that rings now, or None."""
    if not ticket.ladder:
        return None
    return Rung(ticket.ladder["step"], datetime.fromisoformat(ticket.ladder["at"]))


APPLIES: dict[str, Callable[[Ticket, TicketEvent], None]] = {
    "status.changed": _apply_status,
    "ticket.classified": _classify,
    "ticket.merged": _apply_merge,
    "ticket.unmerged": _apply_merge,
    "outcome.set": _apply_outcome,
    "promise.made": _apply_promise,
    "promise.moved": _apply_promise,
    "promise.handed": _apply_promise,
    "ladder.rang": _apply_ladder,
    "ladder.answered": _apply_ladder,
    "ladder.settled": _apply_ladder,
    "ticket.replied": _apply_answer,
    "reply.sent_again": _apply_answer,
}


def _told(event: TicketEvent) -> list[str]:
    """Return what names the moment that an event told of."""
    key, instant = event.payload["key"], event.payload["instant"]
    kind = event.kind.removeprefix("clock.")
    return [*moment_name(key, kind, datetime.fromisoformat(instant))[:2], instant]


def announced_of(ticket: Ticket) -> set[MomentName]:
    """Return the names of the moments of clocks that have been told already."""
    return {
        (name, kind, datetime.fromisoformat(instant))
        for name, kind, instant in ticket.announced or []
    }


def refresh(ticket: Ticket, facts: Sequence[Fact], *, now: datetime) -> Evaluation:
    """Evaluate the clocks at `now` and store what they say. Does not save.

    Edges: `now` before the last event means the last event: a timeline is never evaluated at an
        instant that it has passed.
    """
    at = max(now, ticket.last_at)
    evaluation = evaluate(ticket.agreement_version.sla, facts, at)
    ticket.policy = evaluation.policy
    ticket.evaluated_at = at
    ticket.clocks = [_clock(applied) for applied in evaluation.applied]
    ticket.next_due_at = evaluation.next_due_at
    owed = [a for a in evaluation.applied if a.ended_at is None]
    ours = [a for a in owed if a.metric is not Metric.AREA_REPLY]
    ticket.late_since = min((a.breached_at for a in ours if a.breached_at), default=None)
    moments = [moment for moment in (ticket.late_since, ticket.next_due_at) if moment]
    ticket.sort_due_at = min(moments, default=_when_an_area_is_due(owed))
    ticket.requester_due_at = _requester_due_at(evaluation)
    ticket.promised_by = min(
        (applied.due_at for applied in owed_promises(evaluation) if applied.due_at), default=None
    )
    ticket.closes_at = None
    close_after = ticket.agreement_version.document.closing.close_after
    if ticket.status == Status.SOLVED and ticket.solved_at and close_after is not None:
        ticket.closes_at = ticket.solved_at + close_after
    ticket.next_alarm_at = next_alarm_at(ticket, evaluation)
    return evaluation


def _when_an_area_is_due(owed: Sequence[AppliedTarget]) -> datetime:
    """Return when to look at a ticket that owes nothing itself: as its area falls due, else NEVER.

    Edges: a promise of ours that is due at the same instant comes before it. Source: decision 54.
    """
    due = [a.due_at for a in owed if a.metric is Metric.AREA_REPLY and a.due_at]
    return min(due) + MICROSECOND if due else NEVER


def owed_promises(evaluation: Evaluation) -> list[AppliedTarget]:
    """Return the clocks of promises that are still owed, late ones too."""
    return [
        applied
        for applied in evaluation.applied
        if applied.metric is Metric.PROMISED_UPDATE
        and applied.ended_at is None
        and applied.state in (State.RUNNING, State.BREACHED)
    ]


def next_alarm_at(ticket: Ticket, evaluation: Evaluation) -> datetime | None:
    """Return when somebody must look again: at a clock, or at the silence of the ladder."""
    silent = silence_ends_at(
        ticket.agreement_version.sla.ladder,
        ringing(ticket),
        ticket.severity or ticket.requested_severity,
    )
    moments = [evaluation.next_alarm_at(announced_of(ticket)), silent]
    return min((moment for moment in moments if moment is not None), default=None)


def _requester_due_at(evaluation: Evaluation) -> datetime:
    """Return the next moment that the requester was promised, a missed one first, else NEVER."""
    return min(
        (
            applied.due_at
            for applied in evaluation.applied
            if applied.metric in PROMISED
            and applied.ended_at is None
            and applied.state in (State.RUNNING, State.BREACHED)
            and applied.due_at is not None
        ),
        default=NEVER,
    )


def _clock(applied: AppliedTarget) -> dict[str, Any]:
    """Return what lists and chips show of a clock, without anything that changes by the minute."""

    def at(instant: datetime | None) -> str | None:
        return iso(instant) if instant else None

    return {
        "key": applied.key,
        "metric": applied.metric.value,
        "severity": applied.severity,
        "state": applied.state.value,
        "started_at": at(applied.started_at),
        "due_at": at(applied.due_at),
        "at_risk_at": at(applied.at_risk_at),
        "done_at": at(applied.done_at),
        "breached_at": at(applied.breached_at),
        "cancelled_at": at(applied.cancelled_at),
        "paused_since": at(applied.paused_since),
    }


def rebuild(ticket: Ticket, chain: Iterable[TicketEvent], facts: Sequence[Fact]) -> Ticket:
    """Fold all events anew into a ticket that nobody stored, evaluated when the stored one was."""
    fresh = blank(ticket)
    for event in chain:
        apply_event(fresh, event)
    refresh(fresh, facts, now=ticket.evaluated_at)
    return fresh


def differences(stored: Ticket, rebuilt: Ticket) -> dict[str, tuple[Any, Any]]:
    """Return the columns in which a stored ticket differs from its rebuilt self."""
    return {
        name: (getattr(stored, name), getattr(rebuilt, name))
        for name in COLUMNS
        if getattr(stored, name) != getattr(rebuilt, name)
    }
