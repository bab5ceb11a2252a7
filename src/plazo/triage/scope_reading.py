"""What a case says about its scope, read from its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plazo.tickets import queries
from plazo.tickets.models import PublicMessage, Ticket, TicketEvent
from plazo.triage.scope import CaseFacts


@dataclass(frozen=True, slots=True)
class Read:
    """What a case says, for whoever has it at hand: the request, and its further details."""

    body: str
    values: Mapping[str, str]


def read(ticket: Ticket, chain: Sequence[TicketEvent]) -> Read:
    """Read what a case says. One query, and one more where the form's further questions were
    answered.

    Edges: what was erased says nothing any more.
    """
    body = PublicMessage.objects.filter(pk=chain[0].payload["message"])
    text = body.values_list("body_text", flat=True).first()
    return Read(text or "", queries.values_of(ticket, chain))


def facts_of(ticket: Ticket, chain: Sequence[TicketEvent], given: Read | None = None) -> CaseFacts:
    """Return what the rules may ask of a case, as it stands now.

    Units: `ticket` has its organization at hand; what the case says is read where it is not
        given.
    """
    opened, said = chain[0].payload, given or read(ticket, chain)
    organization = ticket.organization
    return CaseFacts(
        texts=(("subject", ticket.subject), ("body", said.body), *said.values.items()),
        service=ticket.service,
        environment=ticket.environment,
        request_type=ticket.request_type,
        channel=ticket.channel,
        stage=organization.stage if organization else None,
        guidance=opened.get("answer", ""),
    )
