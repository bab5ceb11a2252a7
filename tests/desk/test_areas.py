"""Handing off at the desk: one form, prefilled by the clause; and what came back on the case."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from plazo.accounts.models import Organization
from plazo.core.clock import read_clock
from plazo.notifications.models import MailKind, OutboundMail
from plazo.tickets import commands, queries
from plazo.tickets.areas import asks_of
from plazo.tickets.bodies import written_plain
from plazo.tickets.models import AreaAsk, AreaMessage, PublicMessage, Ticket
from tests.factory import a_case, a_requester, as_agent, publish_iws

pytestmark = pytest.mark.django_db


@pytest.fixture
def case():
    """A case about an invoice, of a company whose representative is known."""
    publish_iws()
    company = Organization.objects.create(
        name="Andina",
        slug="andina",
        stage="production",
        services=["esd"],
        representative_name="Daniela Orrego",
        representative_email="daniela@ventas.example",
    )
    requester = a_requester()
    requester.organization = company
    requester.save()
    now = read_clock() - timedelta(minutes=5)
    return a_case(requester=requester, request_type="billing", now=now)


def address(case, *rest):
    return "/".join(["/desk/tickets", case.number, *rest, ""])


def filled(case, **changes):
    wanted = {
        "route": "representative",
        "language": "es",
        "body": "¿Pueden anular la factura?",
        "shared": [case.messages.get().pk],
        "consent": "no",
        "answer": "on",
        "reply": "Lo atiende Crédito.",
        "waits": "on",
    }
    return {name: value for name, value in {**wanted, **changes}.items() if value is not None}


def kinds_of(case):
    return [event.kind for event in queries.chain_of(case)]


def test_what_is_within_scope_stays_so_when_an_area_is_only_asked(agent_client, case):
    """Whoever asks an area about such a case has not said that it is out of scope."""
    now = read_clock()
    commands.give_verdict(ticket_id=case.pk, in_scope=True, actor=as_agent(), now=now)
    page = agent_client.get(address(case, "hand-off")).content.decode()
    assert "Qué se le pide a Integraciones" in page
    assert "§2, consideración 1" not in page
    agent_client.post(address(case, "hand-off"), filled(case, answer=None, reply=None))
    case.refresh_from_db()
    assert case.verdict == "in_scope"
    assert AreaAsk.objects.get(ticket=case).area == "integrations"


def test_the_form_begins_with_what_is_proposed(agent_client, case):
    """Where nobody has decided yet, the clause that the rules propose is the one in hand."""
    now = read_clock() - timedelta(minutes=5)
    words = "La factura 88213 trae dos cobros de más."
    case = a_case(requester=case.requester, now=now, subject="Cobro doble", body=words)
    page = agent_client.get(address(case, "hand-off")).content.decode()
    assert "Qué se le pide a Crédito" in page
    assert "§2, consideración 3" in page


def test_the_form_is_ready_to_be_sent(agent_client, case):
    """The form's own clause is chosen, its area, the representative, and its ready answer."""
    page = agent_client.get(address(case, "hand-off")).content.decode()
    for words in ("Qué se le pide a Crédito", "daniela@ventas.example", "§2, consideración 3"):
        assert words in page
    clause = case.agreement_version.document.clause("billing")
    assert clause.answer.es in page
    sent = agent_client.post(address(case, "hand-off"), filled(case))
    assert sent.status_code == 302
    case.refresh_from_db()
    ask = asks_of(queries.chain_of(case))["ask-1"]
    assert (case.verdict, case.status, ask.route, ask.consent) == (
        "billing", "pending", "representative", "no",
    )  # fmt: skip
    assert OutboundMail.objects.get(kind=MailKind.AREA_ASKED).recipient == "daniela@ventas.example"
    assert OutboundMail.objects.get(kind=MailKind.REPLY).recipient == case.requester.email
    shown = agent_client.get(address(case)).content.decode()
    for words in ("Conversación lateral", "a Daniela Orrego", "Retirar la consulta"):
        assert words in shown


def test_an_area_is_told_how_urgent_it_is_though_nobody_had_judged_it(agent_client, case):
    """A mail says no severity: the form asks for it, and it is judged on the case with the rest."""
    Ticket.objects.filter(pk=case.pk).update(requested_severity="")
    page = agent_client.get(address(case, "hand-off")).content.decode()
    assert 'name="severity"' in page
    assert (
        agent_client.post(address(case, "hand-off"), filled(case, severity="Z")).status_code == 422
    )
    agent_client.post(address(case, "hand-off"), filled(case, severity="B"))
    case.refresh_from_db()
    assert (case.severity, asks_of(queries.chain_of(case))["ask-1"].severity) == ("B", "B")
    assert 'name="severity"' not in agent_client.get(address(case, "hand-off")).content.decode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"body": ""}, "Escriba qué debe hacer el área", id="nothing to do"),
        pytest.param({"route": "address", "email": ""}, "Escriba la dirección", id="nobody to ask"),
        pytest.param({"route": "address", "email": "compras@andina.example"}, "participa en el caso", id="the requester's own address"),
        pytest.param({"route": "area"}, "Escoja una opción", id="an area without an address"),
        pytest.param({"reply": " "}, "Escriba la respuesta", id="an answer without words"),
        pytest.param({"consent": None}, "Diga si el cliente acepta", id="consent not said"),
        pytest.param({"shared": ["999999"]}, "Escoja una opción", id="a message of another case"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_leaves_nothing_and_loses_nothing(agent_client, case, changes, words):
    """All or none: on a fault there is no verdict, no mail, and what was typed is still there."""
    page = agent_client.post(address(case, "hand-off"), filled(case, **changes))
    assert page.status_code == 422
    text = page.content.decode()
    assert words in text
    if changes.get("reply") is None:
        assert "Lo atiende Crédito." in text
    assert kinds_of(case) == ["ticket.opened"]


def test_an_address_can_be_kept_as_the_representatives(agent_client, case):
    """Written once, it is offered from then on; only asking leaves the verdict as it is."""
    wanted = filled(
        case,
        route="address",
        email="Nuevo@Ventas.example",
        name="Nuevo",
        remember="on",
        answer=None,
    )
    assert agent_client.post(f"{address(case, 'hand-off')}?area=sales", wanted).status_code == 302
    company = Organization.objects.get()
    assert (company.representative_name, company.representative_email) == (
        "Nuevo",
        "nuevo@ventas.example",
    )
    case.refresh_from_db()
    assert case.verdict == ""
    assert PublicMessage.objects.filter(ticket=case).count() == 1


def test_a_clause_that_leaves_it_to_the_client_asks_nobody(agent_client, case):
    """Delivered licences are the client's own: the verdict and the answer go, and no question."""
    where = f"{address(case, 'hand-off')}?clause=delivered_licenses"
    assert "no se consulta a nadie más" in agent_client.get(where).content.decode()
    assert agent_client.post(where, {"reply": "Es suya."}).status_code == 422
    assert agent_client.post(where, {"answer": "on", "reply": "Es suya."}).status_code == 302
    assert kinds_of(case)[1:] == ["verdict.given", "ticket.replied", "status.changed"]
    assert not AreaAsk.objects.exists()


def test_what_comes_after_is_done_on_the_case(agent_client, case):
    """Written to again, noted, answered by telephone and withdrawn; what is not there is a 404."""
    agent_client.post(address(case, "hand-off"), filled(case))
    for what, data, kind in (
        ("write", {"body": "¿Hay novedades?"}, "area.written"),
        ("received", {}, "area.received"),
        ("answered", {"body": "Por teléfono: la tienen."}, "area.answered"),
        ("aside", {}, "area.answer_set_aside"),
        ("answered", {"body": "Por teléfono: anulada."}, "area.answered"),
    ):
        done = agent_client.post(address(case, "areas", "ask-1", what), data)
        assert done.status_code == 302
        assert kind in kinds_of(case)[-2:]
    assert "nos lo dijeron; lo anotó" in agent_client.get(address(case)).content.decode()
    again = agent_client.post(address(case, "areas", "ask-1", "withdraw"))
    assert again.status_code == 422
    assert (
        agent_client.post(address(case, "areas", "ask-1", "write"), {"body": ""}).status_code == 422
    )
    for path in (("areas", "ask-9", "received"), ("areas", "ask-1", "burn")):
        assert agent_client.post(address(case, *path)).status_code == 404
    assert agent_client.get(address(case, "why", "area_reply:ask-1")).status_code == 200


def test_a_case_with_many_askings_costs_as_much_as_one(agent_client, case):
    """The page's queries do not grow with what areas were asked and answered."""

    def cost():
        agent_client.get(address(case))
        with CaptureQueriesContext(
            connection,
        ) as captured:
            agent_client.get(address(case))
        return len(captured)

    now, by = read_clock(), {"actor": as_agent()}

    def ask(number):
        commands.ask_area(
            ticket_id=case.pk, area="credit", email=f"c{number}@interno.example",
            body=f"Pregunta {number}", now=now, **by,
        )  # fmt: skip
        latest = AreaAsk.objects.latest("pk")
        for _answer in range(3):
            commands.record_area_answer(
                ask_id=latest.pk, written=written_plain("Sí."), now=now, **by
            )

    ask(1)
    first = cost()
    for number in range(2, 6):
        ask(number)
    assert cost() == first
    assert AreaMessage.objects.count() == 20


def test_what_was_written_to_an_area_that_is_asked_no_more_is_given_back(agent_client, case):
    """A colleague withdrew the question meanwhile: the refusal costs nobody their words."""
    agent_client.post(address(case, "hand-off"), filled(case))
    ask = AreaAsk.objects.get()
    commands.withdraw_ask(ask_id=ask.pk, actor=as_agent(), now=read_clock())

    answer = agent_client.post(
        address(case, "areas", ask.key, "write"), {"body": "¿Ya salió la nota crédito?"}
    )

    assert answer.status_code == 422
    assert "¿Ya salió la nota crédito?" in answer.content.decode()


def test_what_a_merged_case_asked_an_area_stands_on_the_one_that_goes_on(agent_client, case):
    """Whoever works the survivor sees whether the area still owes an answer."""
    agent_client.post(address(case, "hand-off"), filled(case))
    kept = a_case(requester=case.requester)
    by = {"actor": as_agent(), "now": read_clock()}
    commands.merge_ticket(ticket_id=case.pk, into_id=kept.pk, **by)

    page = agent_client.get(address(kept)).content.decode()
    assert "Consultada" in page
    assert "Desde la unión ya no se les recuerda" in page
    ask = AreaAsk.objects.get()
    commands.record_area_answer(ask_id=ask.pk, written=written_plain("Anulada."), **by)
    page = agent_client.get(address(kept)).content.decode()
    assert "Respondió" in page
    assert "ya no se les recuerda" not in page
