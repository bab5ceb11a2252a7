"""The queue as agents use it without a script: filters, views, columns, bulk actions, the next."""

import gzip
import re
import uuid
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from plazo.accounts.absences import plan_absence
from plazo.accounts.models import Agent, Organization, Role, User
from plazo.automation.models import BulkAction, SavedView
from plazo.automation.views import COLUMNS
from plazo.tickets import commands, drafts, outcomes
from plazo.tickets.models import Ticket
from plazo.tickets.outcome_models import Asks, Outcome
from tests.database import queries_of
from tests.factory import (
    PASSWORD,
    TUESDAY,
    a_case,
    a_requester,
    an_agent,
    as_agent,
    publish_iws,
)

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def world(db):
    """The real agreement is in force, and it is Tuesday at 14:52."""
    publish_iws()
    with time_machine.travel(TUESDAY, tick=False):
        yield


def signed_in(agent: Agent) -> Client:
    client = Client()
    client.force_login(agent.user)
    return client


@pytest.fixture
def desk() -> Client:
    """An agent of level 1, signed in."""
    return signed_in(an_agent())


def numbers(response) -> list[str]:
    return re.findall(r'class="q-row" href="/desk/tickets/(IWS-\d+)/"', response.content.decode())


def text_of(response) -> str:
    bare = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(bare.replace("\xa0", " ").replace("&quot;", '"').split())


def test_a_filter_is_made_row_by_row_without_a_script(desk):
    """A row more, a row less, a look: each sends the form whole; the look has an address."""
    tagged, other = a_case(), a_case()
    commands.change_tags(ticket_id=tagged.pk, add=["lento"], actor=as_agent(), now=TUESDAY)
    page = desk.get(reverse("desk:filter"))
    assert 'name="row" value="0:status"' in page.content.decode()
    sent = {"row": ["0:status"], "o0": "any_of", "c0": ["new", "open"]}
    page = desk.post(reverse("desk:filter"), sent | {"do": "add", "field": "tag"})
    assert 'name="row" value="1:tag"' in page.content.decode()
    sent |= {"row": ["0:status", "1:tag"], "o1": "any_of", "v1": " #Lento, otra"}
    looked = desk.post(reverse("desk:filter"), sent | {"do": "look"})
    assert looked.status_code == 302
    listed = desk.get(looked["Location"])
    assert numbers(listed) == [tagged.number]
    assert "Estado es Nuevo, Abierto" in text_of(listed)
    assert "Etiqueta es lento, otra" in text_of(listed)
    again = desk.post(reverse("desk:filter"), sent | {"do": "remove-1"})
    assert "1:tag" not in again.content.decode()
    none = desk.post(reverse("desk:filter"), {"row": ["0:tag"], "o0": "none_of", "v0": "lento"})
    assert numbers(desk.get(none["Location"])) == [other.number]


@pytest.mark.parametrize(
    ("op", "written", "kept"),
    [
        ("within", "2 h", 120),
        ("within", "3 d", 4320),
        ("within", "1 h 30", 90),
        ("within", "1 h 30 min", 90),
        ("before", "2 semanas", 20160),
        ("before", "45 min", 45),
        ("since", "2026-11-24 09:00", "2026-11-24T14:00:00+00:00"),
        ("until", "2026-11-24", "2026-11-24T05:00:00+00:00"),
        ("within", "pronto", None),
        ("within", "3", None),
        ("within", "2 lunas", None),
        ("since", "ayer", None),
    ],
)
def test_spans_and_moments_are_written_as_people_do(desk, op, written, kept):
    """Spans such as "2 h", a day, an hour of one's own zone; what is none is told beside its row."""
    sent = {"row": ["0:opened"], "o0": op, "v0": written, "do": "look"}
    response = desk.post(reverse("desk:filter"), sent)
    if kept is None:
        assert response.status_code == 422
        assert f"Esto no se entiende: «{written}»." in text_of(response)
        return
    form = desk.get(response["Location"].replace("/desk/?", "/desk/filter/?"))
    value = re.search(r'name="v0" value="([^"]*)"', form.content.decode()).group(1)
    back = desk.post(reverse("desk:filter"), sent | {"v0": value})
    assert back["Location"] == response["Location"]
    assert str(kept).replace("+", "%2B").replace(":", "%3A") in response["Location"]


def test_a_view_is_kept_changed_moved_and_removed(desk):
    """From the filter to the rail, with its count; what its owner changes stays the same view."""
    a_case()
    sent = {"row": ["0:status"], "o0": "any_of", "c0": ["new"], "order": "newest", "by": "none"}
    refused = desk.post(reverse("desk:filter"), sent | {"do": "save", "name": " "})
    assert refused.status_code == 422
    kept = desk.post(reverse("desk:filter"), sent | {"do": "save", "name": "Nuevos de hoy"})
    view = SavedView.objects.get()
    assert kept["Location"] == f"/desk/?view={view.key.hex}"
    page = desk.get(kept["Location"], follow=True)
    assert (view.ordering, view.grouping, view.owner) == ("newest", "none", an_agent())
    assert re.search(r'Nuevos de hoy</span><span class="count">1</span>', page.content.decode())
    asked = sent | {"view": view.key.hex, "do": "change", "name": "Nuevos", "order": "oldest"}
    desk.post(reverse("desk:filter"), asked)
    view.refresh_from_db()
    assert (view.name, view.ordering) == ("Nuevos", "oldest")
    desk.post(reverse("desk:filter"), asked | {"do": "save", "name": "Otros"})
    address = reverse("desk:view_change", args=[view.key])
    desk.post(address, {"do": "down"})
    listed = text_of(desk.get(reverse("desk:views")))
    assert re.search(r"Otros.*Nuevos", listed.split("Crear vista")[1])
    desk.post(address, {"do": "remove"})
    assert list(SavedView.objects.values_list("name", flat=True)) == ["Otros"]
    assert desk.get(f"/desk/?view={view.key.hex}").status_code == 404


def test_a_coordinator_shares_a_view_with_a_group():
    """Only who may share is asked with whom; the group's agents have it in their rail."""
    user = User.objects.create_user("coordina@demo.example", PASSWORD, name="Coordina")
    boss = signed_in(Agent.objects.create(user=user, role=Role.COORDINATOR, level=2))
    group = an_agent(1).groups.get()
    assert 'name="group"' in boss.get(reverse("desk:filter")).content.decode()
    sent = {"do": "save", "name": "Nivel 1", "scope": "group", "group": group.pk}
    boss.post(reverse("desk:filter"), sent)
    assert "Nivel 1" in text_of(signed_in(an_agent(1)).get("/desk/"))
    other = signed_in(an_agent(2))
    assert 'name="group"' not in other.get(reverse("desk:filter")).content.decode()
    assert SavedView.objects.get().key.hex not in other.get("/desk/").content.decode()
    assert other.post(reverse("desk:filter"), sent).status_code == 422


@pytest.mark.parametrize(
    "query",
    [
        "f=x",
        "f=[[1]]",
        'f=[["pk","any_of",[1]]]',
        "order=pk",
        "by=x",
        'f=[["level","any_of",["x"]]]',
    ],
)
def test_an_address_that_makes_no_sense_is_told_and_the_usual_view_shown(desk, query):
    """Nothing that somebody typed into an address reaches the database by its name."""
    ticket = a_case()
    page = desk.get(f"/desk/?{query}")
    assert numbers(page) == [ticket.number]
    assert 'class="note flash" data-sla="late" role="alert"' in page.content.decode()
    assert desk.get(f"/desk/?view={uuid.uuid4().hex}").status_code == 404


def test_columns_order_groups_and_density_are_ones_own_for_each_view(desk):
    """What is chosen for one view is not chosen for another, nor for somebody else."""
    ticket = a_case()
    commands.change_tags(ticket_id=ticket.pk, add=["lento"], actor=as_agent(), now=TUESDAY)
    sent = {
        "key": "mine",
        "ordering": "newest",
        "grouping": "status",
        "columns": list(COLUMNS),
        "density": "compact",
        "next": "/desk/?view=mine",
    }
    commands.assign_ticket(
        ticket_id=ticket.pk, assignee_id=an_agent().pk, actor=as_agent(), now=TUESDAY
    )
    assert desk.post(reverse("desk:display"), sent)["Location"] == "/desk/?view=mine"
    page = desk.get("/desk/?view=mine").content.decode()
    assert 'data-density="compact"' in page
    assert 'class="q-c q-c--tags trunc" title="lento">lento<' in page
    assert 'data-part="tnew"' in page
    assert "q-c--tags" not in desk.get("/desk/").content.decode()
    assert 'data-part="tnew"' not in desk.get("/desk/").content.decode()
    assert "data-density" not in signed_in(an_agent(2)).get("/desk/").content.decode()
    wrong = desk.post(
        reverse("desk:display"), sent | {"columns": ["password"], "next": "//evil.example"}
    )
    assert wrong["Location"] == "/desk/"  # where one was, and nowhere else


def test_the_chosen_cases_are_given_and_taken_back_without_a_script(desk):
    """A note says what was done to how many, who refused, and takes it back."""
    first, second, closed = (a_case() for _ in range(3))
    for status in ("solved", "closed"):
        commands.set_status(ticket_id=closed.pk, status=status, actor=as_agent(), now=TUESDAY)
    sent = {"t": [first.number, second.number, closed.number, "IWS-0"], "next": "/desk/"}
    page = desk.post(reverse("desk:bulk"), sent | {"do": "me"}, follow=True)
    text = text_of(page)
    assert "2 casos asignados a Agente de nivel 1." in text
    assert f"1 no cambió: {closed.number} está cerrado" in text
    assert set(Ticket.objects.filter(assignee=an_agent())) == {first, second}
    key = BulkAction.objects.get().key
    undo = reverse("desk:undo", args=[key])
    assert f'action="{undo}"' in page.content.decode()
    assert signed_in(an_agent(2)).post(undo).status_code == 404
    assert "Se deshizo en 2 casos." in text_of(desk.post(undo, follow=True))
    assert not Ticket.objects.filter(assignee=an_agent()).exists()
    assert "Eso ya no se puede deshacer" in text_of(desk.post(undo, follow=True))
    lost = desk.get(undo, follow=True)
    assert "No se envió nada" in text_of(lost)


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"do": "solve", "cause": "question", "solution": "explained"}, "pasó a «Resuelto»."),
        ({"do": "solve", "cause": "question"}, "sin ellos el caso no se da por resuelto."),
        ({"do": "status", "status": "solved"}, "sin ellos el caso no se da por resuelto."),
        ({"do": "solve", "cause": "x", "solution": "explained"}, "no cambió"),
        (
            {"do": "status", "status": "pending", "waiting_for": "area", "reason": "Crédito"},
            "pasó a «Pendiente».",
        ),
        ({"do": "severity", "severity": "A"}, "con severidad A."),
        ({"do": "tags", "add": "lento, #otra"}, "con otras etiquetas."),
        ({"do": "assign", "whom": "nobody"}, "ya estaba así."),
        ({"do": "assign", "whom": "agent:x"}, "Elija los casos y qué hacer con ellos."),
        ({"do": "status", "status": "pending"}, "Elija los casos y qué hacer con ellos."),
        ({"do": "everything"}, "Elija los casos y qué hacer con ellos."),
    ],
)
def test_what_can_be_done_with_the_chosen(desk, sent, told):
    """Each action of the bar, and what makes no sense."""
    ticket = a_case()
    page = desk.post(reverse("desk:bulk"), sent | {"t": ticket.number}, follow=True)
    assert told in text_of(page)


def test_a_script_is_told_how_the_rows_look_now(desk):
    """The rows come back as they are drawn in the list, with the note."""
    ticket = a_case()
    answer = desk.post(
        reverse("desk:bulk"), {"t": ticket.number, "do": "me"}, headers={"X-Plazo": "rows"}
    ).json()
    assert "Agente de nivel 1" in answer["rows"][ticket.number]
    assert answer["rows"][ticket.number].startswith(
        f'<li class="q-item" data-number="{ticket.number}">'
    )
    assert "data-undo" in answer["note"]


def test_take_the_next_one(desk):
    """The button gives the case that is due first and leads there; with none left it says so."""
    a_case(now=TUESDAY - 5 * MINUTE)
    first = a_case(now=TUESDAY - 30 * MINUTE)
    assert desk.get(reverse("desk:next"))["Location"] == f"/desk/tickets/{first.number}/"
    page = desk.post(reverse("desk:take_next"), follow=True)
    assert f"Usted tomó {first.number}." in text_of(page)
    assert 'action="/desk/next/take/"' in page.content.decode()
    desk.post(reverse("desk:take_next"))
    assert "No hay ningún caso por tomar." in text_of(
        desk.post(reverse("desk:take_next"), follow=True)
    )


def test_a_case_is_solved_from_its_own_bar_and_taken_back(desk):
    """One button and one key; the note takes it back, and leads back to the case."""
    ticket = a_case()
    here = f"/desk/tickets/{ticket.number}/"
    # Where a cause is asked for, the button opens the form; without one nothing is solved.
    assert 'href="#solve-it"' in desk.get(here).content.decode()
    assert desk.post(f"{here}resolve/").status_code == 422
    told = {kind: Outcome.objects.filter(kind=kind)[0].key for kind in ("cause", "solution")}
    page = desk.post(f"{here}resolve/", told, follow=True)
    assert f"{ticket.number} pasó a «Resuelto». Deshacer" in text_of(page)
    ticket.refresh_from_db()
    assert (ticket.status, ticket.cause, ticket.solution) == ("solved", *told.values())
    undo = re.search(r'action="(/desk/bulk/[^"]+/undo/)"', page.content.decode())
    desk.post(undo[1], {"next": here})
    ticket.refresh_from_db()
    assert ticket.status == "open"
    outcomes.set_asks(value=Asks.OPTIONAL, actor=as_agent(), now=TUESDAY)
    assert f'action="{here}resolve/"' in desk.get(here).content.decode()

    page = desk.post(f"{here}resolve/", follow=True)
    assert f"{ticket.number} pasó a «Resuelto». Deshacer" in text_of(page)
    assert f'action="{here}resolve/"' not in page.content.decode()
    ticket.refresh_from_db()
    assert ticket.status == "solved"
    again = desk.post(f"{here}resolve/", follow=True)
    assert "Deshacer" not in text_of(again)

    undo = re.search(r'action="(/desk/bulk/[^"]+/undo/)"', page.content.decode())
    back = desk.post(undo[1], {"next": here})
    assert back["Location"] == here
    ticket.refresh_from_db()
    assert ticket.status == "open"

    commands.set_status(ticket_id=ticket.pk, status="solved", actor=as_agent(), now=TUESDAY)
    commands.set_status(ticket_id=ticket.pk, status="closed", actor=as_agent(), now=TUESDAY)
    refused = desk.post(f"{here}resolve/")
    assert (refused.status_code, "Deshacer" in text_of(refused)) == (422, False)


def test_rows_tell_who_is_away_and_what_one_has_begun(desk):
    """A moon with its words on whose the case is; a pen on the cases where one's own draft lies."""
    given, begun, colleague = a_case(), a_case(), an_agent(2)
    commands.assign_ticket(
        ticket_id=given.pk, assignee_id=colleague.pk, actor=as_agent(), now=TUESDAY
    )
    for agent, ticket in ((an_agent(), begun), (colleague, given)):
        drafts.save(
            ticket_id=ticket.pk, agent=agent, kind="reply", body="Buenas", choices={}, now=TUESDAY
        )
    plan_absence(
        agent_id=colleague.pk,
        begins_at=TUESDAY,
        ends_at=TUESDAY + timedelta(days=2),
        actor=as_agent(2),
        now=TUESDAY,
    )

    rows = desk.get("/desk/").content.decode().split('<li class="q-item"')[1:]
    row = {re.search(r'data-number="([^"]+)"', each)[1]: each for each in rows}
    assert "Agente de nivel 2, ausente hasta" in row[given.number]
    assert "avatar--away" not in row[begun.number]
    assert [number for number in row if "q-begun" in row[number]] == [begun.number]


def test_empty_lists_say_what_to_do(desk):
    """A filter that finds nothing leads back to its conditions."""
    page = desk.get('/desk/?f=[["status","any_of",["open"]]]')
    assert "Ningún caso cumple estas condiciones" in text_of(page)
    assert "/desk/filter/?f=" in page.content.decode()


def test_a_filtered_queue_costs_the_same_for_one_row_and_for_fifty(desk):
    """Saved views, chips and every column: a fixed number of queries, and a light page."""
    requester = a_requester()
    a_case(requester=requester)
    for name in "abc":
        sent = {"row": ["0:status", "1:group"], "o0": "any_of", "c0": ["new"], "o1": "any_of",
                "c1": ["mine"], "do": "save", "name": name}  # fmt: skip
        desk.post(reverse("desk:filter"), sent)
    desk.post(
        reverse("desk:display"),
        {"key": "filter", "ordering": "due", "grouping": "assignee", "columns": list(COLUMNS)},
    )
    Organization.objects.create(name="Andina", slug="andina")
    url = '/desk/?f=[["status","any_of",["new"]],["assignee","any_of",["nobody",1]],["organization","any_of",["none"]]]'
    one = queries_of(desk, url)
    for _ in range(49):
        a_case(requester=requester)
    assert queries_of(desk, url) == one
    assert one <= 15
    page = desk.get(url)
    assert len(numbers(page)) == 50
    assert len(gzip.compress(page.content)) < 60_000
