"""What a case's page asks of the database: twelve statements for a usual one, and a known number
more for everything that the agreement's process can put on it."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from plazo.accounts.models import Organization, Requester
from plazo.escalation.sweep import sweep_once
from plazo.tickets import commands
from plazo.tickets.bodies import written_plain
from plazo.tickets.models import AreaAsk, Ticket
from plazo.tickets.outcome_models import OutcomeKind, SolvingRule
from plazo.tickets.outcomes import add_outcome, asks, choices, every
from plazo.triage.learning_queries import model_in_use
from plazo.triage.learning_training import switch_learning
from plazo.triage.models import Outcome, ScopeModel
from tests.core.test_kept import page, statements
from tests.database import queries_of
from tests.factory import TUESDAY, a_case, a_requester, as_agent, publish_iws
from tests.triage.test_learning import WEIGHTS

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def world(db):
    """The real agreement is in force, and it is Tuesday at 14:52."""
    publish_iws()
    with time_machine.travel(TUESDAY, tick=False):
        yield


def a_model() -> ScopeModel:
    return ScopeModel.objects.create(
        agreement="iws", began_at=TUESDAY, ended_at=TUESDAY, outcome=Outcome.TRAINED,
        verdicts=200, weights=WEIGHTS,
    )  # fmt: skip


def somebody() -> Requester:
    """Somebody whose company is known: of others the page offers the companies, by one more."""
    requester = a_requester()
    requester.organization = Organization.objects.create(
        name="Andina", slug="andina", stage="production", services=["esd"]
    )
    requester.save()
    return requester


def address(ticket: Ticket) -> str:
    return reverse("desk:ticket", args=[ticket.number])


def judged(ticket: Ticket) -> Ticket:
    """Answer a case and judge it, as level 1 does in the first hour."""
    by = {"ticket_id": ticket.pk, "actor": as_agent(), "now": TUESDAY}
    commands.reply_to_ticket(body="Lo vemos.", **by)
    commands.give_verdict(in_scope=True, **by)
    return ticket


def test_a_usual_case_costs_twelve_statements(agent_client):
    """Sign-in, stamps, the case, its chain, the rail, its people, its words with their files, its
    neighbours, the rules' log and the drafts: nothing for lists that only settings change."""
    assert queries_of(agent_client, address(judged(a_case(requester=somebody())))) == 12


def test_a_case_that_waits_for_its_verdict_costs_no_more(agent_client):
    """What it says is on the page already, and what was learned is kept."""
    a_model()
    ticket = a_case(requester=somebody(), subject="Ayuda", body="Las facturas")
    assert queries_of(agent_client, address(ticket)) == 12
    assert "propuesto" in agent_client.get(address(ticket)).content.decode()


def test_a_case_with_everything_costs_five_more(agent_client):
    """Level 2 with its impact, a promise, an area that was asked and answered, a wait: one or two
    statements for each, however many there are."""
    ticket = judged(a_case(requester=somebody(), now=TUESDAY - 30 * MINUTE))
    by = {"actor": as_agent(), "now": TUESDAY}
    commands.enter_level(
        ticket_id=ticket.pk, level=2, severity="A", impact="Nadie puede comprar.", **by
    )
    commands.make_promise(ticket_id=ticket.pk, promised="update", by=TUESDAY + 60 * MINUTE, **by)
    for number in range(3):
        commands.ask_area(
            ticket_id=ticket.pk, area="credit", email=f"c{number}@interno.example",
            body=f"Pregunta {number}", **by,
        )  # fmt: skip
        ask = AreaAsk.objects.latest("pk")
        commands.record_area_answer(ask_id=ask.pk, written=written_plain("Sí."), **by)
    commands.set_status(
        ticket_id=ticket.pk, status="pending", waiting_for="requester", reason="La factura", **by
    )
    sweep_once(TUESDAY + 50 * MINUTE)
    assert queries_of(agent_client, address(ticket)) == 17


def test_lists_that_only_settings_change_are_kept_and_never_old():
    """The second page asks nothing, and a change shows on the next one."""
    causes, by = OutcomeKind.CAUSE.value, {"actor": as_agent(), "now": TUESDAY}

    def read():
        return every(), asks(), choices(causes, "es")

    page(read)
    assert statements(read) == 0
    add_outcome(kind=causes, name_es="Una nueva", name_en="A new one", **by)
    assert "Una nueva" in [words for _key, words in page(read)[2]]
    SolvingRule.objects.update_or_create(pk=1, defaults={"asks": "optional"})
    assert page(read)[1] == "optional"


def test_which_model_proposes_is_kept_and_never_old():
    """A new one, and one that was turned off, count from the next page on."""
    assert page(model_in_use) is None
    first = a_model()
    assert page(model_in_use)[0] == first.pk
    assert statements(model_in_use) == 0
    assert a_model().pk == page(model_in_use)[0]
    switch_learning(on=False, actor=as_agent(), now=TUESDAY)
    assert page(model_in_use) is None
