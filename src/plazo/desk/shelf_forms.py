"""What editors send about shelves and words: categories, sections, synonyms, featured searches."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from plazo.accounts.models import Language
from plazo.agreements.document import AgreementDocument
from plazo.desk.kb_forms import SLUG, Choices, styled
from plazo.helpcenter.models import Audience, Category, Section

# Drawings that a section may have: what is in the sprite and says something about a subject.
ICONS: Final = (
    "book-open", "key-round", "package", "store", "layers", "life-buoy", "file-text", "ticket",
    "building-2", "users-round", "messages-square", "settings-2", "lock", "timer", "signpost",
    "scroll-text", "circle-help", "chart-no-axes-column",
)  # fmt: skip
KEY_HELP: Final = gettext_lazy("Short, and for ever: letters a–z, digits and hyphens.")


def _key() -> forms.RegexField:
    return forms.RegexField(
        SLUG,
        max_length=50,
        label=gettext_lazy("Key"),
        help_text=KEY_HELP,
        error_messages={"invalid": gettext_lazy("Use letters a–z, digits and single hyphens.")},
    )


class CategoryForm(forms.Form):
    """A part of the knowledge base. `key` is asked for only while it is new."""

    key = _key()
    name_es = forms.CharField(max_length=80, label=gettext_lazy("Name in Spanish"))
    name_en = forms.CharField(required=False, max_length=80, label=gettext_lazy("Name in English"))
    position = forms.IntegerField(
        min_value=0, max_value=10_000, initial=0, label=gettext_lazy("Order")
    )

    def __init__(self, *args: Any, category: Category | None = None, **kwargs: Any) -> None:
        if category is not None:
            kwargs["initial"] = {
                "key": category.key,
                "position": category.position,
                **_texts("name", category.name),
            }
        super().__init__(*args, **kwargs)
        self.auto_id = _auto_id("category", category)
        self.fields["key"].disabled = category is not None
        styled(self)

    def changes(self) -> dict[str, Any]:
        """Return what was written, as the command takes it."""
        return {
            "key": self.cleaned_data["key"],
            "name": _written(self, "name"),
            "position": self.cleaned_data["position"],
        }


class SectionForm(forms.Form):
    """A shelf. `key` is asked for only while it is new."""

    key = _key()
    category = forms.ChoiceField(label=gettext_lazy("Category"))
    name_es = forms.CharField(max_length=80, label=gettext_lazy("Name in Spanish"))
    name_en = forms.CharField(required=False, max_length=80, label=gettext_lazy("Name in English"))
    description_es = forms.CharField(
        required=False, max_length=240, label=gettext_lazy("Description in Spanish")
    )
    description_en = forms.CharField(
        required=False, max_length=240, label=gettext_lazy("Description in English")
    )
    service = forms.ChoiceField(required=False, label=gettext_lazy("Service of the agreement"))
    icon = forms.ChoiceField(choices=[(name, name) for name in ICONS], label=gettext_lazy("Icon"))
    audience = forms.ChoiceField(choices=Audience.choices, label=gettext_lazy("Who may read it"))
    position = forms.IntegerField(
        min_value=0, max_value=10_000, initial=0, label=gettext_lazy("Order")
    )

    def __init__(
        self,
        *args: Any,
        categories: list[Category],
        document: AgreementDocument,
        language: str,
        section: Section | None = None,
        **kwargs: Any,
    ) -> None:
        if section is not None:
            kwargs["initial"] = _section_of(section)
        super().__init__(*args, **kwargs)
        self.auto_id = _auto_id("section", section)
        self._categories = {category.key: category.pk for category in categories}
        services: Choices = [("", _("None: it is about all"))]
        services += [(k, s.name.in_language(language)) for k, s in document.services.items()]
        icons = list(ICONS)
        if section is not None and section.service not in document.services and section.service:
            services.append((section.service, section.service))
        if section is not None and section.icon not in ICONS:
            icons.append(section.icon)
        shelves = [(c.key, c.name.get(language) or c.key) for c in categories]
        for name, choices in (
            ("category", shelves),
            ("service", services),
            ("icon", [(icon, icon) for icon in icons]),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
            field.choices = choices
        self.fields["key"].disabled = section is not None
        styled(self)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("description_en") and not data.get("description_es"):
            self.add_error("description_es", _("Write it in Spanish too."))
        return data

    def changes(self) -> dict[str, Any]:
        """Return what was written, as the command takes it."""
        data = self.cleaned_data
        return {
            "category_id": self._categories[data["category"]],
            "name": _written(self, "name"),
            "description": _written(self, "description"),
            **{name: data[name] for name in ("key", "service", "icon", "audience", "position")},
        }


def _section_of(section: Section) -> dict[str, Any]:
    return {
        "key": section.key,
        "category": section.category.key,
        "service": section.service,
        "icon": section.icon,
        "audience": section.audience,
        "position": section.position,
        **_texts("name", section.name),
        **_texts("description", section.description),
    }


def _auto_id(kind: str, thing: Category | Section | None) -> str:
    """Return ids that differ between the many forms of one page."""
    return f"id_{kind}_{thing.key if thing is not None else 'new'}_%s"


def _texts(name: str, texts: dict[str, str]) -> dict[str, str]:
    return {f"{name}_{language}": texts.get(language, "") for language in Language.values}


def _written(form: forms.Form, name: str) -> dict[str, str]:
    found = {language: form.cleaned_data[f"{name}_{language}"] for language in Language.values}
    return {language: text for language, text in found.items() if text}


class SynonymsForm(forms.Form):
    """Sets of words, one on each line."""

    sets = forms.CharField(
        required=False,
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 14}),
        label=gettext_lazy("Sets of words, one on each line"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)

    def clean_sets(self) -> list[list[str]]:
        lines = [line for line in self.cleaned_data["sets"].splitlines() if line.strip()]
        sets = [[word.strip() for word in line.split("=") if word.strip()] for line in lines]
        for line, words in zip(lines, sets, strict=True):
            if len(words) < 2:
                raise forms.ValidationError(
                    _("“%(line)s” needs two words or more, with = between them.")
                    % {"line": line.strip()}
                )
            if any(len(word) > 60 for word in words):
                raise forms.ValidationError(
                    _("“%(line)s” holds a word of more than 60 letters.") % {"line": line.strip()}
                )
        return sets


class FeatureForm(forms.Form):
    """A search that the first page shall offer."""

    language = forms.ChoiceField(choices=Language.choices, label=gettext_lazy("Language"))
    words = forms.CharField(
        max_length=60,
        label=gettext_lazy("Words"),
        error_messages={"required": gettext_lazy("Write what people look for.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)
