"""What a mail says: subject, text and HTML, in the active language.

Times are worked out from the ticket's own clocks, never typed.
"""

from email.utils import formataddr, parseaddr
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from plazo.agreements.labels import metric_label
from plazo.core import localtime
from plazo.notifications.models import MailKind, OutboundMail
from plazo.sla import Metric
from plazo.tickets import access, queries
from plazo.tickets.models import PublicMessage, Ticket

Rendered = tuple[str, str, str]


def address(name: str, email: str) -> str:
    """Return an address with its name, without what could break out of a header."""
    return formataddr((" ".join(name.split()), email))


def one_line(text: str) -> str:
    """Return text for a header: one line, whatever was typed."""
    return " ".join(text.split())


def render(mail: OutboundMail) -> Rendered | None:
    """Return subject, text and HTML of a mail; None if there is nothing to say any more."""
    ticket = Ticket.objects.select_related("requester", "agreement_version", "organization").get(
        pk=mail.ticket_id
    )
    context = _common(mail, ticket)
    match mail.kind:
        case MailKind.ACKNOWLEDGEMENT:
            return _acknowledgement(mail, ticket, context)
        case MailKind.REPLY:
            return _reply(mail, ticket, context)
        case _:
            return _notice(mail, ticket, context)


def _common(mail: OutboundMail, ticket: Ticket) -> dict[str, Any]:
    document = ticket.agreement_version.document
    language = get_language() or "es"
    base = settings.PLAZO.base_url
    calendar = ticket.agreement_version.sla.calendars[document.support_calendar]
    return {
        "ticket": ticket,
        "language": language,
        "desk_name": document.name.in_language(language),
        "recipient_name": mail.recipient_name.split(" ")[0] if mail.recipient_name else "",
        "zone": calendar.zone,
        "service": document.service_name(ticket.service, language),
        "environment": document.environments[ticket.environment].name.in_language(language)
        if ticket.environment in document.environments
        else ticket.environment,
        "case_url": f"{base}/hc/{language}/requests/{access.link_token(ticket)}/",
        "desk_url": f"{base}/desk/tickets/{ticket.number}/",
        "sla_url": f"{base}/hc/{language}/sla/",
        "opened_at": ticket.opened_at,
        "reply_address": parseaddr(settings.PLAZO.mail_from)[1],
    }


def _finish(name: str, subject: str, context: dict[str, Any]) -> Rendered:
    context["subject"] = subject
    text = render_to_string(f"plazo/mail/{name}.txt", context)
    html = render_to_string(f"plazo/mail/{name}.html", context)
    return subject, text.strip() + "\n", html


def _acknowledgement(mail: OutboundMail, ticket: Ticket, context: dict[str, Any]) -> Rendered:
    chain = queries.chain_of(ticket)
    evaluation = queries.evaluation_of(ticket, chain[:1], now=ticket.opened_at)
    first = evaluation.get(Metric.FIRST_REPLY.value)
    document = ticket.agreement_version.document
    severity = ticket.requested_severity
    target = document.target(Metric.ESCALATED_REPLY, severity) if severity else None
    context |= {
        "due_at": first.due_at if first else None,
        "severity": severity,
        "escalated": localtime.span_words(target.duration)
        if target is not None and target.duration is not None
        else "",
    }
    subject = _("[%(number)s] We got your case: %(subject)s") % {
        "number": ticket.number,
        "subject": one_line(ticket.subject),
    }
    return _finish("acknowledgement", subject, context)


def _reply(mail: OutboundMail, ticket: Ticket, context: dict[str, Any]) -> Rendered | None:
    message = (
        PublicMessage.objects.select_related("author_agent__user")
        .prefetch_related("attachments")
        .filter(pk=mail.event.payload["message"], ticket=ticket)
        .first()
    )
    if message is None or not message.body_text:
        return None
    context |= {"message": message, "attachments": list(message.attachments.all())}
    subject = f"[{ticket.number}] Re: {one_line(ticket.subject)}"
    return _finish("reply", subject, context)


def _notice(mail: OutboundMail, ticket: Ticket, context: dict[str, Any]) -> Rendered:
    payload = mail.event.payload
    chain = queries.chain_of(ticket)
    evaluation = queries.evaluation_of(ticket, chain, now=mail.event.recorded_at)
    applied = evaluation.get(payload["key"])
    late = mail.kind == MailKind.BREACHED
    context |= {
        "late": late,
        "metric": metric_label(payload["metric"]),
        "severity": payload["severity"],
        "due_at": applied.due_at if applied else None,
        "noticed_at": mail.event.recorded_at,
        "left": (applied.due_at - mail.event.recorded_at) if applied and applied.due_at else None,
        "why_url": f"{context['desk_url']}why/{payload['key'].replace('#', '~')}/",
    }
    words = _("Overdue") if late else _("At risk")
    subject = f"[{ticket.number}] {words}: {context['metric']} · {one_line(ticket.subject)}"
    return _finish("notice", subject, context)
