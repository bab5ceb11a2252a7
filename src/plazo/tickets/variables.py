"""Variables in what agents write: `{{requester.name}}` becomes the requester's name.

The list is declared: nothing that is typed reaches an attribute by its name. What is not in it
stays as it was typed, and `unknown_in` names it, so that a screen can say so before it is sent.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from plazo.accounts.models import Agent
from plazo.core import localtime
from plazo.sla import State
from plazo.tickets.models import Ticket
from plazo.tickets.projection import PROMISED


@dataclass(frozen=True, slots=True)
class _About:
    ticket: Ticket
    agent: Agent | None
    language: str
    zone: str
    now: datetime


_Value = Callable[[_About], str]
_VARIABLE: Final = re.compile(r"\{\{\s*([A-Za-z_][\w.]{0,59})\s*\}\}")


def _due(about: _About) -> str:
    """Edges: only what was promised to the requester, who may read it, and not our own clocks."""
    running = [
        datetime.fromisoformat(clock["due_at"])
        for clock in about.ticket.clocks
        if clock["metric"] in PROMISED and clock["state"] == State.RUNNING and clock["due_at"]
    ]
    if not running:
        return "–"
    due = min(running)
    words = localtime.at_words(due, about.zone, about.now)
    return f"{words} {localtime.zone_label(due, about.zone)}"


def _service(about: _About) -> str:
    document = about.ticket.agreement_version.document
    return document.service_name(about.ticket.service, about.language) or "–"


def _first_name(about: _About) -> str:
    return str(about.ticket.requester).split("@")[0].split(" ")[0]


VARIABLES: Final[dict[str, tuple[str | Promise, _Value]]] = {
    "requester.name": (_("the requester's name"), lambda a: str(a.ticket.requester)),
    "requester.first_name": (_("the requester's first name"), _first_name),
    "requester.email": (_("the requester's address"), lambda a: a.ticket.requester.email),
    "organization": (
        _("the company"),
        lambda a: a.ticket.organization.name if a.ticket.organization else "–",
    ),
    "ticket.number": (_("the number of the case"), lambda a: a.ticket.number),
    "ticket.subject": (_("the subject of the case"), lambda a: a.ticket.subject),
    "ticket.severity": (_("the severity"), lambda a: a.ticket.severity or "–"),
    "ticket.service": (_("the service"), _service),
    "agent.name": (_("the agent's name"), lambda a: str(a.agent) if a.agent else "–"),
    "agent.title": (_("the agent's title"), lambda a: a.agent.title if a.agent else ""),
    "due": (_("when the case is due next"), _due),
}


def fill(
    text: str, *, ticket: Ticket, agent: Agent | None, language: str, zone: str, now: datetime
) -> str:
    """Return a text with the values of its variables, in a language and a zone.

    Edges: an unknown one stays. What a value holds is text: a name with asterisks, brackets or an
        address in it does not become Markdown.
    """
    about = _About(ticket, agent, language, zone, now)

    def value(found: re.Match[str]) -> str:
        known = VARIABLES.get(found[1].lower())
        return found[0] if known is None else _plain(known[1](about))

    with translation.override(language):
        return _VARIABLE.sub(value, text)


def unknown_in(text: str) -> Sequence[str]:
    """Return the variables of a text that there are not, each once, in their order."""
    names = dict.fromkeys(name for name in _VARIABLE.findall(text))
    return [name for name in names if name.lower() not in VARIABLES]


def _plain(text: str) -> str:
    """Return text that Markdown leaves as it is."""
    return re.sub(r"([\\`*_\[\]<&])", r"\\\1", " ".join(text.split()))
