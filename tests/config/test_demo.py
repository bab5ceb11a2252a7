"""The demo's cases tell a story in the order in which it would have happened."""

from datetime import UTC, datetime, timedelta

import pytest

from plazo.accounts.models import Agent
from plazo.config import demo
from plazo.core.actor import Actor
from plazo.escalation import people
from plazo.escalation.models import Ring, RingState
from plazo.helpcenter.folder import import_articles
from plazo.helpcenter.models import Section
from plazo.notifications.models import MailKind, MailState, OutboundMail
from plazo.tickets import pauses, queries
from plazo.tickets.models import AreaAsk, Ticket, TicketEvent
from plazo.tickets.wait_models import Wait
from plazo.triage.scope_report import proposals, rates
from plazo.triage.scope_suggesting import suggestion_of
from tests.factory import TUESDAY, publish_iws

pytestmark = pytest.mark.django_db
SUNDAY_NIGHT = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def every_receipt_went_out_when_its_case_was_opened():
    """The receipt stands before every answer, at the hour of the opening, and was really sent."""
    for ticket in Ticket.objects.all():
        opened, receipt = queries.chain_of(ticket)[:2]
        assert receipt.kind == "ticket.acknowledged", ticket.number
        assert receipt.at == opened.at, ticket.number
    receipts = OutboundMail.objects.filter(kind=MailKind.ACKNOWLEDGEMENT)
    assert receipts.count() == Ticket.objects.count()


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(TUESDAY, id="Tuesday in the afternoon"),
        pytest.param(SUNDAY_NIGHT, id="Sunday at three in the morning"),
    ],
)
def test_the_demo_shows_the_agreements_process(now, mailoutbox):
    """Whatever the hour: areas, waits, promises, what rings now, who is on call, verdicts due."""
    demo.load(now=now, articles=None)
    every_receipt_went_out_when_its_case_was_opened()
    states = OutboundMail.objects.filter(ticket__isnull=False).values_list("state", flat=True)
    assert set(states) == {MailState.SENT}
    assert len(mailoutbox) == len(states)

    told = {(event.kind, event.ticket_id) for event in TicketEvent.objects.all()}
    kinds = {kind for kind, _ticket in told}
    assert kinds >= {
        "area.asked", "area.reminded", "area.answered", "requester.reminded", "ladder.rang",
        "ladder.answered", "escalation.requested", "promise.made", "promise.moved",
        "promise.kept", "promise.broken", "outcome.set", "solution.confirmed",
        "ticket.rated",
    }  # fmt: skip
    assert not TicketEvent.objects.filter(recorded_at__gt=now).exists()

    ringing = Ring.objects.filter(state=RingState.RINGING).select_related("ticket")
    assert {ring.severity for ring in ringing} == {"A", "B"}
    assert Ring.objects.filter(state=RingState.ANSWERED).count() == 1
    assert {bool(people.turn_at(step, now)) for step in (1, 2)} == {True}

    waiting = Ticket.objects.filter(status="pending").values_list("waiting_for", flat=True)
    assert sorted(waiting) == ["area", "requester", "requester"]
    assert Wait.objects.get(reminded=2).ended_at is None
    assert AreaAsk.objects.exclude(remind_at=None).count() == 1

    undecided = Ticket.objects.filter(verdict="").order_by("pk")
    proposed = [suggestion_of(ticket, queries.chain_of(ticket)) for ticket in undecided]
    assert {found.verdict for found in proposed if found} >= {
        "in_scope", "environment", "billing", "delivered_licenses",
    }  # fmt: skip

    since = now - timedelta(days=30)
    figures, (fared, _changed) = rates(since, now), proposals(since, now)
    assert {clause for clause, _count in figures.by_clause} == {"billing", "environment"}
    assert fared["rules"].followed >= 6
    lead = Agent.objects.get(user__email="coordinacion@demo.example")
    assert len(pauses.report(lead, since=since, until=now, now=now).by_agent) == 2


def test_the_knowledge_base_has_a_section_for_each_service(client):
    """Agreement §3: its content is divided by type of service; a stranger reads each section."""
    services = publish_iws().document.services
    import_articles(demo.ARTICLES, actor=Actor.system("demo"), now=TUESDAY)
    sections = {section.service: section.key for section in Section.objects.exclude(service="")}
    assert set(sections) == set(services)
    pages = [client.get(f"/hc/es/sections/{key}/") for key in sections.values()]
    assert [page.status_code for page in pages] == [200] * 4
