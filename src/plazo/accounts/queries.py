"""Reads on people."""

from plazo.accounts.models import Agent, Organization, User, normal_email


def assignable_agents() -> list[Agent]:
    """Return the active agents that a ticket can be given to, by level and name. One query."""
    return list(
        Agent.objects.select_related("user").filter(is_active=True).order_by("level", "user__name")
    )


def organizations() -> list[Organization]:
    """Return every company by name. One query."""
    return list(Organization.objects.order_by("name"))


def account_named(email: str) -> User | None:
    """Return the account of an address, if there is one."""
    return User.objects.filter(email=normal_email(email)).first()
