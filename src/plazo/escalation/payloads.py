"""What a webhook says, in the three forms: our own, Slack's and Teams'.

Words that somebody outside wrote go in where they can only be read: subjects are escaped, and no
form gives them a place in which they could call people or open something.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from plazo.core import localtime
from plazo.escalation.labels import cause_words, role_of
from plazo.escalation.models import HookForm, Ring, RingState

MOST_LISTED: Final = 20
LONGEST_SUBJECT: Final = 120
LONGEST_SLACK_LIST: Final = 2600  # of 3,000, beside the headline and how many more there are


def of_rings(
    form: str, step: int, rings: Sequence[Ring], count: int, *, now: datetime
) -> dict[str, Any]:
    """Return what a call says of rings on one step, in the active language.

    Units: `rings` are the first of them, `count` is how many there are.
    """
    headline = _headline(step, rings, count)
    match form:
        case HookForm.SLACK:
            return _slack(headline, [_line(ring) for ring in rings], count)
        case HookForm.TEAMS:
            return _teams(headline, [_line(ring) for ring in rings], count)
        case _:
            return _own(step, rings, count, now)


def of_ends(form: str, rings: Sequence[Ring], count: int, *, now: datetime) -> dict[str, Any]:
    """Return what a call says of rings that ended, all answered or all done before anybody did.

    Units: `rings` are the first of them, `count` is how many there are.
    """
    match form:
        case HookForm.SLACK:
            return _slack(_end_headline(rings, count), [_end_line(ring) for ring in rings], count)
        case HookForm.TEAMS:
            return _teams(_end_headline(rings, count), [_end_line(ring) for ring in rings], count)
        case _:
            return _own_end(rings, count, now)


def of_test(form: str, *, now: datetime) -> dict[str, Any]:
    """Return what a test says."""
    words = _("Plazo can ring here: this is a test.")
    match form:
        case HookForm.SLACK:
            return _slack(words, [], 0)
        case HookForm.TEAMS:
            return _teams(words, [], 0)
        case _:
            return {"type": "ladder.test", "timestamp": localtime.iso(now), "data": {}}


def _headline(step: int, rings: Sequence[Ring], count: int) -> str:
    language = get_language()
    role = role_of(rings[0].ticket.agreement_version.document, step, language) if rings else ""
    words = ngettext(
        "%(count)s case rings for: %(role)s", "%(count)s cases ring for: %(role)s", count
    )
    return words % {"count": count, "role": role}


def _line(ring: Ring) -> tuple[str, str, str]:
    """Return a ring's number, address and words."""
    severity = _("severity %(letter)s") % {"letter": ring.severity} if ring.severity else ""
    said = [cause_words(ring.cause), severity, ring.ticket.subject[:LONGEST_SUBJECT]]
    return ring.ticket.number, address_of(ring), " · ".join(part for part in said if part)


def _end_headline(rings: Sequence[Ring], count: int) -> str:
    named = {ring.answered_name for ring in rings}
    number = rings[0].ticket.number
    if rings[0].state != RingState.ANSWERED:
        if count == 1:
            return _("%(number)s rings no more: it was done") % {"number": number}
        return _("%(count)s cases ring no more: they were done") % {"count": count}
    if len(named) > 1:
        return _("%(count)s cases ring no more: somebody has each") % {"count": count}
    words = _("%(who)s has %(number)s") if count == 1 else _("%(who)s has %(count)s cases")
    return words % {"who": rings[0].answered_name, "number": number, "count": count}


def _end_line(ring: Ring) -> tuple[str, str, str]:
    """Return the number, address and words of a ring that ended."""
    answered = ring.state == RingState.ANSWERED
    has_it = _("%(who)s has it") % {"who": ring.answered_name} if answered else ""
    severity = _("severity %(letter)s") % {"letter": ring.severity} if ring.severity else ""
    said = [has_it, severity, ring.ticket.subject[:LONGEST_SUBJECT]]
    return ring.ticket.number, address_of(ring), " · ".join(part for part in said if part)


def _board() -> str:
    return f"{settings.PLAZO.base_url}/desk/escalations/"


def address_of(ring: Ring) -> str:
    """Return where one of us sees the ticket of a ring."""
    return f"{settings.PLAZO.base_url}/desk/tickets/{ring.ticket.number}/"


def _more(listed: int, count: int) -> str:
    rest = count - listed
    return ngettext("and %(count)s more", "and %(count)s more", rest) % {"count": rest}


def _about(ring: Ring) -> dict[str, Any]:
    return {
        "number": ring.ticket.number,
        "subject": ring.ticket.subject,
        "severity": ring.severity or None,
        "organization": str(ring.ticket.organization or "") or None,
    }


def _own_end(rings: Sequence[Ring], count: int, now: datetime) -> dict[str, Any]:
    answered = rings[0].state == RingState.ANSWERED
    return {
        "type": "ladder.answered" if answered else "ladder.settled",
        "timestamp": localtime.iso(now),
        "data": {
            "count": count,
            "tickets": [
                _about(ring)
                | {
                    "step": ring.step,
                    "rang_at": localtime.iso(ring.rang_at),
                    "ended_at": localtime.iso(ring.ended_at) if ring.ended_at else None,
                    "answered_by": ring.answered_name or None,
                    "url": address_of(ring),
                }
                for ring in rings
            ],
            "board": _board(),
        },
    }


def _own(step: int, rings: Sequence[Ring], count: int, now: datetime) -> dict[str, Any]:
    return {
        "type": "ladder.rang",
        "timestamp": localtime.iso(now),
        "data": {
            "step": step,
            "count": count,
            "tickets": [
                _about(ring)
                | {
                    "cause": ring.cause,
                    "due_at": localtime.iso(ring.instant),
                    "rang_at": localtime.iso(ring.rang_at),
                    "next_step_at": localtime.iso(ring.next_at) if ring.next_at else None,
                    "url": address_of(ring),
                }
                for ring in rings
            ],
            "board": _board(),
        },
    }


def _slack(headline: str, lines: Sequence[tuple[str, str, str]], count: int) -> dict[str, Any]:
    """Source: Slack, “Formatting text for app surfaces”: three signs are escaped, and `verbatim`
    keeps names and channels in a text from being called. “Section block”: 3,000 signs at most,
    or the whole message is refused. “Button element”: one with an address still wants an answer
    from an app, and shows a warning where there is none; a link does not.
    """
    listed = [f"• <{url}|{_escaped(number)}> {_escaped(words)}" for number, url, words in lines]
    while sum(len(line) + 1 for line in listed) > LONGEST_SLACK_LIST:
        listed.pop()
    if count > len(listed):
        listed.append(_more(len(listed), count))
    text = "\n".join([f"*{_escaped(headline)}*", *listed])
    return {
        "text": _escaped(headline),
        "blocks": [_section(text), _section(f"<{_board()}|{_escaped(_('See the escalations'))}>")],
    }


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(headline: str, lines: Sequence[tuple[str, str, str]], count: int) -> dict[str, Any]:
    """Source: Teams, “Create incoming webhooks with Workflows”; Adaptive Cards 1.4, whose runs of
    text know no markup.
    """
    body: list[dict[str, Any]] = [
        {"type": "TextBlock", "text": headline, "weight": "bolder", "wrap": True}
    ]
    body += [
        {
            "type": "RichTextBlock",
            "inlines": [
                {
                    "type": "TextRun",
                    "text": number,
                    "selectAction": {"type": "Action.OpenUrl", "url": url},
                },
                {"type": "TextRun", "text": f"  {words}"},
            ],
        }
        for number, url, words in lines
    ]
    if count > len(lines):
        body.append({"type": "TextBlock", "text": _more(len(lines), count), "wrap": True})
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": [{"type": "Action.OpenUrl", "title": _("See the escalations"), "url": _board()}],
    }
    content = "application/vnd.microsoft.card.adaptive"
    attached = {"contentType": content, "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attached]}
