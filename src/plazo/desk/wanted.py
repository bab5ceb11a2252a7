"""Which list of the queue an address asks for: a view of the desk, a saved one, or a filter.

An address holds keys of declared lists and conditions that `tickets.filters` reads; nothing in it
reaches the database by its name. What cannot be read is said, and the usual view shown instead.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.utils.http import urlencode
from django.utils.translation import pgettext

from plazo.accounts.models import Agent
from plazo.automation import views
from plazo.automation.errors import BadView
from plazo.automation.models import SavedView
from plazo.automation.views import USUAL_COLUMNS, Definition
from plazo.core.errors import NotVisible, PlazoError
from plazo.desk.frame import view_labels
from plazo.tickets import filters, listing, queries
from plazo.tickets.errors import BadFilter
from plazo.tickets.listing import Page

LONGEST_FILTER: Final = 4000
FILTERED: Final = "filter"  # what a filter that nobody saved is called among preferences
# Each view of the desk as conditions, for whoever begins a filter with it.
_OPEN: Final = {"field": "status", "op": "any_of", "value": ["new", "open", "pending", "on_hold"]}
BUILT_IN: Final[Mapping[str, list[dict[str, Any]]]] = {
    "due": [_OPEN],
    "overdue": [_OPEN, {"field": "due", "op": "overdue"}],
    "mine": [_OPEN, {"field": "assignee", "op": "any_of", "value": ["me"]}],
    "unassigned": [_OPEN, {"field": "assignee", "op": "any_of", "value": ["nobody"]}],
    "pending": [{"field": "status", "op": "any_of", "value": ["pending"]}],
    "solved": [{"field": "status", "op": "any_of", "value": ["solved"]}],
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One list of the queue: what it is called, what it is made of, and the address it has.

    `view` is a view of the desk or the key of a saved one; with `filtered` its conditions are the
    address's own, and the view is only where they came from.
    """

    view: str
    title: str
    definition: Definition
    saved: SavedView | None = None
    filtered: bool = False
    error: str = ""

    @property
    def key(self) -> str:
        """Return the name under which a person's choices for this list are kept."""
        return FILTERED if self.filtered else self.view

    @property
    def is_built_in(self) -> bool:
        return not self.filtered and self.saved is None

    def query(self, **more: str) -> str:
        """Return the query of this list's address; empty for the usual one."""
        asked = {"view": "" if self.view == "due" else self.view}
        if self.filtered:
            asked["f"] = compact(self.definition.conditions)
        return urlencode({name: value for name, value in (asked | more).items() if value})

    def page(self, *, agent: Agent, now: datetime, after: str) -> Page:
        """Return one page of the list. One query, or two where it reaches into what has ended."""
        how: dict[str, Any] = {
            "ordering": self.definition.ordering,
            "grouping": self.definition.grouping,
            "after": after,
        }
        if self.is_built_in:
            name = next(view for view in queries.VIEWS if view == self.view)
            return listing.page(queries.queue(name, agent=agent, now=now), **how)
        conditions = self.definition.conditions
        tickets = listing.tickets_that_meet(conditions, agent=agent, now=now)
        if listing.reaches_ended(conditions):
            return listing.patient_page(tickets, **how)
        return listing.page(tickets, **how)


def compact(conditions: tuple[filters.Condition, ...]) -> str:
    """Return conditions as an address holds them."""
    return json.dumps(
        [[each.field, each.op, each.value] for each in conditions],
        separators=(",", ":"),
        ensure_ascii=False,
    )


def read_compact(text: str) -> tuple[filters.Condition, ...]:
    """Return the conditions that an address holds. Raises: BadFilter."""
    try:
        triples = json.loads(text[: LONGEST_FILTER + 1]) if len(text) <= LONGEST_FILTER else None
        sent = [{"field": f, "op": op, "value": value} for f, op, value in triples]  # type: ignore[union-attr]
    except (ValueError, TypeError, RecursionError):
        raise BadFilter(field="?") from None
    return filters.read(sent)


def wanted_by(sent: Mapping[str, str], agent: Agent) -> Wanted:
    """Return the list that an address asks for, as this agent likes to see it.

    Edges: what cannot be read is told in `error`, with the usual view; a saved view that the agent
        does not see does not exist. One query for a saved view, none otherwise.
    Raises: NotVisible.
    """
    try:
        wanted = _liked(_read(sent, agent), agent)
        return _overridden(wanted, sent)
    except NotVisible:
        raise
    except PlazoError as error:
        return replace(_liked(_built_in("due"), agent), error=error.user_message())


def _read(sent: Mapping[str, str], agent: Agent) -> Wanted:
    view = sent.get("view", "")
    origin = _saved(view, agent) or _built_in(view)
    if not sent.get("f"):
        return origin
    conditions = read_compact(sent["f"])
    return replace(
        origin,
        title=pgettext("noun", "Filter"),
        definition=replace(origin.definition, conditions=conditions),
        filtered=True,
    )


def _built_in(view: str) -> Wanted:
    view = view if view in BUILT_IN else "due"
    ordering, grouping = ("solved", "none") if view == "solved" else ("due", "deadline")
    definition = Definition(filters.read(BUILT_IN[view]), ordering, grouping, USUAL_COLUMNS)
    return Wanted(view, view_labels()[view][0], definition)


def _saved(view: str, agent: Agent) -> Wanted | None:
    try:
        key = uuid.UUID(view)
    except ValueError:
        return None
    saved = views.view_for(agent, key)
    return Wanted(key.hex, saved.name, views.definition_of(saved), saved=saved)


def _overridden(wanted: Wanted, sent: Mapping[str, str]) -> Wanted:
    """Return the list in the order and the groups that the address itself asks for."""
    chosen: dict[str, Any] = {
        name: sent[short]
        for name, short in (("ordering", "order"), ("grouping", "by"))
        if sent.get(short)
    }
    return replace(wanted, definition=replace(wanted.definition, **chosen)) if chosen else wanted


def _liked(wanted: Wanted, agent: Agent) -> Wanted:
    """Return the list as the agent has chosen to see it; a choice that no longer exists is none."""
    choices = agent.preferences.get("queue", {}).get(wanted.key, {})
    try:
        return replace(wanted, definition=replace(wanted.definition, **_choices(choices)))
    except BadView:
        return wanted


def _choices(choices: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: choices[name] for name in ("ordering", "grouping") if name in choices}
    if "columns" in choices:
        found["columns"] = tuple(choices["columns"])
    return found
