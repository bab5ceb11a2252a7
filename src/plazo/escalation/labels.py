"""The ladder in words: why it rang, and whom a step is called after."""

from django.utils.translation import gettext as _

from plazo.agreements.document import AgreementDocument
from plazo.sla import Cause


def cause_words(cause: str) -> str:
    """Say in a few words why a step was rung."""
    return {
        Cause.AT_RISK: _("A deadline is at risk"),
        Cause.BREACHED: _("A deadline was missed"),
        Cause.CLIMBED: _("The requester escalated"),
        Cause.SILENCE: _("Nobody below answered"),
    }[Cause(cause)]


def role_of(document: AgreementDocument, step: int, language: str | None) -> str:
    """Return what the agreement calls a step, such as “Manager”; its number where it has none."""
    found = next((entry for entry in document.ladder if entry.level == step), None)
    return found.role.in_language(language) if found else _("Step %(step)s") % {"step": step}
