"""Who takes part in a case, and what was promised to them: the side panel's own forms."""

from typing import Any

from django import forms as django_forms
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from plazo.accounts.commands import find_or_create_requester
from plazo.accounts.models import Agent
from plazo.core import localtime
from plazo.desk.acting import act
from plazo.desk.forms import CivilField
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


class PromiseForm(django_forms.Form):
    """An instant, as it is typed in the agent's zone; moving one says why."""

    promise = django_forms.CharField(required=False, max_length=40)
    at = CivilField()
    reason = django_forms.CharField(required=False, max_length=300)


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


@agent_required
@posted("desk:ticket")
def promise(request: HttpRequest, number: str) -> HttpResponse:
    """Promise an update, or move the one that is promised."""
    agent: Agent = request.agent  # type: ignore[attr-defined]
    zone = agent.user.time_zone

    def command(found: Ticket, data: dict[str, Any], by: dict[str, Any]) -> Any:
        instant = localtime.utc(data["at"], zone)
        if not data["promise"]:
            return commands.make_promise(ticket_id=found.pk, by=instant, **by)
        return commands.move_promise(
            ticket_id=found.pk,
            promise=data["promise"],
            by=instant,
            reason=data["reason"],
            **by,
        )

    return act(request, number, PromiseForm(request.POST), command)
