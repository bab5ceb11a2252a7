"""Erasing a person from outgoing mail: their address, and words of theirs that mails quoted."""

from datetime import datetime
from typing import Final

from django.db.models import Q

from plazo.accounts import erasure
from plazo.accounts.models import Requester
from plazo.core.actor import Actor
from plazo.notifications.models import WAITING, MailKind, MailState, OutboundMail, Spent
from plazo.tickets.models import PublicMessage, Ticket

NAMING_THEIR_CASE: Final = (
    MailKind.RULE,
    MailKind.AREA_ASKED,
    MailKind.AREA_WRITTEN,
    MailKind.AREA_REMINDED,
    MailKind.AREA_WITHDRAWN,
)


def register() -> None:
    """Let outgoing mail hear when a person is erased."""
    erasure.register(erase_mails, name="outgoing mail")


def erase_mails(person: Requester, actor: Actor, now: datetime) -> None:
    """Empty the mails to a person, and those about cases in which they wrote.

    Edges: what waits for them is not sent any more. What waits for others is written anew.
    """
    nobody = f"erased-{person.pk}@erased.invalid"
    theirs = OutboundMail.objects.filter(recipient__iexact=person.email)
    theirs.filter(state__in=WAITING).update(state=MailState.SUPPRESSED, next_attempt_at=None)
    cases = PublicMessage.objects.filter(author_requester=person).values("ticket_id")
    quoting = Q(recipient__iexact=person.email) | Q(ticket__in=cases) | Q(ticket__requester=person)
    # What a rule told our own people, and what other areas were told, names its case among the keys
    # of its renderer.
    own = Ticket.objects.filter(requester=person).values_list("pk", flat=True)
    about = [pk for (pk,) in cases.values_list("ticket_id")] + list(own)
    quoting |= Q(kind__in=NAMING_THEIR_CASE, about__ticket__in=about)
    OutboundMail.objects.filter(quoting).update(subject="", body_text="", body_html="")
    theirs.update(recipient=nobody, recipient_name="", about={}, once=None)
    Spent.objects.filter(scope="address", key=person.email).delete()
