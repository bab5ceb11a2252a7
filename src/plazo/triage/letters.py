"""What an area is told by mail, in a thread of its own: asked, written to again, reminded, thanked.

Its address carries a token of its own kind, and it names only mails of the same thread: nothing
in it is a key to what the requester sees, and nothing that answers it reaches them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext as _

from plazo.agreements.queries import version
from plazo.core import localtime
from plazo.core.actor import Actor
from plazo.mailboxes import queries as mailboxes
from plazo.mailboxes import tokens
from plazo.mailboxes.models import Source
from plazo.notifications import planning, rendering
from plazo.notifications.models import MailKind, OutboundMail
from plazo.tickets import commands, queries
from plazo.tickets.areas import Ask, asks_of
from plazo.tickets.bodies import html_without_images, text_without_images
from plazo.tickets.events import AreaAsked
from plazo.tickets.models import (
    AreaAsk,
    AreaMessage,
    Attachment,
    PublicMessage,
    Ticket,
    TicketEvent,
)
from plazo.triage.links import receipt_token

ACTOR: Final = Actor.system("mail")
KINDS: Final = {
    "area.asked": MailKind.AREA_ASKED,
    "area.written": MailKind.AREA_WRITTEN,
    "area.reminded": MailKind.AREA_REMINDED,
    "area.withdrawn": MailKind.AREA_WITHDRAWN,
}
# Who is reminded has perhaps never seen what was asked: they are told all of it again.
WHOLE: Final = (MailKind.AREA_ASKED, MailKind.AREA_REMINDED)
MOST_REFERENCES: Final = 12
HISTORY: Final = 5


def register() -> None:
    """Say how these mails are written."""
    for kind in KINDS.values():
        planning.register(
            kind,
            planning.Letter(_render, headers=_headers, files=files_of, failed=_failed),
        )


def plan(ticket: Ticket, event: TicketEvent) -> None:
    """Plan the mail of an event, once. It is about no ticket as mails to its people are."""
    ask = AreaAsk.objects.get(ticket=ticket, key=event.payload["ask"])
    planning.plan(
        kind=KINDS[event.kind],
        recipient=ask.email,
        name=ask.name,
        language=ask.language,
        about={
            "ticket": ticket.pk,
            "ask": ask.pk,
            "event": event.pk,
            "side": event.payload.get("side"),
        },
        once=f"{thread_of(ask.pk)}{event.pk}",
        mailbox=ticket.mailbox if ticket.mailbox_id else mailboxes.default(),
        now=event.recorded_at,
    )


def thread_of(ask_id: int) -> str:
    """Return what the names of all mails of one asking begin with."""
    return f"area:{ask_id}:"


def _headers(mail: OutboundMail) -> Mapping[str, str]:
    """Edges: References name what was said before in this thread alone, ours and theirs."""
    ask_id = mail.about["ask"]
    ours = OutboundMail.objects.filter(once__startswith=thread_of(ask_id), pk__lt=mail.pk)
    theirs = AreaMessage.objects.filter(ask=ask_id, at__lte=mail.created_at).exclude(message_id="")
    known = [
        message_id
        for _at, message_id in sorted(
            [*ours.values_list("created_at", "message_id"), *theirs.values_list("at", "message_id")]
        )
    ][-MOST_REFERENCES:]
    headers: dict[str, str] = {}
    if known:
        headers |= {"In-Reply-To": known[-1], "References": " ".join(known)}
    if mail.mailbox is not None and mail.mailbox.plus_addressing:
        token = tokens.make(tokens.AREA, ask_id)
        headers["Reply-To"] = tokens.plus_address(mail.mailbox.address, token)
    return headers


def files_of(mail: OutboundMail) -> Sequence[Attachment]:
    """Return the files that go with a mail."""
    side = mail.about.get("side")
    return list(Attachment.objects.filter(area_message=side).order_by("pk")) if side else []


def _failed(mail: OutboundMail, reason: str, now: datetime) -> None:
    """Say on the ticket that an area was not reached.

    Edges: a mail that had nothing to say any more was never written.
    """
    if mail.body_text:
        commands.record_area_failure(
            ask_id=mail.about["ask"], mail_id=mail.pk, reason=reason, actor=ACTOR, now=now
        )


# ── The words ─────────────────────────────────────────────────────────────────────────────────


def _render(mail: OutboundMail) -> rendering.Rendered | None:
    ask = AreaAsk.objects.select_related("ticket__requester", "ticket__organization").get(
        pk=mail.about["ask"]
    )
    ticket = ask.ticket
    ticket.agreement_version = version(ticket.agreement_version_id)
    chain = queries.chain_of(ticket)
    standing = asks_of(chain)[ask.key]
    side = AreaMessage.objects.filter(pk=mail.about["side"] or 0).first()
    first = AreaMessage.objects.filter(ask=ask).order_by("pk").first()
    about = side or first
    if about is None or not about.body_text:
        return None
    if mail.kind == MailKind.AREA_REMINDED and not standing.is_open:
        return None
    event = next(event for event in chain if event.pk == mail.about["event"])
    context = _context(mail, ask, standing, about)
    due = _due(ticket, chain, standing, event)
    context |= _words(mail, ask, standing, event, due, context["zone"])
    if mail.kind in WHOLE:
        asked = next(each for each in chain if _asks(each, ask))
        context["facts"] = _facts(ask, standing)
        context["shared"] = _shared(ticket, asked.payload["shared"], context["zone"])
        context["consent"] = _consent(ticket, standing)
        context["due_at"] = due if due is not None and event.at < due else None
    if mail.kind == MailKind.AREA_REMINDED:
        files = Attachment.objects.filter(area_message=about).order_by("pk")
        context["linked"] = [rendering.behind_link(file, mail) for file in files]
    subject = f"[{ticket.number}] {context['what']}: {rendering.one_line(ticket.subject)}"
    return rendering.finish("area", subject, context)


def _context(mail: OutboundMail, ask: AreaAsk, standing: Ask, about: AreaMessage) -> dict[str, Any]:
    ticket = ask.ticket
    document = ticket.agreement_version.document
    calendar = ticket.agreement_version.sla.calendars[document.support_calendar]
    inside, linked = rendering.carried(list(files_of(mail)))
    answers = mail.mailbox is not None and mail.mailbox.source != Source.NONE
    open_still = standing.is_open and standing.received_at is None
    token = receipt_token(ask)
    return {
        "language": mail.language,
        "desk_name": document.name.in_language(mail.language),
        "ticket": ticket,
        "zone": calendar.zone,
        "message": about,
        "body_text": text_without_images(about.body_text),
        "body_html": html_without_images(about.body_html),
        "inside": inside,
        "linked": [rendering.behind_link(file, mail) for file in linked],
        "receipt_url": f"{settings.PLAZO.base_url}/hc/{mail.language}/areas/{token}/"
        if open_still and mail.kind != MailKind.AREA_WITHDRAWN
        else "",
        "answers": answers,
        "history": _history(mail, ask, about, calendar.zone),
        "body_token": tokens.make(tokens.AREA, ask.pk),
        "facts": [],
        "shared": [],
        "consent": "",
        "due_at": None,
    }


def _asks(event: TicketEvent, ask: AreaAsk) -> bool:
    return event.kind == AreaAsked.kind and event.payload["ask"] == ask.key


def _words(
    mail: OutboundMail,
    ask: AreaAsk,
    standing: Ask,
    event: TicketEvent,
    due: datetime | None,
    zone: str,
) -> dict[str, str]:
    document = ask.ticket.agreement_version.document
    area = document.areas[ask.area].name.in_language(mail.language)
    match mail.kind:
        case MailKind.AREA_ASKED:
            severity = document.severity(standing.severity)
            urgency = (
                _("severity %(letter)s, %(name)s")
                % {
                    "letter": severity.key,
                    "name": severity.name.in_language(mail.language).lower(),
                }
                if severity
                else ""
            )
            what = f"{area}, {urgency}" if urgency else area
            return {"what": what, "headline": _("We need your help with a case"), "lead": ""}
        case MailKind.AREA_REMINDED if event.payload["why"] == "warning":
            lead = _("Your time to answer is nearly over. This is what we asked:")
            return {"what": _("Reminder"), "headline": _("We await your answer"), "lead": lead}
        case MailKind.AREA_REMINDED if due is not None:
            lead = _(
                "Your time to answer ended %(moment)s, and the customer waits. This is what we"
                " asked:"
            ) % {"moment": f"{localtime.on_words(due, zone)} {localtime.zone_label(due, zone)}"}
            return {"what": _("Reminder"), "headline": _("Your answer is missing"), "lead": lead}
        case MailKind.AREA_WITHDRAWN:
            lead = _("There is no need to answer any more. Thank you. This is what we had asked:")
            return {"what": _("Not needed any more"), "headline": _("It is settled"), "lead": lead}
        case _:
            return {"what": area, "headline": "", "lead": ""}


def _facts(ask: AreaAsk, standing: Ask) -> list[tuple[str, str]]:
    """Return what an area must know of a case: label and value, in the language of the mail."""
    ticket, language = ask.ticket, ask.language
    document = ticket.agreement_version.document
    severity, clause = document.severity(standing.severity), document.clause(standing.clause)
    environment = document.environments.get(ticket.environment)
    kind = document.request_types.get(ticket.request_type)
    requester = ticket.requester
    facts = [
        (
            _("Severity"),
            f"{severity.key} · {severity.name.in_language(language)}."
            f" {severity.short.in_language(language)}"
            if severity
            else _("not judged yet"),
        ),
        (_("Company"), ticket.organization.name if ticket.organization else ""),
        (_("Requester"), requester.name),
        (_("Service"), document.service_name(ticket.service, language) if ticket.service else ""),
        (_("Environment"), environment.name.in_language(language) if environment else ""),
        (_("Type of request"), kind.name.in_language(language) if kind else ""),
        (_("Why it comes to you"), clause.topic.in_language(language) if clause else ""),
    ]
    facts += queries.answers_of(ticket, queries.chain_of(ticket), language)
    return [(label, value) for label, value in facts if value]


def _consent(ticket: Ticket, standing: Ask) -> str:
    """Say whether the customer may be contacted; only then is their address told."""
    match standing.consent:
        case "yes":
            return _(
                "The customer agrees to be contacted directly: %(name)s, %(email)s. Tell us, too."
            ) % {"name": ticket.requester, "email": ticket.requester.email}
        case "no":
            return _("The customer does not want to be contacted directly. Please answer us.")
        case _:
            return _(
                "We have not asked the customer whether you may contact them. Please answer us."
            )


def _shared(ticket: Ticket, messages: Sequence[int], zone: str) -> list[dict[str, str]]:
    found = PublicMessage.objects.filter(ticket=ticket, pk__in=messages).order_by("pk")
    return [_quoted(message.at, message.author, message, zone) for message in found]


def _history(
    mail: OutboundMail, ask: AreaAsk, about: AreaMessage, zone: str
) -> list[dict[str, str]]:
    """Return what was said before in this thread, the latest first."""
    if mail.kind != MailKind.AREA_WRITTEN:
        return []
    before = AreaMessage.objects.filter(ask=ask, pk__lt=about.pk).exclude(body_text="")
    return [_quoted(m.at, m.author_name, m, zone) for m in before.order_by("-pk")[:HISTORY]]


def _quoted(
    at: datetime, name: str, said: PublicMessage | AreaMessage, zone: str
) -> dict[str, str]:
    return {
        "line": _("On %(date)s at %(time)s %(zone)s, %(name)s wrote:")
        % {
            "date": localtime.full_date(at, zone),
            "time": localtime.clock_time(at, zone),
            "zone": localtime.zone_label(at, zone),
            "name": rendering.one_line(name),
        },
        "text": "\n".join(
            f"> {line}".rstrip() for line in text_without_images(said.body_text).split("\n")
        ),
        "html": html_without_images(said.body_html),
    }


def _due(
    ticket: Ticket, chain: Sequence[TicketEvent], standing: Ask, event: TicketEvent
) -> datetime | None:
    """Return by when the area is to answer, as it stood with an event."""
    upto = [earlier for earlier in chain if earlier.sequence <= event.sequence]
    clock = queries.evaluation_of(ticket, upto, now=event.at).get(standing.clock_key)
    return clock.due_at if clock is not None else None
