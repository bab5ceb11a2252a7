"""Erasing a person from the help center: what they followed, and what they said of articles."""

from datetime import datetime

from plazo.accounts import erasure
from plazo.accounts.models import Requester
from plazo.core.actor import Actor
from plazo.helpcenter.models import Feedback, Follower


def register() -> None:
    """Let the help center hear when a person is erased."""
    erasure.register(erase_traces, name="help center")


def erase_traces(person: Requester, actor: Actor, now: datetime) -> None:
    """Forget whom to write to, and keep an opinion only as a count."""
    Follower.objects.filter(email__iexact=person.email).delete()
    Feedback.objects.filter(requester=person).update(requester=None, words="")
