"""What other areas were asked on a ticket, and how each asking stands, by the timeline alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from plazo.agreements.document import AreaTarget
from plazo.sla import AppliedTarget, Calendar, Evaluation, Metric
from plazo.tickets import events
from plazo.tickets.models import TicketEvent

Standing = Literal["asked", "received", "answered", "withdrawn"]


@dataclass(slots=True, kw_only=True)
class Ask:
    """One asking: whom, when, and what became of it. `sides` are its messages, by their keys."""

    key: str
    area: str
    route: str
    clause: str
    severity: str
    consent: str
    asked_at: datetime
    received_at: datetime | None = None
    withdrawn_at: datetime | None = None
    failed_at: datetime | None = None
    answers: dict[int, datetime] = field(default_factory=dict)
    reminded: list[datetime] = field(default_factory=list)
    sides: list[int] = field(default_factory=list)

    @property
    def clock_key(self) -> str:
        return f"{Metric.AREA_REPLY.value}:{self.key}"

    @property
    def answered_at(self) -> datetime | None:
        """Return when it was first answered, by what stands as an answer."""
        return min(self.answers.values(), default=None)

    @property
    def is_open(self) -> bool:
        """Say whether an answer is still awaited."""
        return self.answered_at is None and self.withdrawn_at is None

    @property
    def standing(self) -> Standing:
        if self.answered_at is not None:
            return "answered"
        if self.withdrawn_at is not None:
            return "withdrawn"
        return "received" if self.received_at is not None else "asked"


def asks_of(chain: Sequence[TicketEvent]) -> dict[str, Ask]:
    """Return the askings of a ticket by their keys, in order. Costs nothing."""
    found: dict[str, Ask] = {}
    for event in chain:
        if not event.kind.startswith("area."):
            continue
        said = event.payload
        if event.kind == events.AreaAsked.kind:
            found[said["ask"]] = Ask(
                key=said["ask"],
                area=said["area"],
                route=said["route"],
                clause=said["clause"],
                severity=said["severity"],
                consent=said["consent"],
                asked_at=event.at,
            )
        _tell(found[said["ask"]], event)
    return found


def _tell(ask: Ask, event: TicketEvent) -> None:
    if event.payload.get("side"):
        ask.sides.append(event.payload["side"])
    match event.kind:
        case events.AreaReceived.kind:
            ask.received_at = ask.received_at or event.at
        case events.AreaAnswered.kind:
            ask.answers[event.payload["side"]] = event.at
        case events.AreaAnswerSetAside.kind:
            ask.answers.pop(event.payload["answer"], None)
            ask.received_at = ask.received_at or event.at
        case events.AreaWithdrawn.kind:
            ask.withdrawn_at = event.at
        case events.AreaReminded.kind:
            ask.reminded.append(event.at)
        case events.AreaUndelivered.kind:
            ask.failed_at = event.at


@dataclass(frozen=True, slots=True)
class Reminder:
    """When an area must be reminded next, and of what."""

    at: datetime
    why: Literal["warning", "late"]


def next_reminder(
    ask: Ask, target: AreaTarget | None, calendar: Calendar | None, evaluation: Evaluation
) -> Reminder | None:
    """Return the next reminder of an asking; None where nothing has to be reminded of.

    Units: `target` and `calendar` are the area's, in the ticket's version of the agreement.
    Edges: the first comes with the warning, unless the area said that it has it; the next a
        moment after the deadline, and then one each time the agreement's interval has passed on the
        area's calendar since the last. However long nobody looked, what was missed is one reminder.
    """
    clock = evaluation.get(ask.clock_key)
    if target is None or calendar is None or not ask.is_open or not _runs(clock):
        return None
    assert clock is not None  # noqa: S101 - it runs
    due, risk = clock.due_at, clock.at_risk_at
    if due is None:
        return None
    last = ask.reminded[-1] if ask.reminded else None
    late = due + timedelta(microseconds=1)
    if last is None and ask.received_at is None and risk is not None and risk < due:
        return Reminder(risk, "warning")
    if last is None or last < late:
        return Reminder(late, "late")
    if target.remind_every is None:
        return None
    return Reminder(calendar.add(last, target.remind_every), "late")


def _runs(clock: AppliedTarget | None) -> bool:
    return clock is not None and clock.ended_at is None
