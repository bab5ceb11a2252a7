"""Writes on the team: its agents and their groups."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.db import transaction
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from plazo.accounts.models import Agent, Group, Role, User, normal_email
from plazo.core import audit
from plazo.core.actor import Actor
from plazo.core.errors import PlazoError


class AlreadyAgent(PlazoError):
    """Somebody with this address is an agent already."""

    code = "already_agent"

    def user_message(self) -> str:
        return _("%(email)s is an agent already.") % self.data


class AlreadyGroup(PlazoError):
    """A group has this key already."""

    code = "already_group"

    def user_message(self) -> str:
        return _("There is a group “%(key)s” already.") % self.data


class UnknownGroup(PlazoError):
    """No group has this key."""

    code = "unknown_group"

    def user_message(self) -> str:
        known = ", ".join(self.data["known"]) or _("none yet")
        return _("There is no group “%(key)s” (there are: %(known)s).") % {
            "key": self.data["key"],
            "known": known,
        }


class Unfit(PlazoError):
    """An address, a key or a password that cannot be used; `data["reasons"]` says why."""

    code = "unfit"

    def user_message(self) -> str:
        return " ".join(self.data["reasons"])


@transaction.atomic
def add_group(
    *,
    key: str,
    name: str,
    level: int | None = None,
    email: str = "",
    members: Sequence[int] = (),
    actor: Actor,
    now: datetime,
) -> Group:
    """Make a group: agents who share a queue.

    Units: `level` is the support level whose cases it takes; `email` is where notices to all of
        it go; `members` are agents by their keys.
    Raises: AlreadyGroup; Unfit.
    """
    if Group.objects.filter(key=key).exists():
        raise AlreadyGroup(key=key)
    group = Group(key=key, name=name.strip(), level=level, email=normal_email(email))
    try:
        group.full_clean()
    except ValidationError as error:
        raise Unfit(reasons=reasons_of(error)) from error
    group.save()
    group.agents.set(Agent.objects.filter(pk__in=members, is_active=True))
    audit.record(
        "group.added",
        f"group:{group.key}",
        title=group.name,
        after=group_facts(group),
        actor=actor,
        now=now,
    )
    return group


@transaction.atomic
def add_agent(
    *,
    email: str,
    name: str,
    role: str = Role.AGENT,
    level: int = 1,
    title: str = "",
    groups: Sequence[str] = (),
    language: str = "es",
    time_zone: str = "",
    password: str | None = None,
    actor: Actor,
    now: datetime,
) -> Agent:
    """Make an agent, who signs in with this address.

    Edges: without a password they cannot sign in until they have chosen one behind
        `password_path`. Somebody who signs in already, as a client does, keeps their account.
    Raises: AlreadyAgent; UnknownGroup; Unfit.
    """
    address = normal_email(email)
    try:
        validate_email(address)
    except ValidationError as error:
        raise Unfit(reasons=[_("“%(email)s” is no e-mail address.") % {"email": email}]) from error
    user = User.objects.select_for_update().filter(email=address).first()
    if user is not None and Agent.objects.filter(user=user).exists():
        raise AlreadyAgent(email=address)
    found = groups_named(groups)
    if password is not None:
        _check_password(password, user or User(email=address, name=name))
    if user is None:
        zone = {"time_zone": time_zone} if time_zone else {}
        user = User.objects.create_user(
            address, password, name=name.strip(), language=language, **zone
        )
    elif password is not None:
        user.set_password(password)
        user.save()
    agent = Agent(user=user, role=role, level=level, title=title.strip())
    try:
        agent.full_clean()
    except ValidationError as error:
        raise Unfit(reasons=reasons_of(error)) from error
    agent.save()
    agent.groups.set(found)
    audit.record(
        "agent.added",
        f"agent:{agent.pk}",
        title=str(agent),
        after=agent_facts(agent),
        actor=actor,
        now=now,
    )
    return agent


def password_path(user: User) -> str:
    """Return the path behind which a person chooses their password: for three days, and once."""
    return reverse(
        "account_reset_password_from_key",
        kwargs={
            "uidb36": user_pk_to_url_str(user),
            "key": default_token_generator.make_token(user),
        },
    )


def send_invitation(user: User, link: str) -> None:
    """Mail somebody the link behind which they choose their password. Sends at once.

    Raises: OSError or SMTPException if the mail server does not take it.
    """
    with translation.override(user.language):
        text = _(
            "Hello, %(name)s:\n\n"
            "You are on the support team. Choose your password within three days:\n\n"
            "%(link)s\n\n"
            "From then on you sign in with this address. If you do not know what this is about,"
            " you need not do anything."
        ) % {"name": str(user), "link": link}
        EmailMessage(
            _("Your access to Plazo"),
            text,
            to=[user.email],
            headers={"Auto-Submitted": "auto-generated"},
        ).send()


def group_facts(group: Group) -> dict[str, Any]:
    """Return a group as the audit trail keeps it."""
    members = group.agents.select_related("user").order_by("user__name")
    return {
        "name": group.name,
        "level": group.level,
        "email": group.email,
        "members": [str(agent) for agent in members],
    }


def agent_facts(agent: Agent) -> dict[str, Any]:
    """Return an agent as the audit trail keeps them: in words that outlive the rows."""
    return {
        "name": agent.user.name,
        "email": agent.user.email,
        "role": str(agent.role),
        "level": agent.level,
        "title": agent.title,
        "groups": sorted(agent.groups.values_list("name", flat=True)),
        "active": agent.is_active,
    }


def groups_named(keys: Sequence[str]) -> list[Group]:
    """Return groups by their keys. Raises: UnknownGroup."""
    found = {group.key: group for group in Group.objects.all()}
    for key in keys:
        if key not in found:
            raise UnknownGroup(key=key, known=list(found))
    return [found[key] for key in keys]


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Unfit(reasons=error.messages) from error


def reasons_of(error: ValidationError) -> list[str]:
    """Return what a model refuses, each with the name of its field."""
    return [
        f"{name}: {sentence}" for name, texts in error.message_dict.items() for sentence in texts
    ]
