"""The screens of companies: how far each is, what it contracts, and who of sales answers for it."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from plazo.accounts import access, queries
from plazo.accounts.companies import add_company, change_company
from plazo.accounts.models import Organization, Stage
from plazo.agreements.document import AgreementDocument
from plazo.agreements.queries import version_in_force
from plazo.core.clock import read_clock
from plazo.core.errors import PlazoError
from plazo.desk.setting_up import coordinators, history_of, setting
from plazo.desk.settings.forms import styled
from plazo.desk.settings.screens import agent_of, by, show
from plazo.triage import commands

PAGE_SIZE: Final = 50


class CompanyForm(forms.Form):
    """A company: its name, its stage, its services, and who of sales answers for it."""

    name = forms.CharField(max_length=160, label=gettext_lazy("Name"))
    stage = forms.ChoiceField(
        choices=Stage.choices,
        label=gettext_lazy("Stage of the integration"),
    )
    services = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=gettext_lazy("Services that it contracts"),
    )
    representative_name = forms.CharField(
        max_length=120,
        required=False,
        label=gettext_lazy("Sales representative"),
        help_text=gettext_lazy(
            "With name and address empty, nobody answers for this company, and what is commercial"
            " goes to the area itself."
        ),
    )
    representative_email = forms.EmailField(
        required=False,
        label=gettext_lazy("Their address"),
        help_text=gettext_lazy(
            "What is passed on to them goes there, and their answers come back into the case."
        ),
    )

    def __init__(
        self,
        *args: Any,
        document: AgreementDocument,
        language: str,
        company: Organization | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        held = company.services if company else ()
        offered = [*document.services, *(key for key in held if key not in document.services)]
        self.fields["services"].choices = [  # type: ignore[attr-defined]
            (key, document.service_name(key, language)) for key in offered
        ]
        entitled = document.stages.entitled
        self.fields["stage"].help_text = _(
            "Support is for those at the stage “%(stage)s”. Cases of others are flagged, and never"
            " refused."
        ) % {"stage": dict(Stage.choices).get(entitled, entitled)}
        styled(self)

    def clean(self) -> dict[str, Any]:
        """Refuse a representative who could not be written to."""
        data: dict[str, Any] = super().clean() or {}
        email = "representative_email"
        if data.get("representative_name") and not data.get(email) and email not in self.errors:
            self.add_error(email, _("Write their address, or leave both empty."))
        return data


@setting(coordinators)
@require_safe
def every(request: HttpRequest) -> HttpResponse:
    """List the companies with what decides about each, a page at a time."""
    words = request.GET.get("q", "").replace("\x00", "").strip()[:80]
    without = request.GET.get("show") == "without"
    companies = queries.companies_with_representatives(
        words=words, without=without, after=request.GET.get("after", ""), limit=PAGE_SIZE + 1
    )
    document = version_in_force(read_clock()).document
    language = getattr(request, "LANGUAGE_CODE", "es")
    return show(
        request,
        "companies.html",
        "companies",
        companies=[
            (
                each,
                each.stage == document.stages.entitled,
                ", ".join(document.service_name(key, language) for key in each.services),
            )
            for each in companies[:PAGE_SIZE]
        ],
        after=companies[PAGE_SIZE - 1].slug if len(companies) > PAGE_SIZE else "",
        words=words,
        without=without,
        missing=queries.companies_without_representative(),
    )


@setting(coordinators)
@require_http_methods(["GET", "HEAD", "POST"])
def one(request: HttpRequest, slug: str = "") -> HttpResponse:
    """Add a company, or say otherwise what decides about one."""
    company = access.organization_for_agent(agent_of(request), slug) if slug else None
    facts = ("name", "stage", "services", "representative_name", "representative_email")
    form = CompanyForm(
        request.POST or None,
        document=version_in_force(read_clock()).document,
        language=getattr(request, "LANGUAGE_CODE", "es"),
        company=company,
        initial={fact: getattr(company, fact) for fact in facts} if company else None,
    )
    from_company = company is not None and request.GET.get("from") == "company"
    if request.method == "POST" and form.is_valid():
        try:
            saved = _save(company, form.cleaned_data, by(request))
        except PlazoError as error:
            at_fault = "name" if error.code == "company_named" else "representative_email"
            form.add_error(at_fault, error.user_message())
        else:
            messages.success(request, _("Saved."))
            if from_company:
                return redirect("desk:organization", slug=saved.slug)
            return redirect("desk:companies")
    return show(
        request,
        "company.html",
        "companies",
        form,
        form=form,
        company=company,
        from_company=from_company,
        history=history_of(f"organization:{company.pk}") if company else "",
    )


@transaction.atomic
def _save(company: Organization | None, data: dict[str, Any], who: dict[str, Any]) -> Organization:
    said = {fact: data[fact] for fact in ("name", "stage", "services")}
    if company is None:
        saved = add_company(**said, **who)
    else:
        saved = change_company(organization_id=company.pk, **said, **who)
    return commands.set_representative(
        organization_id=saved.pk,
        name=data["representative_name"],
        email=data["representative_email"],
        **who,
    )
