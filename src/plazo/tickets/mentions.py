"""Whom a note names: `@` and the whole name of an agent or of a group."""

import re

from plazo.accounts.models import Agent, Group


def mentioned_in(text: str) -> list[int]:
    """Return the keys of the active agents that a text names, those of a named group too.

    Edges: longer names are read first, so “@Ana Luz” is not “@Ana”. Two agents of one name are
        both meant. Costs nothing without an @, else two queries.
    """
    if "@" not in text:
        return []
    names: dict[str, set[int]] = {}
    agents = Agent.objects.select_related("user").prefetch_related("groups").filter(is_active=True)
    for agent in agents:
        names.setdefault(str(agent).casefold(), set()).add(agent.pk)
        for group in agent.groups.all():
            names.setdefault(group.name.casefold(), set()).add(agent.pk)
    if not names:
        return []
    longest_first = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    found = re.findall(rf"(?<![\w@.])@({longest_first})(?!\w)", text.casefold())
    return sorted({pk for name in found for pk in names[name]})


def mentionable() -> list[tuple[str, str]]:
    """Return the names that a note can mention, each with what it is: agents, then groups."""
    agents = Agent.objects.select_related("user").filter(is_active=True).order_by("user__name")
    people = [(str(agent), agent.title or agent.get_role_display()) for agent in agents]
    return [*people, *((group.name, "") for group in Group.objects.order_by("name"))]
