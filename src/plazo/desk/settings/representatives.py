"""Who of sales answers for each company: whom its commercial requests are passed on to."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from plazo.accounts import access, queries
from plazo.core.errors import PlazoError
from plazo.desk.setting_up import coordinators, history_of, setting
from plazo.desk.settings.forms import styled
from plazo.desk.settings.screens import agent_of, by, show
from plazo.triage import commands

PAGE_SIZE: Final = 50


class RepresentativeForm(forms.Form):
    """A representative's name and address; with neither, nobody answers for the company."""

    name = forms.CharField(max_length=120, required=False, label=gettext_lazy("Name"))
    email = forms.EmailField(
        required=False,
        label=gettext_lazy("E-mail"),
        help_text=gettext_lazy(
            "What is passed on to them goes there, and their answers come back into the case."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)

    def clean(self) -> dict[str, Any]:
        """Refuse somebody who could not be written to."""
        data: dict[str, Any] = super().clean() or {}
        if data.get("name") and not data.get("email") and "email" not in self.errors:
            self.add_error("email", _("Write their address, or leave both empty."))
        return data


@setting(coordinators)
@require_safe
def every(request: HttpRequest) -> HttpResponse:
    """List the companies with who answers for each, a page at a time."""
    words = request.GET.get("q", "").replace("\x00", "").strip()[:80]
    without = request.GET.get("show") == "without"
    companies = queries.companies_with_representatives(
        words=words, without=without, after=request.GET.get("after", ""), limit=PAGE_SIZE + 1
    )
    return show(
        request,
        "representatives.html",
        "representatives",
        companies=companies[:PAGE_SIZE],
        after=companies[PAGE_SIZE - 1].slug if len(companies) > PAGE_SIZE else "",
        words=words,
        without=without,
        missing=queries.companies_without_representative(),
    )


@setting(coordinators)
@require_http_methods(["GET", "HEAD", "POST"])
def one(request: HttpRequest, slug: str) -> HttpResponse:
    """Say who answers for a company."""
    company = access.organization_for_agent(agent_of(request), slug)
    initial = {"name": company.representative_name, "email": company.representative_email}
    form = RepresentativeForm(request.POST or None, initial=initial)
    from_company = request.GET.get("from") == "company"
    if request.method == "POST" and form.is_valid():
        try:
            commands.set_representative(
                organization_id=company.pk, **form.cleaned_data, **by(request)
            )
        except PlazoError as error:
            form.add_error("email", error.user_message())
        else:
            messages.success(request, _("Saved."))
            if from_company:
                return redirect("desk:organization", slug=slug)
            return redirect("desk:representatives")
    return show(
        request,
        "representative.html",
        "representatives",
        form,
        form=form,
        company=company,
        from_company=from_company,
        history=history_of(f"organization:{company.pk}"),
    )
