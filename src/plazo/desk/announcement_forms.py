"""What agents send about announcements."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from plazo.agreements.document import AgreementDocument
from plazo.desk.fields import InZone, MomentField
from plazo.desk.kb_forms import styled
from plazo.helpcenter.announcing import LONGEST_WORDS
from plazo.helpcenter.models import AnnouncementKind, Impact


def _words(label: Any, *, required: bool) -> forms.CharField:
    return forms.CharField(
        required=required,
        max_length=LONGEST_WORDS,
        widget=forms.Textarea(attrs={"rows": 4}),
        label=label,
        error_messages={"required": gettext_lazy("Say it in Spanish.")},
    )


class UpdateForm(InZone):
    """What is new about an announcement, or that it is over."""

    text_es = _words(gettext_lazy("What you say, in Spanish"), required=True)
    text_en = _words(gettext_lazy("The same in English"), required=False)
    impact = forms.ChoiceField(choices=Impact.choices, label=gettext_lazy("Impact"))
    next_update_at = MomentField(required=False, label=gettext_lazy("Next update by"))
    ends_at = MomentField(required=False, label=gettext_lazy("Planned end"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)

    def texts(self, name: str) -> dict[str, str]:
        """Return one text by language, as the commands take it."""
        found = {code: self.cleaned_data.get(f"{name}_{code}", "") for code in ("es", "en")}
        return {code: text for code, text in found.items() if text}


class OpenForm(UpdateForm):
    """A new announcement, with the first that is said about it."""

    field_order = (
        "kind", "impact", "services", "title_es", "text_es", "title_en", "text_en", "starts_at",
        "ends_at", "next_update_at",
    )  # fmt: skip

    kind = forms.ChoiceField(choices=AnnouncementKind.choices, label=gettext_lazy("Kind"))
    services = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=gettext_lazy("Services that it is about"),
    )
    title_es = forms.CharField(
        max_length=160,
        label=gettext_lazy("Title in Spanish"),
        error_messages={"required": gettext_lazy("Write a title in Spanish.")},
    )
    title_en = forms.CharField(
        required=False, max_length=160, label=gettext_lazy("Title in English")
    )
    starts_at = MomentField(
        label=gettext_lazy("Begins"),
        error_messages={"required": gettext_lazy("Say when it begins.")},
    )

    def __init__(
        self, *args: Any, document: AgreementDocument, language: str, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        services = self.fields["services"]
        assert isinstance(services, forms.MultipleChoiceField)  # noqa: S101 - for the type checker
        services.choices = [
            (key, service.name.in_language(language)) for key, service in document.services.items()
        ]
        services.widget.attrs.pop("class", None)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        starts, ends = data.get("starts_at"), data.get("ends_at")
        if starts and ends and ends <= starts:
            self.add_error("ends_at", _("It cannot end before it begins."))
        if bool(data.get("title_en")) != bool(data.get("text_en")):
            self.add_error(
                "text_en" if data.get("title_en") else "title_en",
                _("Write the title and the text in English, or neither."),
            )
        return data

    def choices(self) -> dict[str, Any]:
        """Return what was written, as the command takes it."""
        data = self.cleaned_data
        names = ("kind", "impact", "services", "starts_at", "ends_at", "next_update_at")
        return {
            "title": self.texts("title"),
            "text": self.texts("text"),
            **{name: data[name] for name in names},
        }
