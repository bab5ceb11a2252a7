"""What rules send: notices to our own people, and answers to requesters under the brake."""

import re
from datetime import datetime
from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _

from plazo.accounts.models import Agent, Group, Role
from plazo.accounts.queries import absences_at, standing_in
from plazo.automation.refusals import NobodyToTell, OncePerCase, TooManyAnswers
from plazo.automation.rule_models import Rule, RuleRun
from plazo.core.actor import Actor
from plazo.notifications import brake, planning, rendering
from plazo.notifications.models import MailKind, OutboundMail
from plazo.tickets import variables
from plazo.tickets.models import Ticket

ACTOR: Final = Actor.system("rules")
Person = tuple[str, str, str]


def register_letters() -> None:
    """Say how the mails of rules are written."""
    planning.register(MailKind.RULE, planning.Letter(_render))


def require_answerable(ticket: Ticket, run: RuleRun, *, now: datetime) -> None:
    """Charge an automatic answer to the budgets of receipts.

    Raises: OncePerCase for a rule that has answered here; TooManyAnswers.
    """
    answered = RuleRun.objects.filter(
        rule_id=run.rule_id,
        ticket=ticket,
        outcome__contains=[{"action": "answer", "result": "done"}],
    )
    if answered.exists():
        raise OncePerCase
    charged = brake.charges(address=ticket.requester.email, thread=f"rules:{ticket.number}")
    if brake.spend(charged, now=now):
        raise TooManyAnswers


def tell(ticket: Ticket, run: RuleRun, to: str, text: str, *, now: datetime) -> bool:
    """Plan a notice of a rule to an agent or a group.

    Edges: for whoever is absent it goes to their substitute. A group's address gets so many an
        hour: what answers there may be a machine, whose answers open cases of which it is told.
    Raises: NobodyToTell; TooManyAnswers.
    """
    people = _people(ticket, to, now)
    if not people:
        raise NobodyToTell
    for email, name, language in dict.fromkeys(people):
        planning.plan(
            kind=MailKind.RULE,
            recipient=email,
            name=name,
            language=language,
            about={"ticket": ticket.pk, "run": run.pk, "text": text},
            now=now,
        )
    return True


def tell_of_pause(rule: Rule, *, now: datetime) -> None:
    """Tell whoever made a rule, and the administrators, that it was paused."""
    agents = Agent.objects.select_related("user").filter(is_active=True)
    for agent in agents.filter(role=Role.ADMINISTRATOR) | agents.filter(pk=rule.made_by_id or 0):
        planning.plan(
            kind=MailKind.RULE,
            recipient=agent.user.email,
            name=agent.user.name,
            language=agent.user.language,
            about={"paused": rule.pk, "failures": rule.failures},
            once=f"rule-paused:{rule.pk}:{now.isoformat()}:{agent.pk}",
            now=now,
        )


def as_plain(text: str) -> str:
    """Return text that was filled in for Markdown as plain text."""
    return re.sub(r"\\([\\`*_\[\]<&])", r"\1", text)


def _people(ticket: Ticket, to: str, now: datetime) -> list[Person]:
    kind, _colon, key = to.partition(":")
    agents = Agent.objects.select_related("user").filter(is_active=True)
    if kind == "group":
        group = Group.objects.filter(pk=int(key)).first()
        if group is None:
            return []
        if group.email:
            if brake.spend([brake.Charge("notice", group.email.lower())], now=now):
                raise TooManyAnswers
            return [(group.email, group.name, "es")]
        agents = agents.filter(groups=group)
    else:
        agents = agents.filter(pk=(ticket.assignee_id or 0) if kind == "assignee" else int(key))
    away = absences_at(now)
    people = [standing_in(agent, away).user for agent in agents]
    return [(user.email, user.name, user.language) for user in people]


def _render(mail: OutboundMail) -> rendering.Rendered | None:
    if "paused" in mail.about:
        return _render_pause(mail)
    run = RuleRun.objects.select_related("rule").filter(pk=mail.about["run"]).first()
    ticket = (
        Ticket.objects.select_related(
            "requester", "organization", "assignee__user", "agreement_version"
        )
        .filter(pk=mail.about["ticket"])
        .first()
    )
    if run is None or ticket is None:
        return None
    sla = ticket.agreement_version.sla
    text = variables.fill(
        mail.about["text"],
        ticket=ticket,
        agent=None,
        language=mail.language,
        zone=sla.calendars[sla.support_calendar].zone,
        now=mail.created_at,
    )
    words = rendering.Words(
        above=f"{ticket.number} · {ticket.subject}",
        headline=run.rule.name,
        paragraphs=as_plain(text).split("\n"),
        button=_("Open the case"),
        button_url=f"{settings.PLAZO.base_url}/desk/tickets/{ticket.number}/",
        why=_("Notice for the support team, by the rule “%(rule)s”.") % {"rule": run.rule.name},
    )
    subject = f"[{ticket.number}] {run.rule.name}: {rendering.one_line(ticket.subject)}"
    name = ticket.agreement_version.document.name.in_language(mail.language)
    return rendering.plain_letter(mail, subject, words, desk_name=name)


def _render_pause(mail: OutboundMail) -> rendering.Rendered | None:
    rule = Rule.objects.filter(pk=mail.about["paused"]).first()
    if rule is None:
        return None
    words = rendering.Words(
        headline=_("A rule was paused"),
        paragraphs=[
            _("“%(rule)s” came to nothing %(times)s times in a row, and does not run any more.")
            % {"rule": rule.name, "times": mail.about["failures"]},
            _("Its page shows what it tried and why that was refused. Mend it, then start it."),
        ],
        button=_("See the rule"),
        button_url=f"{settings.PLAZO.base_url}/desk/rules/{rule.pk}/",
        why=_("You receive this mail because you made the rule, or administer the desk."),
    )
    subject = _("Rule paused: %(rule)s") % {"rule": rule.name}
    return rendering.plain_letter(mail, subject, words, desk_name="Plazo")
