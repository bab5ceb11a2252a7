"""Filters: conditions on tickets as data, with one meaning wherever they are used.

Saved views, triggers, time-based rules and the operators of the search are all lists of
conditions, and a ticket matches when it meets every one. Only the fields declared here can be
asked for; nothing that a client sends reaches a lookup by its name.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Literal

from django.contrib.postgres.fields import ArrayField
from django.db.models import CharField, Exists, F, Func, OuterRef, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from plazo.accounts.models import Agent
from plazo.agreements.queries import version_in_force
from plazo.tickets.errors import BadFilter
from plazo.tickets.models import AreaAsk, Attachment, InternalNote, Ticket

ArrayOf = partial(Func, function="ARRAY", template="%(function)s[%(expressions)s]::varchar[]",
                  output_field=ArrayField(CharField()))  # fmt: skip

VERSION: Final = 1
MOST_CONDITIONS: Final = 20
MOST_VALUES: Final = 100
LONGEST_MINUTES: Final = 10 * 366 * 24 * 60

Op = Literal[
    "any_of", "none_of", "all_of", "within", "before", "since", "until", "overdue", "unset",
    "contains",
]  # fmt: skip

OPS: Final[dict[str, Promise]] = {
    "any_of": _("is"),
    "none_of": _("is not"),
    "all_of": _("has all of"),
    "within": _("within"),
    "before": _("longer ago than"),
    "since": _("since"),
    "until": _("until"),
    "overdue": _("is overdue"),
    "unset": _("is not set"),
    "contains": _("contains"),
}


@dataclass(frozen=True, slots=True)
class Context:
    """For whom and when conditions are asked: “me” and “mine” mean `agent`, or nobody."""

    now: datetime
    agent: Agent | None = None


Meaning = Callable[[str, Any, Context], Q]


@dataclass(frozen=True, slots=True)
class Field:
    """What can be asked of a ticket.

    `kind` says what its values are: words (`choice`, `tag`, `text`), keys of rows (`row`) with the
    words in `words`, or minutes and instants (`moment`). A choice with `words` has no other value.
    """

    key: str
    label: str | Promise
    kind: Literal["choice", "row", "tag", "moment", "text"]
    ops: tuple[str, ...]
    meaning: Meaning
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: a declared field, one of its ops, and a value of the op's kind.

    Units: `within` and `before` take whole minutes; `since` and `until` an instant in ISO 8601
        with its offset; `overdue` and `unset` take None; all others a list.
    Raises: BadFilter for anything else, so that one that exists can be asked.
    """

    field: str
    op: str
    value: Any = None

    def __post_init__(self) -> None:
        field = FIELDS.get(self.field)
        if field is None or self.op not in field.ops:
            raise BadFilter(field=str(self.field)[:60])
        object.__setattr__(self, "value", _checked(field, self.op, self.value))

    def to_json(self) -> dict[str, Any]:
        """Return what `read` reads."""
        return {"field": self.field, "op": self.op, "value": self.value}

    def q(self, context: Context) -> Q:
        """Return what the database is asked."""
        return FIELDS[self.field].meaning(self.op, self.value, context)


def _checked(field: Field, op: str, value: Any) -> Any:
    """Return a value in the one form that is kept. Raises: BadFilter."""
    try:
        match op:
            case "overdue" | "unset":
                return None
            case "within" | "before":
                minutes = int(value)
                if not 0 < minutes <= LONGEST_MINUTES:
                    raise ValueError
                return minutes
            case "since" | "until":
                at = datetime.fromisoformat(str(value))
                if at.tzinfo is None:
                    raise ValueError
                return at.astimezone(UTC).isoformat()
            case _:
                return [_value(field, each) for each in _listed(value)]
    except (TypeError, ValueError, OverflowError):
        raise BadFilter(field=field.key) from None


def _listed(value: Any) -> Sequence[Any]:
    values = list(dict.fromkeys(value)) if isinstance(value, list | tuple) else [value]
    if not 0 < len(values) <= MOST_VALUES:
        raise ValueError
    return values


def _value(field: Field, value: Any) -> str | int:
    if field.kind == "row" and value not in field.words:
        key = int(value)
        if not 0 < key < 2**63:
            raise ValueError
        return key
    text = str(value).strip()
    if not text or len(text) > 200 or "\x00" in text:
        raise ValueError
    text.encode()  # half a sign is none: UnicodeEncodeError is a ValueError
    if field.kind == "choice" and field.words and text not in field.words:
        raise ValueError
    if field.key == "level" and not 0 < int(text) < 100:
        raise ValueError
    return text


def read(conditions: Iterable[Any]) -> tuple[Condition, ...]:
    """Return conditions from stored or sent JSON. Raises: BadFilter."""
    found = []
    for each in conditions:
        if not isinstance(each, dict):
            raise BadFilter(field="")
        found.append(Condition(str(each.get("field", "")), str(each.get("op")), each.get("value")))
    if len(found) > MOST_CONDITIONS:
        raise BadFilter(field=found[-1].field)
    return tuple(found)


def all_q(conditions: Iterable[Condition], context: Context) -> Q:
    """Return what the database is asked for tickets that meet every condition.

    Edges: without conditions, every ticket: whoever must not allow that says so.
    """
    q = Q()
    for condition in conditions:
        q &= condition.q(context)
    return q


def _column(name: str) -> Meaning:
    def meaning(op: str, value: Any, context: Context) -> Q:
        if op == "unset":
            return Q(**{name: ""})
        among = Q(**{f"{name}__in": [str(each) for each in value]})
        return ~among if op == "none_of" else among

    return meaning


def _level(op: str, value: Any, context: Context) -> Q:
    among = Q(level__in=[int(each) for each in value])
    return ~among if op == "none_of" else among


def _row(name: str, me: Callable[[Agent], Sequence[int]]) -> Meaning:
    """Mean one of some rows; the words stand for the asking agent's own and for no row at all."""

    def meaning(op: str, value: Any, context: Context) -> Q:
        if op == "unset":
            return Q(**{f"{name}__isnull": True})
        keys = [each for each in value if isinstance(each, int)]
        own = {"me", "mine"} & set(value)
        if own and context.agent is not None:
            keys = [*keys, *me(context.agent)]
        among = Q(**{f"{name}__in": keys})
        if {"nobody", "none"} & set(value):
            among |= Q(**{f"{name}__isnull": True})
        if op != "none_of":
            return among
        # Whoever is nobody is also not this one: NULL would swallow the row.
        none = Q(**{f"{name}__isnull": True})
        return ~among if {"nobody", "none"} & set(value) else none | ~among

    return meaning


def _promise(op: str, value: Any, context: Context) -> Q:
    """Mean cases by what is promised: at level 2 nothing yet, something, or something late."""
    found = Q(pk__in=[])
    for state in value:
        match state:
            case "missing":
                ended = Q(status__in=("solved", "closed")) | Q(waiting_for="requester")
                found |= Q(level__gte=2, promised_by__isnull=True) & ~ended
            case "standing":
                found |= Q(promised_by__gte=context.now)
            case "late":
                found |= Q(promised_by__isnull=False, promised_by__lt=context.now)
    if op != "none_of":
        return found
    # NULL is neither before nor after any instant, and must not swallow the row.
    return ~Q(pk__in=Ticket.objects.filter(found).values("pk"))


def _area(op: str, value: Any, context: Context) -> Q:
    """Mean cases of which some of these areas were asked something, whatever became of it."""
    asks = AreaAsk.objects.filter(ticket=OuterRef("pk"))
    if op == "unset":
        return ~Q(Exists(asks))
    among = Q(Exists(asks.filter(area__in=[str(each) for each in value])))
    return ~among if op == "none_of" else among


def _area_answer(op: str, value: Any, context: Context) -> Q:
    """Mean cases by what other areas owe: an answer that we wait for, one that is late, or none.

    Edges: what is late is awaited too. A case that is solved or closed waits for no area.
    """
    asks = AreaAsk.objects.filter(ticket=OuterRef("pk"))
    owed = asks.filter(standing__in=("asked", "received"))
    open_ = ~Q(status__in=("solved", "closed"))
    meanings = {
        "awaited": Q(Exists(owed)) & open_,
        "late": Q(Exists(owed.filter(due_at__lt=context.now))) & open_,
        "given": Q(Exists(asks.filter(standing="answered"))) & ~Q(Exists(owed)),
    }
    found = Q(pk__in=[])
    for each in value:
        found |= meanings[each]
    return ~found if op == "none_of" else found


def _tags(op: str, value: Any, context: Context) -> Q:
    match op:
        case "unset":
            return Q(tags=[])
        case "all_of":
            return Q(tags__contains=value)
        case "none_of":
            return ~Q(tags__overlap=value)
        case _:
            return Q(tags__overlap=value)


def _due(op: str, value: Any, context: Context) -> Q:
    match op:
        case "overdue":
            return Q(late_since__lt=context.now)
        case "unset":
            return Q(next_due_at=None, late_since=None)
        case "until":
            return Q(sort_due_at__lte=datetime.fromisoformat(value))
        case _:
            return Q(sort_due_at__lte=context.now + timedelta(minutes=value))


def _moment(name: str) -> Meaning:
    def meaning(op: str, value: Any, context: Context) -> Q:
        match op:
            case "unset":
                return Q(**{f"{name}__isnull": True})
            case "within":
                return Q(**{f"{name}__gte": context.now - timedelta(minutes=value)})
            case "before":
                return Q(**{f"{name}__lt": context.now - timedelta(minutes=value)})
            case "since":
                return Q(**{f"{name}__gte": datetime.fromisoformat(value)})
            case _:
                return Q(**{f"{name}__lt": datetime.fromisoformat(value)})

    return meaning


def _entitlement(op: str, value: Any, context: Context) -> Q:
    """Mean whether the client is entitled to support now, by the agreement in force.

    Source: `AgreementDocument.entitlement`, whose keys these are, and "entitled" for none of them.
    """
    entitled = version_in_force(context.now).document.stages.entitled
    done = Q(organization__stage=entitled)
    covered = Q(service="") | Q(organization__services__contains=ArrayOf(F("service")))
    meanings = {
        "entitled": done & covered,
        "unknown": Q(organization__isnull=True),
        "stage": Q(organization__isnull=False) & ~done,
        "service": done & ~covered,
    }
    # Of the four each ticket has one: those that are not asked for say it without a NULL.
    wanted = [k for k in meanings if (k in value) == (op == "any_of")]
    found = Q(pk__in=[])
    for each in wanted:
        found |= meanings[each]
    return found


def _subject(op: str, value: Any, context: Context) -> Q:
    found = Q()
    for words in value:
        found |= Q(subject__icontains=words)
    return found


def _has(op: str, value: Any, context: Context) -> Q:
    found = Q()
    for kind in value:
        match kind:
            case "file":
                found |= Q(Exists(Attachment.objects.filter(public_message__ticket=OuterRef("pk"))))
                found |= Q(Exists(Attachment.objects.filter(internal_note__ticket=OuterRef("pk"))))
            case "note":
                found |= Q(Exists(InternalNote.objects.filter(ticket=OuterRef("pk"))))
    return ~found if op == "none_of" else found


_AMONG = ("any_of", "none_of")
_OPTIONAL = (*_AMONG, "unset")
_AGO = ("within", "before", "since", "until")
FIELDS: Final[dict[str, Field]] = {
    field.key: field
    for field in (
        Field("status", _("Status"), "choice", _AMONG, _column("status")),
        Field("severity", _("Severity"), "choice", _OPTIONAL, _column("severity")),
        Field("level", _("Level"), "choice", _AMONG, _level),
        Field(
            "assignee",
            _("Assigned to"),
            "row",
            _AMONG,
            _row("assignee", lambda agent: [agent.pk]),
            ("me", "nobody"),
        ),
        Field(
            "group",
            _("Group"),
            "row",
            _AMONG,
            _row("group", lambda agent: agent.group_keys),
            ("mine", "none"),
        ),
        Field(
            "organization",
            _("Company"),
            "row",
            _AMONG,
            _row("organization", lambda agent: []),
            ("none",),
        ),
        Field("requester", _("Requester"), "row", _AMONG, _row("requester", lambda agent: [])),
        Field("service", _("Service"), "choice", _OPTIONAL, _column("service")),
        Field("environment", _("Environment"), "choice", _OPTIONAL, _column("environment")),
        Field("request_type", _("Type of request"), "choice", _OPTIONAL, _column("request_type")),
        Field("channel", _("Came by"), "choice", _AMONG, _column("channel")),
        Field("language", _("Language"), "choice", _AMONG, _column("language")),
        Field("waiting_for", _("Waiting for"), "choice", _OPTIONAL, _column("waiting_for")),
        Field("area", _("Area asked"), "choice", _OPTIONAL, _area),
        Field(
            "area_answer",
            _("Answer of another area"),
            "choice",
            _AMONG,
            _area_answer,
            ("awaited", "late", "given"),
        ),
        Field("verdict", _("Scope"), "choice", _OPTIONAL, _column("verdict")),
        Field(
            "promise",
            _("Promise"),
            "choice",
            _AMONG,
            _promise,
            ("missing", "standing", "late"),
        ),
        Field("cause", _("Cause"), "choice", _OPTIONAL, _column("cause")),
        Field("solution", _("Kind of solution"), "choice", _OPTIONAL, _column("solution")),
        Field(
            "entitlement",
            _("Entitlement"),
            "choice",
            _AMONG,
            _entitlement,
            ("entitled", "stage", "service", "unknown"),
        ),
        Field("tag", _("Tag"), "tag", ("any_of", "all_of", "none_of", "unset"), _tags),
        Field("has", _("Has"), "choice", _AMONG, _has, ("file", "note")),
        Field("subject", _("Subject"), "text", ("contains",), _subject),
        Field("due", _("Due"), "moment", ("within", "until", "overdue", "unset"), _due),
        Field("opened", _("Opened"), "moment", _AGO, _moment("opened_at")),
        Field("updated", _("Last change"), "moment", _AGO, _moment("updated_at")),
        Field("status_since", _("In this status"), "moment", _AGO, _moment("status_since")),
        Field("solved", _("Solved at"), "moment", (*_AGO, "unset"), _moment("solved_at")),
    )
}
