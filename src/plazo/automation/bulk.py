"""One thing done to many tickets, and undone: each ticket by its own command, in its own
transaction, with one correlation id for them all.

Undoing is no rewinding. It appends the opposite facts, and only where a ticket still is as the
action left it; what somebody changed since is named and left alone.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Agent
from plazo.automation.errors import TooManyTickets, UndoOver, UnknownBulk
from plazo.automation.models import BulkAction, BulkChange
from plazo.core.actor import Actor
from plazo.core.errors import NotVisible, PlazoError
from plazo.tickets import commands, events, timeline
from plazo.tickets.models import Status, Ticket, TicketEvent, WaitingFor, reason_of

MOST_TICKETS: Final = 200
UNDO_WITHIN: Final = timedelta(minutes=10)
# How long it is known what was done to many at once; the timelines know it for ever.
KEPT_FOR: Final = timedelta(days=30)

# What a case that is solved was about, where somebody says it.
OUTCOME: Final = ("cause", "solution")

Values = dict[str, Any]
Do = Callable[[int, Values, Actor, datetime], TicketEvent | None]
Undo = Callable[[Ticket, Values, Actor, datetime], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of action: the columns that it changes, the events that change them, and how.

    `read` makes what a form sent into what is kept. Raises: UnknownBulk.
    """

    columns: tuple[str, ...]
    kinds: frozenset[str]
    read: Callable[[Mapping[str, Any]], Values]
    do: Do
    undo: Undo


def _read_assign(sent: Mapping[str, Any]) -> Values:
    assignee, group = sent.get("assignee"), sent.get("group")
    if not all(key is None or isinstance(key, int) for key in (assignee, group)):
        raise UnknownBulk
    return {"assignee": assignee, "group": group}


def _assign(pk: int, wanted: Values, actor: Actor, now: datetime) -> TicketEvent | None:
    return commands.assign_ticket(
        ticket_id=pk,
        assignee_id=wanted["assignee"],
        group_id=wanted["group"],
        actor=actor,
        now=now,
    )


def _assign_back(ticket: Ticket, before: Values, actor: Actor, now: datetime) -> None:
    commands.assign_ticket(
        ticket_id=ticket.pk,
        assignee_id=before["assignee_id"],
        group_id=before["group_id"],
        actor=actor,
        now=now,
    )


def _read_status(sent: Mapping[str, Any]) -> Values:
    status, waiting_for = sent.get("status"), str(sent.get("waiting_for") or "")
    reason = reason_of(str(sent.get("reason") or "").replace("\x00", ""))
    if status not in (Status.OPEN, Status.PENDING, Status.ON_HOLD, Status.SOLVED):
        raise UnknownBulk
    if status != Status.PENDING:
        waiting_for = reason = ""
    elif waiting_for not in WaitingFor.values or not reason:
        raise UnknownBulk(missing="reason")
    wanted = {"status": str(status), "waiting_for": waiting_for, "reason": reason}
    asked = OUTCOME if status == Status.SOLVED else ()
    return wanted | {name: str(sent[name]) for name in asked if name in sent}


def _set_status(pk: int, wanted: Values, actor: Actor, now: datetime) -> TicketEvent | None:
    stand = {name: value for name, value in wanted.items() if name not in OUTCOME}
    if Ticket.objects.get(pk=pk).stands(**stand):
        return None
    told = [wanted.get(name, "") for name in OUTCOME]
    outcome = commands.Outcomes(*told) if len(stand) < len(wanted) else None
    return commands.set_status(ticket_id=pk, **stand, outcome=outcome, actor=actor, now=now)


def _status_back(ticket: Ticket, before: Values, actor: Actor, now: datetime) -> None:
    """Return to the status before: a solved ticket is reopened, and a new one stays open."""
    status = Status.OPEN if before["status"] == Status.NEW else before["status"]
    if ticket.status == Status.SOLVED:
        commands.reopen_ticket(ticket_id=ticket.pk, undone=True, actor=actor, now=now)
        if status == Status.OPEN:
            return
    commands.set_status(
        ticket_id=ticket.pk,
        status=status,
        waiting_for=before["waiting_for"],
        reason=before["waiting_reason"],
        actor=actor,
        now=now,
    )


def _read_severity(sent: Mapping[str, Any]) -> Values:
    severity = str(sent.get("severity") or "")
    if len(severity) != 1 or severity == "\x00":
        raise UnknownBulk
    return {"severity": severity}


def _set_severity(pk: int, wanted: Values, actor: Actor, now: datetime) -> TicketEvent | None:
    return commands.set_severity(ticket_id=pk, **wanted, actor=actor, now=now)


def _severity_back(ticket: Ticket, before: Values, actor: Actor, now: datetime) -> None:
    if not before["severity"]:
        raise _Left(_("it had no severity before, and one that was judged stays judged"))
    commands.set_severity(ticket_id=ticket.pk, severity=before["severity"], actor=actor, now=now)


def _read_tags(sent: Mapping[str, Any]) -> Values:
    wanted = {key: [str(tag) for tag in sent.get(key) or ()][:30] for key in ("add", "remove")}
    if not any(wanted.values()):
        raise UnknownBulk
    return wanted


def _change_tags(pk: int, wanted: Values, actor: Actor, now: datetime) -> TicketEvent | None:
    return commands.change_tags(ticket_id=pk, **wanted, actor=actor, now=now)


def _tags_back(ticket: Ticket, before: Values, actor: Actor, now: datetime) -> None:
    had, has = set(before["tags"]), set(ticket.tags)
    commands.change_tags(
        ticket_id=ticket.pk, add=sorted(had - has), remove=sorted(has - had), actor=actor, now=now
    )


KINDS: Final[Mapping[str, Kind]] = {
    "assign": Kind(
        ("assignee_id", "group_id"),
        frozenset({events.TicketAssigned.kind, events.LevelEntered.kind}),
        _read_assign, _assign, _assign_back,
    ),
    "status": Kind(
        ("status", "waiting_for", "waiting_reason"),
        frozenset({events.StatusChanged.kind, events.TicketReopened.kind}),
        _read_status, _set_status, _status_back,
    ),
    "severity": Kind(
        ("severity",), frozenset({events.SeveritySet.kind}),
        _read_severity, _set_severity, _severity_back,
    ),
    "tags": Kind(
        ("tags",), frozenset({events.TagsChanged.kind}), _read_tags, _change_tags, _tags_back,
    ),
}  # fmt: skip


class _Left(PlazoError):
    """Why a ticket is left as it is; `user_message` is the reason itself."""

    code = "left_alone"

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)

    def user_message(self) -> str:
        return str(self.data["reason"])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the tickets: by their numbers, and for each that was not changed, why."""

    action: BulkAction
    changed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def do_to_tickets(
    *,
    tickets: Sequence[Ticket],
    what: str,
    wanted: Mapping[str, Any],
    agent_id: int,
    now: datetime,
) -> Outcome:
    """Do one thing to some tickets, as an agent; whoever sees them has fetched them.

    Each is changed in its own transaction, together with the row that remembers how it was: one
    that refuses says why and holds none of the others up.
    Raises: UnknownBulk; TooManyTickets. Costs a command for each ticket.
    """
    kind = KINDS.get(what)
    if kind is None or not tickets:
        raise UnknownBulk
    if len(tickets) > MOST_TICKETS:
        raise TooManyTickets(most=MOST_TICKETS)
    agent = Agent.objects.select_related("user").get(pk=agent_id)
    action = BulkAction.objects.create(agent=agent, at=now, what=what, wanted=kind.read(wanted))
    outcome = Outcome(action)
    with timeline.together(action.correlation):
        for ticket in tickets:
            change = _do(kind, action, ticket.pk, actor_of_agent(agent), now)
            if change.sequence:
                outcome.changed.append(ticket.number)
            elif change.refused:
                outcome.refused.append((ticket.number, change.refused))
            else:
                outcome.same.append(ticket.number)
    return outcome


def _do(kind: Kind, action: BulkAction, pk: int, actor: Actor, now: datetime) -> BulkChange:
    change = BulkChange(bulk=action, ticket_id=pk)
    try:
        with transaction.atomic():
            change.before = _columns(kind, Ticket.objects.select_for_update().get(pk=pk))
            event = kind.do(pk, action.wanted, actor, now)
            change.after = _columns(kind, Ticket.objects.get(pk=pk))
            change.sequence = event.sequence if event else None
            change.save()
    except PlazoError as error:
        change.sequence, change.after = None, {}
        change.refused = error.user_message()[:300]
        change.save(force_insert=True)
    return change


def undo_bulk(*, key: uuid.UUID, agent_id: int, now: datetime) -> Outcome:
    """Take an action back, where the tickets still are as it left them.

    Edges: only whoever did it, within `UNDO_WITHIN`, and each ticket once: an undoing that died on
        its way goes on where it was when it is asked for again. A ticket that was changed since is
        left alone and named. What is taken back are new facts: clocks that ran meanwhile have run.
    Raises: NotVisible; UndoOver.
    """
    with transaction.atomic():
        action = BulkAction.objects.select_for_update().filter(key=key, agent_id=agent_id).first()
        if action is None:
            raise NotVisible
        todo = action.changes.filter(sequence__isnull=False, undone_at=None, left="")
        if now - action.at > UNDO_WITHIN or (action.undone_at is not None and not todo):
            raise UndoOver
        action.undone_at = now
        action.save(update_fields=["undone_at"])
    agent = Agent.objects.select_related("user").get(pk=agent_id)
    outcome = Outcome(action)
    with timeline.together(uuid.uuid4()):
        for change in todo.select_related("ticket"):
            left = _undo(KINDS[action.what], change, actor_of_agent(agent), now)
            if left:
                outcome.refused.append((change.ticket.number, left))
            else:
                outcome.changed.append(change.ticket.number)
    return outcome


def _undo(kind: Kind, change: BulkChange, actor: Actor, now: datetime) -> str:
    """Take one change back; return why not, if it was left alone."""
    try:
        with transaction.atomic():
            ticket = Ticket.objects.select_for_update().get(pk=change.ticket_id)
            mine = BulkChange.objects.filter(pk=change.pk, undone_at=None)
            if not mine.update(undone_at=now):
                return ""  # by the same request, sent twice
            last = (
                TicketEvent.objects.filter(ticket=ticket, kind__in=kind.kinds)
                .order_by("sequence")
                .last()
            )
            untouched = last is not None and last.sequence == change.sequence
            if not untouched or _columns(kind, ticket) != change.after:
                who = last.actor_name if last and not untouched else ""
                raise _Left(_("%(who)s changed it since") % {"who": who or _("somebody")})
            kind.undo(ticket, change.before, actor, now)
    except PlazoError as error:
        change.left = error.user_message()[:300]
        change.save(update_fields=["left"])
    return change.left


def _columns(kind: Kind, ticket: Ticket) -> Values:
    return {name: getattr(ticket, name) for name in kind.columns}


def forget_bulk(*, now: datetime) -> None:
    """Forget what can long no longer be undone."""
    BulkAction.objects.filter(at__lt=now - KEPT_FOR).delete()
