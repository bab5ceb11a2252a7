"""What waited goes out: digests, and what came outside a person's hours, each as one mail.

The rows say what waits and until when; whoever looks finds it, by one index each. Everything that
one person is told goes out in one transaction under their row's lock, with the rows taken off: a
process that dies before its commit has done nothing, and of two at once one finds nothing.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from plazo.accounts.models import Agent
from plazo.core import live
from plazo.notifications import planning
from plazo.notifications.models import MailKind, Notice, Told

logger = logging.getLogger(__name__)

BATCH: Final = 200
KEPT_READ: Final = timedelta(days=60)
KEPT_AT_ALL: Final = timedelta(days=365)


def deliver_due(now: datetime) -> int:
    """Send what waited until `now`; return how many people were told.

    Edges: a failure for one person is logged, and the others are told all the same.
    """
    told = 0
    for column, tell in (("mail_at", _mail), ("browser_at", _ring)):
        for agent_id in _waiting(column, now):
            try:
                told += tell(agent_id, now)
            except Exception:
                logger.exception("what waits for agent %s was not sent", agent_id)
    return told


def _waiting(column: str, now: datetime) -> list[int]:
    due = Notice.objects.filter(**{f"{column}__lte": now}).order_by()
    return list(due.values_list("agent_id", flat=True).distinct()[:BATCH])


@transaction.atomic
def _mail(agent_id: int, now: datetime) -> int:
    """Write one mail of all that waits for a person; 1 where there was something."""
    agent = _locked(agent_id)
    if agent is None:
        return 0
    due = list(
        Notice.objects.select_for_update(skip_locked=True)  # counted up right now: the next time
        .filter(agent=agent, mail_at__lte=now)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    if not due:
        return 0
    Notice.objects.filter(pk__in=due).update(mail_at=None)
    if not (agent.is_active and agent.user.is_active):
        return 0
    planning.plan(
        kind=MailKind.NEWS_BUNDLE,
        recipient=agent.user.email,
        name=agent.user.name,
        language=agent.user.language,
        about={"agent": agent.pk, "notices": due},
        now=now,
    )
    return 1


@transaction.atomic
def _ring(agent_id: int, now: datetime) -> int:
    """Tell a person's open screens how much came while they were not to be told."""
    agent = _locked(agent_id)
    if agent is None:
        return 0
    due = Notice.objects.select_for_update(skip_locked=True).filter(
        agent=agent, browser_at__lte=now
    )
    count = Notice.objects.filter(pk__in=due.values("pk")).update(browser_at=None)
    if not count or not agent.is_active:
        return 0
    live.publish(f"agent:{agent.pk}", {"waited": count, "browser": True})
    return 1


def _locked(agent_id: int) -> Agent | None:
    """Take a person's row; None where another process has it, and tells them."""
    agents = Agent.objects.select_for_update(skip_locked=True, of=("self",), no_key=True)
    return agents.select_related("user").filter(pk=agent_id).first()


def forget(*, now: datetime) -> None:
    """Delete what nobody needs any more: notices long read, and all of a year ago."""
    old = Notice.objects.filter(at__lt=now - KEPT_READ, read_at__isnull=False)
    old.filter(mail_at=None, browser_at=None).delete()
    Notice.objects.filter(at__lt=now - KEPT_AT_ALL).delete()
    Told.objects.filter(due_at__lt=now - KEPT_AT_ALL).delete()
