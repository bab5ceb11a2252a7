"""The link by which an area says that it has what it was asked, without an account."""

from dataclasses import dataclass

from django.core.signing import BadSignature, Signer

from plazo.agreements.queries import version
from plazo.core.errors import NotVisible
from plazo.tickets import queries
from plazo.tickets.areas import Ask, asks_of
from plazo.tickets.models import AreaAsk, Ticket

_SALT = "plazo.triage.receipt"


def receipt_token(ask: AreaAsk) -> str:
    """Return the signed token of an asking's receipt. It shows nothing else of the case."""
    return Signer(salt=_SALT).sign_object({"a": ask.pk}, compress=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the page of a receipt shows."""

    ask: AreaAsk
    standing: Ask
    ticket: Ticket


def receipt_by_token(token: str) -> Receipt:
    """Return what a token is about. Raises: NotVisible."""
    try:
        pk = int(Signer(salt=_SALT).unsign_object(token)["a"])
    except (BadSignature, ValueError, KeyError, TypeError):
        raise NotVisible from None
    ask = AreaAsk.objects.select_related("ticket").filter(pk=pk).first()
    if ask is None:
        raise NotVisible
    ticket = ask.ticket
    ticket.agreement_version = version(ticket.agreement_version_id)
    return Receipt(ask, asks_of(queries.chain_of(ticket))[ask.key], ticket)
