"""What the settings screens send: each form parses, the command decides."""

import re
from collections.abc import Container, Iterable, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, cast
from zoneinfo import available_timezones

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from plazo.accounts.models import Agent, Group, Language, Role
from plazo.agreements.changes import Spans, spans_words
from plazo.agreements.document import AgreementDocument, parse_span
from plazo.agreements.errors import KeyTaken
from plazo.agreements.page import weekday_names
from plazo.desk.fields import DayInput, InZone, MomentField
from plazo.desk.forms import CONTINENTS

_SPAN = re.compile(r"^(\d{1,2})(?::(\d{2}))?\s*(?:-|–|a|to)\s*(\d{1,2})(?::(\d{2}))?$")
_PAUSE = re.compile(r"\s*(?:,|;|\by\b|\band\b)\s*")


def styled(form: forms.Form) -> None:
    """Give every field that one writes in, or chooses from a list, the design's look."""
    plain = (forms.CheckboxInput, forms.RadioSelect, forms.HiddenInput)
    for field in form.fields.values():
        if not isinstance(field.widget, plain):
            field.widget.attrs.setdefault("class", "input input--sm")


def read_spans(text: str) -> Spans:
    """Read the hours of a day as people write them: "6-22", "8:00–12:00, 13:00–17:00", "cerrado".

    Raises: ValidationError, which says how to write them.
    """
    plain = text.strip().lower()
    if not plain or plain in {"cerrado", "closed", "-", "–"}:
        return ()
    spans = []
    for part in _PAUSE.split(plain):
        match = _SPAN.match(part.strip())
        try:
            if match is None:
                raise ValueError(part)
            first, second, third, fourth = match.groups()
            spans.append(
                parse_span(f"{int(first):02}:{second or '00'}-{int(third):02}:{fourth or '00'}")
            )
        except ValueError:
            raise forms.ValidationError(
                _("Write hours as 6:00–22:00, or 8:00–12:00, 13:00–17:00; nothing when closed.")
            ) from None
    spans.sort()
    if any(closes > opens for (_o, closes), (opens, _c) in pairwise(spans)):
        raise forms.ValidationError(_("Two of these hours overlap: make them apart, or join them."))
    return tuple(spans)


class SpansField(forms.CharField):
    """The open hours of a day; nothing is closed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=120, **kwargs)

    def to_python(self, value: Any) -> Any:
        return value if isinstance(value, tuple) else read_spans(str(value or ""))

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return spans_words(value) if value else ""
        return value


def zone_field() -> forms.CharField:
    return forms.CharField(
        max_length=60,
        label=gettext_lazy("Time zone"),
        help_text=gettext_lazy("A place, such as America/Bogota; never an abbreviation."),
        widget=forms.TextInput(attrs={"list": "time-zones", "autocomplete": "off"}),
    )


def zones() -> list[str]:
    """Return the zones to choose from: those named after a place."""
    return sorted(zone for zone in available_timezones() if zone.split("/")[0] in CONTINENTS)


def clean_zone(zone: str) -> str:
    if zone.strip() not in available_timezones() or "/" not in zone:
        raise forms.ValidationError(_("Write a zone such as America/Bogota."))
    return zone.strip()


# ── The team ──────────────────────────────────────────────────────────────────────────────────


class GroupForm(forms.Form):
    """A group: its name, its level, where its notices go, and who is in it."""

    key = forms.SlugField(
        max_length=50,
        label=gettext_lazy("Key"),
        help_text=gettext_lazy("A short name without blanks, for commands and rules. It stays."),
    )
    name = forms.CharField(max_length=80, label=gettext_lazy("Name"))
    level = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=9,
        label=gettext_lazy("Support level whose cases it takes"),
        help_text=gettext_lazy("Leave empty for a group without a level."),
    )
    email = forms.EmailField(required=False, label=gettext_lazy("Address for its notices"))
    members = forms.TypedMultipleChoiceField(
        required=False,
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        label=gettext_lazy("Who is in it"),
    )

    def __init__(self, *args: Any, agents: Iterable[Agent], new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not new:
            del self.fields["key"]
        members = self.fields["members"]
        assert isinstance(members, forms.TypedMultipleChoiceField)  # noqa: S101 - for the type checker
        members.choices = [(agent.pk, str(agent)) for agent in agents if agent.is_active]
        styled(self)


class AgentForm(forms.Form):
    """An agent: what they may do, and where they work. A new one is invited by mail."""

    email = forms.EmailField(
        label=gettext_lazy("E-mail"),
        help_text=gettext_lazy("They sign in with it. We mail them a link to choose a password."),
    )
    name = forms.CharField(max_length=120, label=gettext_lazy("Name"))
    title = forms.CharField(
        required=False,
        max_length=80,
        label=gettext_lazy("Title"),
        help_text=gettext_lazy("What clients read beside the name."),
    )
    role = forms.ChoiceField(choices=Role.choices, label=gettext_lazy("Role"))
    level = forms.IntegerField(min_value=1, max_value=9, label=gettext_lazy("Support level"))
    groups = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, label=gettext_lazy("Groups")
    )
    language = forms.ChoiceField(choices=Language.choices, label=gettext_lazy("Language"))
    time_zone = zone_field()

    def __init__(self, *args: Any, groups: Iterable[Group], new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not new:
            for name in ("email", "language", "time_zone"):
                del self.fields[name]
        choice = self.fields["groups"]
        assert isinstance(choice, forms.MultipleChoiceField)  # noqa: S101 - for the type checker
        choice.choices = [(group.key, group.name) for group in groups]
        styled(self)

    def clean_time_zone(self) -> str:
        return clean_zone(self.cleaned_data["time_zone"])


class PersonField(forms.TypedChoiceField):
    """One of the team, or nobody."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(coerce=int, empty_value=None, **kwargs)

    def offer(self, agents: Iterable[Agent], nobody: str) -> None:
        """Say whom one may choose, and what it means to choose nobody."""
        self.choices = [("", nobody), *((agent.pk, str(agent)) for agent in agents)]


class GoForm(forms.Form):
    """Who gets the cases of an agent that leaves."""

    cases_to = PersonField(required=False, label=gettext_lazy("Their cases go to"))

    def __init__(self, *args: Any, agents: Iterable[Agent], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["cases_to"]
        assert isinstance(field, PersonField)  # noqa: S101 - for the type checker
        field.offer(agents, _("Nobody: leave them unassigned"))
        styled(self)


class AbsenceForm(InZone):
    """From when until when somebody is away, and who stands in. `zone` is that person's own."""

    begins_at = MomentField(label=gettext_lazy("Away from"))
    ends_at = MomentField(label=gettext_lazy("Back at"))
    substitute = PersonField(required=False, label=gettext_lazy("Who stands in"))
    note = forms.CharField(
        required=False,
        max_length=200,
        label=gettext_lazy("Note"),
        help_text=gettext_lazy("The team reads it. It need not say why."),
    )

    def __init__(self, *args: Any, agents: Iterable[Agent], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["substitute"]
        assert isinstance(field, PersonField)  # noqa: S101 - for the type checker
        field.offer(agents, _("Nobody"))
        styled(self)


# ── The agreement ─────────────────────────────────────────────────────────────────────────────


class Seen(forms.Form):
    """The draft as it was when the page was opened: nobody changes what they have not seen."""

    revision = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    moved: Sequence[tuple[str, str]] = ()

    def carry_on(self, revision: int, key: str = "") -> None:
        """Keep what was typed, and go on from what the draft says now.

        Edges: `moved` has each field that the draft fills in otherwise, and how. With the `key` of
            what is not there any more, the form is one to add it again.
        """
        data = cast("QueryDict", self.data).copy()
        data["revision"] = str(revision)
        self.data = data
        if key:
            data["key"] = key
            return
        self.moved = [
            (str(bound.label), _in_words(bound))
            for bound in self.visible_fields()
            if bound.initial is not None and bound.name in self.changed_data
        ]


def _in_words(bound: forms.BoundField) -> str:
    """Return what the draft has in a field."""
    value = bound.field.prepare_value(bound.initial)
    names = dict(getattr(bound.field, "choices", ()))
    match value:
        case bool():
            return _("yes") if value else _("no")
        case list() | tuple():
            return ", ".join(str(names.get(each, each)) for each in value) or "–"
        case _:
            return str(names.get(value, value)) or "–"


def key_field(help_text: Any) -> forms.RegexField:
    """Return the field of a key, which stays what it is."""
    return forms.RegexField(
        r"^[a-z][a-z0-9_]*$",
        max_length=40,
        label=gettext_lazy("Key"),
        help_text=help_text,
        error_messages={
            "invalid": gettext_lazy("Begin with a small letter; then small letters, digits and _."),
        },
    )


def new_key(key: str, known: Container[str]) -> str:
    """Return a key that nothing has yet. Raises: ValidationError."""
    if key in known:
        raise forms.ValidationError(KeyTaken(key=key).user_message())
    if key == "new":
        raise forms.ValidationError(_("“new” is the address of this page. Choose another key."))
    return key


class WeekForm(Seen):
    """The open hours of each weekday."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number, name in enumerate(weekday_names()):
            self.fields[f"day{number}"] = SpansField(
                label=name[:1].upper() + name[1:],
                widget=forms.TextInput(
                    attrs={"class": "input input--sm num", "placeholder": _("closed")}
                ),
            )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and not any(data[f"day{number}"] for number in range(7)):
            self.add_error("day0", _("Write the hours of one day at least: nothing else opens it."))
        return data

    def week(self) -> tuple[Spans, ...]:
        """Return the open spans of each weekday."""
        return tuple(self.cleaned_data[f"day{number}"] for number in range(7))

    def days(self) -> list[forms.BoundField]:
        """Return the field of each weekday."""
        return [self[f"day{number}"] for number in range(7)]


class CalendarForm(Seen):
    """A calendar's names and its zone."""

    es = forms.CharField(max_length=120, label=gettext_lazy("Name in Spanish"))
    en = forms.CharField(max_length=120, label=gettext_lazy("Name in English"))
    zone = zone_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)

    def clean_zone(self) -> str:
        return clean_zone(self.cleaned_data["zone"])


class NewCalendarForm(CalendarForm, WeekForm):
    """A further calendar: its key, its names, its zone and its week."""

    key = key_field(gettext_lazy("Small letters, digits and _, such as night_shift. It stays."))
    days_of = forms.SlugField(required=False, widget=forms.HiddenInput)
    special_days = forms.BooleanField(
        required=False, label=gettext_lazy("Take its special days over, too")
    )
    field_order = ("revision", "es", "en", "key", "zone", "special_days")

    def __init__(
        self, *args: Any, document: AgreementDocument, copied: str = "", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._known = document.calendars
        entry = self._known.get(copied)
        if entry is None or not (entry.holidays or entry.openings):
            del self.fields["special_days"]

    def clean_key(self) -> str:
        return new_key(self.cleaned_data["key"], self._known)

    def about(self) -> list[forms.BoundField]:
        """Return the fields that are no day's."""
        return [bound for bound in self.visible_fields() if not bound.name.startswith("day")]


class RunOnForm(Seen):
    """What shall run on a calendar from now on."""

    what = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=gettext_lazy("Let this run on it, too"),
        help_text=gettext_lazy("What is ticked leaves the calendar that it runs on today."),
    )

    def __init__(self, *args: Any, choices: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        what = self.fields["what"]
        assert isinstance(what, forms.ChoiceField)  # noqa: S101 - for the type checker
        what.choices = choices


class DayForm(Seen):
    """A date with hours of its own."""

    day = forms.DateField(label=gettext_lazy("Day"), widget=DayInput)
    es = forms.CharField(max_length=120, label=gettext_lazy("Reason in Spanish"))
    en = forms.CharField(max_length=120, label=gettext_lazy("Reason in English"))
    open = SpansField(
        label=gettext_lazy("Open hours"),
        help_text=gettext_lazy("Leave empty when closed all day."),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("What they do"),
        choices=[
            ("holidays", gettext_lazy("Instead of the hours of that weekday")),
            ("openings", gettext_lazy("On top of the hours of that weekday")),
        ],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("kind") == "openings" and not data.get("open") and "open" not in self.errors:
            self.add_error("open", _("Say from when to when it opens on top."))
        return data


class RemoveDayForm(Seen):
    """Which special day goes."""

    day = forms.DateField()
    kind = forms.ChoiceField(choices=[("holidays", ""), ("openings", "")])


class ProposeForm(forms.Form):
    """Which national holidays to look at."""

    country = forms.ChoiceField(label=gettext_lazy("Country"))
    part = forms.ChoiceField(required=False, label=gettext_lazy("Region"))
    year = forms.TypedChoiceField(coerce=int, label=gettext_lazy("Year"))
    category = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, label=gettext_lazy("Kinds of days")
    )

    def __init__(
        self,
        *args: Any,
        countries: Sequence[tuple[str, str]],
        parts: Sequence[str],
        categories: Sequence[tuple[str, str]],
        this_year: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (
            ("country", countries),
            ("part", [("", _("The whole country")), *((part, part) for part in parts)]),
            ("year", [(year, str(year)) for year in range(this_year, this_year + 3)]),
            ("category", categories),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
            field.choices = choices
        if not parts:
            del self.fields["part"]
        if len(categories) < 2:
            del self.fields["category"]
        styled(self)


class AcceptForm(Seen):
    """Which proposals are taken."""

    day = forms.MultipleChoiceField(required=False)

    def __init__(self, *args: Any, days: Iterable[date], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["day"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - for the type checker
        field.choices = [(day.isoformat(), "") for day in days]

    def taken(self) -> set[date]:
        """Return the dates that were ticked."""
        return {date.fromisoformat(day) for day in self.cleaned_data["day"]}


class TryForm(InZone):
    """When a case would come in, on the calendar's own clock."""

    at = MomentField(required=False, label=gettext_lazy("A case that comes in on"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)


class RehearseForm(TryForm):
    """Which case to try the draft with: when it comes in, and what it is about."""

    service = forms.ChoiceField(required=False, label=gettext_lazy("About the service"))

    def __init__(self, *args: Any, services: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        service = self.fields["service"]
        assert isinstance(service, forms.ChoiceField)  # noqa: S101 - for the type checker
        service.choices = [("", _("None in particular")), *services]


class PublishForm(InZone, Seen):
    """From when the draft shall hold. `zone` is the support calendar's."""

    when = forms.ChoiceField(choices=[("now", ""), ("later", "")])
    effective_at = MomentField(required=False, label=gettext_lazy("In force from"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("when") == "later" and not data.get("effective_at"):
            self.add_error("effective_at", _("Write a day and a time."))
        return data


# ── The audit trail ───────────────────────────────────────────────────────────────────────────


class AuditForm(forms.Form):
    """Which changes to show."""

    about = forms.ChoiceField(required=False, label=gettext_lazy("What"))
    who = forms.CharField(required=False, max_length=120, label=gettext_lazy("Who"))
    since = forms.DateField(required=False, label=gettext_lazy("Since"), widget=DayInput)
    until = forms.DateField(required=False, label=gettext_lazy("Until"), widget=DayInput)
    subject = forms.CharField(required=False, max_length=120, widget=forms.HiddenInput)

    def __init__(self, *args: Any, kinds: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        about = self.fields["about"]
        assert isinstance(about, forms.ChoiceField)  # noqa: S101 - for the type checker
        about.choices = [("", _("Everything")), *kinds]
        styled(self)
