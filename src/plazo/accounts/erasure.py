"""Erasing a person: everything that says who they were goes; that something happened stays.

Each package that keeps something of people registers a step. All of them run in one transaction,
and any of them may refuse. `config.wiring` registers them.
"""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from plazo.accounts.errors import OneOfOurs
from plazo.accounts.models import Agent, Invitation, Requester, RequesterRole, SignInLink
from plazo.core.actor import Actor

Step = Callable[[Requester, Actor, datetime], None]

_steps: dict[str, Step] = {}


def register(step: Step, *, name: str) -> None:
    """Let a package erase what it keeps of a person. Registering a name again replaces it."""
    _steps[name] = step


@transaction.atomic
def erase_requester(*, requester_id: int, actor: Actor, now: datetime) -> Requester:
    """Erase a person for good. Their row stays, nameless, since cases point to it.

    Edges: done again, it does nothing. An agent's account is no client's to erase.
    Raises: OneOfOurs; what a step raises, such as for a case that is still open.
    """
    person = (
        Requester.objects.select_for_update(no_key=True, of=("self",))
        .select_related("user")
        .get(pk=requester_id)
    )
    if person.erased_at is not None:
        return person
    if Agent.objects.filter(user__email=person.email).exists():
        raise OneOfOurs(email=person.email)
    for step in _steps.values():
        step(person, actor, now)
    SignInLink.objects.filter(email=person.email).delete()
    Invitation.objects.filter(requester=person).delete()
    user, person.user = person.user, None
    person.email, person.name = f"erased-{person.pk}@erased.invalid", ""
    person.time_zone, person.email_confirmed_at = "", None
    person.role, person.wants_copies, person.erased_at = RequesterRole.MEMBER, False, now
    person.save()
    if user is not None:
        user.delete()
    return person
