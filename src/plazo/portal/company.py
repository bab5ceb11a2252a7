"""People of my company: a manager invites, and says who sees what."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from plazo.accounts import access, commands, invitations
from plazo.accounts.access import actor_of_requester
from plazo.accounts.models import Requester, RequesterRole
from plazo.agreements.queries import version_in_force
from plazo.core.clock import read_clock
from plazo.core.errors import NotVisible, PlazoError
from plazo.notifications import people
from plazo.portal.site import client_required, frame

MOST_SHOWN = 200


class InviteForm(forms.Form):
    """Whom to invite, and to see what."""

    email = forms.EmailField(
        label=gettext_lazy("E-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"class": "input"}),
        error_messages={
            "required": gettext_lazy("Write the address of who should come in."),
            "invalid": gettext_lazy("This is not a complete e-mail address."),
        },
    )
    role = forms.ChoiceField(
        label=gettext_lazy("What they see"),
        choices=RequesterRole.choices,
        initial=RequesterRole.MEMBER,
        widget=forms.Select(attrs={"class": "input"}),
    )


class RoleForm(forms.Form):
    """Another role for somebody."""

    role = forms.ChoiceField(choices=RequesterRole.choices)


@client_required
@require_safe
def company(request: HttpRequest, language: str) -> HttpResponse:
    """Show the people of a manager's company, and who was invited."""
    return _show(request, language, InviteForm())


def _show(
    request: HttpRequest, language: str, form: InviteForm, *, fault: str = "", status: int = 200
) -> HttpResponse:
    now = read_clock()
    me = _me(request)
    organization = access.managed_organization(me)
    colleagues = access.colleagues_for(me).order_by("name", "email")
    context = frame(request, language, now, version_in_force(now), "company")
    context |= {
        "organization": organization,
        "zone": me.time_zone or context["zone"],
        "requester": me,
        "form": form,
        "fault": fault,
        "roles": RequesterRole.choices,
        "people": list(colleagues[:MOST_SHOWN]),
        "invitations": list(
            access.invitations_for(me)
            .filter(expires_at__gt=now)
            .select_related("requester")
            .order_by("-created_at")[:MOST_SHOWN]
        ),
    }
    return render(request, "plazo/portal/company.html", context, status=status)


def _me(request: HttpRequest) -> Requester:
    me: Requester = request.requester  # type: ignore[attr-defined]
    return me


@client_required
@require_POST
def invite(request: HttpRequest, language: str) -> HttpResponse:
    """Invite an address into the company."""
    me, now = _me(request), read_clock()
    organization = access.managed_organization(me)
    form = InviteForm(request.POST)
    if form.is_valid():
        try:
            people.invite(
                organization_id=organization.pk,
                language=language,
                ip=request.META.get("REMOTE_ADDR", ""),
                actor=actor_of_requester(me),
                now=now,
                **form.cleaned_data,
            )
        except PlazoError as error:
            form.add_error("email", error.user_message())
        else:
            done = _("The invitation to %(email)s is on its way.") % form.cleaned_data
            messages.success(request, done)
            return redirect("portal:company", language=language)
    return _show(request, language, form, status=422)


@client_required
@require_POST
def role(request: HttpRequest, language: str, person: int) -> HttpResponse:
    """Change what one of the company's people sees."""
    me = _me(request)
    colleague = access.colleagues_for(me).filter(pk=person).first()
    form = RoleForm(request.POST)
    if colleague is None or not form.is_valid():
        raise NotVisible

    try:
        changed = commands.change_role(
            requester_id=colleague.pk,
            role=form.cleaned_data["role"],
            actor=actor_of_requester(me),
            now=read_clock(),
        )
    except PlazoError as error:
        status = int(error.http_status)
        return _show(request, language, InviteForm(), fault=error.user_message(), status=status)
    messages.success(request, f"{changed}: {changed.get_role_display()}.")
    if changed.pk == me.pk and not changed.manages:
        return redirect("portal:requests", language=language)
    return redirect("portal:company", language=language)


@client_required
@require_POST
def withdraw(request: HttpRequest, language: str, pk: int) -> HttpResponse:
    """Take an invitation back."""
    me = _me(request)
    found = access.invitations_for(me).select_related("requester").filter(pk=pk).first()
    if found is None:
        raise NotVisible
    invitations.withdraw_invitation(
        invitation_id=found.pk, actor=actor_of_requester(me), now=read_clock()
    )
    done = _("The invitation to %(email)s was taken back.") % {"email": found.requester.email}
    messages.success(request, done)
    return redirect("portal:company", language=language)
