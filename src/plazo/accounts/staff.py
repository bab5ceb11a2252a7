"""Changes to the team that is there: groups and agents, each written into the audit trail."""

from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from plazo.accounts import sessions
from plazo.accounts.models import Agent, Group, Role, User, normal_email
from plazo.accounts.team import Unfit, agent_facts, group_facts, groups_named, reasons_of
from plazo.core import audit
from plazo.core.actor import Actor
from plazo.core.errors import PlazoError

Holder = Callable[[Group], str]

_holders: dict[str, Holder] = {}


class GroupHeld(PlazoError):
    """Something still points to the group; `data["what"]` says what, in words."""

    code = "group_held"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        words = _("The group cannot be removed while these belong to it: %(what)s.")
        return words % {"what": "; ".join(self.data["what"])}


class LastAdministrator(PlazoError):
    """Somebody must be able to change the settings."""

    code = "last_administrator"
    http_status = HTTPStatus.CONFLICT

    def user_message(self) -> str:
        return _("Make somebody else an administrator first: one person must keep the settings.")


def register_holder(holder: Holder, *, name: str) -> None:
    """Let a package say what of its own points to a group, in words; "" where nothing does."""
    _holders[name] = holder


@transaction.atomic
def change_group(
    *,
    group_id: int,
    name: str,
    level: int | None,
    email: str,
    members: Sequence[int],
    actor: Actor,
    now: datetime,
) -> Group:
    """Rename a group, change its level or address, or who is in it. Its key stays.

    Edges: who is in it without being active any more stays so; `members` speaks of the others.
    Raises: Unfit.
    """
    group = Group.objects.select_for_update(no_key=True).get(pk=group_id)
    before = group_facts(group)
    group.name, group.level, group.email = name.strip(), level, normal_email(email)
    try:
        group.full_clean()
    except ValidationError as error:
        raise Unfit(reasons=reasons_of(error)) from error
    group.save()
    former = group.agents.filter(is_active=False)
    group.agents.set([*Agent.objects.filter(pk__in=members, is_active=True), *former])
    audit.record(
        "group.changed",
        f"group:{group.key}",
        title=group.name,
        before=before,
        after=group_facts(group),
        actor=actor,
        now=now,
    )
    return group


@transaction.atomic
def remove_group(*, group_id: int, actor: Actor, now: datetime) -> None:
    """Remove a group that nothing points to. Raises: GroupHeld, which says what does."""
    group = Group.objects.select_for_update().get(pk=group_id)
    held = [words for holder in _holders.values() if (words := holder(group))]
    if held:
        raise GroupHeld(what=held)
    audit.record(
        "group.removed",
        f"group:{group.key}",
        title=group.name,
        before=group_facts(group),
        actor=actor,
        now=now,
    )
    try:
        group.delete()
    except ProtectedError as error:  # of a package that did not say so
        names = {str(each._meta.verbose_name_plural) for each in error.protected_objects}
        raise GroupHeld(what=sorted(names)) from error


@transaction.atomic
def change_agent(
    *,
    agent_id: int,
    name: str,
    role: str,
    level: int,
    title: str,
    groups: Sequence[str],
    actor: Actor,
    now: datetime,
) -> Agent:
    """Change what an agent is called, what they may do, and where they work.

    Raises: LastAdministrator; UnknownGroup; Unfit.
    """
    agent = _locked(agent_id)
    before = agent_facts(agent)
    if agent.is_active and role != Role.ADMINISTRATOR:
        _keep_an_administrator(agent)
    agent.role, agent.level, agent.title = Role(role), level, title.strip()
    agent.user.name = name.strip()
    try:
        agent.full_clean()
        agent.user.clean_fields(exclude=["password"])
    except ValidationError as error:
        raise Unfit(reasons=reasons_of(error)) from error
    agent.save()
    agent.user.save(update_fields=["name"])
    agent.groups.set(groups_named(groups))
    audit.record(
        "agent.changed",
        f"agent:{agent.pk}",
        title=str(agent),
        before=before,
        after=agent_facts(agent),
        actor=actor,
        now=now,
    )
    return agent


@transaction.atomic
def deactivate_agent(*, agent_id: int, actor: Actor, now: datetime) -> Agent:
    """End an agent's access at once: their sessions too. What they did keeps their name.

    Edges: who is also a client keeps that account. Absences yet to come are of no use and go. Done
        again, it does nothing. What becomes of their cases is `tickets.commands`' to say.
    Raises: LastAdministrator.
    """
    agent = _locked(agent_id)
    if not agent.is_active:
        return agent
    _keep_an_administrator(agent)
    agent.is_active = False
    agent.save(update_fields=["is_active"])
    agent.absences.filter(begins_at__gt=now).delete()
    if not hasattr(agent.user, "requester"):
        agent.user.is_active = False
        agent.user.save(update_fields=["is_active"])
    sessions.end_others(agent.user_id, here=None)
    _switched("agent.deactivated", agent, actor, now)
    return agent


@transaction.atomic
def reactivate_agent(*, agent_id: int, actor: Actor, now: datetime) -> Agent:
    """Let a former agent in again, as they were. Done again, it does nothing."""
    agent = _locked(agent_id)
    if agent.is_active:
        return agent
    agent.is_active = agent.user.is_active = True
    agent.save(update_fields=["is_active"])
    agent.user.save(update_fields=["is_active"])
    _switched("agent.reactivated", agent, actor, now)
    return agent


def _switched(what: str, agent: Agent, actor: Actor, now: datetime) -> None:
    audit.record(
        what,
        f"agent:{agent.pk}",
        title=str(agent),
        before={"active": not agent.is_active},
        after={"active": agent.is_active},
        actor=actor,
        now=now,
    )


def _locked(agent_id: int) -> Agent:
    agent = Agent.objects.select_for_update(no_key=True).get(pk=agent_id)
    agent.user = User.objects.select_for_update(no_key=True).get(pk=agent.user_id)
    return agent


def _keep_an_administrator(agent: Agent) -> None:
    """Raise LastAdministrator if without this one nobody could change the settings.

    Edges: all active administrators are locked, so two who remove each other do not both succeed.
    """
    if agent.role != Role.ADMINISTRATOR:
        return
    active = Agent.objects.select_for_update(no_key=True).filter(
        role=Role.ADMINISTRATOR, is_active=True
    )
    if not [each for each in active.order_by("pk") if each.pk != agent.pk]:
        raise LastAdministrator
