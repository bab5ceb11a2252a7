"""What agents send: each form parses, the command decides."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from plazo.accounts.models import Agent, Language, RequesterRole, User, normal_email
from plazo.channels.forms.uploads import WithFiles
from plazo.tickets.commands import LONGEST_WHY
from plazo.tickets.holding import SECONDS
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
    added = forms.CharField(required=False, max_length=1000)
    sign = forms.BooleanField(required=False)
    promise = forms.CharField(required=False, max_length=40)
    promise_at = forms.CharField(required=False, max_length=80)
    promise_kind = forms.ChoiceField(
        required=False,
        choices=[("update", _("Next update")), ("solution", _("Estimated solution"))],
    )
    understood = forms.CharField(required=False, max_length=40)
    cause = forms.CharField(required=False, max_length=40)
    solution = forms.CharField(required=False, max_length=40)
    warned = forms.CharField(required=False, max_length=4000)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Which of them take part is the ticket's own knowledge; the view keeps to it.
        wanted = self.data.getlist("copies") if hasattr(self.data, "getlist") else []
        copies = self.fields["copies"]
        assert isinstance(copies, forms.TypedMultipleChoiceField)  # noqa: S101 - for the type checker
        copies.choices = [(value, value) for value in wanted]

    def clean_added(self) -> list[str]:
        """Return the further addresses, each once, as they are stored."""
        found = dict.fromkeys(
            normal_email(part)
            for part in self.cleaned_data["added"].replace(";", ",").split(",")
            if part.strip()
        )
        for address in found:
            try:
                validate_email(address)
            except forms.ValidationError:
                words = _("“%(address)s” is no address.") % {"address": address}
                raise forms.ValidationError(words) from None
        return list(found)

    def choices(self) -> dict[str, Any]:
        """Return the fields beside the text as they stand, for giving the form back later."""
        single = (
            "then", "waiting_for", "reason", "promise", "promise_at", "promise_kind", "added",
            "cause", "solution",
        )  # fmt: skip
        data = self.data
        return {name: str(data.get(name, ""))[:1000] for name in single} | {
            "sign": bool(data.get("sign")),
            "copies": data.getlist("copies")[:50]
            if data.get("copies_shown") and hasattr(data, "getlist")
            else None,
        }


class StatusForm(forms.Form):
    """Another status; pending says whom we wait for, and why; solved, what it was about."""

    status = forms.ChoiceField(choices=Status.choices)
    waiting_for = forms.ChoiceField(required=False, choices=WaitingFor.choices)
    reason = forms.CharField(required=False, max_length=300)
    cause = forms.CharField(required=False, max_length=40)
    solution = forms.CharField(required=False, max_length=40)


class OutcomeForm(forms.Form):
    """What a case was about; the command knows which causes and solutions there are."""

    cause = forms.CharField(required=False, max_length=40)
    solution = forms.CharField(required=False, max_length=40)


class AssignForm(forms.Form):
    """Whom the ticket is given to; nothing means nobody."""

    assignee = forms.IntegerField(required=False)


class SeverityForm(forms.Form):
    """A severity of the ticket's agreement; the command knows which there are."""

    severity = forms.CharField(max_length=1)
    why = forms.CharField(required=False, max_length=1000)


class LevelForm(forms.Form):
    """A support level, with the severity that it requires and what that rests on."""

    level = forms.IntegerField(min_value=2, max_value=9)
    severity = forms.CharField(max_length=1, required=False)
    impact = forms.CharField(
        max_length=1000,
        error_messages={"required": _("State the impact: who cannot do what, and since when.")},
    )


class VerdictForm(forms.Form):
    """In scope, or out by a clause."""

    verdict = forms.CharField(max_length=60)
    why = forms.CharField(required=False, max_length=LONGEST_WHY)


class InviteForm(forms.Form):
    """Into which company somebody is invited, and to see what."""

    role = forms.ChoiceField(choices=RequesterRole.choices)
    organization = forms.IntegerField(required=False)


class MeForm(forms.ModelForm):  # type: ignore[type-arg]
    """A person's own language and zone, their signature, and how long a reply waits."""

    class Meta:
        model = User
        fields = ("language", "time_zone", "single_keys")

    signature = forms.CharField(
        required=False,
        max_length=1000,
        label=_("Signature of your replies"),
        widget=forms.Textarea(attrs={"class": "input", "rows": 3}),
    )
    undo_seconds = forms.TypedChoiceField(
        coerce=int,
        label=_("A reply can be taken back for"),
        choices=[(0, _("It goes at once")), *((n, f"{n} s") for n in SECONDS if n)],
    )

    language = forms.ChoiceField(choices=Language.choices, label=_("Language"))
    time_zone = forms.CharField(max_length=60, label=_("Time zone"))
    single_keys = forms.BooleanField(
        required=False,
        label=_("Use single-key shortcuts"),
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

    def __init__(self, *args: Any, agent: Agent, **kwargs: Any) -> None:
        self.agent = agent
        kwargs["instance"] = agent.user
        kwargs["initial"] = {"signature": agent.signature, "undo_seconds": agent.undo_seconds}
        super().__init__(*args, **kwargs)
        self.fields["time_zone"].widget.attrs |= {
            "class": "input",
            "list": "time-zones",
            "autocomplete": "off",
        }

    def save(self, commit: bool = True) -> User:
        self.agent.signature = self.cleaned_data["signature"].strip()
        self.agent.undo_seconds = self.cleaned_data["undo_seconds"]
        self.agent.save(update_fields=["signature", "undo_seconds"])
        user: User = super().save(commit)
        return user

    def zones(self) -> list[str]:
        """Return the zones to choose from: those named after a place."""
        return sorted(zone for zone in available_timezones() if zone.split("/")[0] in CONTINENTS)
