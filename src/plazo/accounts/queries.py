"""Reads on people."""

import re
from collections.abc import Iterable

from django.db.models import BooleanField, Func, QuerySet, Value
from django.db.models.functions import Lower

from plazo.accounts.models import (
    Agent,
    Group,
    Organization,
    PersonWords,
    Requester,
    User,
    normal_email,
)
from plazo.core.search import fold


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


def people_named(words: str, *, limit: int) -> list[Requester]:
    """Return requesters of whom each word begins a part of their name or address, newest first.

    Edges: who was erased is nobody. One query, on its own index.
    """
    parts = re.findall(r"[^\W_]+", fold(words))[:8]
    if not parts:
        return []
    beginnings = Value(" & ".join(f"'{part}':*" for part in parts))
    found = Requester.objects.filter(
        Func(
            PersonWords("name", "email"),
            Func(beginnings, template="%(expressions)s::tsquery"),
            template="(%(expressions)s)",
            arg_joiner=" @@ ",
            output_field=BooleanField(),
        ),
        erased_at=None,
    )
    return list(found.select_related("organization").order_by("-pk")[:limit])


def organizations_named(words: str, *, limit: int) -> list[Organization]:
    """Return companies of whose name each word begins a part, by name. One query for all names."""
    parts = re.findall(r"[^\W_]+", fold(words))[:8]
    if not parts:
        return []

    def fits(company: Organization) -> bool:
        name = re.findall(r"[^\W_]+", fold(company.name))
        return all(any(word.startswith(part) for word in name) for part in parts)

    return [company for company in organizations() if fits(company)][:limit]


def agent_names() -> list[tuple[int, str]]:
    """Return every agent with their name, those who left too. One query."""
    return [(a.pk, str(a)) for a in Agent.objects.select_related("user").order_by("pk")]


def group_names() -> list[tuple[int, str]]:
    """Return every group with its name. One query."""
    return list(Group.objects.order_by("pk").values_list("pk", "name"))


def organization_names() -> list[tuple[int, str]]:
    """Return every company with its name. One query."""
    return list(Organization.objects.order_by("name").values_list("pk", "name"))
