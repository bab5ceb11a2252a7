"""What the pages of a case say of promises, pauses and receipts: only what is so."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from plazo.tickets import access, commands
from plazo.tickets.models import Ticket
from tests import factory
from tests.factory import TUESDAY, a_case, as_agent

pytestmark = pytest.mark.django_db

STOPS = "El reloj se detiene hasta que usted responda"


@pytest.fixture(autouse=True)
def agreement() -> None:
    """The real agreement is in force."""
    factory.publish_iws()


def page(ticket: Ticket, part: str = "", *, at: timedelta = timedelta()) -> str:
    """Return a page of a case as its requester reads it, some time after Tuesday, 14:52."""
    with time_machine.travel(TUESDAY + at, tick=False):
        answer = Client().get(f"/hc/es/requests/{access.link_token(ticket)}/{part}")
    return answer.content.decode().replace("\xa0", " ")


@pytest.mark.parametrize(
    ("level", "looked_at", "stops"),
    [
        pytest.param(1, timedelta(minutes=5), False, id="the first reply never pauses"),
        pytest.param(2, timedelta(minutes=5), True, id="level 2 does"),
        pytest.param(2, timedelta(days=8), False, id="the longest pause is over"),
    ],
)
def test_a_clock_is_said_to_stop_only_while_one_does(level, looked_at, stops):
    """Told that the clock stops when none does, a client thinks that they hold us up, while we
    run late."""
    ticket, by = a_case(now=TUESDAY), as_agent()
    if level == 2:
        commands.enter_level(ticket_id=ticket.pk, level=2, severity="B", actor=by, now=TUESDAY)
    commands.set_status(
        ticket_id=ticket.pk,
        status="pending",
        waiting_for="requester",
        reason="un reporte",
        actor=by,
        now=TUESDAY,
    )
    ticket.refresh_from_db()
    said = page(ticket, at=looked_at)
    assert "un reporte" in said
    assert (STOPS in said) is stops


@pytest.mark.parametrize(("severity", "promised"), [("B", "+ 2 h"), ("C", "+ 4 h hábiles")])
def test_the_confirmation_promises_what_the_agreement_does(severity, promised):
    """Four working hours are not four hours."""
    said = page(a_case(now=TUESDAY, severity=severity), "sent/")
    assert promised in said
    assert ("hábiles" in said) == (severity == "C")


@pytest.mark.parametrize("quiet", ["", "budget:address"])
def test_the_confirmation_speaks_of_a_receipt_only_if_one_is_sent(quiet):
    """Over a budget no receipt goes out; whoever waits for it would lose the link to their case."""
    ticket = a_case(now=TUESDAY, arrival=commands.Arrival(quiet=quiet))
    said = page(ticket, "sent/")
    assert ("Enviamos el acuse" in said) is (not quiet)
    assert ("Esta vez no enviamos acuse" in said) is bool(quiet)
    assert ("Conserve el enlace del acuse" in said) is (not quiet)


@pytest.mark.parametrize(
    ("verdict", "ended", "says", "confirmed"),
    [
        pytest.param("", False, True, False, id="nobody has decided yet"),
        pytest.param("billing", False, True, True, id="decided as the form's answers say"),
        pytest.param("in_scope", False, False, False, id="within scope after all"),
        pytest.param("environment", False, False, False, id="by another clause: the reply says"),
        pytest.param("billing", True, False, False, id="nobody attends what is solved"),
    ],
)
def test_a_case_names_another_area_only_while_that_holds(verdict, ended, says, confirmed):
    """What the form's answers point to is a guess, and a person's verdict is none."""
    ticket, by = a_case(now=TUESDAY, request_type="billing"), as_agent()
    known = {"ticket_id": ticket.pk, "actor": by, "now": TUESDAY}
    if verdict:
        clause = "" if verdict == "in_scope" else verdict
        commands.give_verdict(in_scope=not clause, clause=clause, **known)
    if ended:
        commands.set_status(status="solved", **known)
    said = page(ticket)
    assert ("Esto lo atiende Crédito" in said) is says
    assert ("Lo confirmamos, y seguimos el caso" in said) is confirmed
    assert "Esto lo atiende Integraciones" not in said
