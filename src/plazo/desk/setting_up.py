"""What the settings screens share: who may come in, and the list of them."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from plazo.accounts.models import Agent
from plazo.agreements.queries import version_in_force
from plazo.core.errors import NotVisible
from plazo.desk.frame import View, agent_required, frame

# Each screen: its key, its name, its icon, the address it has, and who sees it.
Who = Callable[[Agent], bool]
SCREENS: Final[tuple[tuple[str, Promise, str, str, Who], ...]] = (
    ("me", _("My profile"), "user-round", "desk:me", lambda agent: True),
    ("views", _("Views of the queue"), "list-filter", "desk:views", lambda agent: True),
    ("notices", _("My notices"), "bell", "desk:notice_settings", lambda agent: True),
    ("macros", _("Macros"), "zap", "desk:macros", lambda agent: True),
    ("absences", _("Absences"), "calendar-clock", "desk:absences", lambda agent: True),
    ("agents", _("Agents"), "users-round", "desk:agents", lambda agent: agent.administers),
    ("groups", _("Groups"), "layers", "desk:groups", lambda agent: agent.administers),
    ("rules", _("Rules"), "workflow", "desk:rules", lambda agent: agent.administers),
    ("mailboxes", _("Mailboxes"), "mail", "desk:mailboxes", lambda agent: agent.administers),
    ("agreement", _("Agreement"), "scroll-text", "desk:agreement", lambda agent: agent.coordinates),
    ("calendars", _("Hours"), "clock-3", "desk:calendars", lambda agent: agent.coordinates),
    ("ladder", _("Escalation ladder"), "signal", "desk:ladder", lambda agent: agent.coordinates),
    ("services", _("Services"), "package", "desk:services", lambda agent: agent.coordinates),
    ("companies", _("Companies"), "building-2", "desk:companies", lambda agent: agent.coordinates),
    ("fields", _("Form fields"), "list", "desk:fields", lambda agent: agent.coordinates),
    ("scope", _("Scope"), "signpost", "desk:scope", lambda agent: agent.coordinates),
    (
        "outcomes",
        _("Causes and solutions"),
        "tags",
        "desk:outcomes",
        lambda agent: agent.coordinates,
    ),
    ("audit", _("Audit trail"), "history", "desk:audit", lambda agent: agent.administers),
)


def setting(who: Who) -> Callable[[View], View]:
    """Let a settings screen be seen by those agents of whom `who` says so; others get a 404."""

    def only(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not who(request.agent):  # type: ignore[attr-defined]
                raise NotVisible
            return view(request, *args, **kwargs)

        return agent_required(guarded)

    return only


def administrators(agent: Agent) -> bool:
    """For `setting`: administrators."""
    return agent.administers


def coordinators(agent: Agent) -> bool:
    """For `setting`: coordinators, managers and administrators."""
    return agent.coordinates


def history_of(subject: str) -> str:
    """Return the address of what was changed about one thing, such as `group:soporte`."""
    return reverse("desk:audit", query={"subject": subject})


def settings_frame(request: HttpRequest, now: datetime, current: str) -> dict[str, Any]:
    """Return what every settings screen shows: the desk's frame and the list of settings."""
    agent: Agent = request.agent  # type: ignore[attr-defined]
    return frame(request, now, version_in_force(now), current="settings") | {
        "setting": current,
        "settings_screens": [
            (key, name, icon, reverse(address))
            for key, name, icon, address, who in SCREENS
            if who(agent)
        ],
    }
