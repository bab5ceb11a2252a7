"""Killed at any point, the loops that remind, give up and ring lose nothing and say nothing twice.

A process of its own runs one look of a loop and is killed with SIGKILL after its first statement
that locks or writes; the next one after its second, and so on, before and after each commit, until
one comes to its end. Between two of these nothing happens that outlives a process, so this is every
line.
"""

import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings as django_settings

from plazo.accounts.models import Agent, Group, User
from plazo.core.actor import Actor
from plazo.escalation.models import Bell, Ring
from plazo.notifications.models import WAITING, OutboundMail
from plazo.tickets import commands
from plazo.tickets.models import AreaAsk, Ticket, TicketEvent
from plazo.tickets.verify import Tally, verify
from plazo.tickets.wait_models import Wait
from tests.database import database_url
from tests.factory import TUESDAY, a_case, as_agent, publish_iws
from tests.people import read_mails

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KILLED = """
import itertools, os, signal, sys
import django; django.setup()
from datetime import datetime
from django.db import connection
from plazo.notifications.models import OutboundMail
from plazo.tickets.models import TicketEvent
from plazo.escalation import calling, sweep
from plazo.tickets import waiting
from plazo.triage import loop

look, now = sys.argv[1], datetime.fromisoformat(sys.argv[2])

def die_after(number):
    done = 0
    def step():
        nonlocal done
        done += 1
        if done == number:
            os.kill(os.getpid(), signal.SIGKILL)
    def count(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if not sql.startswith("SELECT") or "FOR " in sql:
            step()
        return result
    commit = connection._commit
    def committing():
        step()
        commit()
        step()
    connection._commit = committing
    with connection.execute_wrapper(count):
        eval(look)

def written():
    found = TicketEvent.objects.count(), OutboundMail.objects.count()
    connection.close()
    return found

deaths, number, before = 0, 1, written()
while True:
    child = os.fork()
    if child == 0:
        die_after(number)
        os._exit(0)
    if not os.WIFSIGNALED(os.waitpid(child, 0)[1]):
        break
    deaths, number = deaths + 1, number + 1
    if written() != before:
        before, number = written(), 1
print(deaths)
"""


@pytest.fixture(autouse=True)
def agreement(db):
    publish_iws()
    yield
    assert [str(fault) for fault in verify(Tally())] == []


def killed_at_any_point(look, now):
    """Run a look of a loop again and again, each killed a little later; return how many died."""
    env = {
        "DATABASE_URL": database_url(),
        "PLAZO_DATA": str(django_settings.PLAZO.data_dir),
        "DJANGO_SETTINGS_MODULE": "plazo.config.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", KILLED, look, now.isoformat()],
        env=env, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def kinds(ticket: Ticket, *wanted: str) -> list[str]:
    chain = TicketEvent.objects.filter(ticket=ticket, kind__in=wanted).order_by("sequence")
    return [event.kind for event in chain]


def test_an_areas_reminder(mailoutbox):
    """The area is reminded once, by one mail, and when next is known."""
    ticket = a_case(now=TUESDAY)
    commands.ask_area(
        ticket_id=ticket.pk, area="credit", email="credito@casa.example", body="¿La factura?",
        actor=as_agent(), now=TUESDAY,
    )  # fmt: skip
    read_mails("credito@casa.example")
    late = TUESDAY + DAY + HOUR
    assert killed_at_any_point("loop.remind_once(now)", late) > 10
    assert kinds(ticket, "area.reminded") == ["area.reminded"]
    assert len(read_mails("credito@casa.example")) == 2
    assert AreaAsk.objects.get().remind_at > late


@pytest.mark.parametrize(
    ("days", "happens", "mails"),
    [
        pytest.param(2, ["requester.reminded"], 1, id="the first reminder"),
        pytest.param(7, ["requester.silent", "status.changed"], 1, id="given up"),
    ],
)
def test_a_waits_step(mailoutbox, days, happens, mails):
    """A reminder, or the end of the wait, is taken whole with its mail, once."""
    ticket, by = a_case(now=TUESDAY), as_agent()
    commands.set_status(
        ticket_id=ticket.pk, status="pending", waiting_for="requester", reason="el log",
        actor=by, now=TUESDAY,
    )  # fmt: skip
    for _reminder in range(days // 4 * 2):
        Wait.objects.update(next_at=TUESDAY)
        commands.tend_wait(ticket_id=ticket.pk, actor=Actor.system("test"), now=TUESDAY)
    Wait.objects.update(next_at=TUESDAY + days * DAY)
    read_mails("compras@andina.example")
    before = TicketEvent.objects.count(), OutboundMail.objects.count()
    assert killed_at_any_point("waiting.work_once(now)", TUESDAY + days * DAY) > 5
    new = TicketEvent.objects.order_by("pk").values_list("kind", flat=True)[before[0] :]
    assert list(new) == happens
    assert OutboundMail.objects.count() == before[1] + mails
    had = len(mailoutbox)
    read_mails("compras@andina.example")
    assert len(mailoutbox) == had + mails
    assert not OutboundMail.objects.filter(state__in=WAITING).exists()


def test_a_ring(mailoutbox):
    """The breach, its ring, and a mail to each of two people: all of it, once."""
    group = Group.objects.create(key="nivel2", name="Nivel 2", level=2)
    for name in ("laura", "andres"):
        user = User.objects.create_user(f"{name}@demo.example", name=name)
        Agent.objects.create(user=user, level=2).groups.add(group)
    ticket, by = a_case(now=TUESDAY), as_agent()
    commands.reply_to_ticket(ticket_id=ticket.pk, body="Hola", actor=by, now=TUESDAY)
    commands.give_verdict(ticket_id=ticket.pk, in_scope=True, actor=by, now=TUESDAY)
    commands.enter_level(ticket_id=ticket.pk, level=2, severity="A", actor=by, now=TUESDAY)
    at = TUESDAY + timedelta(minutes=45)
    assert killed_at_any_point("sweep.sweep_once(now)", at) > 10
    assert kinds(ticket, "clock.at_risk", "ladder.rang") == ["clock.at_risk", "ladder.rang"]
    assert killed_at_any_point("calling.ring_due(now)", at) > 10
    assert Ring.objects.get(ticket=ticket).step == 2
    assert set(Bell.objects.values_list("times", "next_at")) == {(1, at + timedelta(minutes=5))}
    for name in ("laura", "andres"):
        assert sum("IWS" in text for text in read_mails(f"{name}@demo.example")) == 1
