"""What loops ask every few seconds, and the rail on every page, reads what is due and no table."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from plazo.accounts.models import Agent
from plazo.escalation import calling
from plazo.escalation import queries as ladder
from plazo.tickets import queries, waiting
from plazo.triage import loop
from tests.factory import TUESDAY, publish_iws
from tests.tickets.test_costs import a_big_table  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db

# Two years of a desk in small: much that is over, and little that is due.
PAST = """
INSERT INTO tickets_wait
    (ticket_id, sequence, waiting_for, reason, started_at, ended_at, ended_by, reminded, next_at)
SELECT id, 1, 'requester', '', opened_at, CASE WHEN id % 100 > 0 THEN opened_at END, '', 0,
    CASE WHEN id % 100 = 0 THEN opened_at END FROM tickets_ticket;
INSERT INTO tickets_areaask (ticket_id, key, area, name, email, language, at, standing, remind_at)
SELECT id, 'ask-1', 'credit', '', 'c@interno.example', 'es', opened_at, 'asked',
    CASE WHEN id % 100 = 0 THEN opened_at END FROM tickets_ticket;
INSERT INTO escalation_ring
    (ticket_id, sequence, step, cause, severity, instant, rang_at, agents, state, answered_name)
SELECT id, 1, 2, 'at_risk', 'A', opened_at, opened_at, '[]',
    CASE WHEN id % 100 = 0 THEN 'ringing' ELSE 'passed' END, '' FROM tickets_ticket;
INSERT INTO escalation_bell (ring_id, agent_id, next_at, times)
SELECT id, %(agent)s, CASE WHEN state = 'ringing' THEN rang_at END, 1 FROM escalation_ring;
UPDATE tickets_ticket SET closes_at = solved_at WHERE status = 'solved';
"""
TABLES = ("tickets_wait", "tickets_areaask", "escalation_ring", "escalation_bell", "tickets_ticket")


@pytest.fixture
def years(db, request) -> Agent:
    """Five thousand cases with what the agreement's process left on them."""
    publish_iws()
    agent = request.getfixturevalue("a_big_table")
    with connection.cursor() as cursor:
        cursor.execute(PAST.replace("%(agent)s", str(agent.pk)))
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in TABLES:
            cursor.execute(f"ANALYZE {table}")
    return agent


def plans_of(run: Callable[[], object]) -> str:
    """Return how the database means to do each of a call's reads."""
    with CaptureQueriesContext(connection) as made:
        run()
    found = []
    with connection.cursor() as cursor:
        for query in made.captured_queries:
            if query["sql"].lstrip("(").startswith("SELECT"):
                cursor.execute("EXPLAIN " + query["sql"])
                found += [row[0] for row in cursor.fetchall()]
    return "\n".join(found)


def test_what_is_due_is_read_by_its_own_index(years):
    """Waits, closings, reminders, bells and rings: the loops' questions, as they ask them."""
    before = TUESDAY.replace(year=2025)  # nothing is due yet: only the looking is measured

    def rail():
        return queries.capped_counts(
            {"rings": ladder.bells_of(years), "ringing": ladder.ringing_for(years)}
        )

    for run, indexes in (
        (lambda: waiting.work_once(before), ("wait_next", "ticket_closes")),
        (lambda: loop.remind_once(before), ("area_ask_remind",)),
        (lambda: calling.ring_due(before), ("bell_due",)),
        (rail, ("bell_due", "ring_o")),  # either of the two indexes of what rings
    ):
        plan = plans_of(run)
        assert all(index in plan for index in indexes), plan
        for table in TABLES:
            assert f"Seq Scan on {table}" not in plan, plan
