"""The desk's search: its page, what the palette and the completion are told, and whom it leads to."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from plazo.accounts.models import Organization, Requester, User
from plazo.tickets import commands
from plazo.tickets.models import Ticket
from plazo.tickets.search import indexing
from tests.factory import TUESDAY, a_case, a_requester, as_agent, publish_iws

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def world(db):
    """The real agreement is in force, and it is Tuesday at 14:52."""
    publish_iws()
    with time_machine.travel(TUESDAY, tick=False):
        yield


@pytest.fixture
def cases() -> list[Ticket]:
    """Two cases of a company, the first with a note, and a stranger's."""
    company = Organization.objects.create(name="Grupo Ñandú", slug="nandu", stage="production")
    ana = a_requester("ana@nandu.example", "Ana Pérez")
    Requester.objects.filter(pk=ana.pk).update(organization=company)
    ana.refresh_from_db()
    hour = timedelta(hours=1)
    found = [
        a_case(now=TUESDAY - 3 * hour, subject="Pago <rechazado>", requester=ana),
        a_case(now=TUESDAY - 2 * hour, subject="Factura doble", requester=ana),
        a_case(now=TUESDAY - hour, subject="Otra cosa", body="Sin relación."),
    ]
    commands.add_internal_note(
        ticket_id=found[0].pk,
        body="El banco <b>rechazó</b> el pago.",
        actor=as_agent(),
        now=TUESDAY,
    )
    commands.change_tags(ticket_id=found[1].pk, add=["cobro"], actor=as_agent(), now=TUESDAY)
    indexing.index_due()
    return found


def numbers(page: Any) -> list[str]:
    return re.findall(r'class="found__row" data-walk href="/desk/tickets/(IWS-\d+)/"', page)


def see(client: Client, address: str, **query: str) -> str:
    answer = client.get(address, query, headers={"Accept-Language": "es"})
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_shows_where_it_was_found(agent_client, cases):
    """Words are marked, what people wrote is only text, and a note says that it is one."""
    page = see(agent_client, "/desk/find/", q="banco")
    assert numbers(page) == [cases[0].number]
    assert "El <mark>banco</mark> &lt;b&gt;rechazó&lt;/b&gt; el pago." in page
    assert re.search(r"#i-lock\"></use></svg> Nota", page)
    page = see(agent_client, "/desk/find/", q="rechazado")
    assert "Pago &lt;<mark>rechazado</mark>&gt;" in page


def test_people_companies_and_articles_stand_beside(agent_client, cases):
    """Who and what else goes by the words is offered, and leads to pages with their cases."""
    page = see(agent_client, "/desk/find/", q="ana")
    assert numbers(page) == [cases[1].number, cases[0].number]
    person = reverse("desk:person", args=[cases[0].requester_id])
    assert f'href="{person}"' in page
    assert 'href="/desk/companies/nandu/"' in see(agent_client, "/desk/find/", q="nandu")
    for address in (person, "/desk/companies/nandu/"):
        page = see(agent_client, address)
        assert numbers(page) == [cases[1].number, cases[0].number]
        assert "Grupo Ñandú" in page


def test_a_slip_in_an_operator_is_said(agent_client, cases):
    """What could not be read is looked for as words, and the page says why."""
    page = see(agent_client, "/desk/find/", q="estado:raro color:rojo")
    assert "Se buscó «estado:raro» como palabras: nada corresponde a ese valor." in page
    assert "Se buscó «color:rojo» como palabras: ningún operador se llama así." in page
    assert "Ningún caso dice eso" in page


def test_the_old_search_of_the_queue_leads_here(agent_client, cases):
    """Addresses that people kept work, with a number or an address as they did."""
    answer = agent_client.get("/desk/", {"q": cases[0].number}, follow=True)
    assert answer.redirect_chain == [(f"/desk/find/?q={cases[0].number}", 302)]
    assert numbers(answer.content.decode())[0] == cases[0].number
    assert numbers(see(agent_client, "/desk/find/", q="ana@nan")) == [
        cases[1].number,
        cases[0].number,
    ]


def test_the_palette_is_told_the_first_of_each_kind(agent_client, cases):
    """While one types: cases with their state, people and companies, each with its address."""
    answer = agent_client.get("/desk/find/now/", {"q": "nand"}).json()
    found = {part["name"]: [one["name"] for one in part["items"]] for part in answer["groups"]}
    assert found["Casos"] == [
        f"{cases[1].number} · Factura doble",
        f"{cases[0].number} · Pago <rechazado>",
    ]
    assert found["Personas y empresas"] == ["Ana Pérez", "Grupo Ñandú"]
    assert agent_client.get("/desk/find/now/", {"q": ""}).json() == {"groups": []}


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("est", ["estado:"]),
        ("-eti", ["-etiqueta:"]),
        ("estado:ab", ["estado:abierto"]),
        ("status:ab", ["status:abierto"]),
        ("etiqueta:co", ["etiqueta:cobro"]),
        ('empresa:"gru', ['empresa:"Grupo Ñandú"']),
        ("asignado:y", ["asignado:yo"]),
        ("de:ana", ["de:ana@nandu.example"]),
        ("pago", []),
        ("color:r", []),
    ],
)
def test_operators_are_completed(agent_client, cases, typed, offered):
    """Names first, then values, in the language of the screen, as the last word can be replaced."""
    answer = agent_client.get("/desk/find/complete/", {"q": typed}).json()
    assert [one["text"] for one in answer["options"]] == offered


def test_every_completion_is_understood(agent_client, cases):
    """Whatever is offered as a value means something in a search."""
    for name in ("estado", "severidad", "nivel", "asignado", "grupo", "canal", "es", "tiene"):
        options = agent_client.get("/desk/find/complete/", {"q": f"{name}:"}).json()["options"]
        assert options, name
        for one in options:
            assert "como palabras" not in see(agent_client, "/desk/find/", q=one["text"]), one


def test_nobody_else_searches(cases):
    """For a requester, and for a stranger, none of these pages is there; the portal finds no note."""
    client = Client()
    person = Requester.objects.get(email="ana@nandu.example")
    addresses = [
        "/desk/find/?q=banco",
        "/desk/find/now/?q=banco",
        "/desk/find/complete/?q=estado:",
        reverse("desk:person", args=[person.pk]),
        "/desk/companies/nandu/",
    ]
    assert [client.get(each).status_code for each in addresses] == [302] * 5

    user = User.objects.create_user("ana@nandu.example", "una clave larga")
    Requester.objects.filter(pk=person.pk).update(user=user)
    client.force_login(user)
    assert [client.get(each).status_code for each in addresses] == [404] * 5
    for address in ("/hc/es/search/", "/hc/es/requests/"):
        page = client.get(address, {"q": "banco"})
        assert page.status_code == 200
        assert "rechazó" not in page.content.decode()


def test_a_page_costs_the_same_whatever_it_finds(
    agent_client, cases, django_assert_max_num_queries: Callable[..., Any]
):
    """One or many hits: the number of queries is bound."""
    see(agent_client, "/desk/find/", q="banco")  # what a process keeps
    for words in ("banco", "ana", "PlaceOrder", "nandu estado:nuevo"):
        with django_assert_max_num_queries(22):
            see(agent_client, "/desk/find/", q=words)
