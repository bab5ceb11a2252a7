"""What a case says about its scope, read from its rows."""

from collections.abc import Sequence

from plazo.tickets import queries
from plazo.tickets.models import PublicMessage, Ticket, TicketEvent
from plazo.triage.scope import CaseFacts


def facts_of(ticket: Ticket, chain: Sequence[TicketEvent]) -> CaseFacts:
    """Return what the rules may ask of a case, as it stands now.

    Units: `ticket` has its organization at hand.
    Edges: what was erased says nothing any more. Costs one query, and one more where the form's
        further questions were answered.
    """
    opened = chain[0].payload
    body = PublicMessage.objects.filter(pk=opened["message"]).values_list("body_text", flat=True)
    organization = ticket.organization
    return CaseFacts(
        texts=(
            ("subject", ticket.subject),
            ("body", body.first() or ""),
            *queries.values_of(ticket, chain).items(),
        ),
        service=ticket.service,
        environment=ticket.environment,
        request_type=ticket.request_type,
        channel=ticket.channel,
        stage=organization.stage if organization else None,
        guidance=opened.get("answer", ""),
    )
