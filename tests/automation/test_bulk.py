"""Many tickets at once: each by its own command, each remembered, and what undoing may touch."""

import threading
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection, connections

from plazo.automation import bulk
from plazo.automation.bulk import do_to_tickets, undo_bulk
from plazo.automation.errors import TooManyTickets, UndoOver, UnknownBulk
from plazo.automation.models import BulkChange
from plazo.core.errors import NotVisible
from plazo.tickets import access, commands, queries
from plazo.tickets.models import Ticket, TicketEvent
from plazo.tickets.promises import promises_of
from tests.factory import TUESDAY, a_case, a_requester, an_agent, as_agent

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def cases(count: int = 3) -> list[Ticket]:
    requester = a_requester()
    return [a_case(requester=requester) for _ in range(count)]


def bulk_of(tickets, what, now=TUESDAY, **wanted):
    return do_to_tickets(tickets=tickets, what=what, wanted=wanted, agent_id=an_agent().pk, now=now)


def undone(outcome, now=TUESDAY + MINUTE, agent=None):
    return undo_bulk(key=outcome.action.key, agent_id=(agent or an_agent()).pk, now=now)


def state(ticket: Ticket) -> tuple:
    ticket.refresh_from_db()
    return (ticket.status, ticket.assignee_id, ticket.group_id, ticket.severity, ticket.tags)


def test_one_action_is_one_correlation_and_remembers_every_ticket():
    """What changed, what was so already and what refused are told apart; one holds none up."""
    free, mine, closed = cases()
    agent, by = an_agent(), as_agent()
    commands.assign_ticket(ticket_id=mine.pk, assignee_id=agent.pk, actor=by, now=TUESDAY)
    for status in ("solved", "closed"):
        commands.set_status(ticket_id=closed.pk, status=status, actor=by, now=TUESDAY)
    outcome = bulk_of([free, mine, closed], "assign", assignee=agent.pk)
    assert outcome.changed == [free.number]
    assert outcome.same == [mine.number]
    assert [number for number, _why in outcome.refused] == [closed.number]
    assert closed.number in outcome.refused[0][1]
    assert BulkChange.objects.count() == 3
    change = BulkChange.objects.get(ticket=free)
    event = TicketEvent.objects.get(ticket=free, sequence=change.sequence)
    assert (event.kind, event.correlation) == ("ticket.assigned", outcome.action.correlation)
    assert change.before["assignee_id"] is None
    assert change.after["assignee_id"] == agent.pk
    both = bulk_of(cases(2), "tags", add=["lento"])
    events = TicketEvent.objects.filter(kind="tags.changed")
    assert {event.correlation for event in events} == {both.action.correlation}


@pytest.mark.parametrize(
    ("what", "wanted", "left"),
    [
        ("assign", {"assignee": 0}, None),
        ("assign", {"group": 0}, None),
        ("status", {"status": "solved"}, ("open",)),
        ("status", {"status": "pending", "waiting_for": "requester", "reason": "x"}, ("open",)),
        ("status", {"status": "on_hold"}, ("open",)),
        ("tags", {"add": ["uno", "Dos"], "remove": ["tres"]}, None),
    ],
)
def test_undoing_brings_back_what_was_there(what, wanted, left):
    """The law of undo: after it, each ticket is as it was before; only what was new stays open."""
    agent, other = an_agent(1), an_agent(2)
    group = other.groups.get()
    wanted = {
        k: {"assignee": other.pk, "group": group.pk}[k] if v == 0 else v for k, v in wanted.items()
    }
    tickets = cases(2)
    commands.change_tags(ticket_id=tickets[0].pk, add=["tres"], actor=as_agent(), now=TUESDAY)
    commands.assign_ticket(
        ticket_id=tickets[0].pk, assignee_id=agent.pk, actor=as_agent(), now=TUESDAY
    )
    before = [state(ticket) for ticket in tickets]
    outcome = bulk_of(tickets, what, **wanted)
    assert len(outcome.changed) == 2
    assert all(state(ticket) != was for ticket, was in zip(tickets, before, strict=True))
    back = undone(outcome)
    assert back.changed == outcome.changed
    assert not back.refused
    after = [state(ticket) for ticket in tickets]
    assert after == ([(*left, *was[1:]) for was in before] if left else before)


@pytest.mark.parametrize("status", ["pending", "on_hold"])
def test_a_solved_ticket_returns_to_its_wait(status):
    """Undoing a solution reopens, and waits again for whom it waited for; clocks ran meanwhile."""
    (ticket,) = cases(1)
    by = as_agent()
    commands.set_status(
        ticket_id=ticket.pk, status=status, waiting_for="requester", reason="El registro",
        actor=by, now=TUESDAY,
    )  # fmt: skip
    ticket.refresh_from_db()
    waits = (ticket.waiting_for, ticket.waiting_reason)
    undone(bulk_of([ticket], "status", status="solved", now=TUESDAY + MINUTE), TUESDAY + 2 * MINUTE)
    ticket.refresh_from_db()
    assert (ticket.status, ticket.waiting_for, ticket.waiting_reason) == (status, *waits)
    chain = TicketEvent.objects.filter(ticket=ticket).order_by("sequence")
    kinds = list(chain.values_list("kind", flat=True))
    assert kinds[-3:] == ["status.changed", "ticket.reopened", "status.changed"]


def test_a_promise_that_a_slip_kept_is_owed_again():
    """Solved and undone: the requester was promised a solution and has none, and no clock gained."""
    (ticket,) = cases(1)
    due = TUESDAY + 30 * MINUTE
    commands.make_promise(
        ticket_id=ticket.pk, promised="solution", by=due, actor=as_agent(), now=TUESDAY
    )
    ticket.refresh_from_db()
    first = ticket.next_due_at
    undone(bulk_of([ticket], "status", status="solved", now=TUESDAY + MINUTE), TUESDAY + 5 * MINUTE)

    ticket.refresh_from_db()
    assert (ticket.promised_by, ticket.next_due_at) == (due, first)
    chain = queries.chain_of(ticket)
    assert [event.kind for event in chain][-3:] == [
        "status.changed", "promise.kept", "ticket.reopened",
    ]  # fmt: skip
    told = promises_of(chain, queries.evaluation_of(ticket, chain, now=TUESDAY + 6 * MINUTE))
    assert [each.standing for each in told] == ["open"]


def test_a_severity_returns_to_the_one_before_and_a_first_one_stays():
    """What was judged can be judged anew, and not be unjudged: that is said."""
    judged, fresh = cases(2)
    commands.set_severity(ticket_id=judged.pk, severity="C", actor=as_agent(), now=TUESDAY)
    back = undone(bulk_of([judged, fresh], "severity", severity="A"))
    assert back.changed == [judged.number]
    assert [number for number, _why in back.refused] == [fresh.number]
    judged.refresh_from_db()
    fresh.refresh_from_db()
    assert (judged.severity, fresh.severity) == ("C", "A")


def test_what_somebody_changed_since_is_left_alone():
    """Even where it was changed there and back: the last word on it is not the action's."""
    there_and_back, changed, untouched = tickets = cases()
    outcome = bulk_of(tickets, "status", status="solved")
    other = as_agent(2)
    commands.reopen_ticket(ticket_id=there_and_back.pk, actor=other, now=TUESDAY + MINUTE)
    commands.set_status(
        ticket_id=there_and_back.pk, status="solved", actor=other, now=TUESDAY + MINUTE
    )
    commands.reopen_ticket(ticket_id=changed.pk, actor=other, now=TUESDAY + MINUTE)
    # Something else happened to it, which is no reason.
    commands.change_tags(ticket_id=untouched.pk, add=["x"], actor=other, now=TUESDAY + MINUTE)
    back = undone(outcome, TUESDAY + 2 * MINUTE)
    assert back.changed == [untouched.number]
    assert [number for number, _why in back.refused] == [there_and_back.number, changed.number]
    assert all("Agente de nivel 2" in why for _number, why in back.refused)
    assert [state(ticket)[0] for ticket in tickets] == ["solved", "open", "open"]


def test_undoing_is_for_whoever_did_it_for_some_minutes_and_once():
    """Another's action does not exist; a second time, or too late, is refused."""
    outcome = bulk_of(cases(1), "tags", add=["x"])
    with pytest.raises(NotVisible):
        undone(outcome, agent=an_agent(2))
    with pytest.raises(NotVisible):
        undo_bulk(key=uuid.uuid4(), agent_id=an_agent().pk, now=TUESDAY)
    with pytest.raises(UndoOver):
        undone(outcome, TUESDAY + bulk.UNDO_WITHIN + timedelta(seconds=1))
    undone(outcome, TUESDAY + bulk.UNDO_WITHIN)
    with pytest.raises(UndoOver):
        undone(outcome, TUESDAY + bulk.UNDO_WITHIN)
    bulk.forget_bulk(now=TUESDAY + bulk.KEPT_FOR)
    assert BulkChange.objects.exists()
    bulk.forget_bulk(now=TUESDAY + bulk.KEPT_FOR + MINUTE)
    assert not BulkChange.objects.exists()


def test_an_undoing_that_died_on_its_way_goes_on(monkeypatch):
    """A fault at the second ticket: the first stays undone, and asking again does the rest."""
    outcome = bulk_of(cases(3), "tags", add=["x"])
    kind, undo = bulk.KINDS["tags"], bulk.KINDS["tags"].undo
    calls: list[int] = []

    def dies_at_the_second(ticket, *rest):
        calls.append(ticket.pk)
        if len(calls) == 2:
            raise SystemExit
        undo(ticket, *rest)

    monkeypatch.setitem(bulk.KINDS, "tags", replace(kind, undo=dies_at_the_second))
    with pytest.raises(SystemExit):
        undone(outcome)
    assert sorted(undone(outcome).changed) == sorted(outcome.changed)[1:]
    assert not any("x" in ticket.tags for ticket in Ticket.objects.all())
    with pytest.raises(UndoOver):
        undone(outcome)


@pytest.mark.parametrize(
    ("what", "wanted"),
    [
        pytest.param("delete", {}, id="no such action"),
        pytest.param("status", {"status": "closed"}, id="closing is nobody's by hand"),
        pytest.param("status", {"status": "pending"}, id="pending says whom and why"),
        pytest.param("severity", {"severity": ""}, id="which severity"),
        pytest.param("tags", {"add": []}, id="which tags"),
    ],
)
def test_what_says_not_enough_does_nothing(what, wanted):
    """An action that cannot be meant is refused before anything is written."""
    with pytest.raises(UnknownBulk):
        bulk_of(cases(1), what, **wanted)
    assert not BulkChange.objects.exists()


def test_so_many_at_once_and_no_more(monkeypatch):
    """A batch has a bound."""
    monkeypatch.setattr(bulk, "MOST_TICKETS", 2)
    with pytest.raises(TooManyTickets):
        bulk_of(cases(3), "tags", add=["x"])
    with pytest.raises(UnknownBulk):
        bulk_of([], "tags", add=["x"])


def test_a_refusal_inside_a_ticket_changes_nothing_of_it():
    """A tag that is none, a severity that the agreement lacks: told, and the ticket stays."""
    (ticket,) = cases(1)
    before = state(ticket)
    assert bulk_of([ticket], "severity", severity="Z").refused
    assert bulk_of([ticket], "tags", add=["a/b"]).refused
    assert bulk_of([ticket], "assign", assignee=10**9).refused
    assert state(ticket) == before


# ── The next case ──────────────────────────────────────────────────────────────────────────────


def test_next_is_what_is_due_first_and_nobody_has():
    """Taken ones, those that wait, those above one's level and those passed over are not next."""
    agent, by = an_agent(), as_agent()
    first, taken, waits, above, last = (
        a_case(now=TUESDAY - n * MINUTE) for n in (30, 50, 45, 40, 5)
    )
    commands.assign_ticket(ticket_id=taken.pk, assignee_id=an_agent(2).pk, actor=by, now=TUESDAY)
    commands.set_status(
        ticket_id=waits.pk, status="pending", waiting_for="area", reason="x", actor=by, now=TUESDAY
    )
    commands.enter_level(ticket_id=above.pk, level=2, severity="A", actor=by, now=TUESDAY)
    assert access.next_for_agent(agent).first() == first
    assert access.next_for_agent(an_agent(2)).filter(pk=above.pk).exists()
    how = {"agent_id": agent.pk, "actor": by, "now": TUESDAY}
    assert commands.take_next(besides=[first.pk], **how) == last
    assert commands.take_next(**how) == first
    assert commands.take_next(**how) is None
    assert set(Ticket.objects.filter(assignee=agent)) == {first, last}


@pytest.mark.django_db(transaction=True)
def test_two_who_press_at_once_get_two_tickets():
    """A row that one is taking is passed over by the other, who need not wait for it."""
    tickets = cases(4)
    agents, got, start = (an_agent(1), an_agent(2)), {}, threading.Barrier(2)

    def press(agent) -> None:
        try:
            start.wait(timeout=60)
            got[agent.pk] = [
                commands.take_next(agent_id=agent.pk, actor=as_agent(), now=TUESDAY).pk
                for _ in range(2)
            ]
        finally:
            connections.close_all()

    threads = [threading.Thread(target=press, args=(agent,)) for agent in agents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=90)
    first, second = (set(got[agent.pk]) for agent in agents)
    assert first | second == {ticket.pk for ticket in tickets}
    assert not first & second
    connection.close()
