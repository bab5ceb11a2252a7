"""The form of actions: each a row of plain controls, which work without JavaScript.

The form is sent whole each time: to add an action, to take one away, to try it, or to keep it.
What it holds is read need by need against the declared ones; nothing else is looked at.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import QueryDict
from django.utils.translation import gettext as _

from plazo.accounts import queries as people
from plazo.agreements.models import AgreementVersion
from plazo.automation import actions
from plazo.automation.refusals import BadAction
from plazo.tickets.models import Status, WaitingFor

Choice = tuple[str, str]
LONGEST: Final = 20_000


class Options:
    """What can be chosen in an action; agents and groups are fetched once, when asked for."""

    def __init__(self, version: AgreementVersion, language: str, use: actions.For) -> None:
        document = version.document
        self.use = use
        self._known: dict[str, list[Choice]] = {
            "status": [(s.value, str(s.label)) for s in Status if s is not Status.NEW],
            "waiting": [(str(key), str(label)) for key, label in WaitingFor.choices],
            "severity": [
                (each.key, f"{each.key} · {each.name.in_language(language)}")
                for each in document.severities
            ],
            "level": [(str(s.level), str(s.level)) for s in document.ladder if s.level > 1],
            "verdict": [
                ("in_scope", _("Within scope")),
                *((each.key, each.topic.in_language(language)) for each in document.clauses),
            ],
        }

    def of(self, action: actions.ActionKind, need: actions.Need) -> list[Choice]:
        """Return the choices of a need; none where one writes."""
        if need.kind == "to":
            return [*self._words_for(action), *self._people()]
        return self._known.get(need.kind, [])

    def _words_for(self, action: actions.ActionKind) -> list[Choice]:
        if action.key == "tell":
            return [("assignee", _("whoever has the case"))]
        nobody = ("nobody", _("nobody"))
        return [("me", _("whoever applies it")), nobody] if self.use == "macro" else [nobody]

    def _people(self) -> list[Choice]:
        if "people" not in self._known:
            self._known["people"] = [
                *((f"group:{each.pk}", _("Group: %s") % each) for each in people.all_groups()),
                *((f"agent:{each.pk}", str(each)) for each in people.assignable_agents()),
            ]
        return self._known["people"]


@dataclass(slots=True)
class ActionRow:
    """One action as the form shows it, whether it can be done or not yet."""

    number: int
    kind: actions.ActionKind
    values: dict[str, str] = field(default_factory=dict)
    error: str = ""

    def sent(self) -> dict[str, Any]:
        return {"action": self.kind.key, **self.values}


class ActionsForm:
    """Actions as rows. `from_stored` shows what there is; `from_post` reads what was sent."""

    def __init__(self, rows: list[ActionRow], options: Options) -> None:
        self.rows, self.options = rows, options

    @classmethod
    def from_stored(cls, stored: Iterable[Mapping[str, Any]], options: Options) -> "ActionsForm":
        """Return the form that would send these actions; one that is no more has no row."""
        rows = []
        for number, each in enumerate(stored):
            kind = actions.KINDS.get(str(each.get("action")))
            if kind is None:
                continue
            values = {
                need.key: ", ".join(each[need.key])
                if isinstance(each.get(need.key), list)
                else str(each.get(need.key) or "")
                for need in kind.needs
            }
            rows.append(ActionRow(number, kind, values))
        return cls(rows, options)

    @classmethod
    def from_post(cls, sent: QueryDict, options: Options) -> "ActionsForm":
        """Return the form as it was sent; a row of an unknown action is not there."""
        rows = []
        for each in sent.getlist("action")[: actions.MOST_ACTIONS]:
            number, _colon, key = each.partition(":")
            kind = actions.KINDS.get(key)
            if kind is None or not re.fullmatch(r"\d{1,3}", number):
                continue
            values = {
                need.key: sent.get(f"a{number}-{need.key}", "")[:LONGEST] for need in kind.needs
            }
            rows.append(ActionRow(int(number), kind, values))
        return cls(rows, options)

    def add(self, key: str) -> None:
        """Put an empty action at the end; an unknown one adds none."""
        kind = actions.KINDS.get(key)
        if kind is not None and len(self.rows) < actions.MOST_ACTIONS:
            number = max((row.number for row in self.rows), default=-1) + 1
            self.rows.append(ActionRow(number, kind))

    def remove(self, number: str) -> None:
        """Take an action away."""
        self.rows = [row for row in self.rows if str(row.number) != number]

    def raise_up(self, number: str) -> None:
        """Let an action change places with the one before it."""
        for place, row in enumerate(self.rows):
            if str(row.number) == number and place:
                self.rows[place - 1], self.rows[place] = row, self.rows[place - 1]
                return

    def actions(self) -> list[dict[str, Any]]:
        """Return the actions, as they are stored. Raises: BadAction, and the row says so."""
        found, wrong = [], None
        for row in self.rows:
            try:
                (action,) = actions.read([row.sent()], self.options.use)
                found.append(action.to_json())
            except BadAction as error:
                wrong = wrong or error
                row.error = _("Something is missing here, or cannot be read.")
        if wrong is not None:
            raise wrong
        return found

    def context(self) -> dict[str, Any]:
        """Return what the template needs: each row with its needs and their choices."""
        return {
            "action_rows": [
                (
                    row,
                    [
                        (need, row.values.get(need.key, ""), self.options.of(row.kind, need))
                        for need in row.kind.needs
                    ],
                )
                for row in self.rows
            ],
            "action_kinds": [
                (kind.key, kind.label)
                for kind in actions.KINDS.values()
                if kind.only in (None, self.options.use)
            ],
        }
