"""What open screens ask of the desk: who else is here, and whether a reply crosses another."""

import pytest
from django.test import Client
from django.urls import reverse

from plazo.tickets import commands
from tests.factory import TUESDAY, a_case, an_agent, as_agent, publish_iws
from tests.people import a_person, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def agreement():
    publish_iws()


def a_desk(level: int) -> Client:
    client = Client()
    client.force_login(an_agent(level).user)
    return client


def test_agents_see_each_other_at_a_case_and_nobody_else_does():
    """Each sees the others and what they do; for a customer the address does not exist."""
    ticket = a_case()
    place = reverse("desk:here", args=[ticket.number])
    one, other = a_desk(1), a_desk(2)
    assert "avatar" not in one.post(place, {"doing": ""}).content.decode()
    seen = other.post(place, {"doing": "reply"}).content.decode()
    assert "Agente de nivel 1 está viendo este caso" in seen
    assert "Agente de nivel 2 está escribiendo una respuesta" in one.get(place).content.decode()
    other.post(place, {"doing": "anything else"})
    assert "Agente de nivel 2 está viendo este caso" in one.get(place).content.decode()
    other.post(place, {"doing": "gone"})
    assert "avatar" not in one.get(place).content.decode()
    assert signed_in(a_person()).post(place, {"doing": ""}).status_code == 404
    assert one.post(reverse("desk:here", args=["IWS-1"]), {"doing": ""}).status_code == 404


@pytest.mark.parametrize(
    ("author", "kind", "warned"),
    [
        pytest.param(2, "reply", True, id="another agent's reply is told of"),
        pytest.param(1, "reply", False, id="one's own is known"),
        pytest.param(2, "note", False, id="a note crosses nothing"),
    ],
)
def test_a_reply_that_crosses_another_is_held_once(author, kind, warned):
    """The server says who replied meanwhile, keeps the text, and takes it the second time."""
    ticket = a_case()
    commands.reply_to_ticket(ticket_id=ticket.pk, body="Ya.", actor=as_agent(author), now=TUESDAY)
    client = a_desk(1)
    form = {"kind": kind, "body": "Lo mismo, otra vez", "seen": "1", "then": ""}
    answer = client.post(reverse("desk:write", args=[ticket.number]), form)
    if not warned:
        assert answer.status_code == 302
        return
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Agente de nivel 2 respondió mientras usted escribía" in page
    assert "Lo mismo, otra vez" in page
    ticket.refresh_from_db()
    form["seen"] = str(ticket.last_sequence)
    assert client.post(reverse("desk:write", args=[ticket.number]), form).status_code == 302


def test_a_screen_that_follows_uses_up_nothing():
    """A fetch by a screen that follows along leaves messages, and the way back, to others."""
    ticket = a_case()
    client = a_desk(1)
    client.get(reverse("desk:write", args=[ticket.number]))  # leaves a message
    page = reverse("desk:ticket", args=[ticket.number])
    follows = {"HTTP_X_PLAZO_LIVE": "1"}
    assert "No se envió nada" not in client.get(page, **follows).content.decode()
    assert "Set-Cookie" not in client.get(reverse("desk:queue"), **follows)
    assert "plazo_queue" not in client.cookies
    assert "No se envió nada" in client.get(page).content.decode()
