"""The rules of scope: which verdict they propose for which case, and what they rest on."""

import pytest

from plazo.agreements.document import parse
from plazo.triage.scope import CaseFacts, suggest
from tests.factory import IWS

SOURCE = IWS.read_text(encoding="utf-8")
DOCUMENT = parse(SOURCE)


def facts(text="", subject="", **more):
    """A case in production with what somebody wrote."""
    answers = more.pop("answers", {})
    texts = (("subject", subject), ("body", text), *answers.items())
    usual = {"environment": "", "request_type": "", "stage": "production", "channel": "email"}
    return CaseFacts(texts=texts, **usual | more)


INCIDENT = {"environment": "production", "request_type": "incident", "channel": "form"}


@pytest.mark.parametrize(
    ("case", "verdict", "sure"),
    [
        pytest.param(facts("PlaceOrder devuelve 504 desde las 12:40", **INCIDENT), "in_scope", True, id="§2 a technical incident in production is in scope"),
        pytest.param(facts("GetInventory no responde", subject="Error 500"), "in_scope", False, id="§2 technical words alone, by mail"),
        pytest.param(facts("No puedo entrar", environment="development", request_type="incident"), "environment", True, id="§2.1 the form says development"),
        pytest.param(facts("Necesitamos credenciales para el ambiente de pruebas"), "environment", False, id="§2.1 words for the testing environment"),
        pytest.param(facts("Estamos integrando en el sandbox", stage="testing"), "environment", True, id="§2.1 words, and a company that is still testing"),
        pytest.param(facts("Quisiera una cotización con precio especial"), "commercial", False, id="§2.2 commercial words"),
        pytest.param(facts("¿Cuándo llega?", request_type="commercial", environment="production"), "commercial", False, id="§2.2 the form says commercial"),
        pytest.param(facts("La factura 001-4477 tiene un cobro de más", request_type="billing", environment="production"), "billing", True, id="§2.3 the form and the words"),
        pytest.param(facts("Please correct the invoice of May"), "billing", False, id="§2.3 in English, in a Spanish desk"),
        pytest.param(facts("Por favor cancelen las dos órdenes de ayer", subject="Cancelar orden 4500-17"), "order_change", False, id="§2.4 cancelling an order"),
        pytest.param(facts("Solicito nota de crédito", request_type="order_change", environment="production"), "order_change", True, id="§2.4 a credit note, with the form"),
        pytest.param(facts("El usuario quiere activar la licencia en otro equipo"), "delivered_licenses", False, id="§2.5 using a license that was delivered"),
        pytest.param(facts("No responde", request_type="order_change", environment="production", guidance="technical", answers={"method": "x"}), "in_scope", False, id="said to be technical all the same"),
    ],
)  # fmt: skip
def test_a_case_is_proposed_a_verdict(case, verdict, sure):
    """The real agreement's rules, on what clients write."""
    first = suggest(DOCUMENT, case)[0]
    assert (first.verdict, first.sure) == (verdict, sure)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(facts("Buenos días, ¿me pueden llamar?"), id="words that say nothing of it"),
        pytest.param(facts(""), id="nothing at all"),
        pytest.param(facts("licencia", stage=None), id="half a phrase is none"),
    ],
)
def test_nothing_is_proposed_without_evidence(case):
    """Silence is an answer."""
    assert suggest(DOCUMENT, case) == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(
            "CANCELACION de la ORDEN 12",
            "CANCELACION de la ORDEN",
            id="without accents, in capitals, another form",
        ),
        pytest.param("cancelar las dos órdenes", "cancelar las dos órdenes", id="words between"),
        pytest.param("cancelar uno dos tres cuatro cinco orden", None, id="too many words between"),
        pytest.param("orden para cancelar", None, id="in the other order"),
        pytest.param("please cancel the order", "cancel the order", id="in the other language"),
        pytest.param("cancelar la orden: la llamada a CancelOrder falla", None, id="unless"),
    ],
)
def test_a_phrase_is_found_by_its_stems(text, found):
    """As the search finds words, so do the rules."""
    ranked = {each.verdict: each for each in suggest(DOCUMENT, facts(text))}
    evidence = ranked["order_change"].evidence if "order_change" in ranked else ()
    assert (evidence[0].found[0].words if evidence else None) == found


def test_the_evidence_says_where_and_what():
    """Where each word stands, which answers held, and the points of each."""
    case = facts(
        "Buenas tardes. Nos hicieron un cobro que no corresponde a lo pedido.",
        subject="Reclamo",
        environment="production",
        request_type="billing",
        answers={"invoice_number": "F-881"},
    )
    (first, *_rest) = suggest(DOCUMENT, case)
    assert [(e.rule, e.points) for e in first.evidence] == [
        ("form:request_type", 60),
        ("billing_words", 60),
        ("invoice_number", 30),
    ]
    assert first.points == 150
    words = first.evidence[1].found[0]
    assert (words.place, words.words) == ("body", "cobro")
    assert words.before + words.words + words.after == (
        "…tardes. Nos hicieron un cobro que no corresponde a lo…"
    )
    assert first.evidence[0].held == (("request_type", "billing"),)
    assert first.evidence[2].held == (("answered", "invoice_number"),)


def test_the_ranking_is_always_the_same():
    """Of verdicts with the same points the agreement's order decides."""
    case = facts("La factura y la cotización")
    ranked = suggest(DOCUMENT, case)
    assert [(each.verdict, each.points) for each in ranked] == [("commercial", 60), ("billing", 60)]
    assert not ranked[0].sure
    assert suggest(DOCUMENT, case) == ranked


def test_an_agreement_without_rules_goes_by_its_form():
    """A version that was published before there were rules proposes what its form points to."""
    bare = parse(SOURCE.split("# Qué habla a favor")[0] + SOURCE[SOURCE.index("# ── 3. Canal") :])
    assert bare.scope_rules == ()
    assert suggest(bare, facts("La factura", request_type="billing"))[0].verdict == "billing"
    assert suggest(bare, facts("La factura")) == ()
