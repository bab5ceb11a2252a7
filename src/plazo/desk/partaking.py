"""Who takes part in a case: the side panel's own forms."""

from typing import Any

from django import forms as django_forms
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from plazo.accounts.commands import find_or_create_requester
from plazo.desk.acting import act
from plazo.desk.frame import agent_required, posted
from plazo.tickets import commands
from plazo.tickets.models import Ticket


class PersonForm(django_forms.Form):
    """Somebody to be added, by their address."""

    email = django_forms.CharField(
        max_length=254, error_messages={"required": _("Write an address.")}
    )
    name = django_forms.CharField(required=False, max_length=120)

    def clean_email(self) -> str:
        address: str = self.cleaned_data["email"].strip()
        validate_email(address)
        return address


class PartForm(django_forms.Form):
    """Somebody who takes part."""

    person = django_forms.IntegerField()


@agent_required
@posted("desk:ticket")
def add(request: HttpRequest, number: str) -> HttpResponse:
    """Let somebody take part: they are told so by mail."""

    def command(found: Ticket, data: dict[str, Any], by: dict[str, Any]) -> Any:
        person = find_or_create_requester(
            email=data["email"], name=data["name"], language=found.language, now=by["now"]
        )
        return commands.add_participant(ticket_id=found.pk, person_id=person.pk, **by)

    return act(request, number, PersonForm(request.POST), command)


@agent_required
@posted("desk:ticket")
def remove(request: HttpRequest, number: str) -> HttpResponse:
    """Let somebody take part no more."""
    return act(
        request,
        number,
        PartForm(request.POST),
        lambda found, data, by: commands.remove_participant(
            ticket_id=found.pk, person_id=data["person"], **by
        ),
    )
