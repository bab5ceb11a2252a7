"""What the ladder's settings send: who is on call, who the agreement's contacts are, webhooks."""

from collections.abc import Iterable
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from plazo.accounts.models import Agent, Language
from plazo.desk.fields import DayInput
from plazo.desk.settings.forms import PersonField, clean_zone, styled, zone_field
from plazo.escalation.models import Endpoint, HookForm, Rota

TURNS: Final = 12
SPARE_TURNS: Final = 2


class TimeInput(forms.TimeInput):
    """A time of day, as the browser asks for it."""

    input_type = "time"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%H:%M", **kwargs)


class RotaForm(forms.Form):
    """Who takes turns on a step, one week each; without anybody there is no rota."""

    begins_on = forms.DateField(
        widget=DayInput,
        label=gettext_lazy("The first turn begins on"),
        help_text=gettext_lazy("Each later turn begins on the same weekday."),
    )
    hands_over_at = forms.TimeField(widget=TimeInput, label=gettext_lazy("Handover at"))
    zone = zone_field()

    def __init__(
        self, *args: Any, agents: Iterable[Agent], rota: Rota | None, **kwargs: Any
    ) -> None:
        members = list(rota.members.all()) if rota else []
        turns = max(4, min(len(members) + SPARE_TURNS, TURNS), len(members))
        given = {f"turn_{n}": member.agent_id for n, member in enumerate(members)}
        kwargs["initial"] = kwargs.get("initial", {}) | given
        super().__init__(*args, **kwargs)
        people = list(agents)
        for number in range(turns):
            field = PersonField(required=False, label=_("Turn %(number)s") % {"number": number + 1})
            self.fields[f"turn_{number}"] = field
            field.offer(people, _("Nobody"))
        styled(self)

    def clean_zone(self) -> str:
        return clean_zone(self.cleaned_data["zone"])

    @property
    def agents(self) -> list[int]:
        """Return who takes turns, in their order."""
        turns = (value for name, value in self.cleaned_data.items() if name.startswith("turn_"))
        return [pk for pk in turns if pk is not None]


class ContactForm(forms.Form):
    """Who somebody is that the agreement names: one of the team, or an address."""

    agent = PersonField(required=False, label=gettext_lazy("Who they are in the team"))
    email = forms.EmailField(
        required=False,
        label=gettext_lazy("Or has this address"),
        help_text=gettext_lazy("They are rung by mail alone, with a link that answers."),
    )
    language = forms.ChoiceField(choices=Language.choices, label=gettext_lazy("Language"))

    def __init__(self, *args: Any, agents: Iterable[Agent], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["agent"]
        assert isinstance(field, PersonField)  # noqa: S101 - for the type checker
        field.offer(agents, _("Not of the team"))
        styled(self)


class EndpointForm(forms.Form):
    """A webhook: what it is called, in which form, and from which step on."""

    name = forms.CharField(max_length=80, label=gettext_lazy("Name"))
    form = forms.ChoiceField(choices=HookForm.choices, label=gettext_lazy("Form"))
    url = forms.CharField(
        max_length=2000,
        required=False,
        label=gettext_lazy("Address"),
        help_text=gettext_lazy(
            "Copy it whole, from https:// on. It is kept sealed, and not shown."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    from_step = forms.TypedChoiceField(coerce=int, label=gettext_lazy("Rings from step"))
    language = forms.ChoiceField(choices=Language.choices, label=gettext_lazy("Language"))
    is_active = forms.BooleanField(required=False, label=gettext_lazy("In use"))

    def __init__(
        self, *args: Any, steps: list[tuple[int, str]], endpoint: Endpoint | None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        steps_field, url = self.fields["from_step"], self.fields["url"]
        assert isinstance(steps_field, forms.TypedChoiceField)  # noqa: S101 - for the type checker
        steps_field.choices = steps
        if endpoint is not None:
            url.help_text = _("Leave it empty to keep the one on %(host)s. It is not shown.") % {
                "host": endpoint.host
            }
        styled(self)
