"""How the demo's cases are told: opened so much open time ago, and what falls due at its moment."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from plazo.accounts.access import actor_of_agent, actor_of_requester
from plazo.accounts.models import Agent, Requester
from plazo.agreements.models import AgreementVersion
from plazo.core.actor import Actor
from plazo.escalation import sweep
from plazo.notifications import sending
from plazo.notifications.models import MailKind, OutboundMail
from plazo.sla import Calendar
from plazo.tickets import commands, waiting
from plazo.tickets.models import AreaAsk, Ticket
from plazo.tickets.wait_models import Wait
from plazo.triage import loop

MOMENTS: Final = 60
LONGEST: Final = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Case:
    """One case, opened so much open time ago."""

    requester: str
    ago: timedelta
    service: str
    kind: str
    severity: str
    subject: str
    body: str
    environment: str = "production"


class Teller:
    """Opens cases in the past, and lets time pass over them.

    Units: `ago` and `after` are open time of the support hours; `later` is clock time.
    """

    def __init__(self, now: datetime, requesters: dict[str, Requester]) -> None:
        self.now = now
        self.requesters = requesters
        version = AgreementVersion.objects.latest("effective_at")
        self.support: Calendar = version.sla.calendars[version.document.support_calendar]
        self.agents: dict[str, Actor] = {
            agent.user.email.split("@")[0]: actor_of_agent(agent)
            for agent in Agent.objects.select_related("user")
        }

    def before(self, open_time: timedelta) -> datetime:
        """Return the instant so much open time before now."""
        left = open_time
        for window in reversed(self.support.windows(self.now - LONGEST, self.now)):
            if left <= window.length:
                return window.end - left
            left -= window.length
        return self.now - LONGEST

    def open(self, case: Case, *, at: datetime | None = None) -> tuple[int, datetime]:
        """Open a case, so much open time ago or at an instant; return its key and its instant."""
        requester = self.requesters[case.requester]
        at = at or self.before(case.ago)
        ticket = commands.open_ticket(
            requester_id=requester.pk,
            subject=case.subject,
            body=case.body,
            service=case.service,
            environment=case.environment,
            request_type=case.kind,
            severity=case.severity,
            actor=actor_of_requester(requester),
            now=at,
        )
        # The receipt goes out at once, as it does where a worker runs: before anybody answers.
        for mail in OutboundMail.objects.filter(ticket=ticket, kind=MailKind.ACKNOWLEDGEMENT):
            sending.send(mail.pk, now=at)
        return ticket.pk, at

    def later(self, at: datetime, minutes: int) -> datetime:
        """Return an instant after `at`, never after now."""
        return min(at + timedelta(minutes=minutes), self.now)

    def after(self, at: datetime, minutes: int) -> datetime:
        """Return the instant when so many open minutes have passed since `at`, never after now."""
        return min(self.support.add(at, timedelta(minutes=minutes)), self.now)

    def let_pass(self, pk: int, until: datetime) -> None:
        """Let what falls due on a case happen, each at its own moment, as the worker's loops do."""
        for _count in range(MOMENTS):
            due, what = min(_moments(pk), default=(until + LONGEST, ""))
            if due > until:
                return
            if what == "clock":
                commands.announce_alarms(ticket_id=pk, actor=sweep.ACTOR, now=due)
            elif what == "wait":
                commands.tend_wait(ticket_id=pk, actor=waiting.ACTOR, now=due)
            else:
                loop.remind_once(due)

    def post(self, pk: int) -> None:
        """Send the mails of a case, each when it was written."""
        for mail in OutboundMail.objects.filter(ticket=pk, sent_at=None).order_by("pk"):
            sending.send(mail.pk, now=mail.created_at)


def _moments(pk: int) -> Iterator[tuple[datetime, str]]:
    """Yield when something happens next on a case by itself, and what of it."""
    for what, rows in (
        ("clock", Ticket.objects.filter(pk=pk).values_list("next_alarm_at", flat=True)),
        ("wait", Wait.objects.filter(ticket=pk, ended_at=None).values_list("next_at", flat=True)),
        ("area", AreaAsk.objects.filter(ticket=pk).values_list("remind_at", flat=True)),
    ):
        yield from ((moment, what) for moment in rows if moment is not None)


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)
