"""Readers of the timeline: the mails to areas, and when they must next be reminded."""

from typing import Final

from plazo.notifications.models import OutboundMail
from plazo.sla import Evaluation, Metric
from plazo.tickets import events, readers
from plazo.tickets.areas import asks_of, next_reminder
from plazo.tickets.models import AreaAsk, AreaMessage, Ticket, TicketEvent
from plazo.triage import letters

# What may change when an area is reminded.
MOVES: Final = frozenset(
    {
        events.AreaAsked.kind,
        events.AreaAnswered.kind,
        events.AreaAnswerSetAside.kind,
        events.AreaReceived.kind,
        events.AreaReminded.kind,
        events.AreaWithdrawn.kind,
        events.StatusChanged.kind,
        events.TicketReopened.kind,
        events.RequesterReplied.kind,
        events.TicketMerged.kind,
        events.TicketUnmerged.kind,
    }
)


def register() -> None:
    """Let areas be told, and reminded."""
    readers.register(plan_mail, kinds=letters.KINDS, name="areas")
    readers.register(schedule, kinds=MOVES, name="area reminders")
    readers.register(forget_words, kinds={events.TicketRedacted.kind}, name="erased words to areas")


def plan_mail(ticket: Ticket, event: TicketEvent, evaluation: Evaluation) -> None:
    """Plan the mail that an event means for an area."""
    letters.plan(ticket, event)


def schedule(ticket: Ticket, event: TicketEvent, evaluation: Evaluation) -> None:
    """Store how each area's asking stands, by when it owes an answer, and when it must next be
    reminded. Free where none was asked.
    """
    asked = any(applied.metric is Metric.AREA_REPLY for applied in evaluation.applied)
    if not (asked or event.kind.startswith("area.")):
        return
    document, agreement = ticket.agreement_version.document, ticket.agreement_version.sla
    chain = TicketEvent.objects.filter(ticket=ticket, kind__startswith="area.")
    standing = asks_of(list(chain.order_by("sequence")))
    asks = list(AreaAsk.objects.filter(ticket=ticket))
    for ask in asks:
        target = document.areas[ask.area].target
        calendar = agreement.calendars[target.calendar] if target else None
        reminder = next_reminder(standing[ask.key], target, calendar, evaluation)
        ask.remind_at = reminder.at if reminder else None
        ask.standing = standing[ask.key].standing
        clock = evaluation.get(standing[ask.key].clock_key)
        ask.due_at = clock.due_at if clock is not None and clock.ended_at is None else None
    AreaAsk.objects.bulk_update(asks, ["remind_at", "standing", "due_at"])


def forget_words(ticket: Ticket, event: TicketEvent, evaluation: Evaluation) -> None:
    """Empty the mails of a side conversation of which something was erased: they quote it."""
    side = AreaMessage.objects.filter(pk=event.payload.get("side") or 0).first()
    if side is not None:
        mails = OutboundMail.objects.filter(once__startswith=letters.thread_of(side.ask_id))
        mails.update(subject="", body_text="", body_html="")
