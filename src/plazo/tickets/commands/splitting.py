"""The command by which a message becomes a case of its own."""

from datetime import datetime

from django.db import transaction

from plazo.accounts.models import Requester
from plazo.core.actor import Actor
from plazo.tickets import events, queries, timeline
from plazo.tickets.bodies import StoredUpload, Written
from plazo.tickets.commands.opening import Arrival, open_ticket
from plazo.tickets.errors import NotSplittable
from plazo.tickets.models import PublicMessage, Ticket


@transaction.atomic
def split_message(
    *,
    message_id: int,
    subject: str,
    service: str = "",
    environment: str = "",
    request_type: str = "",
    receipt: bool = True,
    actor: Actor,
    now: datetime,
) -> Ticket:
    """Open a case of its own with the words and files of a message; each names the other.

    Units: `receipt` says whether its author is told the new number.
    Edges: its author asks; it came by the channel by which the other came. It counts from when the
        message was written, unless a public reply followed that. The message stays where it is.
        What it quotes does not come along where its author is of another company than its case:
        that one's words are not for the author's colleagues.
    Raises: NotSplittable for what no requester wrote, what opened its case, and what was erased or
        split off before; UnknownChoice.
    Source: docs/metrics.md, M-87; decision 42.
    """
    message = PublicMessage.objects.select_related("ticket").get(pk=message_id)
    with timeline.writing(message.ticket_id, actor=actor, now=now) as page:
        author = _author(page, message)
        at_home = author.organization_id == page.ticket.organization_id
        uploads = [
            StoredUpload(file.sha256, file.name, file.content_type, file.size, file.content_id)
            for file in message.attachments.order_by("pk")
        ]
        new = open_ticket(
            requester_id=author.pk,
            subject=subject,
            body=Written(
                text=message.body_text,
                html=message.body_html,
                quoted_text=message.quoted_text if at_home else "",
                quoted_html=message.quoted_html if at_home else "",
                authenticity=message.authenticity,
                message_id=message.message_id,
            ),
            service=service,
            environment=environment,
            request_type=request_type,
            channel=page.ticket.channel,
            language=page.ticket.language,
            attachments=uploads,
            arrival=Arrival(
                mailbox=page.ticket.mailbox,
                related=[(page.ticket, "split_from")],
                verified=author.confirmed(now),
                quiet="" if receipt else "not_wanted",
                asked_at=queries.split_counts_from(message, page.ticket, page.chain, now=now),
                written_at=message.at,
                split=message.pk,
            ),
            actor=actor,
            now=now,
        )
        page.append(
            events.TicketRelated(
                ticket=new.pk, number=new.number, why="split_off", message=message.pk
            )
        )
    return new


def _author(page: timeline.Page, message: PublicMessage) -> Requester:
    """Return who wrote a message that can be split off. Raises: NotSplittable."""
    before = next(
        (
            event.payload["number"]
            for event in page.chain
            if event.kind == events.TicketRelated.kind
            and event.payload["why"] == "split_off"
            and event.payload.get("message") == message.pk
        ),
        "",
    )
    opened_by = page.chain[0].payload.get("message")
    author = message.author_requester
    if before or author is None or not message.body_text or message.pk == opened_by:
        raise NotSplittable(split=before)
    return author
