"""What a mail says: subject, text and HTML, in the active language.

Times are worked out from the ticket's own clocks, never typed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import formataddr, parseaddr
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from plazo.accounts.models import Requester
from plazo.accounts.queries import names_of_agents, requesters_by_email
from plazo.agreements.labels import metric_label, target_words
from plazo.core import localtime
from plazo.core.clockview import named_words
from plazo.mailboxes import tokens
from plazo.mailboxes.models import Source
from plazo.notifications.addresses import as_ascii, undeliverable
from plazo.notifications.models import MailKind, OutboundMail, Spent
from plazo.notifications.planning import letter_of
from plazo.notifications.readers import TO_PARTICIPANTS, copied
from plazo.sla import Metric
from plazo.tickets import access, queries
from plazo.tickets.bodies import html_with_images, html_without_images, text_without_images
from plazo.tickets.models import (
    Attachment,
    Channel,
    Participant,
    PublicMessage,
    Status,
    Ticket,
    TicketEvent,
)

Rendered = tuple[str, str, str]

# Bytes of files that travel inside a mail; base64 makes a third more of them, and many servers
# stop at ten million. What is larger goes as a link.
MOST_INSIDE = 6 * 1024 * 1024
HISTORY = 5
LONGEST_SUBJECT = 300


def address(name: str, email: str) -> str:
    """Return an address with its name, without what could break out of a header."""
    return formataddr((" ".join(name.split()), as_ascii(email)))


def one_line(text: str) -> str:
    """Return text for a header: one line, whatever was typed."""
    return " ".join(text.split())


def render(mail: OutboundMail) -> Rendered | None:
    """Return subject, text and HTML of a mail; None if there is nothing to say any more."""
    if mail.kind == MailKind.DIGEST:
        return _digest(mail)
    letter = letter_of(mail)
    if letter is not None:
        return letter.render(mail)
    ticket = mail.ticket
    assert ticket is not None  # noqa: S101 - the database says so too
    context = _common(mail, ticket)
    match mail.kind:
        case MailKind.ACKNOWLEDGEMENT:
            return _acknowledgement(mail, ticket, context)
        case MailKind.REPLY | MailKind.COPY | MailKind.ANSWER:
            return _reply(mail, ticket, context)
        case MailKind.ANSWERED | MailKind.ASSIGNED:
            return _for_agent(mail, ticket, context)
        case _:
            return _notice(mail, ticket, context)


def _common(mail: OutboundMail, ticket: Ticket) -> dict[str, Any]:
    document = ticket.agreement_version.document
    language = get_language() or "es"
    base = settings.PLAZO.base_url
    calendar = ticket.agreement_version.sla.calendars[document.support_calendar]
    theirs = mail.kind in TO_PARTICIPANTS
    return {
        "ticket": ticket,
        "language": language,
        "desk_name": document.name.in_language(language),
        "recipient_name": mail.recipient_name,
        "zone": zone_of(ticket) if theirs else calendar.zone,
        "service": document.service_name(ticket.service, language),
        "environment": document.environments[ticket.environment].name.in_language(language)
        if ticket.environment in document.environments
        else ticket.environment,
        "case_url": f"{base}/hc/{language}/requests/{access.link_token(ticket, mailed=True)}/",
        "desk_url": f"{base}/desk/tickets/{ticket.number}/",
        "sla_url": f"{base}/hc/{language}/sla/",
        "opened_at": ticket.opened_at,
        "signature": mail.mailbox.signature if mail.mailbox else "",
        "body_token": tokens.make(_token_kind(mail), ticket.pk),
        **_to_agent(mail),
        "takes_part": mail.kind == MailKind.COPY,
        "by_mail": mail.mailbox is not None and mail.mailbox.source != Source.NONE,
    }


def zone_of(ticket: Ticket) -> str:
    """Return the zone in which a requester reads times: their own, else that of support."""
    agreement = ticket.agreement_version.sla
    return ticket.requester.time_zone or agreement.calendars[agreement.support_calendar].zone


def own_link(mail: OutboundMail, ticket: Ticket) -> str:
    """Return the address of a case for whoever gets a mail about it: a link of their own.

    Edges: whoever takes part has one only once their address is confirmed: until then it may be a
        list's, whose readers nobody knows, and they answer by mail.
    """
    person: Requester | None = ticket.requester
    if mail.recipient != ticket.requester.email:
        person = requesters_by_email(mail.recipient).exclude(email_confirmed_at=None).first()
    if person is None:
        return ""
    token = access.link_token(ticket, person, mailed=True)
    return f"{settings.PLAZO.base_url}/hc/{mail.language}/requests/{token}/"


def preferences_url() -> str:
    """Return where one of our own people chooses how they are told."""
    return f"{settings.PLAZO.base_url}/desk/settings/notices/"


def _to_agent(mail: OutboundMail) -> dict[str, str]:
    """Return what a notice to a person says of why they get it, and not the others."""
    if not mail.about.get("agent"):
        return {}
    absent = mail.about.get("in_place_of")
    return {
        "preferences_url": preferences_url(),
        "in_place_of": names_of_agents([absent]).get(absent, "") if absent else "",
    }


def _token_kind(mail: OutboundMail) -> tokens.Kind:
    return tokens.REPLY if mail.kind in TO_PARTICIPANTS else tokens.AGENT


def reply_address(mail: OutboundMail) -> str:
    """Return where an answer to a mail should go: our address, with a proof where it can carry one.

    Edges: notices to the group as a whole carry none, since nobody in particular gets them.
    """
    if mail.mailbox is None:
        return parseaddr(str(settings.PLAZO.mail_from))[1]
    if not mail.mailbox.plus_addressing or mail.ticket_id is None:
        return mail.mailbox.address
    token = tokens.make(_token_kind(mail), mail.ticket_id)
    return tokens.plus_address(mail.mailbox.address, token)


def finish(name: str, subject: str, context: dict[str, Any]) -> Rendered:
    """Write a mail from its two templates, `plazo/mail/<name>.txt` and `.html`.

    Edges: a subject with a long name and a long matter in it is cut where its column ends.
    """
    if len(subject) > LONGEST_SUBJECT:
        subject = f"{subject[: LONGEST_SUBJECT - 1].rstrip()}…"
    context["subject"] = subject
    text = render_to_string(f"plazo/mail/{name}.txt", context)
    html = render_to_string(f"plazo/mail/{name}.html", context)
    return subject, text.strip() + "\n", html


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a plain letter says, in the reader's language.

    Units: `above` is a line over the headline; `small` are lines under the button; `why` says why
        somebody gets it, and `stop_url` how not to.
    """

    headline: str
    paragraphs: Sequence[str]
    above: str = ""
    button: str = ""
    button_url: str = ""
    small: Sequence[str] = ()
    why: str = ""
    stop_url: str = ""


def plain_letter(mail: OutboundMail, subject: str, words: Words, *, desk_name: str) -> Rendered:
    """Write a mail that has one thing to say."""
    context = {
        "language": mail.language,
        "desk_name": desk_name,
        "headline": words.headline,
        "paragraphs": [text for text in words.paragraphs if text],
        "above": words.above,
        "button": words.button,
        "button_url": words.button_url,
        "small": [text for text in words.small if text],
        "why": words.why,
        "stop_url": words.stop_url,
    }
    return finish("letter", one_line(subject), context)


def _acknowledgement(mail: OutboundMail, ticket: Ticket, context: dict[str, Any]) -> Rendered:
    chain = queries.chain_of(ticket)
    evaluation = queries.evaluation_of(ticket, chain[:1], now=ticket.opened_at)
    first = evaluation.get(Metric.FIRST_REPLY.value)
    document = ticket.agreement_version.document
    severity = ticket.requested_severity
    target = document.target(Metric.ESCALATED_REPLY, severity) if severity else None
    context |= {
        # A case that was split off may be late by now: then its receipt promises nothing.
        "due_at": first.due_at
        if first and first.due_at and first.due_at > mail.created_at
        else None,
        "severity": severity,
        "escalated": target_words(document, target),
    }
    # Whoever gave this address may not be who reads it: then nothing that they typed is sent there.
    context["verified"] = mail.event is not None and bool(mail.event.payload.get("verified"))
    if not context["verified"]:
        context["recipient_name"] = ""
    words = _("We got your case")
    subject = f"[{ticket.number}] {words}"
    if context["verified"]:
        subject = f"{subject}: {one_line(ticket.subject)}"
    return finish("acknowledgement", subject, context)


def message_of(mail: OutboundMail) -> PublicMessage | None:
    """Return the message that a mail is about; None if it is about none, or was erased."""
    pk = mail.event.payload.get("message") if mail.event is not None else None
    message = (
        PublicMessage.objects.select_related("author_agent__user")
        .prefetch_related("attachments")
        .filter(pk=pk or 0, ticket=mail.ticket)
        .first()
    )
    return message if message is not None and message.body_text else None


BARE = (
    MailKind.REPLY,
    MailKind.COPY,
    MailKind.ANSWER,
    MailKind.PROMISE,
    MailKind.REMINDER,
    MailKind.SOLVED,
)


def is_bare(mail: OutboundMail) -> bool:
    """Say whether a reply must not say what was answered: nobody has confirmed its address.

    Anyone can type anyone's address into the public form. Until whoever reads it has confirmed it,
    by the link of the receipt, they get what a stranger may know: that there is an answer.
    """
    ticket = mail.ticket
    return (
        ticket is not None
        and mail.kind in BARE
        and ticket.channel == Channel.FORM
        and ticket.requester.email_confirmed_at is None
    )


def _bare_reply(mail: OutboundMail, ticket: Ticket, context: dict[str, Any]) -> Rendered:
    words = Words(
        above=ticket.number,
        headline=_("There is an answer in your case"),
        paragraphs=[
            _(
                "Open it with the button and confirm that this address is yours. From then on our"
                " answers come whole by mail."
            ),
            _("If you did not open a case, do nothing: nobody will write to you again."),
        ],
        button=_("See the answer"),
        button_url=context["case_url"],
        why=_("You receive this mail because somebody gave this address in a case with %(name)s.")
        % {"name": context["desk_name"]},
    )
    subject = f"[{ticket.number}] {words.headline}"
    return plain_letter(mail, subject, words, desk_name=context["desk_name"])


def _reply(mail: OutboundMail, ticket: Ticket, context: dict[str, Any]) -> Rendered | None:
    message = message_of(mail)
    if message is None:
        return None
    if is_bare(mail):
        return _bare_reply(mail, ticket, context)
    inside, linked = carried(list(message.attachments.all()))
    context |= {
        "message": message,
        "inside": inside,
        "linked": [behind_link(file, mail) for file in linked],
        "link_ends_at": mail.created_at + access.FILE_LINK_LASTS,
        "body_text": text_without_images(message.body_text),
        "body_html": html_with_images(message.body_html, {file.content_id for file in inside}),
        "history": _history(message, context["zone"]),
        **_promised_with(mail),
        **_asks_with(mail, ticket),
    }
    subject = f"[{ticket.number}] Re: {one_line(ticket.subject)}"
    return finish("reply", subject, context)


def _asks_with(mail: OutboundMail, ticket: Ticket) -> dict[str, Any]:
    """Return what a reply that solves its case asks whoever gets it: whether it is solved."""
    asked = (MailKind.REPLY, MailKind.COPY)
    link = own_link(mail, ticket)
    if mail.event is None or mail.kind not in asked or ticket.status != Status.SOLVED or not link:
        return {}
    solved = TicketEvent.objects.filter(
        ticket=ticket,
        correlation=mail.event.correlation,
        kind="status.changed",
        payload__status=Status.SOLVED,
    )
    if not solved.exists():
        return {}
    return {"answer_url": f"{link}answer/", "closes_at": ticket.closes_at}


def _promised_with(mail: OutboundMail) -> dict[str, Any]:
    """Return the instant by which a reply promised the next update or a solution, if it did.

    Edges: a promise that was moved since is what it is now; one that was kept is none.
    """
    ticket, event = mail.ticket, mail.event
    promised = {
        clock["key"]: clock["due_at"]
        for clock in (ticket.clocks if ticket is not None else [])
        if clock["metric"] == Metric.PROMISED_UPDATE
        and not (clock["done_at"] or clock["cancelled_at"])
    }
    if not promised or event is None:
        return {}
    made = TicketEvent.objects.filter(
        ticket=ticket, correlation=event.correlation, kind="promise.made"
    ).first()
    key = f"{Metric.PROMISED_UPDATE.value}:{made.payload['promise']}" if made else ""
    due = promised.get(key)
    if made is None or not due:
        return {}
    return {"promised_by": datetime.fromisoformat(due), "promised": made.payload["promised"]}


def carried(files: list[Attachment]) -> tuple[list[Attachment], list[Attachment]]:
    """Divide files into those that travel inside a mail and those behind a link, by size."""
    inside: list[Attachment] = []
    room = MOST_INSIDE
    for file in files:
        if file.size <= room:
            inside.append(file)
            room -= file.size
    return inside, [file for file in files if file not in inside]


def behind_link(file: Attachment, mail: OutboundMail) -> dict[str, Any]:
    """Return what a mail says of a file that does not travel in it: anybody who gets the mail may
    fetch that file, and nothing else.
    """
    token = access.file_token(file, until=mail.created_at + access.FILE_LINK_LASTS)
    address = f"{settings.PLAZO.base_url}/hc/f/{token}/{quote(file.name)}"
    return {"name": file.name, "size": file.size, "url": address}


def _copies(mail: OutboundMail, ticket: Ticket) -> list[str]:
    """Return who gets a copy of an answer to a notice: those who take part when it is written."""
    people = Participant.objects.filter(ticket=ticket, added_at__lte=mail.created_at)
    return [
        address(person.name, person.email)
        for person in copied(people.values_list("requester_id", flat=True))
        if not undeliverable(person.email)
    ]


def _answering(mail: OutboundMail, ticket: Ticket) -> dict[str, Any]:
    """Return what a notice says of where an answer to it goes."""
    return {
        "answer_to": f"{ticket.requester} <{ticket.requester.email}>"
        if str(ticket.requester) != ticket.requester.email
        else ticket.requester.email,
        "answer_copies": ", ".join(_copies(mail, ticket)),
    }


def _history(message: PublicMessage, zone: str) -> list[dict[str, str]]:
    """Return what was said before, the latest first: what goes below an answer as its quotation."""
    before = PublicMessage.objects.filter(ticket_id=message.ticket_id, pk__lt=message.pk)
    return [
        {
            "line": _("On %(date)s at %(time)s %(zone)s, %(name)s wrote:")
            % {
                "date": localtime.full_date(earlier.at, zone),
                "time": localtime.clock_time(earlier.at, zone),
                "zone": localtime.zone_label(earlier.at, zone),
                "name": one_line(earlier.author_name),
            },
            "text": "\n".join(
                f"> {line}".rstrip() for line in text_without_images(earlier.body_text).split("\n")
            ),
            "html": html_without_images(earlier.body_html),
        }
        for earlier in before.order_by("-pk")[:HISTORY]
        if earlier.body_text
    ]


def _for_agent(mail: OutboundMail, ticket: Ticket, context: dict[str, Any]) -> Rendered | None:
    if mail.kind == MailKind.ANSWERED:
        message = message_of(mail)
        words = _("%(name)s wrote") % {"name": message.author_name if message else ""}
    else:
        message = PublicMessage.objects.filter(ticket=ticket).order_by("-pk").first()
        words = _("Assigned to you")
    if message is None:
        return None
    context |= _answering(mail, ticket) | {
        "message": message,
        "what": words,
        "body_html": html_without_images(message.body_html),
    }
    subject = f"[{ticket.number}] {one_line(words)}: {one_line(ticket.subject)}"
    return finish("for_agent", subject, context)


def _digest(mail: OutboundMail) -> Rendered:
    """Say which budgets refused receipts: cases were opened, and nobody was told."""
    language = get_language() or "es"
    rows = Spent.objects.filter(told_at=mail.created_at).order_by("-refused", "pk")
    context = {
        "language": language,
        "desk_name": mail.mailbox.name if mail.mailbox else "Plazo",
        "rows": [(SCOPES[row.scope], row.key, row.hour, row.refused) for row in rows],
        "ledger_url": f"{settings.PLAZO.base_url}/desk/mail/",
        "zone": "UTC",
    }
    return finish("digest", _("Receipts that were not sent"), context)


SCOPES = {
    "address": gettext_lazy("one address"),
    "domain": gettext_lazy("one domain"),
    "network": gettext_lazy("one network"),
    "thread": gettext_lazy("one conversation"),
    "likeness": gettext_lazy("the same text again and again"),
    "notice": gettext_lazy("one address"),
}


def _notice(mail: OutboundMail, ticket: Ticket, context: dict[str, Any]) -> Rendered:
    assert mail.event is not None  # noqa: S101 - the database says so too
    payload = mail.event.payload
    chain = queries.chain_of(ticket)
    evaluation = queries.evaluation_of(ticket, chain, now=mail.event.recorded_at)
    applied = evaluation.get(payload["key"])
    late = mail.kind == MailKind.BREACHED
    context |= _answering(mail, ticket) | {
        "late": late,
        "metric": metric_label(payload["metric"]),
        "severity": payload["severity"],
        "due_at": applied.due_at if applied else None,
        "noticed_at": mail.event.recorded_at,
        "left": (applied.due_at - mail.event.recorded_at) if applied and applied.due_at else None,
        "why_url": f"{context['desk_url']}why/{payload['key'].replace('#', '~')}/",
    }
    state = named_words(payload["metric"])["late" if late else "risk"]
    context["state"] = state
    subject = f"[{ticket.number}] {state}: {context['metric']} · {one_line(ticket.subject)}"
    return finish("notice", subject, context)
