"""What the sign-in page knows of the installation."""

from typing import Any

from django.http import HttpRequest

from plazo.accounts.models import Agent


def team(request: HttpRequest) -> dict[str, Any]:
    """Let the sign-in page ask whether anybody could sign in at all.

    Edges: asked only where a template uses it, so no other page pays for it.
    """
    return {"nobody_on_the_team": lambda: not Agent.objects.exists()}
