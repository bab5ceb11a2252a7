"""The mail that rings: what rings for somebody on one step, and the link that says "I have it"."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from plazo.escalation.labels import due_words, role_of, why_words
from plazo.escalation.models import Ring, RingState
from plazo.escalation.payloads import address_of
from plazo.notifications import planning, rendering
from plazo.notifications.models import MailKind, OutboundMail

MOST_LINES: Final = 40
LINK_LASTS: Final = timedelta(days=7)
_signer = signing.TimestampSigner(salt="plazo.escalation.letters")


def register() -> None:
    """Say how a mail that rings is written. What it holds answers for somebody: its words are kept
    nowhere once it is gone; which rings it was about is, since its link asks for them.
    """
    planning.register(
        MailKind.RING,
        planning.Letter(_render, headers=lambda _mail: URGENT, forgets=True, keeps_about=True),
    )


URGENT: Final[Mapping[str, str]] = {"Importance": "high", "X-Priority": "1"}


def token_of(mail: OutboundMail) -> str:
    """Return what a mail's link carries: the key of the mail, signed."""
    return _signer.sign(str(mail.pk))


def mail_of(token: str, *, over: bool = False) -> OutboundMail | None:
    """Return the mail that a link came in; None for what we did not sign, or long ago.

    Units: with `over`, however long ago: to say in its language that it is over.
    """
    try:
        key = int(_signer.unsign(token, max_age=None if over else LINK_LASTS))
    except (signing.BadSignature, ValueError):
        return None
    return OutboundMail.objects.filter(pk=key, kind=MailKind.RING).first()


def _line(ring: Ring, zone: str, now: datetime) -> dict[str, Any]:
    return {
        "ring": ring,
        "why": why_words(ring, zone),
        "due": due_words(ring.ticket, zone, now),
        "url": address_of(ring),
    }


def _render(mail: OutboundMail) -> rendering.Rendered | None:
    """Write the mail; nothing where nothing of it rings any more."""
    ringing = Ring.objects.filter(pk__in=mail.about["rings"], state=RingState.RINGING)
    rings = list(
        ringing.select_related("ticket__agreement_version", "ticket__organization").order_by(
            "severity", "instant", "pk"
        )[: MOST_LINES + 1]
    )
    if not rings:
        return None
    count = len(rings) if len(rings) <= MOST_LINES else ringing.count()
    document = rings[0].ticket.agreement_version.document
    agreement = rings[0].ticket.agreement_version.sla
    zone = agreement.calendars[agreement.support_calendar].zone
    role = role_of(document, mail.about["step"], mail.language)
    headline = ngettext("A case rings for you", "%(counter)s cases ring for you", count) % {
        "counter": count
    }
    context = {
        "language": mail.language,
        "desk_name": document.name.in_language(mail.language),
        "headline": headline,
        "role": role,
        "again": mail.about.get("again", False),
        "zone": zone,
        "now": mail.created_at,
        "rings": [_line(ring, zone, mail.created_at) for ring in rings[:MOST_LINES]],
        "more": max(count - MOST_LINES, 0),
        "answer_url": settings.PLAZO.base_url + reverse("desk:ring_link", args=[token_of(mail)]),
        "board_url": f"{settings.PLAZO.base_url}/desk/escalations/",
        "ours": "agent" in mail.about,
    }
    subject = headline
    if count == 1:
        ticket = rings[0].ticket
        severity = _("severity %(letter)s") % {"letter": rings[0].severity}
        named = f"{headline} ({severity})" if rings[0].severity else headline
        subject = f"[{ticket.number}] {named}: {rendering.one_line(ticket.subject)}"
    return rendering.finish("ring", subject, context)
