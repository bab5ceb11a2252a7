"""What the settings screens share: acting, and showing a form again with what was refused."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Agent
from plazo.core.clock import read_clock
from plazo.desk.setting_up import settings_frame


def agent_of(request: HttpRequest) -> Agent:
    """Return who asks."""
    agent: Agent = request.agent  # type: ignore[attr-defined]
    return agent


def by(request: HttpRequest) -> dict[str, Any]:
    """Return who acts, and when, as commands take it."""
    return {"actor": actor_of_agent(agent_of(request)), "now": read_clock()}


def show(
    request: HttpRequest, template: str, setting: str, *bound: forms.BaseForm, **context: Any
) -> HttpResponse:
    """Show a settings screen; with a form that was refused, as a 422."""
    frame = settings_frame(request, read_clock(), setting)
    refused = [form for form in bound if form.is_bound and form.errors]
    context |= {"form": refused[0]} if refused else {}
    return render(
        request, f"plazo/desk/settings/{template}", frame | context, status=422 if refused else 200
    )
