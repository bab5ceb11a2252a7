"""Which asking a mail answers, by proof, and whether whoever wrote it may speak for the area."""

from collections.abc import Sequence

from plazo.accounts.domains import SHARED_DOMAINS
from plazo.accounts.models import domain_of
from plazo.mailboxes import tokens
from plazo.notifications.models import OutboundMail
from plazo.tickets.models import AreaAsk, AreaMessage, Ticket
from plazo.triage.letters import KINDS


def answered(
    *, addresses: Sequence[str], message_ids: Sequence[str], body_token: str
) -> AreaAsk | None:
    """Return the asking that a mail answers; None for any other mail.

    Units: `addresses` are all that it was sent to, `message_ids` those that it names, the one that
        it answers directly first.
    Edges: the token of the reply address first, then mails of the thread, ours and theirs, then a
        token in the text. A case number proves nothing.
    """
    keys = [token.pk for token in tokens.in_addresses(addresses) if token.kind == tokens.AREA]
    keys += _by_ids(message_ids) if message_ids else []
    token = tokens.read(body_token) if body_token else None
    if token is not None and token.kind == tokens.AREA:
        keys.append(token.pk)
    asks = {ask.pk: ask for ask in AreaAsk.objects.select_related("ticket").filter(pk__in=keys)}
    return next((asks[key] for key in keys if key in asks), None)


def _by_ids(message_ids: Sequence[str]) -> list[int]:
    ours = OutboundMail.objects.filter(message_id__in=message_ids, kind__in=KINDS.values())
    found = {mid: about["ask"] for mid, about in ours.values_list("message_id", "about") if about}
    theirs = AreaMessage.objects.filter(message_id__in=message_ids)
    found |= dict(theirs.values_list("message_id", "ask_id"))
    return [found[mid] for mid in message_ids if mid in found]


def ticket_of(mail: OutboundMail) -> Ticket | None:
    """Return the ticket about which an area was sent a mail; None for mails of other kinds."""
    if mail.kind not in KINDS.values():
        return None
    ask = AreaAsk.objects.select_related("ticket").filter(pk=mail.about.get("ask")).first()
    return ask.ticket if ask is not None else None


def may_speak(ask: AreaAsk, email: str) -> bool:
    """Say whether an address may answer for whoever was asked.

    Edges: the address itself, and its colleagues by their domain, unless people of many companies
        share that, or it is the requester's own side: whoever takes part in the case never speaks
        for the area. Source: decision 55.
    """
    address = email.lower()
    if address == ask.email.lower():
        return True
    domain = domain_of(address)
    if domain != domain_of(ask.email) or domain in SHARED_DOMAINS:
        return False
    ticket = ask.ticket
    return address != ticket.requester.email.lower() and not (
        ticket.participants.filter(requester__email=address).exists()
    )
