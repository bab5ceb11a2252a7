"""What a person chooses for themselves."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from plazo.accounts.models import Agent
from plazo.core.clock import read_clock
from plazo.core.language import speak
from plazo.desk import forms
from plazo.desk.frame import agent_required
from plazo.desk.setting_up import settings_frame


@agent_required
@require_http_methods(["GET", "HEAD", "POST"])
def me(request: HttpRequest) -> HttpResponse:
    """Let a person choose their language, their zone and whether single keys do things."""
    now = read_clock()
    agent: Agent = request.agent  # type: ignore[attr-defined]
    form = forms.MeForm(request.POST or None, agent=agent)
    if request.method == "POST" and form.is_valid():
        user = form.save()
        response = redirect("desk:me")
        speak(response, user.language)
        messages.success(request, _("Saved."))
        return response
    context = settings_frame(request, now, "me") | {"form": form}
    status_code = 422 if form.is_bound and form.errors else 200
    return render(request, "plazo/desk/me.html", context, status=status_code)
