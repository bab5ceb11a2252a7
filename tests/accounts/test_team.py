"""The team of a real installation: its first agent, its groups, and what the sign-in page says."""

import io
import re

import pytest
from django.core import mail
from django.test import Client

from plazo.accounts import team
from plazo.accounts.models import Agent, Group, User
from plazo.config import cli
from plazo.core.actor import Actor
from tests.database import database_url
from tests.factory import IWS, TUESDAY, an_agent, publish_iws

PASSWORD = "una clave larga y rara"
BY = {"actor": Actor.system("tests"), "now": TUESDAY}


@pytest.fixture
def terminal(transactional_db, monkeypatch, capsys):
    """Run a command as an operator does, with what is piped into it; return code and words."""
    monkeypatch.setenv("DATABASE_URL", database_url())

    def run(*arguments: str, piped: str = "") -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(piped))
        code = cli.main(list(arguments))
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def sign_in(email: str, password: str) -> int:
    """Return how the desk answers after signing in."""
    client = Client()
    client.post("/accounts/login/", {"login": email, "password": password})
    return client.get("/desk/").status_code


def test_the_first_steps_of_an_installation(terminal):
    """From an empty database to somebody who signs in, by the commands of the operator's guide:
    outside the demo there used to be no way at all. Their clock is that of the agreement."""
    source = IWS.read_text(encoding="utf-8").replace("America/Panama", "Europe/Madrid")
    publish_iws(source=source)
    group = ["groups", "add", "soporte", "--name", "Soporte", "--level", "1"]
    assert terminal(*group, "--email", "soporte@example.com") == (
        0,
        "The group soporte is there.\n",
    )
    agent = ["agents", "add", "Ana@Example.com", "--name", "Ana", "--role", "administrator"]
    code, said = terminal(*agent, "--group", "soporte", piped=f"{PASSWORD}\n")
    assert code == 0, said
    assert "administrator, level 1" in said
    assert PASSWORD not in said
    assert sign_in("ana@example.com", PASSWORD) == 200
    assert sign_in("ana@example.com", "otra clave") == 302
    assert "ana@example.com" in terminal("agents", "list")[1]
    assert re.search(r"soporte +level 1 +1 agents", terminal("groups", "list")[1])
    made = Agent.objects.get()
    assert (made.role, made.user.time_zone) == ("administrator", "Europe/Madrid")


@pytest.mark.parametrize(
    ("arguments", "piped", "said"),
    [
        pytest.param(["agents", "add", "ana", "--name", "Ana"], PASSWORD, "no es una dirección", id="no address"),
        pytest.param(["agents", "add", "agente1@demo.example", "--name", "Ana"], PASSWORD, "ya es agente", id="an agent already"),
        pytest.param(["agents", "add", "ana@example.com", "--name", "Ana", "--group", "x"], PASSWORD, "No existe el grupo «x» (existen: soporte)", id="a group that is not there"),
        pytest.param(["agents", "add", "ana@example.com", "--name", "Ana"], "corta", "contraseña", id="a password that is too short"),
        pytest.param(["agents", "add", "ana@example.com", "--name", "Ana"], "", "without a password", id="no password"),
        pytest.param(["groups", "add", "soporte", "--name", "Otra"], "", "Ya existe un grupo", id="a group that is there"),
        pytest.param(["groups", "add", "dos palabras", "--name", "Otra"], "", "key:", id="a key with a blank"),
        pytest.param(["groups", "add", "otra", "--name", "Otra", "--email", "x"], "", "email:", id="a group's address that is none"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_a_sentence(terminal, arguments, piped, said):
    """Nothing is made, the exit code is 1, and the operator reads what to do."""
    an_agent()
    code, words = terminal(*arguments, piped=f"{piped}\n")
    assert code == 1
    assert said in words
    assert "Traceback" not in words
    assert (Agent.objects.count(), Group.objects.count()) == (1, 1)
    assert not User.objects.filter(email="ana@example.com").exists()


def test_an_invitation_lets_somebody_choose_their_own_password(terminal):
    """Where no mail leaves, the link is printed to be handed over; it opens the door once."""
    publish_iws()
    code, said = terminal("agents", "add", "ana@example.com", "--name", "Ana", "--invite")
    assert code == 0
    link = re.search(r"https?://[^/]+(/\S+)", said)
    assert link is not None, said
    client = Client()
    page = client.get(link.group(1), follow=True)
    assert page.status_code == 200
    place = page.redirect_chain[-1][0]
    client.post(place, {"password1": PASSWORD, "password2": PASSWORD})
    assert sign_in("ana@example.com", PASSWORD) == 200
    assert mail.outbox == []


@pytest.mark.django_db
def test_an_invitation_speaks_the_language_of_its_reader():
    """The mail says who it is for, until when, and where."""
    user = team.add_agent(email="ann@example.com", name="Ann", language="en", **BY).user
    team.send_invitation(user, "https://plazo.example/x")
    (sent,) = mail.outbox
    assert sent.to == ["ann@example.com"]
    assert "Choose your password within three days" in sent.body
    assert "https://plazo.example/x" in sent.body


@pytest.mark.django_db
def test_a_client_who_joins_the_team_keeps_their_account():
    """The same address is the same person, with the password that they have."""
    user = User.objects.create_user("ana@example.com", PASSWORD, name="Ana")
    agent = team.add_agent(email="ANA@example.com", name="Ana", level=2, **BY)
    assert agent.user == user
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


@pytest.mark.django_db
def test_the_sign_in_page_of_an_empty_installation_says_how_to_begin():
    """Whoever has just installed Plazo and comes to its desk must not guess at passwords."""
    command = "plazo agents add"
    assert command in Client().get("/accounts/login/").content.decode()
    an_agent()
    assert command not in Client().get("/accounts/login/").content.decode()


@pytest.mark.django_db
def test_a_desk_without_an_agreement_says_what_is_missing():
    """The first agent may sign in before the agreement is published: that is no error 500."""
    client = Client()
    client.force_login(an_agent().user)
    page = client.get("/desk/")
    assert page.status_code == 503
    assert "plazo agreement publish" in page.content.decode()
