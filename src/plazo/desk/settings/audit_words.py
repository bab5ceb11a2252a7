"""The audit trail in words: what was changed, which of its fields, from what to what.

Whoever records a new kind of change adds its words here. Without them it is shown by its key.
"""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from plazo.accounts.models import Language, Role
from plazo.agreements.changes import kind_words
from plazo.agreements.document import DAYS
from plazo.agreements.labels import runs
from plazo.agreements.page import weekday_names
from plazo.agreements.queries import version_in_force
from plazo.automation import actions, moments, queries, rules
from plazo.core import localtime
from plazo.core.actor import ActorKind
from plazo.core.errors import PlazoError
from plazo.core.models import AuditEntry
from plazo.desk.filtering import Lists
from plazo.escalation.models import HookForm
from plazo.tickets import filters

# The first part of a key: what the change is about.
KINDS: Final[dict[str, Promise]] = {
    "agent": gettext_lazy("Agents"),
    "group": gettext_lazy("Groups"),
    "absence": gettext_lazy("Absences"),
    "mailbox": gettext_lazy("Mailboxes"),
    "agreement": gettext_lazy("Agreement"),
    "ladder": gettext_lazy("Escalation ladder"),
    "view": gettext_lazy("Views of the queue"),
    "macro": gettext_lazy("Macros"),
    "rule": gettext_lazy("Rules"),
    "notices": gettext_lazy("Notices"),
    "organization": gettext_lazy("Companies"),
    "outcome": gettext_lazy("Causes and solutions"),
    "scope": gettext_lazy("Scope"),
}

WHAT: Final[dict[str, Promise]] = {
    "agent.added": gettext_lazy("Agent added"),
    "agent.changed": gettext_lazy("Agent changed"),
    "agent.deactivated": gettext_lazy("Access ended"),
    "agent.reactivated": gettext_lazy("Access given back"),
    "agent.invited_again": gettext_lazy("Invited again"),
    "group.added": gettext_lazy("Group added"),
    "group.changed": gettext_lazy("Group changed"),
    "group.removed": gettext_lazy("Group removed"),
    "absence.planned": gettext_lazy("Absence planned"),
    "absence.changed": gettext_lazy("Absence changed"),
    "absence.removed": gettext_lazy("Absence removed"),
    "mailbox.added": gettext_lazy("Mailbox added"),
    "mailbox.changed": gettext_lazy("Mailbox changed"),
    "organization.added": gettext_lazy("Company added"),
    "organization.changed": gettext_lazy("Company changed"),
    "organization.person_placed": gettext_lazy("Person placed in the company"),
    "organization.representative": gettext_lazy("Sales representative set"),
    "agreement.draft_changed": gettext_lazy("Draft changed"),
    "agreement.draft_discarded": gettext_lazy("Draft discarded"),
    "agreement.published": gettext_lazy("Version published"),
    "ladder.rota_set": gettext_lazy("Rota set up"),
    "ladder.rota_changed": gettext_lazy("Rota changed"),
    "ladder.rota_removed": gettext_lazy("Rota removed"),
    "ladder.contact_named": gettext_lazy("Contact of the ladder named"),
    "ladder.contact_forgotten": gettext_lazy("Contact of the ladder removed"),
    "ladder.webhook_added": gettext_lazy("Webhook added"),
    "ladder.webhook_changed": gettext_lazy("Webhook changed"),
    "ladder.webhook_removed": gettext_lazy("Webhook removed"),
    "view.created": gettext_lazy("View added"),
    "view.changed": gettext_lazy("View changed"),
    "view.moved": gettext_lazy("View moved"),
    "view.removed": gettext_lazy("View removed"),
    "macro.added": gettext_lazy("Macro added"),
    "macro.changed": gettext_lazy("Macro changed"),
    "macro.moved": gettext_lazy("Macro moved"),
    "macro.removed": gettext_lazy("Macro removed"),
    "rule.added": gettext_lazy("Rule added"),
    "rule.changed": gettext_lazy("Rule changed"),
    "rule.started": gettext_lazy("Rule started"),
    "rule.paused": gettext_lazy("Rule paused"),
    "rule.moved": gettext_lazy("Rule moved"),
    "rule.removed": gettext_lazy("Rule removed"),
    "notices.preferred": gettext_lazy("Notices chosen"),
    "outcome.added": gettext_lazy("Entry added"),
    "outcome.changed": gettext_lazy("Entry changed"),
    "outcome.moved": gettext_lazy("Entry moved"),
    "outcome.retired": gettext_lazy("Entry not offered any more"),
    "outcome.restored": gettext_lazy("Entry offered again"),
    "outcome.asked": gettext_lazy("What solving requires"),
    "scope.switched": gettext_lazy("Learned proposals turned on or off"),
    "scope.asked": gettext_lazy("Learning asked for"),
}

FIELDS: Final[dict[str, Promise]] = {
    "actions": gettext_lazy("Actions"),
    "active": gettext_lazy("Active"),
    "address": gettext_lazy("Address"),
    "address_set": gettext_lazy("Address set anew"),
    "agent": gettext_lazy("Agent"),
    "base": gettext_lazy("Version it began from"),
    "begins_on": gettext_lazy("The first turn begins on"),
    "begins_at": gettext_lazy("Away from"),
    "choices": gettext_lazy("Choices"),
    "clients": gettext_lazy("Who is attended"),
    "columns": gettext_lazy("Columns"),
    "conditions": gettext_lazy("Conditions"),
    "effective_at": gettext_lazy("In force from"),
    "email": gettext_lazy("E-mail"),
    "en": gettext_lazy("English"),
    "ends_at": gettext_lazy("Back at"),
    "es": gettext_lazy("Spanish"),
    "fields": gettext_lazy("Form fields"),
    "form": gettext_lazy("Form"),
    "from_step": gettext_lazy("Rings from step"),
    "group": gettext_lazy("Group"),
    "grouping": gettext_lazy("Grouping"),
    "groups": gettext_lazy("Groups"),
    "hands_over_at": gettext_lazy("Handover at"),
    "hint": gettext_lazy("Hint"),
    "holidays": gettext_lazy("Special days"),
    "host": gettext_lazy("Host"),
    "hours": gettext_lazy("Hours"),
    "icon": gettext_lazy("Icon"),
    "kind": gettext_lazy("Kind"),
    "label": gettext_lazy("Label"),
    "language": gettext_lazy("Language"),
    "level": gettext_lazy("Level"),
    "members": gettext_lazy("Who is in it"),
    "moment": gettext_lazy("Moment"),
    "name": gettext_lazy("Name"),
    "note": gettext_lazy("Note"),
    "openings": gettext_lazy("Extra openings"),
    "options": gettext_lazy("Options"),
    "ordering": gettext_lazy("Order"),
    "origin": gettext_lazy("Taken from"),
    "request_types": gettext_lazy("Types of request"),
    "paused_why": gettext_lazy("Why it was paused"),
    "pattern": gettext_lazy("Pattern"),
    "policy": gettext_lazy("Promises"),
    "position": gettext_lazy("Position"),
    "required": gettext_lazy("Required"),
    "retired": gettext_lazy("Retired"),
    "revision": gettext_lazy("Revision"),
    "role": gettext_lazy("Role"),
    "scope": gettext_lazy("For whom"),
    "secrets_set": gettext_lazy("Secrets set anew"),
    "services": gettext_lazy("Services"),
    "sha256": gettext_lazy("Digest"),
    "substitute": gettext_lazy("Who stands in"),
    "text_en": gettext_lazy("Text in English"),
    "text_es": gettext_lazy("Text in Spanish"),
    "title": gettext_lazy("Title"),
    "uses": gettext_lazy("What runs on it"),
    "turns": gettext_lazy("Turns"),
    "version": gettext_lazy("Version"),
    "when": gettext_lazy("When"),
    "zone": gettext_lazy("Time zone"),
}


# Fields whose value is one of a few.
CHOICES: Final[dict[str, list[tuple[str, Any]]]] = {
    "role": Role.choices,
    "language": Language.choices,
    "form": HookForm.choices,
}


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of the trail as its page shows it: each field with what it was and what it is."""

    entry: AuditEntry
    about: str
    what: str
    who: str
    fields: list[tuple[str, str, str]]


class Reader:
    """Who reads the trail: their zone, their language, and what keys are called in it."""

    def __init__(self, zone: str, language: str, now: datetime) -> None:
        self.zone, self.language, self.now = zone, language, now

    @cached_property
    def _names(self) -> actions.Names:
        return queries.names_now(self.language, self.now)

    @cached_property
    def _lists(self) -> Lists:
        return Lists(version_in_force(self.now), self.language)

    @cached_property
    def _uses(self) -> dict[str, str]:
        document = version_in_force(self.now).document
        return {key: words for key, words, _on in runs(document, self.language)}

    def use(self, key: str) -> str:
        """Return what runs on a calendar in words, by its key."""
        return self._uses.get(key, key)

    def clause(self, value: dict[str, Any]) -> str:
        """Return a condition, an action or a moment in words; nothing, if it is none."""
        try:
            if value.get("action") in actions.KINDS:
                kept = {key: each for key, each in value.items() if key != "action"}
                return actions.KINDS[value["action"]].words(kept, self._names)
            if "field" in value:
                (found,) = filters.read([value])
                label, op = filters.FIELDS[found.field].label, filters.OPS[found.op]
                return f"{label} {op} {self._lists.words(found, self.zone)}".strip()
            if "base" in value and "minutes" in value:
                return moments.read(value).words()
        except (PlazoError, KeyError, TypeError, ValueError):
            return ""
        return ""


def told(entry: AuditEntry, reader: Reader) -> Told:
    """Return an entry in the reader's language, its instants in their zone."""
    names = {**entry.before, **entry.after}
    who = entry.actor_name
    if entry.actor_kind == ActorKind.SYSTEM:
        who = _("System: %(name)s") % {"name": entry.actor_name}
    return Told(
        entry,
        _about(entry),
        str(WHAT.get(entry.what, entry.what)),
        who,
        [
            (
                str(FIELDS.get(name, name)),
                _value(name, _part(entry.before, entry.after, name), reader)
                if name in entry.before
                else "",
                _value(name, _part(entry.after, entry.before, name), reader)
                if name in entry.after
                else "",
            )
            for name in names
        ],
    )


def _about(entry: AuditEntry) -> str:
    """Return what an entry is about: its name, or for a rota the level that it is of."""
    if entry.subject.startswith("rota:"):
        return _("Level %(level)s") % {"level": entry.title}
    return entry.title


def _part(values: dict[str, Any], others: dict[str, Any], name: str) -> Any:
    """Return a value; of one that has parts, those that differ, weekdays in their order."""
    value, other = values[name], others.get(name)
    if not isinstance(value, dict) or ("base" in value and "minutes" in value):
        return value
    known = other if isinstance(other, dict) else {}
    keys = sorted(value, key=lambda key: DAYS.index(key) if key in DAYS else 0)
    return {key: value[key] for key in keys if value[key] != known.get(key)}


def _value(name: str, value: Any, reader: Reader) -> str:
    match value:
        case _ if value in (None, "", [], {}):
            return "–"
        case bool():
            return _("yes") if value else _("no")
        case str() if name in CHOICES:
            return str(dict(CHOICES[name]).get(value, value))
        case str() if name == "sha256":
            return value[:12]
        case str() if name == "kind":
            return kind_words(value) if value in ("line", "lines", "choice") else value
        case list() if name == "uses":
            return ", ".join(reader.use(each) for each in value)
        case str() if name.endswith(("_at", "_on")):
            return _instant(value, reader.zone)
        case list() if name == "when":
            return ", ".join(
                str(rules.WHEN[each][0] if each in rules.WHEN else each) for each in value
            )
        case list() if isinstance(value[0], dict):
            return "; ".join(_value("", each, reader) for each in value)
        case list():
            return ", ".join(str(each) for each in value)
        case dict():
            return reader.clause(value) or "; ".join(
                f"{_key(key)}: {_value(key, each, reader)}" for key, each in value.items()
            )
        case _:
            return str(value)


def _key(key: str) -> str:
    """Return a key inside a value: a weekday by its name, anything else as a field."""
    if key in DAYS:
        return weekday_names()[DAYS.index(key)]
    return str(FIELDS.get(key, key))


def _instant(value: str, zone: str) -> str:
    try:
        if len(value) == len("2026-11-26"):
            return localtime.full_day(date.fromisoformat(value))
        at = datetime.fromisoformat(value)
    except ValueError:
        return value
    words = f"{localtime.short_date(at, zone)}, {localtime.clock_time(at, zone)}"
    return f"{words} {localtime.zone_label(at, zone)}"
