"""What the screens of services and of the form's questions send."""

import re
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from plazo.agreements.arranging import AddService
from plazo.agreements.changes import kind_words
from plazo.agreements.document import AgreementDocument, FormField
from plazo.agreements.edits import Asked, SetField, SetService
from plazo.desk.settings.forms import Seen, key_field, new_key, styled
from plazo.desk.shelf_forms import ICONS

KINDS: Final = ("line", "lines", "choice")
LONGEST_OPTION: Final = 120
_BETWEEN: Final = re.compile(r"\s*[=|]\s*")


class ServiceForm(Seen):
    """A service: what it is called, whom it attends, and what is asked and promised for it."""

    es = forms.CharField(max_length=120, label=gettext_lazy("Name in Spanish"))
    en = forms.CharField(max_length=120, label=gettext_lazy("Name in English"))
    key = key_field(gettext_lazy("Small letters, digits and _, such as cloud_backup. It stays."))
    icon = forms.ChoiceField(label=gettext_lazy("Icon"), widget=forms.RadioSelect)
    hint_es = forms.CharField(max_length=200, label=gettext_lazy("Hint in Spanish"))
    hint_en = forms.CharField(max_length=200, label=gettext_lazy("Hint in English"))
    clients_es = forms.CharField(
        max_length=200,
        label=gettext_lazy("Who is attended, in Spanish"),
        help_text=gettext_lazy("The page of the agreement says it: “Clients who buy licenses”."),
    )
    clients_en = forms.CharField(max_length=200, label=gettext_lazy("Who is attended, in English"))
    policy = forms.ChoiceField(
        required=False,
        label=gettext_lazy("What is promised for it"),
        help_text=gettext_lazy("For cases that come in once it is published."),
    )
    asked = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=gettext_lazy("What the form asks for it"),
        help_text=gettext_lazy("Questions that are for all services are asked anyway."),
    )

    def __init__(
        self,
        *args: Any,
        document: AgreementDocument,
        language: str,
        key: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.service = key
        self._known = document.services
        if key:
            del self.fields["key"]
        icons = list(ICONS)
        if key and document.services[key].icon not in icons:
            icons.append(document.services[key].icon)
        policies = [policy for policy in document.policies if policy.services]
        for name, choices in (
            ("icon", [(icon, icon) for icon in icons]),
            ("policy", [("", _("What holds for all")), *((p.key, p.key) for p in policies)]),
            (
                "asked",
                [(f.key, f.label.in_language(language)) for f in document.fields if f.services],
            ),
        ):
            choice = self.fields[name]
            assert isinstance(choice, forms.ChoiceField)  # noqa: S101 - for the type checker
            choice.choices = choices
        if not policies:
            del self.fields["policy"]
        styled(self)

    def clean_key(self) -> str:
        return new_key(self.cleaned_data["key"], self._known)

    def edit(self) -> AddService | SetService:
        """Return the change that was filled in."""
        data = self.cleaned_data
        clients = (data["clients_es"], data["clients_en"])
        key = self.service or data["key"]
        policy = data["policy"] if "policy" in self.changed_data else None
        asked = Asked(key, tuple(data["asked"]), policy)
        if self.service:
            texts = (data["es"], data["en"], data["hint_es"], data["hint_en"])
            return SetService(key, *texts, clients, data["icon"], asked)
        name, hint = (data["es"], data["en"]), (data["hint_es"], data["hint_en"])
        return AddService(key, data["icon"], name, hint, clients, asked)


def service_values(document: AgreementDocument, key: str) -> dict[str, Any]:
    """Return a service as the form shows it."""
    service = document.services[key]
    return {
        "es": service.name.es,
        "en": service.name.en,
        "icon": service.icon,
        "hint_es": service.hint.es,
        "hint_en": service.hint.en,
        "clients_es": service.clients.es,
        "clients_en": service.clients.en,
        "policy": next((p.key for p in document.policies if key in p.services), ""),
        "asked": [field.key for field in document.fields if key in field.services],
    }


class FieldForm(Seen):
    """A question of the request form."""

    label_es = forms.CharField(max_length=120, label=gettext_lazy("Label in Spanish"))
    label_en = forms.CharField(max_length=120, label=gettext_lazy("Label in English"))
    key = key_field(gettext_lazy("Small letters, digits and _, such as order_number. It stays."))
    hint_es = forms.CharField(required=False, max_length=200, label=gettext_lazy("Hint in Spanish"))
    hint_en = forms.CharField(required=False, max_length=200, label=gettext_lazy("Hint in English"))
    kind = forms.ChoiceField(label=gettext_lazy("What it takes"))
    options = forms.CharField(
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
        label=gettext_lazy("Options"),
        help_text=gettext_lazy(
            "For “One of some options”: one on each line, Spanish = English. For example:"
            " Producción = Production"
        ),
    )
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
            ("kind", [(kind, kind_words(kind)) for kind in KINDS]),
            ("services", _named(document.services, language)),
            ("request_types", _named(document.request_types, language)),
        ):
            choice = self.fields[name]
            assert isinstance(choice, forms.ChoiceField)  # noqa: S101 - for the type checker
            choice.choices = choices
        self._known = {each.key for each in document.fields}
        styled(self)

    def clean_key(self) -> str:
        return new_key(self.cleaned_data["key"], self._known)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if bool(data.get("hint_es")) != bool(data.get("hint_en")):
            missing = "hint_en" if data.get("hint_es") else "hint_es"
            self.add_error(missing, _("Write the hint in both languages, or in none."))
        if data.get("kind") == "choice" and "options" not in self.errors:
            try:
                data["options"] = read_options(data.get("options", ""))
            except forms.ValidationError as error:
                self.add_error("options", error)
        elif "kind" in data and str(data.get("options", "")).strip():
            words = _("Choose “%(kind)s” above, or leave the options empty.")
            self.add_error("options", words % {"kind": kind_words("choice")})
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
            options=tuple(data["options"]),
        )


def read_options(text: str) -> tuple[tuple[str, str], ...]:
    """Read options as people write them, one on each line: "Sí = Yes".

    Raises: ValidationError, which says how to write them.
    """
    found: list[tuple[str, str]] = []
    for line in filter(None, (each.strip() for each in text.splitlines())):
        names = _BETWEEN.split(line)
        if len(names) != 2 or not all(names):
            words = _("Write “%(line)s” in both languages: Spanish = English.")
            raise forms.ValidationError(words % {"line": line[:80]})
        for at, name in enumerate(names):
            if len(name) > LONGEST_OPTION:
                raise forms.ValidationError(
                    _("Shorten “%(name)s…”: %(most)s characters at most.")
                    % {"name": name[:40], "most": LONGEST_OPTION}
                )
            if any(name == option[at] for option in found):
                raise forms.ValidationError(
                    _("“%(name)s” is there twice: take one out, or name it otherwise.")
                    % {"name": name}
                )
        found.append((names[0], names[1]))
    if len(found) < 2:
        raise forms.ValidationError(_("Write two options at least: with one there is no choice."))
    return tuple(found)


def field_values(field: FormField) -> dict[str, Any]:
    """Return a question as the form shows it."""
    return {
        "label_es": field.label.es,
        "label_en": field.label.en,
        "hint_es": field.hint.es if field.hint else "",
        "hint_en": field.hint.en if field.hint else "",
        "kind": field.kind,
        "options": "\n".join(f"{option.es} = {option.en}" for option in field.options),
        "required": field.required,
        "services": list(field.services),
        "request_types": list(field.request_types),
    }


def _named(choices: Any, language: str) -> list[tuple[str, str]]:
    return [(key, choice.name.in_language(language)) for key, choice in choices.items()]
