"""The form of a filter: conditions as rows of plain controls, which work without JavaScript.

The form is sent whole each time, to add a row, to take one away, to look, or to keep the view. What
it holds is read field by field against the declared ones; nothing else is looked at.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from plazo.accounts import queries as people
from plazo.accounts.models import Language
from plazo.agreements.models import AgreementVersion
from plazo.core import localtime
from plazo.tickets import filters, outcomes, tags
from plazo.tickets.errors import BadFilter, BadTag
from plazo.tickets.filters import FIELDS, OPS, Condition
from plazo.tickets.models import Channel, Status, WaitingFor

Choice = tuple[str, str]
MINUTES: Final = {
    "m": 1, "min": 1, "minuto": 1, "minutos": 1, "minute": 1, "minutes": 1,
    "h": 60, "hora": 60, "horas": 60, "hour": 60, "hours": 60,
    "d": 1440, "día": 1440, "dia": 1440, "días": 1440, "dias": 1440, "day": 1440, "days": 1440,
    "sem": 10080, "semana": 10080, "semanas": 10080, "w": 10080, "week": 10080, "weeks": 10080,
}  # fmt: skip
_SPAN = re.compile(r"(\d{1,6})\s*([^\W\d_]+)?")
# Ops whose value is a moment that one writes, and those that take none.
SPANS: Final = ("within", "before")
INSTANTS: Final = ("since", "until")
BARE: Final = ("overdue", "unset")


def read_span(text: str) -> int:
    """Return a span as people write it, in minutes: "2 h", "3 d", "1 h 30". Raises: ValueError."""
    text = text.strip().lower()
    if not text or _SPAN.sub("", text).strip():
        raise ValueError(text)
    total, before = 0, 0
    for number, unit in _SPAN.findall(text):
        # "1 h 30": what follows hours without a unit is minutes.
        each = MINUTES.get(unit, 0) if unit else int(before == MINUTES["h"])
        if not each:
            raise ValueError(text)
        total, before = total + int(number) * each, each
    return total


def write_span(minutes: int) -> str:
    """Return minutes as `read_span` reads them: in the largest unit that tells them whole."""
    for unit, each in (("d", 1440), ("h", 60)):
        if minutes % each == 0:
            return f"{minutes // each} {unit}"
    return f"{minutes} min"


def read_instant(text: str, zone: str) -> str:
    """Return a day or an hour of a person's own zone as an instant. Raises: ValueError."""
    civil = datetime.fromisoformat(text.strip())
    instant = civil if civil.tzinfo else localtime.utc(civil, zone)
    return instant.astimezone(UTC).isoformat()


def write_instant(iso: str, zone: str) -> str:
    """Return an instant as `read_instant` reads it."""
    return localtime.local(datetime.fromisoformat(iso), zone).strftime("%Y-%m-%d %H:%M")


class Lists:
    """What can be chosen for each field; people and companies are fetched when asked for."""

    def __init__(self, version: AgreementVersion, language: str) -> None:
        document = version.document
        named = [
            (key, choice.name.in_language(language))
            for key, choice in document.environments.items()
        ]
        levels = [str(step.level) for step in document.ladder]
        self._known: dict[str, list[Choice]] = {
            "status": _choices(Status.choices),
            "severity": [(each.key, each.key) for each in document.severities],
            "level": [(each, each) for each in dict.fromkeys(levels)],
            "service": [
                (key, document.service_name(key, language)) for key in document.services
            ],
            "environment": named,
            "request_type": [
                (key, choice.name.in_language(language))
                for key, choice in document.request_types.items()
            ],
            "channel": _choices(Channel.choices),
            "language": _choices(Language.choices),
            "waiting_for": _choices(WaitingFor.choices),
            "area": [
                (key, area.name.in_language(language)) for key, area in document.areas.items()
            ],
            "area_answer": [
                ("awaited", _("awaited")),
                ("late", _("late")),
                ("given", pgettext("answer", "given")),
            ],
            "promise": [
                ("missing", _("missing at level 2")),
                ("standing", _("given, in time")),
                ("late", _("its time has passed")),
            ],
            "entitlement": [
                ("entitled", _("Entitled")),
                ("stage", _("Not in production yet")),
                ("service", _("Service not contracted")),
                ("unknown", _("Company not known")),
            ],
            "verdict": [
                ("in_scope", _("In scope")),
                *((each.key, each.topic.in_language(language)) for each in document.clauses),
            ],
        }  # fmt: skip
        self._rows: dict[str, Callable[[], Iterable[Choice]]] = {
            "assignee": lambda: [
                ("me", _("Me")),
                ("nobody", _("Nobody")),
                *((str(each.pk), str(each)) for each in people.assignable_agents()),
            ],
            "group": lambda: [
                ("mine", _("My groups")),
                ("none", _("No group")),
                *((str(each.pk), str(each)) for each in people.all_groups()),
            ],
            "cause": lambda: outcomes.choices("cause", language, retired=True),
            "solution": lambda: outcomes.choices("solution", language, retired=True),
            "organization": lambda: [
                ("none", _("Without a company")),
                *((str(each.pk), each.name) for each in people.organizations()),
            ],
        }

    def of(self, key: str) -> list[Choice]:
        """Return the choices of a field; none where one writes. One query for people or firms."""
        if key in self._rows and key not in self._known:
            self._known[key] = list(self._rows[key]())
        return self._known.get(key, [])

    def words(self, condition: Condition, zone: str) -> str:
        """Return what a condition's value is called."""
        value = condition.value
        if condition.op in BARE:
            return ""
        if condition.op in SPANS:
            return write_span(value)
        if condition.op in INSTANTS:
            return write_instant(value, zone)
        if condition.field == "requester":
            return ", ".join(people.addresses_of(value))
        names = dict(self.of(condition.field))
        return ", ".join(names.get(str(each), str(each)) for each in value)


def _choices(choices: Iterable[tuple[Any, Any]]) -> list[Choice]:
    return [(str(key), str(label)) for key, label in choices]


def chips(
    conditions: Sequence[Condition], version: AgreementVersion, zone: str, language: str
) -> list[dict[str, str]]:
    """Return each condition in words, as the queue shows what it is filtered by.

    Costs a query for each kind of people and companies that is asked for.
    """
    lists = Lists(version, language)
    return [
        {
            "field": str(FIELDS[each.field].label),
            "op": str(OPS[each.op]),
            "value": lists.words(each, zone),
        }
        for each in conditions
    ]


@dataclass(slots=True)
class FormRow:
    """One condition as the form shows it, whether it can be asked or not yet."""

    number: int
    key: str
    op: str
    chosen: list[str] = field(default_factory=list)
    text: str = ""
    error: str = ""

    @property
    def label(self) -> str:
        return str(FIELDS[self.key].label)

    @property
    def ops(self) -> list[Choice]:
        return [(op, str(OPS[op])) for op in FIELDS[self.key].ops]

    @property
    def is_moment(self) -> bool:
        return FIELDS[self.key].kind == "moment"

    @property
    def is_tag(self) -> bool:
        return FIELDS[self.key].kind == "tag"


class FilterForm:
    """Conditions as rows: `from_conditions` shows what there is, `from_post` what was sent."""

    def __init__(self, rows: list[FormRow], lists: Lists, zone: str) -> None:
        self.rows, self.lists, self.zone = rows, lists, zone

    @classmethod
    def from_conditions(
        cls, conditions: Iterable[Condition], lists: Lists, zone: str
    ) -> "FilterForm":
        """Return the form that would send these conditions."""
        rows = []
        for number, each in enumerate(conditions):
            row = FormRow(number, each.field, each.op)
            if lists.of(each.field) and each.op not in BARE:
                row.chosen = [str(value) for value in each.value]
            else:
                row.text = lists.words(each, zone)
            rows.append(row)
        return cls(rows, lists, zone)

    @classmethod
    def from_post(cls, sent: QueryDict, lists: Lists, zone: str) -> "FilterForm":
        """Return the form as it was sent; a row of an unknown field is not there."""
        rows = []
        for each in sent.getlist("row")[: filters.MOST_CONDITIONS]:
            number, _colon, key = each.partition(":")
            if key not in FIELDS or not re.fullmatch(r"\d{1,3}", number):
                continue
            op = sent.get(f"o{number}", "")
            rows.append(
                FormRow(
                    int(number),
                    key,
                    op if op in FIELDS[key].ops else FIELDS[key].ops[0],
                    chosen=sent.getlist(f"c{number}")[: filters.MOST_VALUES],
                    text=sent.get(f"v{number}", "")[:500],
                )
            )
        return cls(rows, lists, zone)

    def add(self, key: str) -> None:
        """Put an empty row of a field at the end; an unknown field adds none."""
        if key in FIELDS and len(self.rows) < filters.MOST_CONDITIONS:
            number = max((row.number for row in self.rows), default=-1) + 1
            self.rows.append(FormRow(number, key, FIELDS[key].ops[0]))

    def remove(self, number: str) -> None:
        """Take a row away."""
        self.rows = [row for row in self.rows if str(row.number) != number]

    def conditions(self) -> tuple[Condition, ...]:
        """Return what the rows ask. A row that says nothing yet asks nothing.

        Raises: BadFilter, and the row says what is wrong with it.
        """
        found, wrong = [], None
        for row in self.rows:
            try:
                value = self._value(row)
                if value is not None:
                    found.append(Condition(row.key, row.op, value))
                elif row.op in BARE:
                    found.append(Condition(row.key, row.op))
            except (BadFilter, BadTag, ValueError, OverflowError):
                wrong = wrong or row
                row.error = _("This cannot be read: “%(text)s”.") % {"text": row.text[:60]}
        if wrong is not None:
            raise BadFilter(field=wrong.label)
        return tuple(found)

    def _value(self, row: FormRow) -> Any:
        """Return a row's value in the form of its op; None where there is nothing to ask yet."""
        if row.op in BARE:
            return None
        if self.lists.of(row.key):
            return row.chosen or None
        text = row.text.strip()
        if not text:
            return None
        if row.op in SPANS:
            return read_span(text)
        if row.op in INSTANTS:
            return read_instant(text, self.zone)
        words = [word.strip() for word in text.split(",") if word.strip()]
        if row.is_tag:
            return [tags.tag_of(word) for word in words]
        if row.key == "requester":
            return people.keys_of_addresses(words) or self._unknown(text)
        return words

    @staticmethod
    def _unknown(text: str) -> Any:
        raise ValueError(text)

    def context(self) -> dict[str, Any]:
        """Return what the template needs: each row with what can be chosen in it."""
        return {
            "filter_rows": [(row, self.lists.of(row.key)) for row in self.rows],
            "filter_fields": [(key, each.label) for key, each in FIELDS.items()],
        }
