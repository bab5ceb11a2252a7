"""The link by which an area says that it has what it was asked, without an account."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.core.signing import BadSignature, Signer

from plazo.agreements.queries import version
from plazo.core.errors import NotVisible
from plazo.tickets import events, queries
from plazo.tickets.areas import Ask, asks_of
from plazo.tickets.models import AreaAsk, Ticket

_SALT: Final = "plazo.triage.receipt"
# Counted from our latest mail of the asking: each reminder brings a link that is good.
RECEIPT_LASTS: Final = timedelta(days=30)
_TELLS: Final = {events.AreaAsked.kind, events.AreaWritten.kind, events.AreaReminded.kind}


def receipt_token(ask: AreaAsk) -> str:
    """Return the signed token of an asking's receipt. It shows nothing else of the case."""
    return Signer(salt=_SALT).sign_object({"a": ask.pk}, compress=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the page of a receipt shows. `is_expired` says that it shows nothing any more."""

    ask: AreaAsk
    standing: Ask
    ticket: Ticket
    is_expired: bool

    @property
    def is_settled(self) -> bool:
        """Say whether the case ended before an answer came. What was merged goes on elsewhere."""
        return self.standing.is_open and self.ticket.is_ended and not self.ticket.merged_into_id


def receipt_by_token(token: str, *, now: datetime) -> Receipt:
    """Return what a token is about.

    Edges: good for thirty days after the latest mail that we wrote about its asking.
    Raises: NotVisible.
    """
    try:
        pk = int(Signer(salt=_SALT).unsign_object(token)["a"])
    except (BadSignature, ValueError, KeyError, TypeError):
        raise NotVisible from None
    ask = AreaAsk.objects.select_related("ticket").filter(pk=pk).first()
    if ask is None:
        raise NotVisible
    ticket = ask.ticket
    ticket.agreement_version = version(ticket.agreement_version_id)
    chain = queries.chain_of(ticket)
    told = [e.at for e in chain if e.kind in _TELLS and e.payload["ask"] == ask.key]
    return Receipt(ask, asks_of(chain)[ask.key], ticket, now >= max(told) + RECEIPT_LASTS)
