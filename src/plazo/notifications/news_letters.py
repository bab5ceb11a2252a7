"""News of cases by mail: one at once, or what waited, together.

An answer to one of them is kept as a note: its subject carries the mark. Whoever answers what a
colleague wrote does not mean the requester.
"""

from collections.abc import Mapping
from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from plazo.accounts.models import Agent
from plazo.accounts.queries import names_of_agents
from plazo.agreements.queries import version_in_force
from plazo.core import localtime
from plazo.mailboxes.models import Source
from plazo.notifications import inbox, planning, rendering
from plazo.notifications.models import MailKind, Notice, OutboundMail
from plazo.notifications.news import BY_KEY
from plazo.tickets.models import AreaMessage, InternalNote

MOST_LINES: Final = 60


def register() -> None:
    """Say how the mails of this module are written."""
    planning.register(MailKind.NEWS, planning.Letter(_render_news, headers=_headers))
    planning.register(
        MailKind.NEWS_BUNDLE, planning.Letter(_render_bundle, headers=_headers, forgets=True)
    )
    planning.register(MailKind.FLOOD, planning.Letter(_render_flood))


def _headers(mail: OutboundMail) -> Mapping[str, str]:
    return {"List-Unsubscribe": f"<{rendering.preferences_url()}>"}


def _render_news(mail: OutboundMail) -> rendering.Rendered | None:
    ticket, event = mail.ticket, mail.event
    news = BY_KEY.get(mail.about.get("news", ""))
    if ticket is None or event is None or news is None:
        return None
    agreement = ticket.agreement_version.sla
    zone = agreement.calendars[agreement.support_calendar].zone
    # The same words as at the desk, of this one event.
    notice = Notice(news=news.key, details=[{"event": event.kind, "by": event.actor_id}])
    names = {event.actor_id or 0: event.actor_name}
    headline = inbox.words_of(notice, names, now=mail.created_at, zone=zone)
    absent = mail.about.get("in_place_of")
    name = names_of_agents([absent]).get(absent, "") if absent else ""
    answers = mail.mailbox is not None and mail.mailbox.source != Source.NONE
    words = rendering.Words(
        above=f"{ticket.number} · {ticket.subject}",
        headline=headline,
        paragraphs=[_said(mail)],
        button=_("Open the case"),
        button_url=f"{settings.PLAZO.base_url}/desk/tickets/{ticket.number}/",
        small=[
            _("You get it in place of %(name)s.") % {"name": name} if name else "",
            _("What you answer to this mail is kept as an internal note.") if answers else "",
        ],
        why=_("You choose by which ways you are told, and when."),
        stop_url=rendering.preferences_url(),
    )
    note = _("#note")
    mark = f" {note}" if answers else ""
    subject = f"[{ticket.number}] {headline}: {rendering.one_line(ticket.subject)}"
    room = rendering.LONGEST_SUBJECT - len(mark)
    desk_name = ticket.agreement_version.document.name.in_language(mail.language)
    return rendering.plain_letter(mail, subject[:room] + mark, words, desk_name=desk_name)


def _said(mail: OutboundMail) -> str:
    """Return the words of a message or a note, or why a reply did not arrive."""
    payload = mail.event.payload if mail.event is not None else {}
    if "note" in payload:
        note = InternalNote.objects.filter(pk=payload["note"], ticket=mail.ticket).first()
        return note.body_text if note is not None else ""
    if payload.get("side"):
        side = AreaMessage.objects.filter(pk=payload["side"], ticket=mail.ticket).first()
        return side.body_text if side is not None else ""
    if payload.get("reason") and ("attempt" in payload or "mail" in payload):
        return str(payload["reason"])
    message = rendering.message_of(mail)
    return message.body_text if message is not None else ""


def _render_bundle(mail: OutboundMail) -> rendering.Rendered | None:
    agent = Agent.objects.select_related("user").filter(pk=mail.about.get("agent")).first()
    if agent is None or not agent.is_active:
        return None
    found = list(
        inbox.notices_for(agent)
        .select_related("ticket", "in_place_of__user")
        .filter(pk__in=mail.about.get("notices", []))
        .order_by("at", "pk")
    )
    if not found:
        return None
    zone = agent.user.time_zone
    cases = inbox.by_case(inbox.lines(found[:MOST_LINES], now=mail.created_at, zone=zone))
    count = len(cases)
    headline = ngettext("News of %(count)s case", "News of %(count)s cases", count) % {
        "count": count
    }
    context = {
        "language": mail.language,
        "desk_name": version_in_force(mail.created_at).document.name.in_language(mail.language),
        "headline": headline,
        "zone_words": _("Times are %(label)s.")
        % {"label": localtime.zone_label(mail.created_at, zone)},
        "cases": [
            {
                "ticket": ticket,
                "url": f"{settings.PLAZO.base_url}/desk/tickets/{ticket.number}/",
                "lines": [
                    (localtime.day_time(line.notice.at, zone, mail.created_at), line)
                    for line in case_lines
                ],
            }
            for ticket, case_lines in cases
        ],
        "more": max(len(found) - MOST_LINES, 0),
        "inbox_url": f"{settings.PLAZO.base_url}/desk/notices/",
        "preferences_url": rendering.preferences_url(),
    }
    return rendering.finish("news", headline, context)


def _render_flood(mail: OutboundMail) -> rendering.Rendered | None:
    """Say to a group's address that many deadlines came at once, instead of each by itself."""
    late = mail.about.get("news") == "group_breached"
    headline = _("Many deadlines were missed at once") if late else _("Many deadlines are at risk")
    view = "overdue" if late else "due"
    words = rendering.Words(
        headline=headline,
        paragraphs=[_("They stand in the queue, the earliest first. No mail goes out for each.")],
        button=_("Open the queue"),
        button_url=f"{settings.PLAZO.base_url}/desk/?view={view}",
    )
    document = version_in_force(mail.created_at).document
    desk_name = document.name.in_language(mail.language)
    return rendering.plain_letter(mail, headline, words, desk_name=desk_name)
