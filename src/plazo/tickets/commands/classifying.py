"""Commands that correct and complete what was said of a case when it was opened."""

from collections.abc import Mapping
from datetime import datetime

from plazo.core.actor import Actor
from plazo.tickets import events, timeline
from plazo.tickets.bodies import fields_digest
from plazo.tickets.errors import UnknownChoice
from plazo.tickets.models import TicketEvent, TicketField


def classify_ticket(
    *,
    ticket_id: int,
    service: str,
    environment: str,
    request_type: str,
    actor: Actor,
    now: datetime,
) -> TicketEvent | None:
    """Say which service, environment and type of request a case is about. Empty: not known.

    Edges: None where nothing changes. The policy, and so every deadline, stays what was chosen
        when it was opened. A closed case can be put right too.
    Raises: UnknownChoice for what the ticket's agreement does not have.
    Source: decision 43.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        ticket, document = page.ticket, page.ticket.agreement_version.document
        said = (ticket.service, ticket.environment, ticket.request_type)
        wanted = (service, environment, request_type)
        if wanted == said:
            return None
        known = [set(document.services), set(document.environments), set(document.request_types)]
        for value, before, keys in zip(wanted, said, known, strict=True):
            if value not in {"", before, *keys}:
                raise UnknownChoice
        return page.append(
            events.TicketClassified(
                service=service, environment=environment, request_type=request_type
            )
        )


def set_fields(
    *, ticket_id: int, values: Mapping[str, str], actor: Actor, now: datetime
) -> TicketEvent | None:
    """Fill in further details of a case; an empty value takes one away.

    Units: `values` are by the keys of the agreement's questions.
    Edges: None where nothing changes. What is not named stays.
    Raises: UnknownChoice for a question that the ticket's agreement does not have, or an answer
        that is none of its options.
    """
    with timeline.writing(ticket_id, actor=actor, now=now) as page:
        document = page.ticket.agreement_version.document
        rows = TicketField.objects.filter(ticket=page.ticket)
        has = dict(rows.values_list("key", "value"))
        wanted = {key: value.replace("\x00", "").strip()[:2000] for key, value in values.items()}
        if any(key not in has and document.field(key) is None for key in wanted):
            raise UnknownChoice
        changed = sorted(key for key, value in wanted.items() if value != has.get(key, ""))
        if not changed:
            return None
        asked = [(document.field(key), wanted[key]) for key in changed if wanted[key]]
        if any(field and not field.takes(value) for field, value in asked):
            raise UnknownChoice
        rows.filter(key__in=changed).delete()
        TicketField.objects.bulk_create(
            TicketField(ticket=page.ticket, key=key, value=wanted[key])
            for key in changed
            if wanted[key]
        )
        now_has = dict(rows.values_list("key", "value"))
        return page.append(events.FieldsSet(fields=changed, values_digest=fields_digest(now_has)))
