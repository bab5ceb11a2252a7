"""The ladder's screens without a browser: what the board costs, and who may see what."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Role
from plazo.escalation import calling
from plazo.escalation.models import Ring, RingState
from plazo.escalation.sweep import sweep_once
from plazo.notifications.models import OutboundMail
from plazo.tickets import commands
from tests.factory import TUESDAY, a_case, an_agent, as_agent, publish_iws
from tests.people import path_in, read_mails

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def ring(count: int) -> None:
    """Let so many cases of severity A be at risk, and half of them answered."""
    for number in range(count):
        ticket = a_case(now=TUESDAY - 48 * MINUTE)
        commands.enter_level(
            ticket_id=ticket.pk, level=2, severity="A", actor=as_agent(), now=TUESDAY - 46 * MINUTE
        )
        sweep_once(TUESDAY)
        if number % 2:
            commands.answer_ladder(
                ticket_id=ticket.pk, by="desk", actor=as_agent(), now=TUESDAY + MINUTE
            )


def test_the_board_costs_the_same_for_one_ring_and_for_twelve():
    """A fixed number of statements, whatever rings and whoever has it."""
    publish_iws()
    client = Client()
    client.force_login(an_agent(2).user)
    costs = []
    with time_machine.travel(TUESDAY + 2 * MINUTE, tick=False):
        for count in (2, 12):
            ring(count)
            client.get("/desk/escalations/")
            with CaptureQueriesContext(connection) as captured:
                answer = client.get("/desk/escalations/")
            assert answer.status_code == 200
            costs.append(len(captured))
    assert costs[0] == costs[1]
    assert costs[1] <= 16


def test_the_settings_of_the_ladder_are_for_those_who_coordinate():
    """An agent gets a 404, and a link that nobody signed leads nowhere."""
    publish_iws()
    client = Client()
    client.force_login(an_agent().user)
    for address in ("/desk/settings/ladder/", "/desk/settings/ladder/webhooks/new/"):
        assert client.get(address).status_code == 404
    assert Client().get("/desk/ring/1:x:y/").status_code == 404


def test_the_ladders_settings_and_their_trail_say_who_and_what():
    """A name of the agreement that is nobody's is marked; a rota is its level's, with its day."""
    publish_iws()
    client, agent = Client(), an_agent(2)
    agent.role = Role.ADMINISTRATOR
    agent.save()
    client.force_login(agent.user)
    with time_machine.travel(TUESDAY, tick=False):
        page = client.get("/desk/settings/ladder/").content.decode()
        assert page.count("aún no se dijo quién es") == 4
        sent = {
            "part": "rota",
            "rota-begins_on": "2026-11-02",
            "rota-hands_over_at": "08:00",
            "rota-zone": "America/New_York",
            "rota-turn_0": str(agent.pk),
        }
        assert client.post("/desk/settings/ladder/steps/3/", sent).status_code == 302
        trail = client.get("/desk/settings/audit/").content.decode()
    assert ">Nivel 3</a>" in trail
    assert "lun 2 nov 2026" in trail


def test_the_link_answers_after_its_mail_went_out():
    """The words of a mail that rings are kept nowhere once it is sent, and yet its link works: it
    says what was taken, then who has it and since when, then what became of it, and that it is over.
    """
    publish_iws()
    agent = an_agent(2)
    ring(1)
    calling.ring_due(TUESDAY)
    with time_machine.travel(TUESDAY, tick=False):
        (text,) = read_mails(agent.user.email)
    assert OutboundMail.objects.get(recipient=agent.user.email).body_text == ""
    with time_machine.travel(TUESDAY + MINUTE, tick=False):
        answer = Client().post(path_in(text, "/desk/ring/"))
    assert answer.status_code == 200
    taken = Ring.objects.get()
    assert taken.state == RingState.ANSWERED
    assert taken.ticket.subject in answer.content.decode()
    with time_machine.travel(TUESDAY + 5 * MINUTE, tick=False):
        page = Client().get(path_in(text, "/desk/ring/")).content.decode()
    assert f"tiene {taken.ticket.number} desde las 14:53" in page
    now = TUESDAY + 6 * MINUTE
    commands.set_status(
        ticket_id=taken.ticket_id, status="solved", actor=actor_of_agent(agent), now=now
    )
    with time_machine.travel(now, tick=False):
        page = Client().get(path_in(text, "/desk/ring/")).content.decode()
    assert f"{taken.ticket.number} está resuelto" in page
    with time_machine.travel(TUESDAY + 8 * 1440 * MINUTE, tick=False):
        over = Client().post(path_in(text, "/desk/ring/"))
    assert over.status_code == 410
    assert "Este enlace ya venció" in over.content.decode()
