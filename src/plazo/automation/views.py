"""Saved views: what a list of the queue is made of, and the commands that keep such lists."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from plazo.accounts.models import Agent, Group
from plazo.accounts.queries import TEAM
from plazo.automation.errors import BadView, OnlyCoordinatorsShare, TooManyViews
from plazo.automation.models import SavedView, SavedViewQuerySet, Scope
from plazo.core import audit
from plazo.core.actor import Actor
from plazo.core.errors import NotVisible
from plazo.core.kept import kept
from plazo.tickets import filters
from plazo.tickets.listing import GROUPINGS, ORDERINGS

MOST_VIEWS: Final = 40  # of one agent, and as many that all share

# What a row can show besides its deadline, its state and its subject.
COLUMNS: Final[dict[str, Promise]] = {
    "severity": _("Severity"),
    "organization": _("Company"),
    "requester": _("Requester"),
    "service": _("Service"),
    "environment": _("Environment"),
    "request_type": _("Type of request"),
    "status": _("Status"),
    "tags": _("Tags"),
    "opened": _("Opened"),
    "updated": _("Last change"),
    "group": _("Group"),
    "level": _("Level"),
    "assignee": _("Assigned to"),
}
USUAL_COLUMNS: Final = ("severity", "organization", "service", "level", "assignee")


@dataclass(frozen=True, slots=True)
class Definition:
    """What a list of the queue is made of: conditions, an order, groups and columns.

    Raises: BadView for anything that is not declared, so that one that exists can be shown.
    """

    conditions: tuple[filters.Condition, ...] = ()
    ordering: str = "due"
    grouping: str = "deadline"
    columns: tuple[str, ...] = USUAL_COLUMNS

    def __post_init__(self) -> None:
        if self.ordering not in ORDERINGS or self.grouping not in GROUPINGS:
            raise BadView
        if any(column not in COLUMNS for column in self.columns):
            raise BadView
        # In the one order in which they stand, each once.
        kept = tuple(column for column in COLUMNS if column in self.columns)
        object.__setattr__(self, "columns", kept)

    def to_json(self) -> dict[str, Any]:
        """Return what is stored of it, field by field."""
        return {
            "conditions": [each.to_json() for each in self.conditions],
            "ordering": self.ordering,
            "grouping": self.grouping,
            "columns": list(self.columns),
        }


def definition_of(view: SavedView) -> Definition:
    """Return what a stored view is made of. Raises: BadFilter; BadView."""
    return Definition(
        filters.read(view.conditions), view.ordering, view.grouping, tuple(view.columns)
    )


def views_for(agent: Agent) -> list[SavedView]:
    """Return the views in an agent's rail: what all share, their groups', their own. One query, and
    none for a page where neither views nor the team have changed."""
    return _views_for(agent.pk)


@kept("views", TEAM)
def _views_for(agent_id: int) -> list[SavedView]:
    rank = {Scope.SHARED: 0, Scope.GROUP: 1, Scope.PERSONAL: 2}
    found = SavedView.objects.visible_to(Agent(pk=agent_id)).order_by("position", "pk")
    return sorted(found, key=lambda view: rank[Scope(view.scope)])


def views_to_write(agent: Agent) -> SavedViewQuerySet:
    """Return the views that an agent may change, in their order."""
    return SavedView.objects.written_by(agent).select_related("group").order_by("position", "pk")


def view_for(agent: Agent, key: uuid.UUID) -> SavedView:
    """Return a view that an agent sees or writes. Raises: NotVisible."""
    for views in (SavedView.objects.visible_to(agent), SavedView.objects.written_by(agent)):
        found = views.filter(key=key).first()
        if found is not None:
            return found
    raise NotVisible


def view_to_write(agent: Agent, key: uuid.UUID) -> SavedView:
    """Return a view that an agent may change. Raises: NotVisible."""
    found = views_to_write(agent).filter(key=key).first()
    if found is None:
        raise NotVisible
    return found


def create_view(
    *,
    agent_id: int,
    name: str,
    scope: str,
    group_id: int | None = None,
    definition: Definition,
    actor: Actor,
    now: datetime,
) -> SavedView:
    """Keep a view for an agent, for a group, or for everybody.

    Raises: BadView; OnlyCoordinatorsShare; TooManyViews.
    """
    with transaction.atomic():
        # Of two that are made at once, the second counts the first.
        agent = Agent.objects.select_for_update().get(pk=agent_id)
        view = SavedView(created_at=now, changed_at=now)
        _fill(view, agent, name=name, scope=scope, group_id=group_id, definition=definition)
        beside = _beside(view)
        if beside.count() >= MOST_VIEWS:
            raise TooManyViews(most=MOST_VIEWS)
        last = beside.order_by("position").last()
        view.position = last.position + 1 if last else 0
        view.changed_at = now
        view.save()
        _audit("view.created", view, {}, _state(view), actor=actor, now=now)
    return view


def change_view(
    *,
    view_id: int,
    agent_id: int,
    name: str,
    scope: str,
    group_id: int | None = None,
    definition: Definition,
    actor: Actor,
    now: datetime,
) -> SavedView:
    """Change a view: its name, whose it is, or what it is made of.

    Raises: BadView; OnlyCoordinatorsShare; SavedView.DoesNotExist.
    """
    with transaction.atomic():
        agent = Agent.objects.get(pk=agent_id)
        view = _locked(view_id)
        before = _state(view)
        _fill(view, agent, name=name, scope=scope, group_id=group_id, definition=definition)
        view.changed_at = now
        view.save()
        _audit("view.changed", view, before, _state(view), actor=actor, now=now)
    return view


def remove_view(*, view_id: int, actor: Actor, now: datetime) -> None:
    """Remove a view. Raises: SavedView.DoesNotExist."""
    with transaction.atomic():
        view = _locked(view_id)
        _audit("view.removed", view, _state(view), {}, actor=actor, now=now)
        view.delete()


def move_view(*, view_id: int, by: int, actor: Actor, now: datetime) -> None:
    """Let a view change places with one of its own kind that many before or behind it.

    Edges: at either end it stays. Raises: SavedView.DoesNotExist.
    """
    with transaction.atomic():
        view = _locked(view_id)
        row = list(_beside(view).select_for_update().order_by("position", "pk"))
        at = next(n for n, each in enumerate(row) if each.pk == view.pk)
        to = min(max(at + by, 0), len(row) - 1)
        if at == to:
            return
        row.insert(to, row.pop(at))
        for position, each in enumerate(row):
            each.position = position
        SavedView.objects.bulk_update(row, ["position"])
        _audit("view.moved", view, {"position": at}, {"position": to}, actor=actor, now=now)


def _locked(view_id: int) -> SavedView:
    return SavedView.objects.select_for_update().get(pk=view_id)


def _beside(view: SavedView) -> SavedViewQuerySet:
    """Return the views that stand in one list with this one."""
    if view.scope == Scope.PERSONAL:
        return SavedView.objects.filter(scope=Scope.PERSONAL, owner=view.owner)
    return SavedView.objects.exclude(scope=Scope.PERSONAL)


def _fill(
    view: SavedView,
    agent: Agent,
    *,
    name: str,
    scope: str,
    group_id: int | None,
    definition: Definition,
) -> None:
    view.name = " ".join(name.replace("\x00", "").split())[:60]
    if not view.name or scope not in Scope.values:
        raise BadView
    if scope != Scope.PERSONAL and not agent.coordinates:
        raise OnlyCoordinatorsShare
    if scope == Scope.GROUP and not Group.objects.filter(pk=group_id or 0).exists():
        raise BadView
    view.scope = scope
    view.owner = agent if scope == Scope.PERSONAL else None
    view.group_id = group_id if scope == Scope.GROUP else None
    view.filters_version = filters.VERSION
    for field, value in definition.to_json().items():
        setattr(view, field, value)


def _state(view: SavedView) -> dict[str, Any]:
    names: Sequence[str] = ("name", "conditions", "ordering", "grouping", "columns")
    return {
        **{name: getattr(view, name) for name in names},
        "scope": str(view.scope),
        "group": view.group_id,
    }


def _audit(
    what: str,
    view: SavedView,
    before: dict[str, Any],
    after: dict[str, Any],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Write down what happened to a view that others use, too; not to one that is one's own."""
    shared = {before.get("scope", view.scope), after.get("scope", view.scope)}
    if shared != {Scope.PERSONAL.value}:
        audit.record(
            what, f"view:{view.key}", title=view.name, before=before, after=after,
            actor=actor, now=now,
        )  # fmt: skip
