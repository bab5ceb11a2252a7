"""My requests: what stands in it, in which order, in whose hours, and what it costs."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from plazo.accounts.access import actor_of_requester
from plazo.accounts.models import Requester
from plazo.tickets import commands
from plazo.tickets.models import Participant, Ticket
from plazo.tickets.requests import SORTS, Wanted, cases_about, counts, requests_page
from tests import factory
from tests.database import queries_of
from tests.factory import TUESDAY, a_case, as_agent
from tests.people import a_person, signed_in

pytestmark = pytest.mark.django_db
LIST = "/hc/es/requests/"
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[time_machine.Traveller]:
    """It is Tuesday at 14:52, and the real agreement is in force."""
    factory.publish_iws()
    with time_machine.travel(TUESDAY, tick=False) as traveller:
        yield traveller


def words_of(page: str) -> str:
    return " ".join(
        re.sub(r"<[^>]+>", " ", page.split("<main")[1].split("</main", maxsplit=1)[0]).split()
    )


def numbers_in(client: Client, query: str = "") -> list[str]:
    """Return the numbers of the cases of a page, from top to bottom."""
    page = client.get(LIST + query).content.decode()
    rows = page.split('<ul class="reqs">', 1)[-1]
    return re.findall(r'<a href="/hc/es/requests/(IWS-\d+)/"><strong>', rows)


def some_cases(me: Requester) -> dict[str, Ticket]:
    """Make a case in each state that a customer can tell apart."""
    by, found = as_agent(), {}
    found["late"] = a_case(requester=me, subject="Tarde", now=TUESDAY - 82 * MINUTE)
    found["risk"] = a_case(requester=me, subject="En riesgo", now=TUESDAY - 50 * MINUTE)
    found["new"] = a_case(
        requester=me, subject="Nuevo", service="catalog", now=TUESDAY - 5 * MINUTE
    )
    waiting = a_case(requester=me, subject="Espera", now=TUESDAY - 40 * MINUTE)
    commands.reply_to_ticket(
        ticket_id=waiting.pk,
        body="¿Cuál orden?",
        then="pending",
        waiting_for="requester",
        reason="Número de la orden",
        actor=by,
        now=TUESDAY - 30 * MINUTE,
    )
    found["waiting"] = waiting
    solved = a_case(requester=me, subject="Resuelto", now=TUESDAY - 60 * MINUTE)
    commands.set_status(ticket_id=solved.pk, status="solved", actor=by, now=TUESDAY - 20 * MINUTE)
    found["solved"] = solved
    return found


def test_what_waits_for_me_stands_first_and_then_what_is_due_first() -> None:
    """Each row says its status in words, its next promised moment, and how it stands."""
    me = a_person()
    cases = some_cases(me)
    client = signed_in(me)

    order = [cases[name].number for name in ("waiting", "late", "risk", "new")]
    assert numbers_in(client) == order
    words = words_of(client.get(LIST).content.decode())
    assert "Distribuidora Andina · horas en EST" in words
    assert "Abiertas 4 Resueltas 1" in words
    assert "De mi empresa" not in words
    waits, goes = words.split("Esperamos algo de usted")[1].split("En curso", 1)
    assert "Esperamos su respuesta" in waits
    assert "Número de la orden" in waits
    assert "Primera respuesta hoy, 14:30 Vencida" in goes
    assert "Primera respuesta hoy, 15:02 En riesgo" in goes
    assert "Recibido · " + cases["new"].number + " · Catálogo · abierta: 14:47" in goes
    late = words.split("No le cumplimos a tiempo en")[1]
    assert late.startswith(f" {cases['late'].number}")


def test_hours_are_the_readers_own() -> None:
    """Whoever chose a zone reads every hour in it, and it is named once."""
    me = a_person()
    some_cases(me)
    Requester.objects.filter(pk=me.pk).update(time_zone="Europe/Madrid")
    words = words_of(signed_in(me).get(LIST).content.decode())
    assert "horas en CET" in words
    assert "hoy, 20:30 Vencida" in words
    assert "EST" not in words


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("?tab=solved", ["solved"], id="solved"),
        pytest.param("?q=riesgo", ["risk"], id="a word of the subject"),
        pytest.param("?q=EN+tar", [], id="all words must be there"),
        pytest.param("?service=catalog", ["new"], id="a service"),
        pytest.param("?service=nonsense", ["waiting", "late", "risk", "new"], id="no such service"),
        pytest.param("?status=you", ["waiting"], id="waiting for me"),
        pytest.param("?status=new", ["late", "risk", "new"], id="received"),
        pytest.param("?status=solved", ["solved"], id="solved, whatever the tab"),
        pytest.param("?status=closed", [], id="closed"),
        pytest.param("?sort=opened", ["waiting", "new", "risk", "late"], id="the newest first"),
        pytest.param("?sort=updated", ["waiting", "new", "risk", "late"], id="the last updated first"),
        pytest.param("?tab=company", ["waiting", "late", "risk", "new"], id="a member has no company's tab"),
        pytest.param("?after=nonsense", ["waiting", "late", "risk", "new"], id="no such place"),
        pytest.param("?after=2026-01-01~1", ["waiting", "late", "risk", "new"], id="a place without a zone"),
        pytest.param("?sort=requester__email", ["waiting", "late", "risk", "new"], id="no such order"),
    ],
)  # fmt: skip
def test_searching_filtering_and_sorting(query: str, expected: list[str]) -> None:
    """Only what was offered counts; anything else is as if it had not been said."""
    me = a_person()
    cases = some_cases(me)
    assert numbers_in(signed_in(me), query) == [cases[name].number for name in expected]


def test_a_case_is_found_by_its_number() -> None:
    """The number as it stands in a mail, in any case of letters."""
    me = a_person()
    case = a_case(requester=me)
    a_case(requester=me)
    assert numbers_in(signed_in(me), f"?q={case.number.lower()}") == [case.number]


def test_a_manager_sees_the_company_apart_with_who_asked() -> None:
    """Their own cases stay their own; the company's have a tab, and no other company's are in it."""
    boss, colleague = a_person("jefa@andina.example", "Jefa", manages=True), a_person()
    other = a_person("x@ajena.example", "Ajena", company="ajena")
    own, theirs = a_case(requester=boss), a_case(requester=colleague)
    a_case(requester=other)
    client = signed_in(boss)
    assert numbers_in(client) == [own.number]
    assert set(numbers_in(client, "?tab=company")) == {own.number, theirs.number}
    words = words_of(client.get(f"{LIST}?tab=company").content.decode())
    assert "Abiertas 1 Resueltas 0 De mi empresa 2" in words
    assert f"{theirs.number} · Licencias ESD · Compras Andina" in words


def test_a_case_in_which_one_takes_part_is_in_the_list() -> None:
    """Once, even for who also asked in it."""
    owner, guest = a_person(), a_person("invitada@otra.example", "Invitada", company="otra")
    case = a_case(requester=owner)
    commands.add_participant(
        ticket_id=case.pk, person_id=guest.pk, actor=actor_of_requester(owner), now=TUESDAY
    )
    assert numbers_in(signed_in(guest)) == [case.number]


@pytest.mark.parametrize("sort", SORTS)
def test_pages_follow_each_other_without_gap_or_repetition(sort) -> None:
    """By keyset, also where many cases share an instant."""
    me = a_person()
    cases = {a_case(requester=me, now=TUESDAY - (n // 3) * MINUTE).pk for n in range(10)}
    wanted, seen, after = Wanted(sort=sort), [], ""
    while True:
        page = requests_page(wanted, requester=me, after=after, size=3)
        seen += [ticket.pk for ticket in page.tickets]
        after = page.next_after
        if not after:
            break
    assert sorted(seen) == sorted(cases)
    assert len(seen) == 10


def test_what_waits_for_me_is_on_the_first_page_alone() -> None:
    """However many pages there are, it is said once."""
    me = a_person()
    some_cases(me)
    first = requests_page(Wanted(), requester=me, size=1)
    second = requests_page(Wanted(), requester=me, after=first.next_after, size=1)
    assert (len(first.waiting), len(second.waiting)) == (1, 0)


def test_the_page_costs_the_same_with_1_and_with_30_cases() -> None:
    """Session, account, stamps, the person; what goes on, all counts in one, and two of cases."""
    me = a_person()
    a_case(requester=me)
    client = signed_in(me)
    few = queries_of(client, LIST)
    for _ in range(29):
        a_case(requester=me)
    assert queries_of(client, LIST) == few == 8


def test_the_next_moment_is_that_of_a_promise_to_the_customer() -> None:
    """The verdict's clock is ours: it neither sorts their list nor stands in it."""
    me = a_person()
    answered = a_case(requester=me, now=TUESDAY - 50 * MINUTE)
    commands.reply_to_ticket(
        ticket_id=answered.pk, body="Hola", actor=as_agent(), now=TUESDAY - 40 * MINUTE
    )
    fresh = a_case(requester=me, now=TUESDAY - 5 * MINUTE)
    answered.refresh_from_db()
    fresh.refresh_from_db()
    assert answered.sort_due_at < fresh.sort_due_at
    assert answered.requester_due_at > fresh.requester_due_at
    assert numbers_in(signed_in(me)) == [fresh.number, answered.number]


@pytest.fixture
def a_big_table() -> tuple[Requester, Requester]:
    """Twenty thousand cases of many companies: some hundreds are a manager's company's, some dozens
    are one person's own, and in some they take part. They have no events."""
    me = a_person()
    boss = a_person("jefa@andina.example", "Jefa", manages=True)
    other = a_person("x@ajena.example", "Ajena", company="ajena")
    ticket = a_case(requester=other)
    columns = [f.column for f in Ticket._meta.concrete_fields if not f.primary_key]
    mine, ours = "n % 500 = 0", "n % 40 = 0"
    differs = {
        "public_id": "gen_random_uuid()",
        "number": "'X-' || n",
        "submission_key": "NULL",
        "status": "CASE WHEN n % 3 = 0 THEN 'open' ELSE 'closed' END",
        "updated_at": "opened_at + n * interval '1 minute'",
        "requester_due_at": "opened_at + n * interval '1 minute'",
        "requester_id": f"CASE WHEN {mine} THEN {me.pk} ELSE {other.pk} END",
        "organization_id": f"CASE WHEN {ours} THEN {boss.organization_id} ELSE {other.organization_id} END",
    }
    values = ", ".join(differs.get(column, f'"{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO tickets_ticket ({names}) SELECT {values}"  # noqa: S608 - ours
            f" FROM tickets_ticket, generate_series(1, 20000) AS n WHERE id = {ticket.pk}"
        )
        joined = Ticket.objects.filter(number__endswith="777")[:20]
        Participant.objects.bulk_create(
            Participant(ticket=found, requester=me, added_at=TUESDAY) for found in joined
        )
        cursor.execute("ANALYZE tickets_ticket; ANALYZE tickets_participant")
    return me, boss


@pytest.mark.parametrize(
    ("who", "wanted"),
    [
        ("me", Wanted()),
        ("me", Wanted(tab="solved", sort="updated")),
        ("me", Wanted(search="palabra", sort="opened")),
        ("boss", Wanted()),
        ("boss", Wanted(tab="company")),
        ("boss", Wanted(tab="company", status="closed", sort="updated")),
        ("boss", Wanted(tab="company", service="esd", search="palabra")),
    ],
)
def test_lists_and_counts_read_indexes_at_size(a_big_table, who: str, wanted: Wanted) -> None:
    """With twenty thousand cases of others, no list and no count looks at the whole table."""
    person = dict(zip(("me", "boss"), a_big_table, strict=True))[who]
    with CaptureQueriesContext(connection) as made:
        requests_page(wanted, requester=person)
        counts(person)
        cases_about("palabra", requester=person, limit=3)
    for query in made.captured_queries:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + query["sql"])
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "Seq Scan on tickets_ticket" not in plan, plan
