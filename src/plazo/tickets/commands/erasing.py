"""Commands that erase what was written, as the law may ask. Facts and instants stay."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction

from plazo.core.actor import Actor
from plazo.tickets import events, staging, timeline
from plazo.tickets.bodies import fields_digest
from plazo.tickets.models import (
    AreaMessage,
    Attachment,
    PublicMessage,
    Rating,
    Referral,
    Ticket,
    TicketEvent,
    TicketField,
)
from plazo.tickets.wait_models import Impact


def redact_message(*, message_id: int, actor: Actor, now: datetime) -> TicketEvent:
    """Erase what a message says, as the law may ask. The fact and its instant stay.

    Edges: where it was made a case of its own, the text stands twice, and goes from both.
    """
    with transaction.atomic():
        message = PublicMessage.objects.select_related("ticket").get(pk=message_id)
        twins = twins_of(message)
        timeline.lock(message.ticket_id, *(twin.ticket_id for twin in twins))
        for twin in twins:
            _redact(twin, actor, now)
        return _redact(message, actor, now)


def _redact(message: PublicMessage, actor: Actor, now: datetime) -> TicketEvent:
    with timeline.writing(message.ticket_id, actor=actor, now=now) as page:
        staging.let_go(message.attachments.all(), now=now)
        if page.chain and page.chain[0].payload.get("message") == message.pk:
            TicketField.objects.filter(ticket=message.ticket_id).delete()
        PublicMessage.objects.filter(pk=message.pk).update(
            body_text="", body_html="", quoted_text="", quoted_html=""
        )
        _redact_sides(page, sides_with(page.chain, {message.pk}))
        return page.append(events.TicketRedacted(message=message.pk))


def redact_area_message(*, side_id: int, actor: Actor, now: datetime) -> TicketEvent:
    """Erase what was said to an area, or by it. The fact and its instant stay."""
    ticket_id = AreaMessage.objects.values_list("ticket_id", flat=True).get(pk=side_id)
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        _redact_sides(page, {side_id})
        return page.appended[-1]


def sides_with(chain: Sequence[TicketEvent], messages: Collection[int]) -> set[int]:
    """Return the keys of what stands in side conversations that passed some messages on.

    Edges: the whole of such a conversation: whoever answers a mail quotes it.
    """
    asks = {
        event.payload["ask"]
        for event in chain
        if event.kind == events.AreaAsked.kind and set(event.payload["shared"]) & set(messages)
    }
    return {
        e.payload["side"] for e in chain if "side" in e.payload and e.payload.get("ask") in asks
    }


def _redact_sides(page: timeline.Page, sides: Collection[int]) -> int:
    """Erase texts of side conversations, each once; return how many."""
    gone = {e.payload.get("side") for e in page.chain if e.kind == events.TicketRedacted.kind}
    fresh = sorted(set(sides) - gone)
    staging.let_go(Attachment.objects.filter(area_message__in=fresh), now=page.now)
    AreaMessage.objects.filter(pk__in=fresh).update(
        body_text="", body_html="", quoted_text="", quoted_html=""
    )
    for pk in fresh:
        page.append(events.TicketRedacted(side=pk))
    return len(fresh)


def twins_of(message: PublicMessage) -> list[PublicMessage]:
    """Return the messages that say the same because one was split off from the other's case."""
    related = TicketEvent.objects.filter(
        kind=events.TicketRelated.kind, payload__message__isnull=False
    )
    off = related.filter(ticket=message.ticket_id, payload__message=message.pk)
    found = []
    for event in off.filter(payload__why="split_off"):
        opening = TicketEvent.objects.get(ticket=event.payload["ticket"], sequence=1)
        found.append(opening.payload["message"])
    opening = TicketEvent.objects.get(ticket=message.ticket_id, sequence=1)
    if opening.payload.get("message") == message.pk:
        origin = related.filter(ticket=message.ticket_id, payload__why="split_from").first()
        found += [origin.payload["message"]] if origin is not None else []
    return list(PublicMessage.objects.filter(pk__in=found))


def redact_person(*, ticket_id: int, person_id: int, actor: Actor, now: datetime) -> int:
    """Erase all that somebody wrote on a ticket; return how many texts there were.

    Edges: on their own ticket the subject goes too, since they wrote it: its number stands there;
        and so does all that other areas were told and answered, since it is about them.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        messages = PublicMessage.objects.filter(ticket=page.ticket, author_requester=person_id)
        gone = {e.payload["message"] for e in page.chain if e.kind == events.TicketRedacted.kind}
        written = [pk for pk in messages.values_list("pk", flat=True) if pk not in gone]
        staging.let_go(Attachment.objects.filter(public_message__in=messages), now=now)
        messages.update(body_text="", body_html="", quoted_text="", quoted_html="", author_name="")
        for pk in written:
            page.append(events.TicketRedacted(message=pk))
        ratings = Rating.objects.filter(ticket=page.ticket, requester=person_id).exclude(words="")
        rated = list(ratings.values_list("pk", flat=True))
        ratings.update(words="")
        for pk in rated:
            page.append(events.TicketRedacted(rating=pk))
        sides = sides_with(page.chain, messages.values_list("pk", flat=True))
        if page.ticket.requester_id == person_id:
            sides = {event.payload["side"] for event in page.chain if event.payload.get("side")}
        erased = _redact_sides(page, sides)
        if page.ticket.requester_id == person_id:
            Ticket.objects.filter(pk=page.ticket.pk).update(subject=page.ticket.number)
            Referral.objects.filter(ticket=page.ticket).delete()
            _empty_fields(page)
            _erase_impacts(page)
    return len(written) + len(rated) + erased


def _empty_fields(page: timeline.Page) -> None:
    """Erase a case's further details; what agents filled in is known to be gone."""
    answers = TicketField.objects.filter(ticket=page.ticket)
    keys = sorted(answers.values_list("key", flat=True))
    answers.delete()
    if keys and any(event.kind == events.FieldsSet.kind for event in page.chain):
        page.append(events.FieldsSet(fields=keys, values_digest=fields_digest({})))


def _erase_impacts(page: timeline.Page) -> None:
    """Erase what was stated of a case's impact: it speaks of whoever was affected."""
    stated = Impact.objects.filter(ticket=page.ticket).exclude(words="")
    for pk in list(stated.values_list("pk", flat=True)):
        page.append(events.TicketRedacted(impact=pk))
    stated.update(words="")
