"""The demo's cases tell a story in the order in which it would have happened."""

import pytest

from plazo.agreements.queries import version_in_force
from plazo.config import demo
from plazo.helpcenter.models import Section
from plazo.notifications.models import MailKind, MailState, OutboundMail
from plazo.tickets import queries
from plazo.tickets.models import Ticket
from tests.factory import TUESDAY

pytestmark = pytest.mark.django_db


def test_every_receipt_went_out_when_its_case_was_opened(mailoutbox):
    """The receipt stands before every answer, at the hour of the opening, and was really sent."""
    demo.load(now=TUESDAY)
    for ticket in Ticket.objects.all():
        opened, receipt = queries.chain_of(ticket)[:2]
        assert receipt.kind == "ticket.acknowledged", ticket.number
        assert receipt.at == opened.at, ticket.number
    receipts = OutboundMail.objects.filter(kind=MailKind.ACKNOWLEDGEMENT)
    assert {mail.state for mail in receipts} == {MailState.SENT}
    assert len(mailoutbox) == receipts.count() == Ticket.objects.count()


def test_the_knowledge_base_has_a_section_for_each_service(client):
    """Agreement §3: its content is divided by type of service; a stranger reads each section."""
    demo.load(now=TUESDAY)
    sections = {section.service: section.key for section in Section.objects.exclude(service="")}
    assert set(sections) == set(version_in_force(TUESDAY).document.services)
    pages = [client.get(f"/hc/es/sections/{key}/") for key in sections.values()]
    assert [page.status_code for page in pages] == [200] * 4
