"""The ladder in words: why it rang, and whom a step is called after."""

from datetime import datetime

from django.utils.translation import gettext as _

from plazo.agreements.document import AgreementDocument
from plazo.agreements.labels import clock_label
from plazo.core import localtime
from plazo.escalation.models import Ring
from plazo.sla import Cause
from plazo.tickets.models import Ticket
from plazo.tickets.queries import live_clock


def cause_words(cause: str) -> str:
    """Say in a few words why a step was rung."""
    return {
        Cause.AT_RISK: _("A deadline is at risk"),
        Cause.BREACHED: _("A deadline was missed"),
        Cause.CLIMBED: _("The requester escalated"),
        Cause.SILENCE: _("Nobody below answered"),
    }[Cause(cause)]


def why_words(ring: Ring, zone: str) -> str:
    """Say why a step was rung, and when what calls for it happened: "El solicitante escaló, a las
    15:52 EST". A deadline has its hour in `due_words`.
    """
    words = cause_words(ring.cause)
    if ring.cause in (Cause.AT_RISK, Cause.BREACHED):
        return words
    when = localtime.at_words(ring.instant, zone, ring.rang_at)
    return f"{words}, {when} {localtime.zone_label(ring.instant, zone)}"


def due_words(ticket: Ticket, zone: str, now: datetime) -> str:
    """Say which clock of a ticket is owed first, and by when; nothing where none is."""
    live = live_clock(ticket)
    if live is None or not live["due_at"]:
        return ""
    due = datetime.fromisoformat(live["due_at"])
    late = due < now
    words = _("%(clock)s: it was due %(when)s") if late else _("%(clock)s: due %(when)s")
    when = f"{localtime.at_words(due, zone, now)} {localtime.zone_label(due, zone)}"
    return words % {"clock": clock_label(live["key"]), "when": when}


def role_of(document: AgreementDocument, step: int, language: str | None) -> str:
    """Return what the agreement calls a step, such as “Manager”; its number where it has none."""
    found = next((entry for entry in document.ladder if entry.level == step), None)
    return found.role.in_language(language) if found else _("Step %(step)s") % {"step": step}
