"""What the composer offers while one types: after `@` people, after `#` articles, after `/` macros.

Each sign has a source. A package that has something to offer registers its own; the screen asks
only for signs that have one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from plazo.accounts.models import Agent
from plazo.core.clock import read_clock
from plazo.core.search.analyser import Language
from plazo.desk.frame import agent_required
from plazo.helpcenter import queries, searching
from plazo.helpcenter.access import Reader
from plazo.helpcenter.models import Audience, Edition
from plazo.tickets import access, mentions
from plazo.tickets.models import Ticket

MOST: Final = 8
LONGEST_QUERY: Final = 80


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed after a sign, by whom, on which ticket."""

    agent: Agent
    ticket: Ticket
    text: str
    now: datetime


# Each item has "label", "hint" and "text" (Markdown that takes the place of what was typed);
# "warning" is said when it is chosen, and "macro" is the key of one that does more than write.
Item = dict[str, Any]
Source = Callable[[Asked], list[Item]]

SOURCES: Final[dict[str, Source]] = {}


def register(sign: str, source: Source) -> None:
    """Let a sign offer something. Registering a sign again replaces its source."""
    SOURCES[sign] = source


@agent_required
@require_GET
def suggest(request: HttpRequest, number: str) -> JsonResponse:
    """Return what a sign offers for the words after it."""
    agent: Agent = request.agent  # type: ignore[attr-defined]
    found = access.ticket_for_agent(agent, number)
    source = SOURCES.get(request.GET.get("sign", ""))
    text = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST_QUERY]
    items = source(Asked(agent, found, text, read_clock())) if source else []
    return JsonResponse({"items": items[:MOST]})


def people(asked: Asked) -> list[Item]:
    """Return agents and groups whose name, or a word of it, begins as typed. Two queries."""
    wanted = asked.text.casefold()
    return [
        {"label": name, "hint": what or _("Group"), "text": f"@{name} "}
        for name, what in mentions.mentionable()
        if name.casefold().startswith(wanted)
        or any(word.startswith(wanted) for word in name.casefold().split())
    ]


def articles(asked: Asked) -> list[Item]:
    """Return published articles that the requester may read, in their language.

    Edges: a client's people read more once they sign in; of such an article the agent is told.
        What only the team reads is never offered.
    """
    client = asked.ticket.organization_id is not None or asked.ticket.requester.user_id is not None
    reader = Reader(Audience.CLIENTS if client else Audience.EVERYONE)
    language: Language = "en" if asked.ticket.language == "en" else "es"
    if not asked.text:
        return [_article(edition, language) for edition in queries.lately(reader, language)[:MOST]]
    service = asked.ticket.service
    found = searching.suggest(reader, language, asked.text, service=service, limit=MOST)
    return [_article(edition, language) for edition in found.editions]


def _article(edition: Edition, language: str) -> Item:
    path = reverse("portal:article", args=[edition.language, edition.slug])
    title = edition.published.title if edition.published else ""
    article = edition.article
    everyone = article.audience == article.section.audience == Audience.EVERYONE
    only = "" if everyone else _("Only for clients who sign in")
    other = "" if edition.language == language else _("in the other language")
    return {
        "label": title,
        "hint": " · ".join(filter(None, [str(only), str(other)])),
        "text": f"[{_as_link_text(title)}]({settings.PLAZO.base_url}{path}) ",
        "warning": str(only),
    }


def _as_link_text(title: str) -> str:
    return title.replace("[", "(").replace("]", ")")


register("@", people)
register("#", articles)
