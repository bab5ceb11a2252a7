"""A case that an agent opens for somebody else: after a call, or because one of us asked."""

import secrets
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.validators import validate_email
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from plazo.accounts.access import actor_of_agent
from plazo.accounts.commands import find_or_create_requester
from plazo.accounts.models import Agent, Requester
from plazo.accounts.queries import (
    all_groups,
    assignable_agents,
    people_beginning,
    requesters_by_email,
)
from plazo.agreements.document import AgreementDocument
from plazo.agreements.models import AgreementVersion
from plazo.agreements.queries import version_in_force
from plazo.channels.forms.uploads import WithFiles
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible, PlazoError
from plazo.desk.belonging import choices_of
from plazo.desk.frame import agent_required, frame
from plazo.tickets import access, commands, queries
from plazo.tickets.models import ReferralRole, Ticket

MOST_PEOPLE = 8
# Why a client is not entitled, as the agreement's keys say it.
FLAGS = {
    "unknown": gettext_lazy("belongs to no company that we know: check whether they are entitled"),
    "stage": gettext_lazy(
        "their company has not finished its production testing: not entitled yet"
    ),
    "service": gettext_lazy("their company has not contracted this service"),
}


class NewCaseForm(WithFiles):
    """Who asks, what about, and who passed it on."""

    requester = forms.CharField(
        max_length=254,
        error_messages={"required": gettext_lazy("Write the requester's complete e-mail address.")},
    )
    name = forms.CharField(max_length=120, required=False)
    subject = forms.CharField(
        max_length=200, error_messages={"required": gettext_lazy("Write a subject.")}
    )
    body = forms.CharField(
        max_length=100_000,
        error_messages={"required": gettext_lazy("Write what the requester asks for.")},
    )
    service = forms.CharField(max_length=40, required=False)
    environment = forms.CharField(max_length=40, required=False)
    request_type = forms.CharField(max_length=40, required=False)
    severity = forms.CharField(max_length=1, required=False)
    role = forms.ChoiceField(choices=[("", ""), *ReferralRole.choices], required=False)
    insider = forms.CharField(max_length=120, required=False)
    insider_email = forms.EmailField(
        required=False,
        error_messages={"invalid": gettext_lazy("This is not a complete e-mail address.")},
    )
    receipt = forms.BooleanField(required=False)
    assignee = forms.IntegerField(required=False)
    group = forms.IntegerField(required=False)
    follows = forms.CharField(max_length=24, required=False)
    key = forms.CharField(max_length=40, required=False)

    def clean_requester(self) -> str:
        """Take the address out of what was written: alone, or after a name in brackets."""
        text: str = self.cleaned_data["requester"].strip()
        address = text.rpartition("<")[2].rstrip("> ").strip()
        try:
            validate_email(address)
        except forms.ValidationError:
            raise forms.ValidationError(
                _("Write the requester's complete e-mail address.")
            ) from None
        return address

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("role") and not data.get("insider"):
            self.add_error("insider", _("Write who of us asked for it."))
        if data.get("insider") and not data.get("role"):
            self.add_error("role", _("Choose what they do with us."))
        return data

    @property
    def referral(self) -> commands.Referred | None:
        """Return who of our own people passed it on."""
        data = self.cleaned_data
        if not data["insider"]:
            return None
        return commands.Referred(
            role=data["role"], name=data["insider"], email=data["insider_email"]
        )


@agent_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_case(request: HttpRequest) -> HttpResponse:
    """Show the form for a case in somebody's name, and open it."""
    now = read_clock()
    version = version_in_force(now)
    followed = _followed(request)
    if request.method != "POST":
        return _show(
            request, NewCaseForm(initial=_initial(request, followed)), followed, version, now
        )
    form = NewCaseForm(request.POST, request.FILES)
    if not form.is_valid():
        return _show(request, form, followed, version, now)
    try:
        ticket = _open(request.agent, form, followed, now)  # type: ignore[attr-defined]
    except PlazoError as error:
        form.add_error(None, error.user_message())
        return _show(request, form, followed, version, now)
    messages.success(
        request,
        _("%(number)s is open.") % {"number": ticket.number},
        extra_tags="desk-new",
    )
    flag = queries.chain_of(ticket)[0].payload["entitlement"]
    if flag:
        messages.warning(request, f"{ticket.requester}: {FLAGS[flag]}.")
    return redirect("desk:ticket", number=ticket.number)


def _followed(request: HttpRequest) -> Ticket | None:
    named = request.POST.get("follows") or request.GET.get("follows") or ""
    number = named.replace("\x00", "")
    return access.ticket_for_agent(request.agent, number) if number else None  # type: ignore[attr-defined]


def _initial(request: HttpRequest, followed: Ticket | None) -> dict[str, Any]:
    """Return what is known beforehand: all of it where a case is followed up."""
    initial: dict[str, Any] = {"receipt": True, "key": secrets.token_urlsafe(18)}
    if followed is None:
        return initial | {"requester": request.GET.get("requester", "")[:254]}
    return initial | {
        "requester": followed.requester.email,
        "subject": followed.subject,
        "service": followed.service,
        "environment": followed.environment,
        "request_type": followed.request_type,
        "severity": followed.severity,
        "assignee": followed.assignee_id,
        "follows": followed.number,
    }


def _open(agent: Agent, form: NewCaseForm, followed: Ticket | None, now: datetime) -> Ticket:
    data, attachments = form.cleaned_data, form.store()
    with transaction.atomic():
        person = find_or_create_requester(email=data["requester"], name=data["name"], now=now)
        if person.erased_at is not None:
            raise NotVisible
        return commands.open_on_behalf(
            requester_id=person.pk,
            subject=data["subject"],
            body=data["body"],
            service=data["service"],
            environment=data["environment"],
            request_type=data["request_type"],
            severity=data["severity"],
            attachments=attachments,
            referral=form.referral,
            receipt=data["receipt"],
            assignee_id=data["assignee"],
            group_id=data["group"],
            follows_id=followed.pk if followed is not None else None,
            submission_key=f"desk:{agent.pk}:{data['key']}"[:64] if data["key"] else None,
            actor=actor_of_agent(agent),
            now=now,
        )


def _show(
    request: HttpRequest,
    form: NewCaseForm,
    followed: Ticket | None,
    version: AgreementVersion,
    now: datetime,
) -> HttpResponse:
    document, language = version.document, request.LANGUAGE_CODE
    written = str(form["requester"].value() or "").replace("\x00", "")
    address = written.rpartition("<")[2].rstrip("> ").strip()
    person = (
        requesters_by_email(address).select_related("organization").first() if address else None
    )
    asked_service = str(form["service"].value() or "")
    context = frame(request, now, version, current="new") | {
        "form": form,
        "followed": followed,
        "person": person,
        "flag": _flag(person, document, asked_service) if "@" in address else "",
        "staged": form.carry() if form.is_bound else [],
        "questions": [
            (name, label, str(form[name].value() or ""), known)
            for name, label, _value, known in choices_of(None, document, language)
        ],
        "severities": [
            (s.key, s.name.in_language(language), s.description.in_language(language))
            for s in document.severities
        ],
        "roles": ReferralRole.choices,
        "agents": assignable_agents(),
        "groups": all_groups(),
    }
    failed = form.is_bound and bool(form.errors)
    return render(request, "plazo/desk/joins/new.html", context, status=422 if failed else 200)


def _flag(person: Requester | None, document: AgreementDocument, service: str) -> str:
    """Return why somebody is not entitled, in words; nothing if they are."""
    organization = person.organization if person is not None else None
    key = document.entitlement(
        organization.stage if organization else None,
        organization.services if organization else (),
        service,
    )
    return str(FLAGS[key]) if key else ""


@agent_required
@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """Return people whose address or name begins so, each with their company and standing."""
    text = request.GET.get("q", "").strip()[:80]
    service = request.GET.get("service", "")[:40]
    document = version_in_force(read_clock()).document
    found = people_beginning(text, limit=MOST_PEOPLE)
    return JsonResponse(
        {
            "people": [
                {
                    "email": person.email,
                    "name": person.name,
                    "company": person.organization.name if person.organization else "",
                    "flag": _flag(person, document, service),
                }
                for person in found
            ]
        }
    )
