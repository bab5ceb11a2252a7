"""What agents, groups, companies, people, services and tags are called in a search."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from plazo.accounts import queries as people
from plazo.agreements.document import AgreementDocument
from plazo.core.search import fold
from plazo.tickets import outcomes
from plazo.tickets.filters import MOST_VALUES
from plazo.tickets.models import Tag
from plazo.tickets.search import language

MOST_OFFERED: Final = 8
CHOSEN: Final = ("service", "environment", "request_type", "area", "cause", "solution")


class Known:
    """The `Names` of an installation. Each kind of row is read once at most."""

    def __init__(self, document: AgreementDocument) -> None:
        self._document = document
        self._rows: dict[str, list[tuple[int, str]]] = {}

    def keys(self, field: str, words: str) -> Sequence[int | str]:
        """Return the keys of what goes by some words: exactly, or else what has them in its name.

        Edges: an address, or the beginning of one, finds people by it.
        """
        folded = fold(words).strip()
        if not folded:
            return []
        if field == "requester":
            return [person.pk for person in people.people_named(words, limit=MOST_VALUES)]
        if field in CHOSEN:
            return _named(self._choices(field), folded)
        if field in ("assignee", "group", "organization"):
            return _named(self.rows(field), folded)[:MOST_VALUES]
        return []

    def rows(self, field: str) -> list[tuple[int, str]]:
        """Return every agent, group or company with its name. One query for each kind."""
        if field not in self._rows:
            read = {
                "assignee": people.agent_names,
                "group": people.group_names,
                "organization": people.organization_names,
            }[field]
            self._rows[field] = read()
        return self._rows[field]

    def _choices(self, field: str) -> list[tuple[str, str]]:
        if field in ("cause", "solution"):
            return outcomes.every_name(field)
        named: Mapping[str, Any] = self._document.request_types
        if field == "service":
            named = self._document.services
        elif field == "area":
            named = self._document.areas
        elif field == "environment":
            named = self._document.environments
        found = [(key, key) for key in named]
        for code in language.VALUES["language"].values():
            found += [(key, choice.name.in_language(code)) for key, choice in named.items()]
        return found

    def offered(self, field: str, beginning: str) -> list[str]:
        """Return values of a field of which a word begins with some letters."""
        folded = fold(beginning)
        if field == "tag":
            found = Tag.objects.filter(name__startswith=folded)
            return list(found.values_list("name", flat=True)[:MOST_OFFERED])
        if field == "requester":
            return [p.email for p in people.people_named(beginning, limit=MOST_OFFERED)]
        if field in ("assignee", "group", "organization"):
            names = [name for _key, name in self.rows(field)]
        elif field in CHOSEN:
            names = [key for key, _name in self._choices(field)]
        else:
            return []
        fits = (name for name in dict.fromkeys(names) if _begins(fold(name), folded))
        return list(fits)[:MOST_OFFERED]


def _begins(name: str, letters: str) -> bool:
    return name.startswith(letters) or any(word.startswith(letters) for word in name.split())


def _named(rows: Sequence[tuple[Any, str]], folded: str) -> list[Any]:
    exact = [key for key, name in rows if fold(name) == folded]
    return list(dict.fromkeys(exact or [key for key, name in rows if folded in fold(name)]))
