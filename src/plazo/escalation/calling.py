"""Ringing people: one message for each of them and each step, with all that rings for them in it.

A bell says when it must ring; whoever looks finds what is due by one index. Everything that one
target is told goes out in one transaction under its row's lock, in which its bells are put off to
their next time: a process that dies before the commit has rung nothing, and of two at once one
finds nothing. Nothing here leaves the house: mails and calls are rows of their own.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from django.db import transaction

from plazo.accounts.models import Agent
from plazo.agreements.queries import version_in_force
from plazo.escalation import hooks
from plazo.escalation.models import Bell, Contact, Endpoint, RingState
from plazo.notifications import planning, quiet
from plazo.notifications.models import MailKind, Preference
from plazo.sla import Calendar, repeat_at

logger = logging.getLogger(__name__)

# What is still being announced rings together with what was; but nobody waits longer than this.
LONGEST_GATHERING: Final = timedelta(seconds=15)
MOST_AT_ONCE: Final = 20_000
Target = tuple[str, int]


def ring_due(now: datetime, *, gathering: bool = False) -> int:
    """Ring everybody for whom something is due; return how many messages were written.

    Units: with `gathering`, more rings are about to come: only those who have waited long enough
        are rung now.
    Edges: a failure for one target is logged, and the others are rung all the same.
    """
    until = now - LONGEST_GATHERING if gathering else now
    rung = 0
    for kind, key in _waiting(until):
        try:
            rung += _ring(kind, key, now)
        except Exception:
            logger.exception("%s %s could not be rung", kind, key)
    return rung


def _waiting(until: datetime) -> list[Target]:
    due = Bell.objects.filter(next_at__lte=until).order_by()
    found = due.values_list("agent", "contact", "endpoint").distinct()
    return [
        ("agent", agent) if agent else ("contact", contact) if contact else ("endpoint", endpoint)
        for agent, contact, endpoint in found
    ]


@transaction.atomic
def _ring(kind: str, key: int, now: datetime) -> int:
    """Write one target's messages; return how many: one for each step that rings for it."""
    target = _locked(kind, key)
    if target is None:
        return 0
    due = list(
        Bell.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("ring")
        .filter(**{kind: key}, next_at__lte=now)
        .order_by("ring__step", "ring__rang_at", "pk")[:MOST_AT_ONCE]
    )
    if not due:
        return 0
    waits = _waits_until(target, now)
    later = [bell for bell in due if waits > now and not _at_any_hour(bell)]
    Bell.objects.filter(pk__in=[bell.pk for bell in later]).update(next_at=waits)
    ringing = [bell for bell in due if waits <= now or _at_any_hour(bell)]
    written = _tell_ends(target, ringing, now) if isinstance(target, Endpoint) else 0
    open_ones = (bell for bell in ringing if bell.ring.state == RingState.RINGING)
    for step, bells in groupby(open_ones, key=lambda bell: bell.ring.step):
        written += _tell(target, step, list(bells), now)
    _put_off(ringing, target, now)
    return written


def _tell_ends(endpoint: Endpoint, bells: Sequence[Bell], now: datetime) -> int:
    """Write the calls about rings that ended since an endpoint was told of them: who has them, or
    that they were done; return how many.
    """
    written = 0
    for state in (RingState.ANSWERED, RingState.SETTLED):
        rings = [bell.ring_id for bell in bells if bell.ring.state == state]
        if rings and endpoint.is_active:
            hooks.plan_end_call(endpoint, rings, now=now)
            written += 1
    return written


def _locked(kind: str, key: int) -> Agent | Contact | Endpoint | None:
    """Take a target's row; None where another process has it, and rings it."""
    if kind == "agent":
        agents = Agent.objects.select_for_update(skip_locked=True, of=("self",), no_key=True)
        return agents.select_related("user", "notice_preference").filter(pk=key).first()
    if kind == "contact":
        contacts = Contact.objects.select_for_update(skip_locked=True, no_key=True)
        return contacts.filter(pk=key).first()
    endpoints = Endpoint.objects.select_for_update(skip_locked=True, no_key=True)
    return endpoints.filter(pk=key).first()


def _waits_until(target: Agent | Contact | Endpoint, now: datetime) -> datetime:
    """Return when a target may be rung by what waits for its hours: `now` where they are open."""
    if not isinstance(target, Agent):
        return now
    preference: Preference | None = getattr(target, "notice_preference", None)
    hours = quiet.hours_of(preference, target.user.time_zone, _support(now))
    return quiet.next_open(hours, now)


def _support(now: datetime) -> Calendar:
    agreement = version_in_force(now).sla
    return agreement.calendars[agreement.support_calendar]


def _at_any_hour(bell: Bell) -> bool:
    """Say whether a bell waits for nobody's hours: at the highest severity none does."""
    return bell.ring.severity == quiet.HIGHEST_SEVERITY


def _tell(
    target: Agent | Contact | Endpoint, step: int, bells: Sequence[Bell], now: datetime
) -> int:
    """Write the message of one step; 1 where there is somebody to get it."""
    rings = [bell.ring_id for bell in bells]
    if isinstance(target, Endpoint):
        if target.is_active:
            hooks.plan_call(target, step, rings, again=all(bell.times for bell in bells), now=now)
        return int(target.is_active)
    about = {"step": step, "rings": rings, "again": all(bell.times for bell in bells)}
    if isinstance(target, Agent):
        if not (target.is_active and target.user.is_active):
            return 0
        address, name, language = target.user.email, target.user.name, target.user.language
        about |= {"agent": target.pk}
    else:
        address, name, language = target.email, target.name, target.language
        about |= {"contact": target.pk}
    planning.plan(
        kind=MailKind.RING, recipient=address, name=name, language=language, about=about, now=now
    )
    return 1


def _put_off(bells: Sequence[Bell], target: Agent | Contact | Endpoint, now: datetime) -> None:
    """Set when each bell rings again. An endpoint is told once of a ring: it is a machine. That it
    ended is said apart.
    """
    ladder = version_in_force(now).sla.ladder
    for times, alike in groupby(
        sorted(bells, key=lambda bell: bell.times), lambda bell: bell.times
    ):
        again = None if isinstance(target, Endpoint) else repeat_at(ladder, now, times + 1)
        Bell.objects.filter(pk__in=[bell.pk for bell in alike]).update(
            next_at=again, times=times + 1
        )
