"""Commands that write down what happened by itself: deliveries, machines, alarms."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from plazo.core.actor import Actor
from plazo.sla import Metric
from plazo.tickets import events, projection, timeline
from plazo.tickets.commands.promising import keep_again, seal_broken
from plazo.tickets.commands.steps import author_of
from plazo.tickets.errors import (
    NothingToSendAgain,
)
from plazo.tickets.models import (
    Delivery,
    PublicMessage,
    Ticket,
    TicketEvent,
)


def record_acknowledged(
    *, ticket_id: int, mail_id: int, actor: Actor, now: datetime
) -> TicketEvent | None:
    """Note that the mail server took the acknowledgement. Once for each mail."""
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        kind = events.TicketAcknowledged.kind
        if any(e.kind == kind and e.payload["mail"] == mail_id for e in page.chain):
            return None
        return page.append(events.TicketAcknowledged(mail=mail_id))


def record_delivery(*, message_id: int, state: str) -> None:
    """Keep what became of a reply's mail, for the agent to see. No fact of the timeline.

    Edges: a failure is final; a late "sent" does not undo it.
    """
    final = (Delivery.FAILED, Delivery.BOUNCED)
    PublicMessage.objects.filter(pk=message_id).exclude(delivery__in=final).update(delivery=state)


def record_machine(
    *,
    ticket_id: int,
    record_id: int,
    evidence: str,
    ask: str = "",
    actor: Actor,
    now: datetime,
) -> TicketEvent:
    """Note that a machine answered: an out-of-office note and the like. No clock moves.

    Units: `record_id` is the mail in the ledger, where its text stays; `ask` the asking of an area
        whose machine it was.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        said = events.MachineWrote(record=record_id, evidence=evidence[:200], ask=ask)
        return page.append(said)


def record_parked_mail(
    *,
    ticket_id: int,
    record_id: int,
    reason: str,
    ask: str = "",
    actor: Actor,
    now: datetime,
) -> TicketEvent | None:
    """Note that a mail about a ticket waits in the ledger for a person. Once for each mail.

    Units: `record_id` is the mail in the ledger, `reason` a key of the ledger's reasons; `ask` the
        asking of an area that it claims to answer.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        kind = events.MailParked.kind
        if any(e.kind == kind and e.payload["record"] == record_id for e in page.chain):
            return None
        return page.append(events.MailParked(record=record_id, reason=reason, ask=ask))


def record_delivery_failure(
    *,
    ticket_id: int,
    message_id: int,
    reason: str,
    attempt: int | None = None,
    state: str = Delivery.FAILED,
    actor: Actor,
    now: datetime,
) -> TicketEvent | None:
    """Note that a reply will never arrive: the clocks stand as if it had not been sent.

    Units: `attempt` is which sending failed, from 1; without it, the last one.
    Edges: once for each sending, so a late report about the first says nothing of the second; a
        closed ticket takes it too, since it is a fact. `state` tells a refusal at once from a
        report that came back later.
    Source: decision 4.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        sent, failed = _sendings(page, message_id)
        attempt = sent if attempt is None else attempt
        if attempt > sent or attempt in failed:
            return None
        if attempt == sent:
            PublicMessage.objects.filter(pk=message_id, ticket=page.ticket).update(delivery=state)
        return page.append(
            events.ReplyDeliveryFailed(message=message_id, reason=reason[:300], attempt=attempt)
        )


def record_refused_reply(
    *, ticket_id: int, agent_id: int, actor: Actor, now: datetime
) -> TicketEvent:
    """Note that a reply of an agent's, which had waited, was refused when its moment came.

    Edges: a closed ticket takes it too, since it is a fact.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        return page.append(events.ReplyRefused(agent=agent_id))


def _sendings(page: timeline.Page, message_id: int) -> tuple[int, set[int]]:
    """Return how often a reply was sent, and which of these sendings failed."""
    mine = [e for e in page.chain if e.payload.get("message") == message_id]
    kinds = [e.kind for e in mine]
    sent = kinds.count(events.TicketReplied.kind) + kinds.count(events.ReplySentAgain.kind)
    failed = events.ReplyDeliveryFailed.kind
    return sent, {e.payload.get("attempt", 1) for e in mine if e.kind == failed}


def send_reply_again(
    *, ticket_id: int, message_id: int, actor: Actor, now: datetime
) -> TicketEvent:
    """Send a reply that did not arrive once more; the clocks count it from now.

    Raises: NothingToSendAgain; TicketClosed; UnknownAgent.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        page.require_open()
        author_of(actor)
        sent, failed = _sendings(page, message_id)
        if sent not in failed:
            raise NothingToSendAgain
        PublicMessage.objects.filter(pk=message_id, ticket=page.ticket).update(
            delivery=Delivery.QUEUED
        )
        event = page.append(events.ReplySentAgain(message=message_id, attempt=sent + 1))
        keep_again(page, event)
        return event


def announce_alarms(*, ticket_id: int, actor: Actor, now: datetime) -> list[TicketEvent]:
    """Turn the moments of clocks that have passed into events, once each, at their own instants.

    Edges: with several sweeps at once the row's lock and the list of what was announced make
        each moment one event. `at` is when it is written down; the payload's `instant` is when
        it happened. Without a moment to tell, only the projection is refreshed (a pause may
        have ended by itself). The ladder rings with what calls for it.
    """
    with transaction.atomic():
        ticket = Ticket.objects.select_for_update().get(pk=ticket_id)
        page = timeline.Page(ticket, actor, now, list(timeline.chain_of(ticket)))
        _announce(page, now)
        page.finish()
    return page.appended


def announce_many(*, ticket_ids: Sequence[int], actor: Actor, now: datetime) -> int:
    """Do what `announce_alarms` does for many tickets together; return how many events it wrote.

    Edges: a ticket that somebody else holds is left to the next time, and so is one of which
        nothing is due any more. Either all of them are written or none.
    """
    with timeline.writing_many(ticket_ids, actor=actor, now=now) as pages:
        for page in pages:
            _announce(page, now)
    return sum(len(page.appended) for page in pages)


def _announce(page: timeline.Page, now: datetime) -> None:
    ticket = page.ticket
    evaluation = projection.refresh(ticket, timeline.facts_of(page.chain), now=now)
    page.evaluation = evaluation  # an alarm is no fact: it starts and stops nothing
    announced = projection.announced_of(ticket)
    for alarm in evaluation.alarms_due(now, announced):
        applied = evaluation.get(alarm.key)
        if applied is None:
            continue
        page.compose(
            events.ALARMS[alarm.kind](
                key=alarm.key,
                metric=applied.metric.value,
                severity=applied.severity,
                instant=alarm.at,
            )
        )
        if alarm.kind == "breached" and applied.metric is Metric.PROMISED_UPDATE:
            seal_broken(page, applied.key.partition(":")[2], alarm.at)
