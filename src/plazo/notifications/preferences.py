"""A person's own choice of how they are told, and when."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from plazo.accounts.models import Agent
from plazo.agreements.queries import version_in_force
from plazo.core import audit
from plazo.core.actor import Actor
from plazo.notifications import quiet
from plazo.notifications.errors import BadHours
from plazo.notifications.models import Hours, Notice, Preference
from plazo.notifications.news import ALL, BY_KEY, Ways
from plazo.sla import Calendar, InvalidCalendar


def preference_of(agent: Agent) -> Preference | None:
    """Return what a person chose, if they chose anything. One query."""
    return Preference.objects.filter(agent=agent).first()


@transaction.atomic
def save_preference(
    *,
    agent_id: int,
    ways: Mapping[str, Ways],
    digest: str,
    digest_hour: int,
    hours: str,
    windows: Sequence[tuple[int, int, int]],
    reads_group_mail: bool,
    actor: Actor,
    now: datetime,
) -> Preference:
    """Keep how a person wants to be told; what still waits for them goes by it from now on.

    Units: `ways` by the key of the news; `windows` as `quiet.own_calendar` takes them.
    Edges: what is as the default says is no choice: it follows the default if that changes. What
        goes out by browser or mail stands in the desk as well.
    Raises: BadHours for windows that overlap, or for own hours without any.
    """
    agent = Agent.objects.select_for_update(of=("self",)).select_related("user").get(pk=agent_id)
    if hours == Hours.OWN and not windows:
        raise BadHours
    try:
        quiet.own_calendar(agent.user.time_zone, tuple(windows))
    except InvalidCalendar as error:
        raise BadHours from error
    before = preference_of(agent)
    saved = before or Preference(agent=agent)
    old = _plain(saved)
    saved.choices = {news.key: chosen for news in ALL if (chosen := _chosen(news.key, ways))}
    saved.digest, saved.digest_hour, saved.hours = digest, digest_hour, hours
    saved.windows = [list(window) for window in sorted(windows)]
    saved.reads_group_mail = reads_group_mail
    saved.save()
    _record(agent, old, _plain(saved), actor, now)
    _plan_anew(agent, saved, now)
    return saved


@transaction.atomic
def reset_preference(*, agent_id: int, actor: Actor, now: datetime) -> None:
    """Go back to the defaults."""
    agent = Agent.objects.select_for_update(of=("self",)).select_related("user").get(pk=agent_id)
    before = preference_of(agent)
    if before is None:
        return
    _record(agent, _plain(before), _plain(Preference(agent=agent)), actor, now)
    before.delete()
    _plan_anew(agent, None, now)


def _chosen(key: str, ways: Mapping[str, Ways]) -> dict[str, Any]:
    """Return in what a choice differs from the default."""
    if key not in ways:
        return {}
    default, wanted = BY_KEY[key].ways, ways[key]
    desk = wanted.desk or wanted.browser or wanted.mail != "no"
    values = {"desk": desk, "browser": wanted.browser, "mail": str(wanted.mail)}
    return {name: value for name, value in values.items() if value != getattr(default, name)}


def _plain(preference: Preference) -> dict[str, Any]:
    names = ("choices", "digest", "digest_hour", "hours", "windows", "reads_group_mail")
    return {name: getattr(preference, name) for name in names}


def _record(
    agent: Agent, before: dict[str, Any], after: dict[str, Any], actor: Actor, now: datetime
) -> None:
    audit.record(
        "notices.preferred",
        f"agent:{agent.pk}",
        title=str(agent),
        before=before,
        after=after,
        actor=actor,
        now=now,
    )


def _plan_anew(agent: Agent, preference: Preference | None, now: datetime) -> None:
    """Let what waits for a person wait for what they want now.

    Edges: what would have gone out at once, had they always wanted it so, goes out now.
    """
    waiting = list(
        Notice.objects.select_for_update(skip_locked=True)
        .filter(agent=agent, read_at=None)
        .filter(news__in=BY_KEY)
        .exclude(mail_at=None, browser_at=None)
        .order_by("pk")
    )
    if not waiting:
        return
    support = support_calendar(now)
    for notice in waiting:
        plan = quiet.plan(
            BY_KEY[notice.news],
            preference,
            severity=notice.severity,
            zone=agent.user.time_zone,
            support=support,
            at=now,
        )
        if notice.mail_at is not None:
            notice.mail_at = now if plan.mail_now else plan.mail_at
        if notice.browser_at is not None:
            notice.browser_at = plan.browser_at
    Notice.objects.bulk_update(waiting, ["mail_at", "browser_at"])


def support_calendar(now: datetime) -> Calendar:
    """Return the hours of support by the agreement in force."""
    agreement = version_in_force(now).sla
    return agreement.calendars[agreement.support_calendar]
