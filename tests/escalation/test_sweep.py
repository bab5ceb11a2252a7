"""The sweep: moments of clocks become events, once each, with their own instants."""

import importlib
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection

from plazo.escalation.sweep import sweep_once
from plazo.tickets import commands, queries
from plazo.tickets.models import Ticket, TicketEvent
from plazo.tickets.verify import Tally, verify
from tests.database import database_url
from tests.factory import TUESDAY, a_case, as_agent, publish_iws

MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def agreement(db):
    """Every case here is opened under the real agreement."""
    publish_iws()


def told(ticket):
    """Return kind, clock and true instant of every alarm on a ticket's timeline."""
    return [
        (e.kind, e.payload["key"], e.payload["instant"])
        for e in queries.chain_of(ticket)
        if e.kind.startswith("clock.")
    ]


def iso(instant):
    return instant.isoformat().replace("+00:00", "Z")


def test_a_moment_becomes_one_event_however_often_one_looks():
    """At risk once, breached once; sweeping again writes nothing."""
    ticket = a_case(now=TUESDAY)
    assert sweep_once(TUESDAY + 44 * MINUTE) == 0
    assert sweep_once(TUESDAY + 45 * MINUTE) == 2
    assert sweep_once(TUESDAY + 46 * MINUTE) == 0
    assert sweep_once(TUESDAY + 60 * MINUTE) == 0  # the deadline itself is on time
    assert sweep_once(TUESDAY + 60 * MINUTE + timedelta(microseconds=1)) == 2
    assert sweep_once(TUESDAY + 500 * MINUTE) == 0
    assert len(told(ticket)) == 4


def test_after_an_hour_of_downtime_the_instants_are_the_true_ones():
    """Nobody looked for an hour; the events say when it happened, and when it was written down."""
    ticket = a_case(now=TUESDAY)
    sweep_once(TUESDAY + 120 * MINUTE)
    assert ("clock.breached", "first_reply", iso(TUESDAY + 60 * MINUTE)) in told(ticket)
    assert ("clock.at_risk", "first_reply", iso(TUESDAY + 45 * MINUTE)) in told(ticket)
    event = TicketEvent.objects.filter(kind="clock.breached").first()
    assert event.recorded_at == TUESDAY + 120 * MINUTE


def test_a_reply_after_the_deadline_and_before_the_sweep_still_breached():
    """The late answer stops the clock; the breach is told all the same."""
    ticket = a_case(now=TUESDAY)
    commands.reply_to_ticket(
        ticket_id=ticket.pk, body="tarde", actor=as_agent(), now=TUESDAY + 70 * MINUTE
    )
    sweep_once(TUESDAY + 71 * MINUTE)
    assert ("clock.breached", "first_reply", iso(TUESDAY + 60 * MINUTE)) in told(ticket)


def level_two_at_risk(now):
    """A case at level 2, severity A, whose clock is at risk, and told so."""
    ticket, by = a_case(now=now), as_agent()
    commands.reply_to_ticket(ticket_id=ticket.pk, body="Hola", actor=by, now=now)
    commands.give_verdict(ticket_id=ticket.pk, in_scope=True, actor=by, now=now)
    commands.enter_level(ticket_id=ticket.pk, level=2, severity="A", actor=by, now=now)
    assert sweep_once(now + 46 * MINUTE) == 2  # the warning, and the ring that it calls for
    return ticket


def test_another_deadline_is_told_of_too():
    """Judged C after it was at risk under A, the clock is at risk again three hours on: whoever
    was warned of the old deadline must hear of the new one, once."""
    ticket = level_two_at_risk(TUESDAY)
    commands.set_severity(
        ticket_id=ticket.pk, severity="C", actor=as_agent(), now=TUESDAY + 50 * MINUTE
    )
    for minute in (100, 181, 182, 241, 242):
        sweep_once(TUESDAY + minute * MINUTE)
    assert [(kind, instant) for kind, key, instant in told(ticket) if key == "escalated_reply"] == [
        ("clock.at_risk", iso(TUESDAY + 45 * MINUTE)),
        ("clock.at_risk", iso(TUESDAY + 180 * MINUTE)),
        ("clock.breached", iso(TUESDAY + 240 * MINUTE)),
    ]


def test_what_was_told_before_moments_had_their_instants_still_counts():
    """The migration names what earlier versions told: nothing is told twice, and what they hid is
    told at last."""
    ticket = level_two_at_risk(TUESDAY)
    commands.set_severity(
        ticket_id=ticket.pk, severity="C", actor=as_agent(), now=TUESDAY + 50 * MINUTE
    )
    Ticket.objects.filter(pk=ticket.pk).update(
        announced=[["escalated_reply", "at_risk"]], next_alarm_at=None
    )
    migration = importlib.import_module("plazo.tickets.migrations.0005_moments")
    connection.cursor().execute(migration.RENAME)
    ticket.refresh_from_db()
    assert ticket.announced == [["escalated_reply", "at_risk", iso(TUESDAY + 45 * MINUTE)]]
    later = max(TUESDAY + 181 * MINUTE, ticket.next_alarm_at)
    sweep_once(later)
    assert (
        told(ticket).count(("clock.at_risk", "escalated_reply", iso(TUESDAY + 180 * MINUTE))) == 1
    )
    assert told(ticket).count(("clock.at_risk", "escalated_reply", iso(TUESDAY + 45 * MINUTE))) == 1
    assert [str(fault) for fault in verify(Tally())] == []


def test_one_broken_ticket_does_not_stop_the_others():
    """A ticket that cannot be read is set aside for a while; the rest are told."""
    broken, sound = a_case(now=TUESDAY), a_case(now=TUESDAY)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE tickets_ticketevent SET kind = 'no.such.kind' WHERE ticket_id = %s", [broken.pk]
        )
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert sweep_once(TUESDAY + 61 * MINUTE) == 4
    assert len(told(sound)) == 4
    broken.refresh_from_db()
    assert broken.sweep_after == TUESDAY + 66 * MINUTE
    assert queries.alarms_waiting(now=TUESDAY + 62 * MINUTE, limit=10) == []


SWEEPER = """
import django; django.setup()
from datetime import datetime
from plazo.escalation.sweep import sweep_once
now = datetime.fromisoformat("{now}")
print(sum(sweep_once(now, batch=7) for _ in range(40)))
"""


@pytest.mark.django_db(transaction=True)
def test_three_workers_tell_each_moment_exactly_once(django_db_blocker):
    """Three real processes sweep one database together: no moment is lost, none is told twice."""
    requester = a_case(now=TUESDAY).requester
    for _ in range(39):
        a_case(now=TUESDAY, requester=requester)
    now = TUESDAY + 61 * MINUTE
    env = {
        "DATABASE_URL": database_url(),
        "PLAZO_DATA": str(settings.PLAZO.data_dir),
        "DJANGO_SETTINGS_MODULE": "plazo.config.settings",
        "PATH": "/usr/bin:/bin",
    }
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", SWEEPER.format(now=now.isoformat())],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    counts = []
    for worker in workers:
        out, err = worker.communicate(timeout=180)
        assert worker.returncode == 0, err
        counts.append(int(out))
    assert sum(counts) == 40 * 4
    assert all(len(told(ticket)) == 4 for ticket in Ticket.objects.all())
    assert [str(fault) for fault in verify(Tally())] == []
