"""The desk's pages for joining cases: what they show before anything is done, and what they cost."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from plazo.accounts.access import actor_of_requester
from plazo.accounts.models import User
from plazo.tickets import commands, joins, queries
from plazo.tickets.models import PublicMessage, Referral, Tag, Ticket, TicketField
from tests.database import queries_of
from tests.factory import TUESDAY, a_case, a_requester, an_agent, as_agent, publish_iws
from tests.people import a_person

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def world(db):
    """The real agreement is in force, and it is Tuesday at 14:52."""
    publish_iws()
    with time_machine.travel(TUESDAY, tick=False):
        yield


@pytest.fixture
def client():
    """An agent of level 1, signed in."""
    client = Client()
    client.force_login(an_agent().user)
    return client


def of(ticket, view="ticket", *more):
    """The address of a page of a case."""
    return reverse(f"desk:{view}", args=[ticket.number, *more])


def words_of(response):
    """What a page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_for_a_requester_none_of_it_exists():
    """Neither the pages nor the lookup of people: invisible means 404."""
    case = a_case()
    client = Client()
    client.force_login(User.objects.create_user("cliente@andina.example", "una clave larga"))
    for view in ("merge", "link", "incidents", "unmerge", "unlink", "tags", "classify", "fields"):
        assert client.post(of(case, view)).status_code == 404, view
    for path in (reverse("desk:new_case"), reverse("desk:people") + "?q=co"):
        assert client.get(path).status_code == 404, path


def test_a_merge_is_shown_before_it_is_done(client):
    """Whose clocks end, what stays owed and since when, and that these are two companies."""
    other = a_person("ti@boreal.example", "TI Boreal", company="boreal")
    gone, kept = a_case(requester=other), a_case(requester=a_person(), now=TUESDAY)
    page = client.get(of(gone, "merge") + f"?into={kept.number.lower()}")
    shown = words_of(page)
    assert page.status_code == 200
    assert "Son dos empresas distintas" in shown
    assert f"«Primera respuesta» de {gone.number} termina aquí" in shown
    assert "espera desde las 14:32" in shown or "espera desde 14:32" in shown
    assert f'name="people" value="{other.pk}"><' in page.content.decode(), "not ticked"
    assert Ticket.objects.get(pk=gone.pk).merged_into_id is None
    done = client.post(of(gone, "merge"), {"into": kept.number}, follow=True)
    assert done.redirect_chain == [(of(kept), 302)]
    assert "Deshacer" in words_of(done)
    banner = client.get(of(gone))
    assert f"Se unió a {kept.number}" in words_of(banner)
    client.post(of(gone, "unmerge"))
    assert Ticket.objects.get(pk=gone.pk).merged_into_id is None


@pytest.mark.parametrize(
    ("into", "words"),
    [
        pytest.param("IWS-99999999", "No hay ningún caso", id="no such case"),
        pytest.param("", "¿A qué caso?", id="nothing yet"),
        pytest.param("IWS%00-1", "No hay ningún caso", id="what no number has"),
    ],
)
def test_a_number_that_leads_nowhere_is_asked_for_again(client, into, words):
    """The page says so, and shows the requester's other cases to choose from."""
    case, other = a_case(), a_case()
    page = client.get(of(case, "merge") + f"?into={into}")
    assert words in words_of(page)
    assert other.number in words_of(page)


def test_people_of_the_same_company_are_ticked_beforehand(client):
    """Colleagues usually ask about the same thing; it can still be unticked."""
    colleague = a_person("colega@andina.example", "Colega")
    gone, kept = a_case(requester=colleague), a_case(requester=a_person())
    page = client.get(of(gone, "merge") + f"?into={kept.number}").content.decode()
    assert f'name="people" value="{colleague.pk}" checked' in page


def test_a_message_is_split_off_from_its_place(client):
    """The page says from when the new case will count, and leads to it."""
    case = a_case()
    said = commands.reply_as_requester(
        ticket_id=case.pk,
        body="Otra cosa: la factura",
        actor=actor_of_requester(case.requester),
        now=TUESDAY - 5 * MINUTE,
    ).payload["message"]
    assert of(case, "split", said) in client.get(of(case)).content.decode()
    assert "cuenta desde" in words_of(client.get(of(case, "split", said)))
    sent = {"subject": "Factura", "service": "esd", "environment": "", "request_type": "billing"}
    done = client.post(of(case, "split", said), sent)
    new = Ticket.objects.exclude(pk=case.pk).get()
    assert done["Location"] == of(new)
    assert (new.subject, new.request_type) == ("Factura", "billing")
    assert of(case, "split", said) not in client.get(of(case)).content.decode()
    opening = queries.chain_of(case)[0].payload["message"]
    assert client.post(of(case, "split", opening), sent).status_code == 422


def test_a_link_shows_the_other_case_first(client):
    """Its subject stands there before anything is linked; it comes off from either side."""
    case, other = a_case(), a_case(subject="La caída del proveedor")
    page = client.get(of(case, "link") + f"?other={other.number}&why=problem")
    assert "La caída del proveedor" in words_of(page)
    assert joins.links_of(queries.chain_of(case)) == []
    client.post(of(case, "link"), {"other": other.number, "why": "problem"})
    assert "Problema de" in words_of(client.get(of(other)))
    client.post(of(other, "unlink"), {"other": case.number, "why": "incident"})
    assert joins.links_of(queries.chain_of(case)) == []


def test_a_problem_tells_its_incidents(client):
    """One text, a reply in each of the chosen cases, and they are solved with it."""
    problem, one, two = a_case(), a_case(), a_case()
    for incident in (one, two):
        commands.link_tickets(
            ticket_id=incident.pk,
            other_id=problem.pk,
            why="problem",
            actor=as_agent(),
            now=TUESDAY,
        )
    assert "Avisar en 2 incidentes" in words_of(client.get(of(problem)))
    sent = {"incidents": [one.pk], "words": "{{ticket.number}}: lo corrigió.", "then": "solved"}
    client.post(of(problem, "incidents"), sent)
    assert Ticket.objects.get(pk=one.pk).status == "solved"
    assert Ticket.objects.get(pk=two.pk).status == "new"
    said = PublicMessage.objects.get(author_agent__isnull=False)
    assert (said.ticket_id, said.body_text) == (one.pk, f"{one.number}: lo corrigió.")


def test_a_case_is_opened_after_a_call(client):
    """With who of us asked for it; who is not entitled is flagged, and it is opened all the same."""
    form = client.get(reverse("desk:new_case"))
    key = re.search(r'name="key" value="([^"]+)"', form.content.decode())[1]
    sent = {
        "key": key,
        "requester": "Nueva Persona <nueva@lejos.example>",
        "name": "Nueva Persona",
        "subject": "No puede facturar",
        "body": "Llamó a su ejecutiva.",
        "service": "esd",
        "severity": "B",
        "role": "sales",
        "insider": "Ejecutiva de cuenta",
    }
    for _twice in range(2):
        done = client.post(reverse("desk:new_case"), sent, follow=True)
    ticket = Ticket.objects.get()
    assert done.redirect_chain == [(of(ticket), 302)]
    assert (ticket.requester.email, ticket.channel) == ("nueva@lejos.example", "internal")
    assert "no pertenece a ninguna empresa" in words_of(done)
    assert "Ejecutiva de cuenta" in words_of(done)
    assert Referral.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        pytest.param({"requester": "nadie"}, "correo completo", id="no address"),
        pytest.param({"subject": ""}, "Escriba un asunto", id="no subject"),
        pytest.param({"role": "sales"}, "quién de nosotros", id="an insider without a name"),
        pytest.param({"service": "nube"}, "opciones", id="no such service"),
    ],
)
def test_what_is_missing_is_asked_for_and_nothing_is_lost(client, wrong, words):
    """The page comes back with what was typed."""
    sent = {"requester": "a@b.example", "subject": "Asunto raro", "body": "Texto largo"}
    page = client.post(reverse("desk:new_case"), sent | wrong)
    assert page.status_code == 422
    assert words in words_of(page)
    assert "Texto largo" in page.content.decode()
    assert not Ticket.objects.exists()


def test_people_are_found_by_address_or_name(client):
    """From two letters on; each with their company, and why it is not entitled."""
    a_person()
    a_requester("compras@otra.example", "Comprador Suelto")
    found = client.get(reverse("desk:people"), {"q": "comp"}).json()["people"]
    assert [person["email"] for person in found] == [
        "compras@andina.example",
        "compras@otra.example",
    ]
    assert "ninguna empresa" in found[1]["flag"]
    assert client.get(reverse("desk:people"), {"q": "c"}).json() == {"people": []}


def test_tags_and_details_are_changed_beside_the_conversation(client):
    """Each with its own form, without script; a wrong tag says what a tag is."""
    case = a_case()
    client.post(of(case, "tags"), {"add": "proveedor, vip"})
    client.post(of(case, "tags"), {"remove": "vip"})
    assert Ticket.objects.get(pk=case.pk).tags == ["proveedor"]
    assert Tag.objects.count() == 2
    assert client.post(of(case, "tags"), {"add": "¿qué?"}).status_code == 422
    client.post(of(case, "classify"), {"service": "physical", "request_type": "incident"})
    client.post(of(case, "fields"), {"field_order_number": "OC-88214"})
    assert TicketField.objects.get().value == "OC-88214"
    shown = words_of(client.get(of(case)))
    assert "OC-88214" in shown
    assert "proveedor" in shown


def test_the_sections_cost_two_queries_however_much_they_hold(client):
    """Tags and linked cases: one query each, for one link or for six."""

    def cost(ticket):
        return queries_of(client, of(ticket))

    case = a_case()
    bare = cost(case)
    links = [a_case() for _each in range(6)]
    for number, other in enumerate(links, start=1):
        commands.link_tickets(
            ticket_id=case.pk, other_id=other.pk, why="related", actor=as_agent(), now=TUESDAY
        )
        if number == 1:
            assert cost(case) == bare + 1
    tags = [f"etiqueta-{number}" for number in range(20)]
    commands.change_tags(ticket_id=case.pk, add=tags, actor=as_agent(), now=TUESDAY)
    assert cost(case) == bare + 1
