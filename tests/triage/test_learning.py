"""Learning from the team's verdicts: from when on, what it says of cases, and what is refused."""

import json
import random
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from plazo.core.actor import Actor
from plazo.tickets import commands, queries
from plazo.triage.learning import BadWeights, Prediction, Weights
from plazo.triage.learning_queries import model_in_use
from plazo.triage.learning_training import (
    FEWEST,
    FEWEST_EACH,
    TrainingFailed,
    ask_child,
    gather,
    learn,
    learn_if_due,
    next_night,
    switch_learning,
)
from plazo.triage.models import Outcome, ScopeLearning
from plazo.triage.scope import CaseFacts
from plazo.triage.scope_suggesting import judge_scope, suggestion_of
from tests.factory import TUESDAY, a_case, as_agent

WEIGHTS = {
    "format": 1,
    "verdicts": ["billing", "in_scope"],
    "bias": [0.0, 0.0],
    "terms": {"factur": [1.0, [3.0, -3.0]], "error": [2.0, [-2.0, 2.0]]},
    "marks": {"environment=production": [-0.5, 0.5]},
}


def facts(body, **more):
    return CaseFacts(texts=(("subject", ""), ("body", body)), **more)


# — figures ————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    ("case", "said"),
    [
        pytest.param(facts("Las facturas"), Prediction("billing", 0.9975, ("facturas",), ()), id="one word"),
        pytest.param(facts("factura", environment="production"), Prediction("billing", 0.9933, ("factura",), ()), id="an answer that speaks against it"),
        pytest.param(facts("Un error", environment="production"), Prediction("in_scope", 0.9933, ("error",), ("environment=production",)), id="an answer that speaks for it"),
        pytest.param(facts("Buenas tardes"), None, id="no word that it knows: silence"),
        pytest.param(facts(""), None, id="nothing at all"),
    ],
)  # fmt: skip
def test_weights_say_a_verdict_with_what_weighed_most(case, said):
    """The arithmetic, by hand: a softmax of sums."""
    found = Weights.from_json(WEIGHTS).predict(case, "es")
    if said is None:
        assert found is None
        return
    assert found.probability == pytest.approx(said.probability, abs=1e-4)
    assert (found.verdict, found.words, found.marks) == (said.verdict, said.words, said.marks)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"format": 2}, id="another format"),
        pytest.param({"bias": [0.0]}, id="figures for fewer verdicts"),
        pytest.param({"bias": [0.0, "1"]}, id="a text for a figure"),
        pytest.param({"bias": [0.0, float("nan")]}, id="no number"),
        pytest.param({"terms": {"x": [1.0, [1.0, 2.0, 3.0]]}}, id="figures for more verdicts"),
        pytest.param({"terms": [1]}, id="no table"),
        pytest.param({"marks": None}, id="nothing"),
    ],
)
def test_weights_that_cannot_be_right_are_refused(change):
    """A model is figures and nothing else: what does not fit is not used."""
    with pytest.raises(BadWeights):
        Weights.from_json(WEIGHTS | change)


def test_asking_takes_less_than_five_milliseconds():
    """A model of the largest size, and a long request; the median of many."""
    words = random.Random(5)
    stems = ["".join(words.choices("abcdefghijklm", k=6)) for _ in range(4000)]
    figures = {stem: [1.0, [words.random() for _ in range(6)]] for stem in stems}
    model = Weights.from_json(
        {"format": 1, "verdicts": list("abcdef"), "bias": [0.0] * 6, "terms": figures, "marks": {}}
    )
    case = facts(" ".join(words.choices(stems, k=3000)))
    took = []
    for _ in range(50):
        began = time.process_time()
        model.predict(case, "es")
        took.append(time.process_time() - began)
    assert sorted(took)[25] < 0.005


def test_next_night_is_at_three_in_the_supports_zone():
    """By the wall clock there, however the year goes."""
    zone = "America/New_York"
    before, after = datetime(2026, 3, 7, 9, tzinfo=UTC), datetime(2026, 3, 8, 9, tzinfo=UTC)
    assert next_night(before, zone) == datetime(2026, 3, 8, 7, tzinfo=UTC)
    assert next_night(after, zone) == datetime(2026, 3, 9, 7, tzinfo=UTC)


def test_a_child_that_fails_gives_no_model():
    """Its last word is kept; nothing of ours is in its environment."""
    with pytest.raises(TrainingFailed, match="ended with 1: no"):
        ask_child({}, [sys.executable, "-c", "import sys; sys.exit('no')"])
    assert ask_child({}, [sys.executable, "-c", "import sys; sys.exit(3)"]) is None
    names = ask_child(
        {}, [sys.executable, "-c", "import os,json; print(json.dumps(dict(os.environ)))"]
    )
    assert not [name for name in names if name.startswith(("PLAZO", "DATABASE", "DJANGO"))]


# — the whole way ——————————————————————————————————————————————————————————————————————

SAID = {
    "billing": ("La factura", "Un cobro", "El reembolso"),
    "commercial": ("Una cotización", "Un descuento", "Los precios"),
    "in_scope": ("GetInventory falla", "PlaceOrder sin respuesta", "La firma no vale"),
}
ENOUGH = 60
AROUND = ["ayer", "hoy", "cliente", "tienda", "equipo", "gracias", "pronto", "bodega", "lunes"]


def decide(number, verdict, chance, by, now):
    """Open a case by mail's ways and decide it."""
    body = " ".join([*chance.sample(AROUND, 4), chance.choice(SAID[verdict]), "en Zacapa"])
    case = a_case(subject=f"Caso {number}", body=body, now=now)
    judge_scope(ticket_id=case.pk, verdict=verdict, actor=by, now=now)
    return case


@pytest.mark.slow
@pytest.mark.django_db
def test_from_enough_verdicts_on_it_learns_and_proposes():
    """Too few says how many; then it learns in a process of its own, and proposes where rules are
    not sure; a switch turns it off; what a machine decided teaches nothing."""
    pytest.importorskip("sklearn")
    chance, by, now = random.Random(7), as_agent(), TUESDAY - timedelta(days=20)
    ruled = a_case(now=now)
    commands.give_verdict(ticket_id=ruled.pk, in_scope=True, actor=Actor.trigger("r"), now=now)
    decide(0, "billing", chance, by, now)
    few = learn_if_due(TUESDAY)
    assert (few.outcome, few.verdicts, few.weights) == (Outcome.TOO_FEW, 1, None)
    assert (FEWEST, FEWEST_EACH) == (200, 10)
    assert ScopeLearning.objects.get().next_at == next_night(TUESDAY, "America/Panama")
    assert learn_if_due(TUESDAY + timedelta(hours=1)) is None

    for number in range(1, ENOUGH):
        decide(number, list(SAID)[number % 3], chance, by, now)
    night = next_night(TUESDAY, "America/Panama")
    run = learn(night, fewest=ENOUGH)
    assert (run.outcome, run.note) == (Outcome.TRAINED, "")
    assert run.verdicts == ENOUGH
    report = run.report
    assert report["cases"] == ENOUGH
    assert set(report["by_verdict"]) == set(SAID)
    assert report["right"] > 0.7 * report["spoken"] > 0
    assert sum(row["given"] for row in report["by_verdict"].values()) == ENOUGH
    assert report["cases_said"]

    assert gather()[1] == run.newest_event
    pk, _model = model_in_use()
    assert pk == run.pk
    assert json.loads(json.dumps(run.weights)) == run.weights

    # Words that no rule knows, in cases that were decided alike.
    case = a_case(subject="Una pregunta", body="Los precios en Zacapa", now=TUESDAY)
    commands.classify_ticket(
        ticket_id=case.pk, service="", environment="", request_type="", actor=by, now=TUESDAY
    )
    case.refresh_from_db()
    chain = queries.chain_of(case)
    found = suggestion_of(case, chain)
    assert (found.verdict, found.by, found.sure) == ("commercial", "model", False)
    assert "precios" in found.prediction.words
    assert found.proposal.evidence[0] == f"model:{pk}"
    judge_scope(ticket_id=case.pk, verdict="commercial", actor=by, now=TUESDAY)
    given = queries.chain_of(case)[-1].payload
    assert (given["suggested"], given["suggested_by"]) == ("commercial", "model")

    sure = a_case(now=TUESDAY)
    assert suggestion_of(sure, queries.chain_of(sure)).by == "rules"

    switch_learning(on=False, actor=by, now=night)
    assert model_in_use() is None
    assert suggestion_of(case, chain) is None
    assert learn_if_due(night + timedelta(days=3)) is None
    switch_learning(on=True, actor=by, now=night)
    assert model_in_use()[0] == pk
