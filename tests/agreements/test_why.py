"""“Why this deadline?” in sentences, and the legend of its drawing."""

from datetime import timedelta

import pytest
from django.utils import translation

from plazo.agreements.why import why_context
from plazo.tickets import commands, queries
from plazo.tickets.models import Ticket
from tests.factory import TUESDAY, a_case, as_agent, publish_iws

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def context(ticket: Ticket, key: str, language: str = "es", now=TUESDAY):
    """Return what the page of a deadline shows."""
    ticket = Ticket.objects.select_related("agreement_version").get(pk=ticket.pk)
    explanation = queries.explanation_of(ticket, queries.chain_of(ticket), key, now=now)
    with translation.override(language):
        return why_context(explanation, ticket.agreement_version, language, now)


@pytest.fixture
def ticket() -> Ticket:
    """A case of this afternoon, at level 2 with severity B."""
    publish_iws()
    ticket = a_case(now=TUESDAY - 20 * MINUTE)
    commands.enter_level(
        ticket_id=ticket.pk, level=2, severity="B", actor=as_agent(), now=TUESDAY - 5 * MINUTE
    )
    return ticket


@pytest.mark.parametrize(
    ("language", "key", "words"),
    [
        (
            "es",
            "first_reply",
            (
                "Prometimos la primera respuesta en 1 h de horario de soporte."
                " El caso entró el martes 24 de noviembre a las 14:32 EST."
            ),
        ),
        (
            "es",
            "escalated_reply",
            (
                "Prometimos la respuesta de nivel 2 en 2 h, a cualquier hora."
                " El reloj empezó el martes 24 de noviembre a las 14:47 EST."
            ),
        ),
        (
            "en",
            "first_reply",
            (
                "We promised the first reply within 1 h of support hours."
                " The case came in on Tuesday 24 November at 14:32 EST."
            ),
        ),
    ],
)
def test_the_promise_is_told_in_whole_sentences(ticket, language, key, words):
    """Who promised what, within how long, and since when: in the first person, as people talk."""
    assert context(ticket, key, language)["sentence"].replace("\xa0", " ") == words


def test_a_promised_solution_is_told_as_one(ticket):
    """Whoever was promised a solution must not read that it was an update."""
    by = {"actor": as_agent(), "now": TUESDAY}
    for kind, words in (
        ("solution", "Prometimos una solución en"),
        ("update", "una actualización"),
    ):
        due = TUESDAY + 60 * MINUTE
        event = commands.make_promise(ticket_id=ticket.pk, promised=kind, by=due, **by)
        told = context(ticket, f"promised_update:{event.payload['promise']}")["sentence"]
        assert words in told


def test_the_legend_names_what_is_drawn_and_no_more(ticket):
    """A clock on time shows no red, one without a pause no hatching."""
    assert context(ticket, "first_reply")["swatches"] == {"count", "remain", "open"}
    late = context(ticket, "first_reply", now=TUESDAY + 50 * MINUTE)
    assert late["swatches"] == {"count", "late", "open"}
    night = context(ticket, "first_reply", now=TUESDAY + 500 * MINUTE)
    assert "off" in night["swatches"]
