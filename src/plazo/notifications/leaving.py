"""Whether our mail leaves, and what holds it up: what the screens of mail say of it."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Min

from plazo.mailboxes.models import Mailbox
from plazo.notifications.models import MailState, OutboundMail


@dataclass(frozen=True, slots=True)
class Leaving:
    """How our mail fares.

    Units: `held` counts mails that a server would not take yet, `since` is when the first of them
        was written, `error` what was said to the one that is tried next.
    """

    has_server: bool
    held: int = 0
    since: datetime | None = None
    error: str = ""


def leaving() -> Leaving:
    """Return how our mail fares. Three queries at most.

    Edges: in the demo it goes to the local outbox, as it should.
    """
    if settings.PLAZO.demo:
        return Leaving(has_server=True)
    if not settings.PLAZO.mail_leaves and not Mailbox.objects.exclude(smtp_host="").exists():
        return Leaving(has_server=False)
    held = OutboundMail.objects.filter(state=MailState.DEFERRED)
    found = held.aggregate(count=Count("pk"), since=Min("created_at"))
    if not found["count"]:
        return Leaving(has_server=True)
    error = held.order_by("next_attempt_at").values_list("last_error", flat=True).first()
    return Leaving(True, found["count"], found["since"], error or "")
