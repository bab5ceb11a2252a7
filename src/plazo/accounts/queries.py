"""Reads on people."""

from collections.abc import Iterable

from django.db.models import QuerySet
from django.db.models.functions import Lower

from plazo.accounts.models import Agent, Group, Organization, Requester, User, normal_email


def assignable_agents() -> list[Agent]:
    """Return the active agents that a ticket can be given to, by level and name. One query."""
    return list(
        Agent.objects.select_related("user").filter(is_active=True).order_by("level", "user__name")
    )


def requesters_by_email(email: str) -> QuerySet[Requester]:
    """Return whoever has an address, however it is spelt: one row at most, by the unique index."""
    spelt = Requester.objects.alias(spelt=Lower("email"))
    return spelt.filter(spelt=normal_email(email))


def organizations() -> list[Organization]:
    """Return every company by name. One query."""
    return list(Organization.objects.order_by("name"))


def account_named(email: str) -> User | None:
    """Return the account of an address, if there is one."""
    return User.objects.filter(email=normal_email(email)).first()


def names_of_agents(keys: Iterable[int]) -> dict[int, str]:
    """Return the names of some agents, those who left too, by their keys. One query."""
    return {a.pk: str(a) for a in Agent.objects.select_related("user").filter(pk__in=keys)}


def all_groups() -> list[Group]:
    """Return every group, by level and name. One query."""
    return list(Group.objects.all())


def addresses_of(keys: Iterable[int]) -> list[str]:
    """Return the addresses of some requesters. One query."""
    found = Requester.objects.filter(pk__in=list(keys)).order_by("email")
    return list(found.values_list("email", flat=True))


def keys_of_addresses(addresses: Iterable[str]) -> list[int]:
    """Return the requesters who have these addresses, however they are spelt. One query."""
    wanted = [normal_email(address) for address in addresses]
    spelt = Requester.objects.alias(spelt=Lower("email")).filter(spelt__in=wanted)
    return list(spelt.order_by("pk").values_list("pk", flat=True))
