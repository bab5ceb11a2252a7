"""Reads on people."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db.models import BooleanField, Func, Prefetch, Q, QuerySet, Value
from django.db.models.functions import Lower

from plazo.accounts.models import (
    Absence,
    Agent,
    Group,
    Organization,
    PersonWords,
    Requester,
    User,
    normal_email,
)
from plazo.core.kept import kept
from plazo.core.search import fold

# Stamps: the agents with their people, groups and absences; the companies' own ways to sign in.
TEAM = "team"
SIGN_IN = "sign_in"


@kept(TEAM)
def assignable_agents() -> list[Agent]:
    """Return the active agents that a ticket can be given to, by level and name. One query, and
    none for a page where the team is as it was."""
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


def companies_with_representatives(
    *, words: str, without: bool, after: str, limit: int
) -> list[Organization]:
    """Return companies by name, with who of sales answers for each. One query, or two.

    Units: `words` are a part of the name; `without` leaves those for whom nobody answers; `after`
        is the short name of the last company before these.
    """
    found = Organization.objects.order_by("name", "pk")
    if words:
        found = found.filter(name__icontains=words)
    if without:
        found = found.filter(representative_email="")
    last = Organization.objects.filter(slug=after).first() if after else None
    if last is not None:
        found = found.filter(Q(name__gt=last.name) | Q(name=last.name, pk__gt=last.pk))
    return list(found[:limit])


def companies_without_representative() -> int:
    """Count the companies for whom nobody of sales answers. One query."""
    return Organization.objects.filter(representative_email="").count()


def account_named(email: str) -> User | None:
    """Return the account of an address, if there is one."""
    return User.objects.filter(email=normal_email(email)).first()


def names_of_agents(keys: Iterable[int]) -> dict[int, str]:
    """Return the names of some agents, those who left too, by their keys. One query at most."""
    everyone = _names_of_all()
    return {pk: everyone[pk] for pk in keys if pk in everyone}


@kept(TEAM)
def _names_of_all() -> dict[int, str]:
    named = Agent.objects.select_related("user").only("user__name", "user__email")
    return {a.pk: str(a) for a in named.order_by("pk")}


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
    """Return every agent with their name, those who left too. One query at most."""
    return list(_names_of_all().items())


def group_names() -> list[tuple[int, str]]:
    """Return every group with its name. One query."""
    return list(Group.objects.order_by("pk").values_list("pk", "name"))


def organization_names() -> list[tuple[int, str]]:
    """Return every company with its name. One query."""
    return list(Organization.objects.order_by("name").values_list("pk", "name"))


@kept(TEAM)
def all_groups() -> list[Group]:
    """Return every group, by level and name. One query, and none while the team is as it was."""
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


def absences_at(at: datetime) -> dict[int, Absence]:
    """Return who is away at `at`: each absence by its agent's key, with its people. One query, and
    none for a page where the team is as it was."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        absence.agent_id: absence
        for absence in _absences_of(day)
        if absence.begins_at <= at < absence.ends_at
    }


@kept(TEAM)
def _absences_of(day: datetime) -> list[Absence]:
    """Return the absences that touch a day of UTC, which begins at `day`."""
    touching = Absence.objects.filter(begins_at__lt=day + timedelta(days=1), ends_at__gt=day)
    return list(touching.select_related("agent__user", "substitute__user"))


def absences_to_come(now: datetime) -> QuerySet[Absence]:
    """Return the absences that are not over, the first to begin first, with their people."""
    return Absence.objects.filter(ends_at__gt=now, agent__is_active=True).select_related(
        "agent__user", "substitute__user"
    )


def standing_in_for(agent: Agent, at: datetime) -> Agent:
    """Return who hears at `at` what is meant for an agent: themselves while they are there.

    Edges: as `standing_in`. Costs one query.
    """
    return standing_in(agent, absences_at(at))


def standing_in(agent: Agent, away: dict[int, Absence]) -> Agent:
    """Return who stands in for an agent, by the absences of a moment (`absences_at`).

    Edges: a substitute who is away too has their own stand in, and so on; where the chain ends
        with nobody who is there, in a circle or without a substitute, it stays with the agent: a
        notice must reach somebody.
    """
    seen, current = {agent.pk}, agent
    while (absence := away.get(current.pk)) is not None:
        substitute = absence.substitute
        if substitute is None or substitute.pk in seen or not substitute.is_active:
            return agent
        seen.add(substitute.pk)
        current = substitute
    return current


def groups_with_people() -> list[Group]:
    """Return every group with its active agents, by name. Two queries."""
    active = Agent.objects.filter(is_active=True).select_related("user")
    return list(Group.objects.prefetch_related(Prefetch("agents", queryset=active)))


def agents_with_groups() -> list[Agent]:
    """Return every agent, the active ones first, with their groups. Two queries."""
    agents = Agent.objects.select_related("user").prefetch_related("groups")
    return list(agents.order_by("-is_active", "user__name", "pk"))


def agent_by_key(pk: int) -> Agent | None:
    """Return an agent, active or not, with their groups."""
    return Agent.objects.select_related("user").prefetch_related("groups").filter(pk=pk).first()


def group_by_key(key: str) -> Group | None:
    """Return the group of a key."""
    return Group.objects.filter(key=key).first()


def people_beginning(text: str, *, limit: int) -> list[Requester]:
    """Return the people whose address or one of whose names begins so, with their companies.

    Edges: none for fewer than two letters, which would pick too many to choose from.
    """
    if len(text) < 2 or "\x00" in text:
        return []
    begins = Q(email__istartswith=text) | Q(name__istartswith=text)
    matching = Requester.objects.filter(begins | Q(name__icontains=f" {text}"), erased_at=None)
    return list(matching.select_related("organization").order_by("email")[:limit])
