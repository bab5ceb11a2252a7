"""What editors send: each form parses, the commands decide."""

import re
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from plazo.accounts.models import Agent, Language
from plazo.desk.fields import DayInput, InZone, MomentField
from plazo.helpcenter import editing
from plazo.helpcenter.commands import Text, tidy_labels
from plazo.helpcenter.models import Article, Audience, Section
from plazo.helpcenter.rendering import LONGEST_BODY

Choices = list[tuple[str, Any]]
SLUG: Final = re.compile(r"^[a-z0-9]+(?:-[a-z0-9]+)*$")


def styled(form: forms.Form, *, small: bool = True) -> None:
    """Give every field the design's look."""
    for field in form.fields.values():
        if not isinstance(field.widget, (forms.CheckboxInput, forms.HiddenInput)):
            field.widget.attrs.setdefault("class", "input input--sm" if small else "input")


def section_choices(sections: list[Section], language: str) -> Choices:
    """Return the sections for a list, under their categories."""
    groups: dict[str, Choices] = {}
    for section in sections:
        category = section.category.name.get(language) or section.category.key
        groups.setdefault(category, []).append((section.key, section.title(language)))
    return list(groups.items())


class ArticlesFilter(forms.Form):
    """Which articles the list shows. What does not parse is left out, and filters nothing."""

    state = forms.ChoiceField(required=False)
    words = forms.CharField(required=False, max_length=80, label=gettext_lazy("Words"))
    section = forms.ChoiceField(required=False, label=gettext_lazy("Section"))
    audience = forms.ChoiceField(required=False, label=gettext_lazy("Audience"))
    language = forms.ChoiceField(required=False, label=gettext_lazy("Languages"))
    label = forms.ChoiceField(required=False, label=gettext_lazy("Label"))
    owner = forms.TypedChoiceField(
        required=False, coerce=int, empty_value=None, label=gettext_lazy("Owner")
    )
    order = forms.ChoiceField(required=False, label=gettext_lazy("Order"))
    page = forms.IntegerField(required=False, min_value=1, max_value=10_000)

    def __init__(
        self,
        *args: Any,
        sections: list[Section],
        labels: list[str],
        owners: list[Agent],
        language: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        every = ("", _("All"))
        choices: dict[str, Choices] = {
            "state": [(name, name) for name in (*editing.STATES, "archived")],
            "section": [every, *section_choices(sections, language)],
            "audience": [every, *Audience.choices],
            "language": [
                every,
                ("es", _("In Spanish")),
                ("en", _("In English")),
                ("missing", _("A translation is missing")),
                ("behind", _("A translation is behind")),
            ],
            "label": [every, *((label, label) for label in labels)],
            "owner": [every, *((str(agent.pk), str(agent)) for agent in owners)],
            "order": [
                ("shelf", _("As on the shelves")),
                ("changed", _("Changed last")),
                ("review", _("To look at first")),
                ("votes", _("Least useful first")),
            ],
        }
        for name, found in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
            field.choices = found
        styled(self)

    def wanted(self) -> editing.Wanted:
        """Return what was asked for, without what makes no sense."""
        self.is_valid()
        data = {name: value for name, value in self.cleaned_data.items() if value}
        data.pop("page", None)
        return editing.Wanted(**data)

    def page_number(self) -> int:
        self.is_valid()
        return self.cleaned_data.get("page") or 1

    @property
    def is_narrowed(self) -> bool:
        """Say whether anything but the tab and the order was chosen."""
        return any(self.cleaned_data.get(name) for name in self.fields if name not in _FRAME)


_FRAME: Final = ("state", "order", "page")


class TextForm(forms.Form):
    """The words of an article in one language."""

    title = forms.CharField(
        max_length=160,
        label=gettext_lazy("Title"),
        error_messages={"required": gettext_lazy("Write a title.")},
    )
    summary = forms.CharField(
        required=False, max_length=300, label=gettext_lazy("Summary, for lists and searches")
    )
    body = forms.CharField(
        max_length=LONGEST_BODY,
        strip=False,
        label=gettext_lazy("Text, in Markdown"),
        error_messages={"required": gettext_lazy("Write the text.")},
    )
    note = forms.CharField(required=False, max_length=200, label=gettext_lazy("What changed"))
    minor = forms.BooleanField(required=False)
    up_to_date = forms.BooleanField(required=False)
    based_on = forms.IntegerField(required=False)

    def text(self) -> Text:
        """Return what was written, as the commands take it."""
        names = ("title", "body", "summary", "note", "minor")
        return Text(**{name: self.cleaned_data[name] for name in names})


class StartForm(TextForm):
    """A new article: where it stands, who reads it, in which language it begins."""

    section = forms.ChoiceField(
        label=gettext_lazy("Section"),
        error_messages={"required": gettext_lazy("Choose a section.")},
    )
    language = forms.ChoiceField(choices=Language.choices, label=gettext_lazy("Language"))
    audience = forms.ChoiceField(choices=Audience.choices, label=gettext_lazy("Who may read it"))

    def __init__(self, *args: Any, sections: list[Section], language: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sections = {section.key: section for section in sections}
        section = self.fields["section"]
        assert isinstance(section, forms.ChoiceField)  # noqa: S101 - for the type checker
        section.choices = [("", _("Choose…")), *section_choices(sections, language)]
        styled(self)

    def section_id(self) -> int:
        return self._sections[self.cleaned_data["section"]].pk


class ScheduleForm(InZone):
    """When to publish."""

    at = MomentField(
        label=gettext_lazy("Publish at"),
        error_messages={"required": gettext_lazy("Write a day and a time.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)


class SendBackForm(forms.Form):
    """What is missing in a text in review."""

    words = forms.CharField(
        max_length=300,
        error_messages={"required": gettext_lazy("Say what is missing.")},
    )


class VerifyForm(forms.Form):
    """When somebody must look again."""

    review_by = forms.DateField(required=False, widget=DayInput())


def _list(text: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", text) if part]


class SettingsForm(forms.Form):
    """Where an article stands, who reads it and answers for it, and its addresses."""

    section = forms.ChoiceField(label=gettext_lazy("Section"))
    audience = forms.ChoiceField(choices=Audience.choices, label=gettext_lazy("Who may read it"))
    owner = forms.TypedChoiceField(
        required=False, coerce=int, empty_value=None, label=gettext_lazy("Owner")
    )
    review_by = forms.DateField(
        required=False, widget=DayInput(), label=gettext_lazy("Look at it again by")
    )
    labels = forms.CharField(
        required=False, max_length=400, label=gettext_lazy("Labels, with commas between")
    )
    related = forms.CharField(
        required=False, max_length=800, label=gettext_lazy("Related articles, by their keys")
    )
    position = forms.IntegerField(
        min_value=0, max_value=1_000_000, label=gettext_lazy("Place on the shelf")
    )
    source_language = forms.ChoiceField(label=gettext_lazy("Language of the original"))

    def __init__(
        self,
        *args: Any,
        article: Article,
        slugs: dict[str, str],
        sections: list[Section],
        agents: list[Agent],
        language: str,
        publishes: bool,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("initial", _settings_of(article, slugs))
        super().__init__(*args, **kwargs)
        self._sections = {section.key: section for section in sections}
        people = {agent.pk: agent for agent in agents}
        if article.owner is not None:
            people.setdefault(article.owner.pk, article.owner)  # who left still answers for it
        languages = [choice for choice in Language.choices if choice[0] in slugs]
        for name, choices in (
            ("section", section_choices(sections, language)),
            ("owner", [("", _("Nobody")), *((str(pk), str(p)) for pk, p in people.items())]),
            ("source_language", languages),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
            field.choices = choices
        for code, spoken in languages:
            self.fields[f"slug_{code}"] = forms.RegexField(
                SLUG,
                max_length=120,
                label=_("Address in %(language)s") % {"language": str(spoken).lower()},
                error_messages={"invalid": _("Use letters a–z, digits and single hyphens.")},
            )
        for name in ("section", "audience"):  # who reads it is a matter for those who publish
            self.fields[name].disabled = not publishes
        styled(self)

    def clean_related(self) -> list[str]:
        keys = list(dict.fromkeys(_list(self.cleaned_data["related"])))
        known = editing.titles_of(keys, "es")
        unknown = [key for key in keys if key not in known]
        if unknown:
            raise forms.ValidationError(
                _("There is no article “%(key)s”.") % {"key": unknown[0]}, code="unknown"
            )
        return keys

    def clean_labels(self) -> list[str]:
        return tidy_labels(self.cleaned_data["labels"].split(","))

    def changes(self) -> dict[str, Any]:
        """Return what was chosen, as the command takes it."""
        data = dict(self.cleaned_data)
        slugs = {
            name.removeprefix("slug_"): data.pop(name)
            for name in list(data)
            if name.startswith("slug_")
        }
        data["section_id"] = self._sections[data.pop("section")].pk
        data["owner_id"] = data.pop("owner")
        return data | {"slugs": slugs}


def _settings_of(article: Article, slugs: dict[str, str]) -> dict[str, Any]:
    return {
        "section": article.section.key,
        "audience": article.audience,
        "owner": article.owner_id,
        "review_by": article.review_by,
        "labels": ", ".join(article.labels),
        "related": ", ".join(article.related),
        "position": article.position,
        "source_language": article.source_language,
        **{f"slug_{code}": slug for code, slug in slugs.items()},
    }
