"""What reading and writing costs, in queries: the same for one row as for many."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from plazo.accounts.models import Agent
from plazo.tickets import commands, filters, listing, queries
from plazo.tickets.errors import ReadsTooMuch
from plazo.tickets.models import Ticket
from tests.factory import TUESDAY, a_case, a_requester, an_agent, as_agent

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def cost(run: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as queries_made:
        run()
    return len(queries_made)


def test_a_page_of_the_queue_costs_one_query_with_1_and_with_50_rows():
    """Everything that a row shows comes with the row."""
    agent = an_agent()

    def page() -> None:
        for ticket in queries.queue_page("due", agent=agent, now=TUESDAY).tickets:
            assert [ticket.requester.name, ticket.organization, ticket.assignee, ticket.group]
            assert queries.live_clock(ticket)

    a_case()
    one = cost(page)
    requester = a_requester()
    for n in range(49):
        ticket = a_case(requester=requester)
        if n % 2:
            commands.assign_ticket(
                ticket_id=ticket.pk, assignee_id=agent.pk, actor=as_agent(), now=TUESDAY
            )
    assert cost(page) == one == 1
    assert len(queries.queue_page("due", agent=agent, now=TUESDAY).tickets) == 50


def talk(ticket: Ticket, messages: int) -> None:
    """Put replies and notes on a ticket, turn by turn."""
    by = as_agent()
    for n in range(messages):
        write = (commands.reply_to_ticket, commands.add_internal_note)[n % 2]
        write(ticket_id=ticket.pk, body=f"texto {n}", actor=by, now=TUESDAY + n * MINUTE)


@pytest.mark.parametrize(("internal", "expected"), [(True, 5), (False, 3)])
def test_a_conversation_costs_the_same_with_1_and_with_200_messages(internal, expected):
    """Events, messages, notes and files: a query each. A requester has no notes to load."""
    ticket = a_case()

    def page() -> None:
        chain = queries.chain_of(ticket)
        for entry in queries.conversation(ticket, chain, internal=internal):
            assert [entry.event.kind, entry.message, entry.note, *entry.attachments]
        queries.explanation_of(ticket, chain, "first_reply", now=TUESDAY + 600 * MINUTE)

    talk(ticket, 2)
    few = cost(page)
    talk(ticket, 198)
    assert cost(page) == few == expected


def test_a_command_costs_the_same_on_a_long_timeline():
    """The timeline is read once, whatever its length, and nothing of it is written again."""
    ticket, by = a_case(), as_agent()

    def reply() -> None:
        commands.reply_to_ticket(ticket_id=ticket.pk, body="x", actor=by, now=TUESDAY + 9 * MINUTE)

    reply()
    short = cost(reply)
    talk(ticket, 60)
    assert cost(reply) == short <= 17


@pytest.fixture
def a_big_table() -> Agent:
    """Five thousand tickets: most are closed, some hundreds wait. They have no events."""
    agent, ticket = an_agent(), a_case()
    columns = [f.column for f in Ticket._meta.concrete_fields if not f.primary_key]
    differs = {
        "public_id": "gen_random_uuid()",
        "number": "'X-' || n",
        "submission_key": "NULL",
        "status": "CASE WHEN n % 20 = 0 THEN 'open' WHEN n % 61 = 0 THEN 'solved' ELSE 'closed' END",
        "solved_at": "CASE WHEN n % 20 = 0 THEN NULL ELSE opened_at + n * interval '1 minute' END",
        "next_alarm_at": "CASE WHEN n % 20 = 0 THEN opened_at + n * interval '1 minute' END",
        "late_since": "CASE WHEN n % 100 = 0 THEN opened_at - n * interval '1 minute' END",
        "sort_due_at": "opened_at + n * interval '1 minute'",
        "assignee_id": f"CASE WHEN n % 40 = 0 THEN {agent.pk} END",
    }
    values = ", ".join(differs.get(column, f'"{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO tickets_ticket ({names}) SELECT {values}"  # noqa: S608 - ours
            f" FROM tickets_ticket, generate_series(1, 5000) AS n WHERE id = {ticket.pk}"
        )
        # What other tests rolled back still lies in the table and its indexes, and would be weighed.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("CLUSTER tickets_ticket USING tickets_ticket_pkey")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute("ANALYZE tickets_ticket")
    return agent


@pytest.mark.corrupts
@pytest.mark.parametrize(
    ("view", "index"),
    [
        ("due", "ticket_queue"),
        ("overdue", "ticket_late"),
        ("mine", "ticket_assignee_queue"),
        ("solved", "ticket_solved"),
        ("sweep", "ticket_next_alarm"),
        ("next alarm", "ticket_next_alarm"),
    ],
)
def test_the_planner_itself_picks_the_partial_index(a_big_table, view, index):
    """On a table of which most is closed, what is asked all day reads an index and no table.

    Nothing is forced here: these are the plans that a real database chooses.
    """
    later = TUESDAY + timedelta(days=2)
    statements = {
        "sweep": lambda: queries.alarms_waiting(now=TUESDAY, limit=200),
        "next alarm": lambda: queries.next_alarm_at(now=TUESDAY),
    }
    run = statements.get(
        view, lambda: queries.queue_page(view, agent=a_big_table, now=later, size=50)
    )
    with CaptureQueriesContext(connection) as made:
        run()
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + made.captured_queries[-1]["sql"])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert index in plan, plan
    assert "Seq Scan on tickets_ticket" not in plan, plan


OPEN = {"field": "status", "op": "any_of", "value": ["new", "open", "pending", "on_hold"]}


@pytest.mark.corrupts
@pytest.mark.parametrize(
    ("ordering", "conditions", "index"),
    [
        ("due", [OPEN], "ticket_queue"),
        ("due", [], "ticket_due"),
        ("newest", [], "ticket_newest"),
        ("oldest", [OPEN], "ticket_open_oldest"),
        ("oldest", [], "ticket_newest"),
        ("updated", [], "ticket_changed"),
        ("solved", [], "ticket_solved_last"),
        ("due", [OPEN, {"field": "assignee", "op": "any_of", "value": ["me"]}], "ticket_assignee"),
        ("due", [{"field": "tag", "op": "any_of", "value": ["rara"]}], "ticket_tags"),
    ],
)
def test_every_order_of_a_view_has_its_index(a_big_table, ordering, conditions, index):
    """The pages of a saved view, the first and one far on, are ranges of an index."""
    tickets = listing.tickets_that_meet(
        filters.read(conditions), agent=a_big_table, now=TUESDAY + timedelta(days=2)
    )
    after = f"{(TUESDAY + timedelta(hours=20)).isoformat()}~1000"
    for place in ("", after):
        with CaptureQueriesContext(connection) as made:
            listing.page(tickets, ordering=ordering, after=place)
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + made.captured_queries[-1]["sql"])
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert index in plan, plan
        assert "Seq Scan on tickets_ticket" not in plan, plan


@pytest.mark.corrupts
def test_counting_views_reads_a_bounded_part_of_the_open_ones(a_big_table, monkeypatch):
    """However many views there are, and whatever they find: one walk through one index."""
    monkeypatch.setattr(listing, "LOOKED_AT", 100)
    context = filters.Context(TUESDAY, a_big_table)
    nothing = [OPEN, {"field": "environment", "op": "any_of", "value": ["nowhere"]}]
    views = {f"v{n}": filters.all_q(filters.read(nothing), context) for n in range(12)}
    with CaptureQueriesContext(connection) as made:
        counted = listing.counts(views, tickets=Ticket.objects.all())
    assert set(counted.values()) == {(0, True)}
    assert len(made) == 1
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, COSTS OFF) " + made.captured_queries[-1]["sql"])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "ticket_queue" in plan, plan
    assert "rows=101" in plan, plan


def test_a_list_that_reads_too_much_gives_up():
    """It says what to do, and the connection is as good as before."""
    agent = an_agent()
    a_case()
    slowly = Ticket.objects.extra(where=["pg_sleep(0.3) IS NOT NULL"])
    with pytest.raises(ReadsTooMuch):
        listing.patient_page(slowly, patience=timedelta(milliseconds=30))
    tickets = listing.tickets_that_meet((), agent=agent, now=TUESDAY)
    assert len(listing.patient_page(tickets).tickets) == 1
