"""An article begun from a solved case: its question and its answer, without whose case it was."""

import re
from typing import Final

from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import gettext as _

from plazo.accounts.models import Agent
from plazo.core.errors import NotVisible
from plazo.tickets import access, queries
from plazo.tickets.bodies import text_without_images
from plazo.tickets.models import Ticket

LONGEST: Final = 8000
SIGNATURE: Final = 200
_ADDRESS: Final = re.compile(r"[^\s@<>()\[\]]+@[^\s@<>()\[\]]+\.[A-Za-z]{2,}")
_PHONE: Final = re.compile(r"(?<![\w.-])\+?\d[\d ().-]{7,}\d(?![\w.-])")
_KEY: Final = re.compile(r"\b(?=\w*\d)(?=\w*[A-Za-z])[A-Za-z0-9_-]{20,}\b")
_GREETING: Final = re.compile(
    r"^\s*(?:hola|buen[oa]s? (?:d[ií]as?|tardes|noches)|estimad[oa]s?|hi|hello|dear|good"
    r" (?:morning|afternoon|evening))\b[^\n]{0,60}[,.:!]?\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_FAREWELL: Final = re.compile(
    r"^\s*(?:saludos|un saludo|atentamente|cordialmente|gracias|muchas gracias|regards|best"
    r" regards|kind regards|sincerely|thanks|thank you)\b[^\n]{0,40}\s*$",
    re.IGNORECASE | re.MULTILINE,
)


def from_case(request: HttpRequest) -> dict[str, str]:
    """Return what an article that is begun from a case starts with; nothing without a case.

    Edges: a case that the agent may not see is none.
    """
    number = request.GET.get("case", "")
    if not number:
        return {}
    agent: Agent = request.agent  # type: ignore[attr-defined]
    try:
        found = access.ticket_for_agent(agent, number)
    except NotVisible:
        return {}
    with translation.override(found.language):
        return {
            "language": found.language,
            "title": found.subject[:160],
            "body": _body(found),
        }


def _body(found: Ticket) -> str:
    """Return the question and the last answer as Markdown, without names and addresses."""
    chain = queries.chain_of(found)
    replies = [e.payload["message"] for e in chain if e.kind == "ticket.replied"]
    keys = [chain[0].payload["message"], *replies[-1:]]
    messages = queries.messages_of(found, keys)
    asked, *answers = (messages.get(pk) for pk in keys)
    parts = [_("## What happens"), cleaned(asked.body_text if asked else "", found)]
    parts += [_("## What to do")]
    parts += [cleaned(answer.body_text, found) for answer in answers if answer]
    return "\n\n".join(part for part in parts if part)[:LONGEST]


def cleaned(text: str, found: Ticket) -> str:
    """Return a text without greetings, signatures, names, addresses, telephones and keys.

    Edges: it is a beginning for a person to read over, and no promise that nothing is left.
    """
    text = text_without_images(text)
    # Only what stands at the end is a farewell: “gracias” within a text is none.
    farewells = [each for each in _FAREWELL.finditer(text) if len(text) - each.end() < SIGNATURE]
    if farewells:
        text = text[: farewells[0].start()]
    text = _GREETING.sub("", text)
    names = [found.requester.name, found.organization.name if found.organization else ""]
    for name in names:
        if len(name) > 2:
            text = re.sub(rf"\b{re.escape(name)}\b", "…", text, flags=re.IGNORECASE)
    for pattern in (_ADDRESS, _PHONE, _KEY):
        text = pattern.sub("…", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()
