"""What agents send: each form parses, the command decides."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext_lazy as _

from plazo.accounts.models import Language, RequesterRole, User
from plazo.channels.forms.uploads import WithFiles
from plazo.tickets.models import Status, WaitingFor

CONTINENTS = frozenset(
    {
        "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe",
        "Indian", "Pacific",
    }
)  # fmt: skip


class WriteForm(WithFiles):
    """A public reply or an internal note: the radio decides which, and nothing else does."""

    kind = forms.ChoiceField(choices=[("reply", _("Public reply")), ("note", _("Internal note"))])
    body = forms.CharField(
        max_length=100_000, error_messages={"required": _("Write something first.")}
    )
    then = forms.ChoiceField(
        required=False,
        choices=[
            ("", _("and leave the status")),
            (Status.OPEN, _("and keep it open")),
            (Status.PENDING, _("and wait")),
            (Status.SOLVED, _("and solve")),
        ],
    )
    waiting_for = forms.ChoiceField(required=False, choices=WaitingFor.choices)
    reason = forms.CharField(required=False, max_length=300)
    seen = forms.IntegerField(required=False)
    copies_shown = forms.BooleanField(required=False)
    copies = forms.TypedMultipleChoiceField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Which of them take part is the ticket's own knowledge; the view keeps to it.
        wanted = self.data.getlist("copies") if hasattr(self.data, "getlist") else []
        copies = self.fields["copies"]
        assert isinstance(copies, forms.TypedMultipleChoiceField)  # noqa: S101 - for the type checker
        copies.choices = [(value, value) for value in wanted]


class StatusForm(forms.Form):
    """Another status; pending says whom we wait for, and why."""

    status = forms.ChoiceField(choices=Status.choices)
    waiting_for = forms.ChoiceField(required=False, choices=WaitingFor.choices)
    reason = forms.CharField(required=False, max_length=300)


class AssignForm(forms.Form):
    """Whom the ticket is given to; nothing means nobody."""

    assignee = forms.IntegerField(required=False)


class SeverityForm(forms.Form):
    """A severity of the ticket's agreement; the command knows which there are."""

    severity = forms.CharField(max_length=1)


class LevelForm(forms.Form):
    """A support level, with the severity that it requires."""

    level = forms.IntegerField(min_value=2, max_value=9)
    severity = forms.CharField(max_length=1, required=False)


class VerdictForm(forms.Form):
    """In scope, or out by a clause."""

    verdict = forms.CharField(max_length=60)


class InviteForm(forms.Form):
    """Into which company somebody is invited, and to see what."""

    role = forms.ChoiceField(choices=RequesterRole.choices)
    organization = forms.IntegerField(required=False)


class MeForm(forms.ModelForm):  # type: ignore[type-arg]
    """A person's own language, zone and keys."""

    class Meta:
        model = User
        fields = ("language", "time_zone", "single_keys")

    language = forms.ChoiceField(choices=Language.choices, label=_("Language"))
    time_zone = forms.CharField(max_length=60, label=_("Time zone"))
    single_keys = forms.BooleanField(
        required=False,
        label=_("Single keys do things"),
        help_text=_(
            "J, K, R and the others. Turn them off if you speak to your computer or touch keys "
            "by accident; Ctrl K stays."
        ),
    )

    def clean_time_zone(self) -> str:
        zone: str = self.cleaned_data["time_zone"].strip()
        if zone not in available_timezones() or "/" not in zone:
            raise forms.ValidationError(_("Write a zone such as America/Bogota."))
        return zone

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["time_zone"].widget.attrs |= {
            "class": "input",
            "list": "time-zones",
            "autocomplete": "off",
        }

    def zones(self) -> list[str]:
        """Return the zones to choose from: those named after a place."""
        return sorted(zone for zone in available_timezones() if zone.split("/")[0] in CONTINENTS)
