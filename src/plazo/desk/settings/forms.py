"""What the settings screens send: each form parses, the command decides."""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from plazo.accounts.models import Agent, Group, Language, Role
from plazo.agreements.changes import Spans, kind_words, spans_words
from plazo.agreements.document import AgreementDocument, FormField, parse_span
from plazo.agreements.edits import SetField
from plazo.agreements.page import weekday_names
from plazo.desk.fields import DayInput, InZone, MomentField
from plazo.desk.forms import CONTINENTS

_SPAN = re.compile(r"^(\d{1,2})(?::(\d{2}))?\s*(?:-|–|a|to)\s*(\d{1,2})(?::(\d{2}))?$")
_PAUSE = re.compile(r"\s*(?:,|;|\by\b|\band\b)\s*")


def styled(form: forms.Form) -> None:
    """Give every field that one writes in, or chooses from a list, the design's look."""
    plain = (forms.CheckboxInput, forms.CheckboxSelectMultiple, forms.HiddenInput)
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
    return tuple(sorted(spans))


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


class ServiceForm(Seen):
    """What a service is called."""

    es = forms.CharField(max_length=120, label=gettext_lazy("Name in Spanish"))
    en = forms.CharField(max_length=120, label=gettext_lazy("Name in English"))
    hint_es = forms.CharField(max_length=200, label=gettext_lazy("Hint in Spanish"))
    hint_en = forms.CharField(max_length=200, label=gettext_lazy("Hint in English"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)


class FieldForm(Seen):
    """A question of the request form."""

    key = forms.RegexField(
        r"^[a-z][a-z0-9_]*$",
        max_length=40,
        label=gettext_lazy("Key"),
        help_text=gettext_lazy("Small letters, digits and _, such as order_number. It stays."),
    )
    label_es = forms.CharField(max_length=120, label=gettext_lazy("Label in Spanish"))
    label_en = forms.CharField(max_length=120, label=gettext_lazy("Label in English"))
    hint_es = forms.CharField(required=False, max_length=200, label=gettext_lazy("Hint in Spanish"))
    hint_en = forms.CharField(required=False, max_length=200, label=gettext_lazy("Hint in English"))
    kind = forms.ChoiceField(label=gettext_lazy("What it takes"))
    required = forms.BooleanField(
        required=False, label=gettext_lazy("The request cannot be sent without it")
    )
    services = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=gettext_lazy("Asked for these services"),
        help_text=gettext_lazy("None ticked is all of them."),
    )
    request_types = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=gettext_lazy("Asked for these types of request"),
        help_text=gettext_lazy("None ticked is all of them."),
    )

    def __init__(
        self,
        *args: Any,
        document: AgreementDocument,
        language: str,
        field: FormField | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.field = field
        if field is not None:
            del self.fields["key"]
        for name, choices in (
            ("kind", [(kind, kind_words(kind)) for kind in ("line", "lines")]),
            ("services", _named(document.services, language)),
            ("request_types", _named(document.request_types, language)),
        ):
            choice = self.fields[name]
            assert isinstance(choice, forms.ChoiceField)  # noqa: S101 - for the type checker
            choice.choices = choices
        self._known = {each.key for each in document.fields}
        styled(self)

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"]
        if key in self._known:
            raise forms.ValidationError(_("There is a field of this key already."))
        return key

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if bool(data.get("hint_es")) != bool(data.get("hint_en")):
            missing = "hint_en" if data.get("hint_es") else "hint_es"
            self.add_error(missing, _("Write the hint in both languages, or in none."))
        return data

    def edit(self) -> SetField:
        """Return the change that was filled in."""
        data = self.cleaned_data
        return SetField(
            key=self.field.key if self.field is not None else data["key"],
            label=(data["label_es"], data["label_en"]),
            hint=(data["hint_es"], data["hint_en"]),
            kind=data["kind"],
            required=data["required"],
            services=tuple(data["services"]),
            request_types=tuple(data["request_types"]),
        )


def field_values(field: FormField) -> dict[str, Any]:
    """Return a question as the form shows it."""
    return {
        "label_es": field.label.es,
        "label_en": field.label.en,
        "hint_es": field.hint.es if field.hint else "",
        "hint_en": field.hint.en if field.hint else "",
        "kind": field.kind,
        "required": field.required,
        "services": list(field.services),
        "request_types": list(field.request_types),
    }


def _named(choices: Any, language: str) -> list[tuple[str, str]]:
    return [(key, choice.name.in_language(language)) for key, choice in choices.items()]


class PublishForm(InZone):
    """From when the draft shall hold. `zone` is the support calendar's."""

    revision = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
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
