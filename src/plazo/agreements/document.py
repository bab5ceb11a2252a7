"""The agreement document: the TOML file as typed values.

Every text exists in every language. Keys are refused unless known, so a slip of the pen is an
error with its place and not a promise that nobody runs.
"""

import re
import tomllib
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from plazo.agreements.sentences import Unreadable
from plazo.agreements.sentences import marked as _
from plazo.sla import Metric
from plazo.sla.calendar import DEFAULT_HORIZON
from plazo.sla.targets import LADDER_REPEAT

LANGUAGES = ("es", "en")
IN_SCOPE = "in_scope"  # a verdict that is no clause
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_UNITS = {"d": "days", "h": "hours", "min": "minutes", "s": "seconds"}
_DURATION = re.compile(r"(\d+)\s*(d|h|min|s)")
_SHARE = re.compile(r"^\s*\d+([.,]\d+)?\s*%\s*$")
_HOURS = re.compile(r"^(\d{2}):(\d{2})-(\d{2}):(\d{2})$")


def parse_duration(text: object) -> timedelta:
    """Read "1 h", "90 min", "1 h 30 min", "7 d". A day is 24 hours.

    Edges: nothing is longer than a calendar looks ahead.
    """
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not re.fullmatch(rf"\s*(?:{_DURATION.pattern}\s*)+", text):
        words = _('\'%(text)s\' is no duration: write it as "1 h", "30 min" or "7 d"')
        raise Unreadable(words, text)
    parts = {_UNITS[unit]: 0 for unit in _UNITS}
    for amount, unit in _DURATION.findall(text):
        parts[_UNITS[unit]] += int(amount)
    try:
        duration = timedelta(**parts)
    except OverflowError:
        duration = timedelta.max
    if duration > DEFAULT_HORIZON:
        words = _("'%(text)s' is longer than five years, which is as far as calendars look")
        raise Unreadable(words, text)
    return duration


def parse_share(text: object) -> float:
    """Read "75 %" or 0.75."""
    if isinstance(text, str) and _SHARE.match(text):
        return float(text.strip()[:-1].replace(",", ".")) / 100
    if isinstance(text, float) or (isinstance(text, int) and abs(text) <= 100):
        return float(text)
    raise Unreadable(_("'%(text)s' is no share: write it as \"75 %%\""), text)


def parse_span(text: object) -> tuple[timedelta, timedelta]:
    """Read "06:00-22:00", "09:00-24:00", or a night shift such as "22:00-06:00"."""
    if isinstance(text, tuple):
        return text
    match = _HOURS.match(text) if isinstance(text, str) else None
    if match is None:
        raise Unreadable(_("'%(text)s' are no hours: write them as \"06:00-22:00\""), text)
    first, second, third, fourth = (int(group) for group in match.groups())
    if first > 23 or second > 59 or fourth > 59 or third > 24 or (third == 24 and fourth):
        raise Unreadable(_("'%(text)s': hours run from 00:00 to 24:00"), text)
    opens = timedelta(hours=first, minutes=second)
    closes = timedelta(hours=third, minutes=fourth)
    return opens, closes if closes > opens else closes + timedelta(days=1)


def parse_days(text: object) -> tuple[int, ...]:
    """Read "mon-fri", "sat", "mon,wed,fri" or "fri-mon" into weekday numbers, Monday first."""
    if isinstance(text, tuple):
        return text
    found: list[int] = []
    for part in str(text).replace(" ", "").split(","):
        first, _dash, last = part.partition("-")
        if first not in DAYS or (last and last not in DAYS):
            words = _('\'%(text)s\' are no days: write them as "mon-fri" or "sat,sun"')
            raise Unreadable(words, text)
        start, end = DAYS.index(first), DAYS.index(last or first)
        found += [day % 7 for day in range(start, end + 1 if end >= start else end + 8)]
    if len(set(found)) != len(found):
        raise Unreadable(_("'%(text)s' names a day twice"), text)
    return tuple(found)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise Unreadable(_("a text of blanks says nothing (write it)"), text)
    return text


def _email(text: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text):
        raise Unreadable(_("'%(text)s' is no e-mail address"), text)
    return text


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Share = Annotated[float, BeforeValidator(parse_share)]
Span = Annotated[tuple[timedelta, timedelta], BeforeValidator(parse_span)]
Days = Annotated[tuple[int, ...], BeforeValidator(parse_days)]
Email = Annotated[str, AfterValidator(_email)]
Words = Annotated[str, Field(min_length=1), AfterValidator(_not_blank)]
# No longer than the columns that keep the services, environments and types of cases.
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]


class Strict(BaseModel):
    """A part of the document: frozen, and without keys that nobody knows."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(Strict):
    """A text in every language."""

    es: Words
    en: Words

    def in_language(self, language: str | None) -> str:
        """Return the text for a language tag; Spanish where there is none of that language."""
        return self.en if (language or "es").startswith("en") else self.es


class Page(Strict):
    title: Text
    lead: Text
    about: Text
    scope: Text
    entitlement: Text
    first_level: Text
    second_level: Text
    ladder: Text
    ownership: Text
    self_service: Text
    acknowledgement: Text


class Service(Strict):
    """What clients use. One that is `retired` names past cases, and takes no new ones."""

    icon: str
    name: Text
    hint: Text
    clients: Text
    retired: bool = False


# The stages at which a company can be: what its screen offers, and no agreement adds to.
STAGES: Final = ("development", "testing", "production_testing", "production")


class Stages(Strict):
    order: tuple[Key, ...]
    entitled: Key


class Choice(Strict):
    """An answer of the request form; `clause` names where it goes when it is out of scope."""

    name: Text
    hint: Text
    clause: Key | None = None


class FormField(Strict):
    """A further question of the request form, for some services and types; none named means all.

    `pattern` is what an answer must look like as a whole; `required` holds where the field applies.
    `options` are the answers of a "choice": a case keeps the one taken in the words it was read in.
    """

    key: Key
    label: Text
    hint: Text | None = None
    kind: Literal["line", "lines", "choice"] = "line"
    options: tuple[Text, ...] = ()
    services: tuple[Key, ...] = ()
    request_types: tuple[Key, ...] = ()
    required: bool = False
    pattern: str | None = None

    def applies(self, service: str, request_type: str) -> bool:
        """Say whether it is asked for a service and a type."""
        return self.is_for(service) and (
            not self.request_types or request_type in self.request_types
        )

    def is_for(self, service: str) -> bool:
        """Say whether it is asked for a service, whatever the type."""
        return not self.services or service in self.services

    def takes(self, value: str) -> bool:
        """Say whether an answer is one of the options, where there are any."""
        return not self.options or any(value in (each.es, each.en) for each in self.options)

    def words(self, value: str, language: str | None) -> str:
        """Return an answer in a language: an option by its name there, anything else as it is."""
        taken = next((each for each in self.options if value in (each.es, each.en)), None)
        return taken.in_language(language) if taken else value


class AreaTarget(Strict):
    """How soon an area answers us: within the house, and promised to nobody outside.

    `remind_every` is time of its calendar, counted from the missed deadline on.
    """

    duration: Duration
    calendar: Key
    warn_at: Share = 0.75
    remind_every: Duration | None = None


class Area(Strict):
    name: Text
    email: Email | None = None
    target: AreaTarget | None = None


class Clause(Strict):
    key: Key
    source: str
    area: Key
    topic: Text
    text: Text
    route: Text
    answer: Text


class Phrases(Strict):
    """Words and phrases by language. A case is searched for those of both."""

    es: tuple[Words, ...] = ()
    en: tuple[Words, ...] = ()

    def all(self) -> tuple[tuple[Literal["es", "en"], str], ...]:
        """Return every phrase with its language, in the order of the file."""
        return tuple(("es", each) for each in self.es) + tuple(("en", each) for each in self.en)


class ScopeRule(Strict):
    """What speaks for a verdict on scope, and how much: a clause of ours, or "in_scope".

    Units: `weight` in points; `triage.scope` says how they add up. `words` are looked for in the
        subject, the request and the answers of its form; `answered` are questions of the form.
    Edges: every condition that is written must hold, of a list any of its values.
    """

    key: Key
    verdict: Key
    weight: Annotated[int, Field(ge=1, le=100)]
    reason: Text
    words: Phrases | None = None
    unless: Phrases | None = None
    services: tuple[Key, ...] = ()
    environments: tuple[Key, ...] = ()
    request_types: tuple[Key, ...] = ()
    stages: tuple[Key, ...] = ()
    channels: tuple[Literal["form", "email", "portal", "internal", "api"], ...] = ()
    answered: tuple[Key, ...] = ()
    guidance: tuple[Literal["pass_on", "technical"], ...] = ()

    @property
    def has_condition(self) -> bool:
        """Whether anything must hold; one without would speak in every case."""
        lists = (self.services, self.environments, self.request_types, self.stages)
        more = (self.channels, self.answered, self.guidance)
        return any(lists) or any(more) or bool(self.words and self.words.all())


class Channel(Strict):
    key: Key
    calendar: Key
    name: Text
    text: Text


class SeverityText(Strict):
    key: Annotated[str, Field(pattern=r"^[A-Z]$")]
    name: Text
    short: Text
    description: Text
    examples: tuple[Text, ...] = ()


class TargetEntry(Strict):
    metric: Metric
    calendar: Key
    duration: Duration | None = None
    severity: str | None = None
    warn_at: Share = 0.75
    manages_escalation: bool = False


class PolicyEntry(Strict):
    key: Key
    targets: tuple[TargetEntry, ...]
    catch_all: bool = False
    services: tuple[Key, ...] = ()
    stages: tuple[Key, ...] = ()
    organizations: tuple[str, ...] = ()


class Pauses(Strict):
    """What waits while the requester is awaited, for how long, and what happens meanwhile.

    `remind_after` and `solve_after` count all time from the beginning of the wait; `solve_after`
    solves the case without an answer.
    """

    metrics: tuple[Metric, ...] = ()
    longest: Duration | None = None
    remind_after: tuple[Duration, ...] = ()
    solve_after: Duration | None = None


class Closing(Strict):
    """For how long a solution can be taken back, and when a solved case closes by itself."""

    reopen_within: Duration = timedelta(days=7)
    close_after: Duration | None = None


class Step(Strict):
    level: Annotated[int, Field(ge=1)]
    role: Text
    contacts: tuple[str, ...]


class Hours(Strict):
    days: Days
    open: tuple[Span, ...]


class HolidayEntry(Strict):
    date: date
    name: Text
    open: tuple[Span, ...] = ()


class CalendarEntry(Strict):
    zone: str
    name: Text
    always: bool = False
    hours: tuple[Hours, ...] = ()
    holidays: tuple[HolidayEntry, ...] = ()
    openings: tuple[HolidayEntry, ...] = ()


class AgreementDocument(Strict):
    """The whole document. Source: the client's agreement, section by section."""

    format: Literal[1]
    key: Key
    case_prefix: Annotated[str, Field(pattern=r"^[A-Z]{1,8}$")]
    support_calendar: Key
    name: Text
    company: Text
    page: Page
    services: dict[Key, Service]
    stages: Stages
    environments: dict[Key, Choice]
    request_types: dict[Key, Choice]
    fields: tuple[FormField, ...] = ()
    areas: dict[Key, Area]
    clauses: tuple[Clause, ...]
    scope_rules: tuple[ScopeRule, ...] = ()
    channels: tuple[Channel, ...]
    severities: tuple[SeverityText, ...]
    policies: tuple[PolicyEntry, ...]
    pauses: Pauses = Pauses()
    closing: Closing = Closing()
    ladder: tuple[Step, ...]
    ladder_silence: dict[str, Duration] = Field(default_factory=dict)
    ladder_repeat: Duration = LADDER_REPEAT
    calendars: dict[Key, CalendarEntry]

    @property
    def offered(self) -> dict[str, Service]:
        """The services that a new case may be about, in the order of the form."""
        return {key: each for key, each in self.services.items() if not each.retired}

    def severity(self, key: str) -> SeverityText | None:
        """Return the severity of this letter, or None."""
        return next((s for s in self.severities if s.key == key), None)

    def clause(self, key: str | None) -> Clause | None:
        """Return the clause of this key, or None."""
        return next((c for c in self.clauses if c.key == key), None)

    def clause_for(self, environment: str, request_type: str) -> Clause | None:
        """Return the clause that the answers of the form point to: the environment's first."""
        for choices, key in ((self.environments, environment), (self.request_types, request_type)):
            choice = choices.get(key)
            if choice is not None and choice.clause:
                return self.clause(choice.clause)
        return None

    def field(self, key: str) -> FormField | None:
        """Return the form's further question of this key, or None."""
        return next((field for field in self.fields if field.key == key), None)

    def entitlement(self, stage: str | None, contracted: Sequence[str], service: str) -> str:
        """Say why a client is not entitled to support for a service, as a key; nothing if they are.

        Units: `stage` is None for who belongs to no known organization ("unknown"). A service that
            nobody named yet is not missing.
        Source: agreement §1 and §2.
        """
        if stage is None:
            return "unknown"
        if stage != self.stages.entitled:
            return "stage"
        return "service" if service and service not in contracted else ""

    def service_name(self, key: str, language: str | None) -> str:
        """Return a service's name, or its key when the document does not know it."""
        service = self.services.get(key)
        return service.name.in_language(language) if service else key

    def target(self, metric: Metric, severity: str | None = None) -> TargetEntry | None:
        """Return the catch-all policy's target of a metric, for the public page and the form."""
        entries = [t for t in self.policies[-1].targets if t.metric is metric]
        exact = next((t for t in entries if t.severity == severity), None)
        return exact or next((t for t in entries if t.severity is None), None)


def without_mark(source: str) -> str:
    """Return a source without the mark that some editors of Windows put before it."""
    return source.removeprefix("\ufeff")


@lru_cache(maxsize=8)
def parse(source: str) -> AgreementDocument:
    """Read a document; the last few are kept.

    Raises: tomllib.TOMLDecodeError for bad TOML; pydantic.ValidationError with every wrong
        value and its path. `lint.check` turns both into findings with line numbers.
    """
    data: dict[str, Any] = tomllib.loads(without_mark(source))
    return AgreementDocument.model_validate(data)
