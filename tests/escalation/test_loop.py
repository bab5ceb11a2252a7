"""The sweep's own loop, on the real clock: how soon it tells, and what it outlives."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from plazo.escalation import sweep
from plazo.tickets import commands, queries, readers
from plazo.tickets.models import Ticket, TicketEvent
from plazo.tickets.verify import Tally, verify
from tests.factory import a_case, a_requester, as_agent, publish_iws

pytestmark = pytest.mark.django_db(transaction=True)

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
# It is a second where nothing else runs (bench/storm measures it); a busy machine is slow.
SOON = 15 * SECOND


@pytest.fixture(autouse=True)
def agreement(transactional_db: None) -> None:
    """Every case here is opened under the real agreement."""
    publish_iws()


@contextmanager
def sweeping(threads: int = 1) -> Iterator[None]:
    """Let so many sweeps run, as workers run them."""
    stop = threading.Event()

    def run() -> None:
        try:
            sweep.run_forever(stop)
        finally:
            connection.close()

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in running:
            thread.join(10)
    assert not any(thread.is_alive() for thread in running)


def wait_until(found: Callable[[], bool]) -> bool:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if found():
            return True
        time.sleep(0.02)
    return found()


def an_urgent_case(due: datetime) -> Ticket:
    """A case of severity A, whose clock runs whatever the hour at which the suite does."""
    ticket = a_case(now=due - HOUR - SECOND)
    commands.enter_level(
        ticket_id=ticket.pk, level=2, severity="A", actor=as_agent(), now=due - HOUR
    )
    return ticket


def breaches(key: str = "escalated_reply") -> list[TicketEvent]:
    return list(TicketEvent.objects.filter(kind="clock.breached", payload__key=key))


def test_a_deadline_that_passes_is_told_soon_after():
    """Three sweeps run; each deadline becomes one event, with its own instant, soon after it."""
    due = [timezone.now() + n * SECOND / 2 for n in range(2, 8)]
    for instant in due:
        an_urgent_case(instant)
    with sweeping(3):
        assert wait_until(lambda: len(breaches()) >= len(due))
    told = breaches()
    assert sorted(datetime.fromisoformat(e.payload["instant"]) for e in told) == due
    for event in told:
        late = event.recorded_at - datetime.fromisoformat(event.payload["instant"])
        assert timedelta() < late < SOON
    assert [str(fault) for fault in verify(Tally())] == []


def test_a_case_opened_while_the_sweep_sleeps_is_not_overlooked():
    """The sleep never lasts longer than a second, so news of other processes is seen in time."""
    with sweeping():
        time.sleep(0.3)
        instant = timezone.now() + SECOND
        an_urgent_case(instant)
        assert wait_until(lambda: bool(breaches()))
    (event,) = breaches()
    assert event.recorded_at - instant < SOON


def test_an_hour_of_downtime_is_made_up_in_one_go():
    """Workers that return tell all that passed meanwhile, at the instants at which it did."""
    due = timezone.now() - HOUR
    requester = a_requester()
    for n in range(30):
        ticket = a_case(now=due - HOUR - SECOND, requester=requester)
        commands.enter_level(
            ticket_id=ticket.pk,
            level=2,
            severity="A",
            actor=as_agent(),
            now=due - HOUR + n * SECOND,
        )
    with sweeping(2):
        assert wait_until(lambda: len(breaches()) >= 30)
    instants = sorted(datetime.fromisoformat(e.payload["instant"]) for e in breaches())
    assert instants == [due + n * SECOND for n in range(30)]


def test_a_reader_that_fails_leaves_no_half_event_and_holds_up_nobody(caplog, monkeypatch):
    """If what must follow an alarm cannot be written, the alarm is not either, and comes again."""
    now = timezone.now()
    unlucky, lucky = an_urgent_case(now - 60 * SECOND), an_urgent_case(now - 30 * SECOND)
    fails = True

    def planner(ticket: Ticket, event: TicketEvent, evaluation: object) -> None:
        if fails and ticket.pk == unlucky.pk:
            raise RuntimeError("the planner broke")

    monkeypatch.setattr(readers, "_registered", dict(readers._registered))
    readers.register(planner, kinds=["clock.at_risk", "clock.breached"], name="breaks")
    with caplog.at_level(logging.CRITICAL, logger="plazo.escalation.sweep"):
        sweep.sweep_once(now)
    assert [e.ticket_id for e in breaches()] == [lucky.pk]
    assert sweep.sweep_once(now + SECOND) == 0
    assert [str(fault) for fault in verify(Tally())] == []
    fails = False
    sweep.sweep_once(now + sweep.BACK_OFF)
    assert sorted(e.ticket_id for e in breaches()) == [unlucky.pk, lucky.pk]


def test_a_ticket_somebody_works_on_is_left_to_the_next_pass():
    """The sweep waits for nobody: a locked row is passed over and told a moment later."""
    now = timezone.now()
    held, free = an_urgent_case(now - 60 * SECOND), an_urgent_case(now - 30 * SECOND)
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                Ticket.objects.select_for_update().get(pk=held.pk)
                locked.set()
                release.wait(10)
        finally:
            connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert locked.wait(10)
    began = time.monotonic()
    sweep.sweep_once(now)
    assert time.monotonic() - began < 5
    assert [e.ticket_id for e in breaches()] == [free.pk]
    release.set()
    holder.join()
    sweep.sweep_once(now)
    assert len(breaches()) == 2


def test_a_long_pause_ends_by_itself():
    """The longest pause of the agreement ends without anybody's doing, and the clock runs on."""
    opened = timezone.now() - timedelta(days=30)
    ticket = a_case(now=opened)
    by = as_agent()
    commands.enter_level(ticket_id=ticket.pk, level=2, severity="A", actor=by, now=opened + SECOND)
    commands.set_status(
        ticket_id=ticket.pk, status="pending", waiting_for="requester", reason="un reporte",
        actor=by, now=opened + 60 * SECOND,
    )  # fmt: skip
    ticket.refresh_from_db()
    clock = next(c for c in ticket.clocks if c["key"] == "escalated_reply")
    assert clock["state"] == "paused"
    longest = ticket.agreement_version.sla.longest_pause
    assert longest is not None
    ends = opened + 60 * SECOND + longest
    while sweep.sweep_once(ends):
        pass
    ticket.refresh_from_db()
    clock = next(c for c in ticket.clocks if c["key"] == "escalated_reply")
    assert clock["state"] == "running"
    assert datetime.fromisoformat(clock["due_at"]) == ends + HOUR - 59 * SECOND
    assert ticket.next_alarm_at is not None
    assert ticket.next_alarm_at > ends
    sweep.sweep_once(ends + HOUR)
    assert len(breaches()) == 1
    assert queries.alarms_waiting(now=ends + HOUR, limit=10) == []
