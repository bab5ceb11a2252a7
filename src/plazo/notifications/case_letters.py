"""Letters about how a case stands: what is promised, that we wait, and whether it is solved."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from plazo.core import localtime
from plazo.notifications import planning, rendering
from plazo.notifications.models import MailKind, OutboundMail
from plazo.tickets import events, queries
from plazo.tickets.models import Status, Ticket, TicketEvent
from plazo.tickets.promises import promises_of
from plazo.tickets.wait_models import Wait


def register_letters() -> None:
    """Say how the mails of this module are written."""
    planning.register(MailKind.PROMISE, planning.Letter(_render_promise))
    planning.register(MailKind.REMINDER, planning.Letter(_render_reminder))
    planning.register(MailKind.SOLVED, planning.Letter(_render_solved))


def _letter(
    mail: OutboundMail, ticket: Ticket, subject: str, headline: str, **words: Any
) -> rendering.Rendered:
    """Write a letter about a case; without what it is about, to an address nobody confirmed."""
    name = ticket.agreement_version.document.name.in_language(mail.language)
    bare = rendering.is_bare(mail)
    text = {
        "above": ticket.number
        if bare
        else f"{ticket.number} · {rendering.one_line(ticket.subject)}",
        "why": _("You receive this mail because you have a case with %(name)s.") % {"name": name},
    }
    said = rendering.Words(headline=headline, **text | words)
    about = f"[{ticket.number}] {subject}"
    if not bare:
        about = f"{about} · {rendering.one_line(ticket.subject)}"
    return rendering.plain_letter(mail, about, said, desk_name=name)


def _render_promise(mail: OutboundMail) -> rendering.Rendered | None:
    """Tell the requester by when they hear of it, or have a solution; and why it was moved.

    Edges: nothing is said of a promise that was moved or kept before the mail went out: what came
        after it says more.
    """
    ticket, event = mail.ticket, mail.event
    if ticket is None or event is None:
        return None
    chain = queries.chain_of(ticket)
    told = promises_of(chain, queries.evaluation_of(ticket, chain, now=mail.created_at))
    promise = next((each for each in told if each.key == event.payload["promise"]), None)
    by = datetime.fromisoformat(event.payload["by"])
    if promise is None or promise.by != by or promise.standing not in ("open", "late"):
        return None
    zone = rendering.zone_of(ticket)
    solution = promise.kind == "solution"
    label = _("Estimated solution") if solution else _("Next update")
    paragraphs = []
    if promise.moved:
        paragraphs.append(
            _("We had promised it %(before)s, and moved it. Why: %(reason)s")
            % {
                "before": localtime.promised_for_date(promise.moved[-1].before, zone),
                "reason": "" if rendering.is_bare(mail) else promise.moved[-1].reason,
            }
        )
    paragraphs.append(
        _("By then it is solved, or we tell you what is left.")
        if solution
        else _("By then you hear from us, whether it is solved or not.")
    )
    return _letter(
        mail,
        ticket,
        _("New time: %(what)s") % {"what": label} if promise.moved else label,
        _("%(what)s: %(when)s")
        % {
            "what": label,
            "when": f"{localtime.by_date(by, zone)} ({localtime.zone_label(by, zone)})",
        },
        paragraphs=paragraphs,
        **_way_back(mail, ticket, button=_("See the case")),
    )


def _way_back(
    mail: OutboundMail, ticket: Ticket, *, button: str, path: str = "", small: str = ""
) -> dict[str, Any]:
    """Return how a reader comes to the case: by a link of their own, or by an answer.

    Units: `path` is the page of the case, `small` what an answer by mail does.
    """
    name = ticket.agreement_version.document.name.in_language(mail.language)
    words: dict[str, Any] = {"small": [small or _("You can also answer this mail.")]}
    if mail.recipient != ticket.requester.email:
        copied = _("You are in copy of case %(number)s: answer this mail to write in it.")
        why = _("You receive this mail because you take part in a case with %(name)s.")
        words = {"small": [copied % {"number": ticket.number}], "why": why % {"name": name}}
    link = rendering.own_link(mail, ticket)
    return words | ({"button": button, "button_url": f"{link}{path}"} if link else {})


def _render_reminder(mail: OutboundMail) -> rendering.Rendered | None:
    """Remind the requester that we wait for them; nothing where we do not any more."""
    ticket = mail.ticket
    wait = Wait.objects.filter(ticket=ticket, ended_at=None, waiting_for="requester").first()
    if ticket is None or wait is None:
        return None
    zone, now = rendering.zone_of(ticket), mail.created_at
    pauses = ticket.agreement_version.document.pauses
    paragraphs = [
        ""
        if rendering.is_bare(mail)
        else _("We are waiting for you: %(reason)s") % {"reason": wait.reason},
        _("We have been waiting since %(day)s.")
        % {"day": localtime.long_date(wait.started_at, zone)},
    ]
    if pauses.solve_after is not None:
        gives_up = max(wait.started_at + pauses.solve_after, wait.next_at or now)
        paragraphs.append(
            _("If we hear nothing by %(day)s, we take it that the case is solved.")
            % {"day": localtime.long_date(gives_up, zone)}
        )
    return _letter(
        mail,
        ticket,
        _("We are waiting for you"),
        _("Do you still need help?"),
        paragraphs=paragraphs,
        **_way_back(mail, ticket, button=_("I still need help"), path="answer/"),
    )


def _render_solved(mail: OutboundMail) -> rendering.Rendered | None:
    """Ask the requester whether it is solved; nothing where it was opened again meanwhile."""
    ticket, event = mail.ticket, mail.event
    if ticket is None or event is None or ticket.status != Status.SOLVED:
        return None
    zone = rendering.zone_of(ticket)
    silent = TicketEvent.objects.filter(
        ticket=ticket, correlation=event.correlation, kind=events.RequesterSilent.kind
    ).first()
    if silent is not None:
        since = datetime.fromisoformat(silent.payload["since"])
        first = _(
            "We had been waiting for your answer since %(day)s, and none reached us. So we took the"
            " case as solved."
        ) % {"day": localtime.long_date(since, zone)}
    else:
        first = _("We have marked your case as solved.")
    way = _way_back(
        mail,
        ticket,
        button=_("Say whether it is solved"),
        path="answer/",
        small=_("You can also answer this mail: the case is then open again."),
    )
    ask = _("Tell us with the button: yes, or not yet.") if "button" in way else ""
    return _letter(
        mail,
        ticket,
        _("Is it solved?"),
        _("Is it solved?"),
        paragraphs=[first, ask, closing_words(ticket, zone)],
        **way,
    )


def closing_words(ticket: Ticket, zone: str) -> str:
    """Return when a solved case closes by itself, as a sentence; nothing where it does not."""
    if ticket.closes_at is None:
        return ""
    words = _("If you say nothing, it closes by itself on %(day)s.")
    return words % {"day": localtime.long_date(ticket.closes_at, zone)}
