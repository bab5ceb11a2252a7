"""Announcements at the desk: any agent opens one, says what is new, resolves it."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from plazo.accounts.models import User
from plazo.helpcenter import announcing
from plazo.helpcenter.models import Announcement
from tests.database import queries_of
from tests.desk.test_articles import signed_in, text_of
from tests.factory import TUESDAY, an_agent, as_agent, publish_iws

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
WANTED = {
    "kind": "incident", "impact": "degraded", "services": ["esd"], "title_es": "Demoras en la entrega",
    "text_es": "Las llaves tardan.", "starts_at": "2026-11-24T14:40", "next_update_at": "2026-11-24T16:00",
}  # fmt: skip
NEW = reverse("desk:announcement_new")


@pytest.fixture(autouse=True)
def world(db):
    """The real agreement is in force, and it is Tuesday at 14:52."""
    publish_iws()
    with time_machine.travel(TUESDAY, tick=False):
        yield


@pytest.fixture
def agent():
    """An agent of level 1, signed in."""
    return signed_in(an_agent(1))


def opened(agent, **choices):
    agent.post(NEW, WANTED | choices)
    return Announcement.objects.latest("pk")


def at(found):
    return reverse("desk:announcement", args=[found.public_id])


def test_any_agent_announces_in_their_own_zone(agent):
    """It cannot wait for one who may publish; hours are those of the agent."""
    found = opened(agent)
    assert found.starts_at == datetime(2026, 11, 24, 19, 40, tzinfo=UTC)
    assert found.next_update_at == datetime(2026, 11, 24, 21, 0, tzinfo=UTC)
    assert (found.title, found.services) == ({"es": "Demoras en la entrega"}, ["esd"])
    page = text_of(agent.get(at(found))).replace("\xa0", " ")
    for said in (
        "Las llaves tardan.",
        "Licencias ESD",
        "Próxima novedad antes de 16:00 EST",
        "Agente de nivel 1",
    ):
        assert said in page, said


def test_it_is_said_again_and_resolved(agent):
    """Each time with its author; resolved, it takes no more, and the page says so."""
    found = opened(agent)
    agent.post(at(found), {"text_es": "Mejora.", "impact": "none", "do": "update"})
    agent.post(at(found), {"text_es": "Resuelto.", "impact": "none", "do": "resolve"})
    found.refresh_from_db()
    assert found.resolved_at == TUESDAY
    assert found.updates.count() == 3
    assert "Terminó" in text_of(agent.get(at(found)))
    late = agent.post(at(found), {"text_es": "Otra vez.", "impact": "none"})
    assert late.status_code == 422
    assert found.updates.count() == 3


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"title_es": ""}, "Escriba un título en español"),
        ({"text_es": ""}, "Dígalo en español"),
        ({"starts_at": ""}, "Diga cuándo comienza"),
        ({"starts_at": "mañana"}, "Escriba un día y una hora"),
        ({"ends_at": "2026-11-24T14:00"}, "No puede terminar antes de comenzar"),
        ({"title_en": "Late"}, "en inglés, o ninguno"),
        ({"services": ["nada"]}, "nada"),
    ],
)
def test_what_is_incomplete_comes_back_with_every_word(agent, data, said):
    """422, the reason, and the rest of what was typed; nobody is told anything."""
    response = agent.post(NEW, {**WANTED, "text_es": "muy valioso"} | data)
    assert response.status_code == 422
    assert said in text_of(response)
    assert "text_es" in data or "muy valioso" in response.content.decode()
    assert not Announcement.objects.exists()


def test_the_list_parts_what_goes_on_from_what_is_planned_and_over(agent):
    """And says when an update that was promised is missing."""
    assert "todos los servicios funcionan" in text_of(agent.get(reverse("desk:announcements")))
    opened(agent, title_es="En curso", next_update_at="2026-11-24T14:50")
    opened(agent, title_es="Programado", starts_at="2026-11-25T02:00", kind="maintenance")
    over = opened(agent, title_es="Terminado")
    agent.post(at(over), {"text_es": "Ya.", "impact": "none", "do": "resolve"})
    page = text_of(agent.get(reverse("desk:announcements")))
    order = [
        page.index(f" {word} ") for word in ("En curso ahora 1", "Previstos 1", "Terminados 1")
    ]
    assert order == sorted(order)
    assert "Falta la novedad prometida para 14:50" in page.replace("\xa0", " ")


def test_the_number_of_followers_told_is_shown(agent):
    """Once the worker has planned the mails; before, that it is about to."""
    for number in range(3):
        announcing.ask_to_follow(
            email=f"p{number}@andina.example", language="es", confirmed=True, now=TUESDAY - HOUR
        )
    found = opened(agent)
    assert "se está avisando" in text_of(agent.get(at(found)))
    announcing.tell_followers(now=TUESDAY)
    assert "3 seguidores avisados" in text_of(agent.get(at(found)))


def test_screens_cost_the_same_for_one_announcement_and_for_many(agent):
    """The list and the page: a fixed number of queries."""
    found = opened(agent)
    urls = [reverse("desk:announcements"), at(found)]
    before = [queries_of(agent, url) for url in urls]
    for number in range(15):
        opened(agent, title_es=f"Otro {number}")
        announcing.update_announcement(
            announcement_id=found.pk, text={"es": "Sigue."}, actor=as_agent(), now=TUESDAY
        )
    assert [queries_of(agent, url) for url in urls] == before
    assert max(before) <= 10


def test_nobody_else_sees_or_says_anything(agent):
    """Strangers are asked to sign in; for a requester the page does not exist."""
    found = opened(agent)
    for url in (NEW, at(found), reverse("desk:announcements")):
        assert Client().get(url).status_code == 302
        client = Client()
        user = User.objects.get_or_create(email="cliente@andina.example")[0]
        client.force_login(user)
        assert client.get(url).status_code == 404
        assert client.post(url, WANTED).status_code in (404, 405)
    assert Announcement.objects.count() == 1
