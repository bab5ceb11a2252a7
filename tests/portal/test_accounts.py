"""Coming in: by a link, by password, by an invitation, by one's company; and what stays outside."""

import argparse
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client

from plazo.accounts import links
from plazo.accounts.cli import add_commands
from plazo.accounts.commands import change_role
from plazo.accounts.errors import DomainTaken, LastManager, UnfitProvider
from plazo.accounts.models import (
    IdentityProvider,
    Invitation,
    Requester,
    RequesterRole,
    SignInLink,
    User,
)
from plazo.accounts.providers import add_provider
from plazo.accounts.tokens import digest_of
from plazo.notifications.models import OutboundMail
from tests import factory
from tests.factory import PASSWORD, TUESDAY, a_case, a_requester, an_agent
from tests.issuer import CLIENT_ID, CLIENT_SECRET, Issuer, an_issuer
from tests.people import a_company, a_person, path_in, read_mails, signed_in

pytestmark = pytest.mark.django_db
LOGIN, LINK = "/accounts/login/", "/accounts/link/"
MINE = "/hc/es/requests/"


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[time_machine.Traveller]:
    """It is Tuesday at 14:52, and the real agreement is in force."""
    factory.publish_iws()
    with time_machine.travel(TUESDAY, tick=False) as traveller:
        yield traveller


def who(client: Client) -> str:
    """Return the address of whoever is signed in."""
    pk = client.session.get("_auth_user_id")
    return User.objects.get(pk=pk).email if pk else ""


def asked_for_link(client: Client, email: str, **more: str) -> str:
    """Ask for a link, and return its path from the mail."""
    answer = client.post(LINK, {"login": email, **more})
    assert answer["Location"] == "/accounts/link/sent/"
    return path_in(read_mails(email.lower())[-1], "/accounts/link/")


# ── By a link ─────────────────────────────────────────────────────────────────────────────────


def test_a_link_makes_the_account_of_somebody_who_wrote_to_us(client: Client) -> None:
    """A known requester without an account comes in, confirmed, and lands on their cases."""
    person = a_case().requester
    Requester.objects.update(email_confirmed_at=None)
    path = asked_for_link(client, "Compras@Andina.example")

    assert client.get(path).status_code == 200
    assert not User.objects.exists()
    answer = client.post(path)

    assert answer["Location"] == MINE
    person.refresh_from_db()
    assert (person.user.email, person.email_confirmed_at) == ("compras@andina.example", TUESDAY)
    assert not person.user.has_usable_password()
    assert who(client) == "compras@andina.example"
    assert client.cookies["plazo_language"].value == "es"


def test_opening_a_link_any_number_of_times_does_not_use_it_up(client: Client) -> None:
    """Programs that look through mails fetch every link; only the button counts, and once."""
    a_person()
    path = asked_for_link(client, "compras@andina.example")
    for _ in range(3):
        assert Client().get(path).status_code == 200
        assert Client().head(path).status_code == 200
    assert client.post(path).status_code == 302

    again = Client().post(path)
    assert again.status_code == 410
    assert "ya se usó o venció" in again.content.decode()
    assert Client().get(path).status_code == 410


@pytest.mark.parametrize(
    ("after", "status"),
    [
        pytest.param(timedelta(minutes=19, seconds=59), 302, id="a second before the end"),
        pytest.param(timedelta(minutes=20), 410, id="at the end"),
    ],
)
def test_a_link_is_good_for_twenty_minutes(
    client: Client, tuesday: time_machine.Traveller, after: timedelta, status: int
) -> None:
    """An old mail opens nothing."""
    a_person()
    path = asked_for_link(client, "compras@andina.example")
    tuesday.shift(after)
    assert client.post(path).status_code == status


def test_using_one_link_ends_the_others_of_the_address(client: Client) -> None:
    """Who asked twice has one way in, not two."""
    a_person()
    first = asked_for_link(client, "compras@andina.example")
    second = asked_for_link(client, "compras@andina.example")
    assert Client().post(second).status_code == 302
    assert Client().post(first).status_code == 410


def test_what_is_kept_of_a_link_opens_nothing(client: Client) -> None:
    """The table holds a digest, and the mail's row is emptied once it has gone out."""
    a_person()
    path = asked_for_link(client, "compras@andina.example")
    token = path.strip("/").rpartition("/")[2]

    link = SignInLink.objects.get()
    assert link.digest == digest_of(token)
    mail = OutboundMail.objects.get(kind="sign_in")
    assert (mail.state, mail.body_text, mail.body_html, mail.about) == ("sent", "", "", {})
    for row in (*SignInLink.objects.values(), *OutboundMail.objects.values()):
        assert token not in str(row)


def test_the_page_does_not_say_whether_somebody_is_known(client: Client) -> None:
    """A stranger's address gets the same answer, and no mail."""
    a_person()
    known = client.post(LINK, {"login": "compras@andina.example"})
    unknown = client.post(LINK, {"login": "nadie@otra.example"})

    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert [mail.recipient for mail in OutboundMail.objects.all()] == ["compras@andina.example"]


def test_links_are_limited_for_an_address_and_a_network(client: Client) -> None:
    """Five for one address in an hour; what is refused is the same for strangers."""
    a_person()
    for email in ("compras@andina.example", "nadie@otra.example"):
        answers = [client.post(LINK, {"login": email}).status_code for _ in range(6)]
        assert answers == [302] * 5 + [429]
    assert OutboundMail.objects.count() == 5
    far = {"REMOTE_ADDR": "93.184.216.34"}
    asked = [Client(**far).post(LINK, {"login": f"p{n}@x.example"}).status_code for n in range(61)]
    assert asked == [302] * 60 + [429]


def test_a_closed_account_gets_no_link(client: Client) -> None:
    """Who was shut out stays out, and the page does not say so."""
    person = a_person()
    User.objects.filter(pk=person.user_id).update(is_active=False)
    assert client.post(LINK, {"login": person.email}).status_code == 302
    assert not OutboundMail.objects.exists()


@pytest.mark.parametrize(
    ("following", "place"),
    [
        ("/hc/es/requests/IWS-20001/", "/hc/es/requests/IWS-20001/"),
        ("https://mala.example/", MINE),
        ("//mala.example/", MINE),
        ("javascript:alert(1)", MINE),
    ],
)
def test_a_sign_in_leads_where_one_wanted_and_never_out_of_the_house(
    client: Client, following: str, place: str
) -> None:
    """Whoever was asked to sign in comes back to the page; no link leads to another site."""
    a_person()
    path = asked_for_link(client, "compras@andina.example", next=following)
    assert client.post(path)["Location"] == place
    answer = Client().post(
        LOGIN, {"login": "compras@andina.example", "password": PASSWORD, "next": following}
    )
    assert answer["Location"] == place


# ── By password ───────────────────────────────────────────────────────────────────────────────


def test_everyone_lands_where_they_work(client: Client) -> None:
    """Agents on the desk, clients on their cases, in their own language."""
    english = a_person("eng@andina.example", "Eng")
    User.objects.filter(pk=english.user_id).update(language="en")
    a_person()
    an_agent()
    landed = [
        Client().post(LOGIN, {"login": email, "password": PASSWORD})["Location"]
        for email in ("agente1@demo.example", "compras@andina.example", "eng@andina.example")
    ]
    assert landed == ["/desk/", MINE, "/hc/en/requests/"]


def test_an_agent_s_pages_speak_their_own_language(client: Client) -> None:
    """Whatever the browser asks for: what they chose for themselves goes with them."""
    user = an_agent().user
    user.language = "en"
    user.save()
    client.post(
        LOGIN, {"login": user.email, "password": PASSWORD}, headers={"accept-language": "es-CO"}
    )
    assert client.cookies["plazo_language"].value == "en"
    assert '<html lang="en"' in client.get("/desk/").content.decode()


def test_an_address_alone_says_which_ways_there_are(client: Client) -> None:
    """Without a password nothing is tried, and nothing is said of who exists."""
    for email in ("compras@andina.example", "nadie@otra.example"):
        page = client.post(LOGIN, {"login": email})
        assert page.status_code == 200
        assert "Escriba su contraseña, o reciba un enlace" in page.content.decode()
    assert client.post(LOGIN, {"login": "compras@"}).status_code == 422


def test_a_forgotten_password_is_mailed_our_way(client: Client) -> None:
    """Allauth's mails go through our queue, in our words, on our own address, and leave no key."""
    a_person()
    client.post("/accounts/password/reset/", {"email": "compras@andina.example"})
    (text,) = read_mails("compras@andina.example")
    path = path_in(text, "/accounts/password/reset/key/")
    assert OutboundMail.objects.count() == 1
    assert OutboundMail.objects.get().body_text == ""

    form = client.get(path, follow=True)
    address = form.redirect_chain[-1][0]
    client.post(address, {"password1": "otra clave larga", "password2": "otra clave larga"})
    answer = Client().post(
        LOGIN, {"login": "compras@andina.example", "password": "otra clave larga"}
    )
    assert answer["Location"] == MINE
    assert "Su contraseña se cambió" in read_mails("compras@andina.example")[-1]


def test_a_password_that_nobody_has_is_said_without_a_key(client: Client) -> None:
    """An address without an account is told so, once an hour or so, whatever the page says."""
    pages = [
        client.post("/accounts/password/reset/", {"email": "nadie@otra.example"}) for _ in range(7)
    ]
    assert {page["Location"] for page in pages[:5]} == {"/accounts/password/reset/done/"}
    texts = read_mails("nadie@otra.example")
    assert len(texts) == 5
    assert "no hay ninguna cuenta" in texts[0]
    assert "http" not in texts[0]


# ── Invitations ───────────────────────────────────────────────────────────────────────────────


def test_an_agent_invites_a_requester_from_their_case() -> None:
    """The link lets them set a name and a password, binds them to the company, and works once."""
    case, company = a_case(requester=a_requester("nuevo@andina.example", "")), a_company()
    desk = Client()
    desk.force_login(an_agent().user)
    page = desk.get(f"/desk/tickets/{case.number}/").content.decode()
    assert "Invitar al portal" in page
    answer = desk.post(
        f"/desk/tickets/{case.number}/invite/", {"role": "manager", "organization": company.pk}
    )
    assert answer.status_code == 302
    text = read_mails("nuevo@andina.example")[-1]
    path = path_in(text, "/accounts/invitation/")
    assert "Distribuidora Andina" in text

    guest = Client()
    assert "Distribuidora Andina" in guest.get(path).content.decode()
    weak = guest.post(path, {"name": "Nueva Persona", "password": "123"})
    assert weak.status_code == 422
    accepted = guest.post(path, {"name": "Nueva Persona", "password": PASSWORD})
    assert accepted["Location"] == MINE
    person = Requester.objects.get(email="nuevo@andina.example")
    assert (person.name, person.organization, person.role) == ("Nueva Persona", company, "manager")
    assert person.user.check_password(PASSWORD)
    assert who(guest) == "nuevo@andina.example"
    assert Client().post(path, {"name": "Otra"}).status_code == 410


def test_an_invitation_needs_no_password(client: Client) -> None:
    """Whoever wants none signs in by links."""
    boss = signed_in(a_person(manages=True))
    boss.post("/hc/es/company/invite/", {"email": "bodega@andina.example", "role": "member"})
    path = path_in(read_mails("bodega@andina.example")[-1], "/accounts/invitation/")
    assert client.post(path, {"name": "Bodega", "password": ""})["Location"] == MINE
    person = Requester.objects.get(email="bodega@andina.example")
    assert (person.role, person.user.has_usable_password()) == ("member", False)


@pytest.mark.parametrize(
    ("email", "words"),
    [
        pytest.param("alguien@otra.example", "direcciones de su empresa (andina.example)", id="another domain"),
        pytest.param("agente1@demo.example", "es del equipo de soporte", id="one of our own"),
        pytest.param("vendido@andina.example", "No es posible sumar", id="of another company"),
        pytest.param("compras@andina.example", "ya tiene acceso", id="in already"),
        pytest.param("no es un correo", "no está completo", id="no address"),
    ],
)  # fmt: skip
def test_a_manager_cannot_invite_just_anybody(email: str, words: str) -> None:
    """A company lets its own people in, and nobody is taken from another."""
    boss = signed_in(a_person("jefa@andina.example", "Jefa", manages=True))
    an_agent()
    a_person()
    a_person("vendido@andina.example", "Vendido", company="boreal")
    answer = boss.post("/hc/es/company/invite/", {"email": email, "role": "member"})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Invitation.objects.exists()


def test_an_invitation_ends_by_time_by_being_taken_back_and_by_another(
    client: Client, tuesday: time_machine.Traveller
) -> None:
    """Fourteen days, or until the manager thinks again."""
    boss = signed_in(a_person(manages=True))

    def invited() -> str:
        boss.post("/hc/es/company/invite/", {"email": "bodega@andina.example", "role": "member"})
        return path_in(read_mails("bodega@andina.example")[-1], "/accounts/invitation/")

    first, second = invited(), invited()
    assert [client.get(path).status_code for path in (first, second)] == [410, 200]
    boss.post(f"/hc/es/company/invitations/{Invitation.objects.latest('pk').pk}/withdraw/")
    assert client.get(second).status_code == 410
    third = invited()
    tuesday.shift(timedelta(days=14) - timedelta(seconds=1))
    assert client.get(third).status_code == 200
    tuesday.shift(timedelta(seconds=1))
    assert client.get(third).status_code == 410


def test_a_company_keeps_somebody_who_may_invite() -> None:
    """The last manager cannot step down; with another one they can."""
    boss = a_person(manages=True)
    member = a_person("bodega@andina.example", "Bodega")
    browser = signed_in(boss)
    down = f"/hc/es/company/people/{boss.pk}/"
    answer = browser.post(down, {"role": "member"})
    assert answer.status_code == 409
    assert "Primero entregue los casos" in answer.content.decode()

    browser.post(f"/hc/es/company/people/{member.pk}/", {"role": "manager"})
    assert browser.post(down, {"role": "member"})["Location"] == MINE
    assert browser.get("/hc/es/company/").status_code == 404
    with pytest.raises(LastManager):
        change_role(
            requester_id=member.pk,
            role=RequesterRole.MEMBER,
            actor=factory.as_agent(),
            now=TUESDAY,
        )


# ── By the company's own sign-in ──────────────────────────────────────────────────────────────


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """The provider of a company, known to us for its domain."""
    with an_issuer() as server:
        a_company()
        add_provider(
            key="andina",
            organization="andina",
            issuer=server.url,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            domains=["andina.example"],
            actor=factory.as_agent(),
            now=TUESDAY,
        )
        yield server


def came_back(client: Client, following: str = "") -> tuple[int, str]:
    """Go to the company's sign-in and come back from it; return the status and page or place."""
    query = {"next": following} if following else {}
    away = client.get("/accounts/oidc/andina/login/", query)
    there = httpx2.get(away["Location"], follow_redirects=False)
    back = urlsplit(there.headers["Location"])
    answer = client.get(back.path, {k: v[0] for k, v in parse_qs(back.query).items()})
    return answer.status_code, answer.get("Location") or answer.content.decode()


def test_a_company_signs_its_people_in(client: Client, issuer: Issuer) -> None:
    """The way is offered by the address; who comes back has an account and belongs to the company."""
    page = client.post(LOGIN, {"login": "quien.sea@andina.example"}).content.decode()
    assert "Continuar con Distribuidora Andina" in page
    found = client.post("/accounts/login/company/", {"login": "x@andina.example"})
    assert "Continuar con Distribuidora Andina" in found.content.decode()
    none = client.post("/accounts/login/company/", {"login": "x@otra.example"})
    assert "Continuar" not in none.content.decode()

    assert came_back(client) == (302, MINE)
    person = Requester.objects.get(email="ingenieria@andina.example")
    assert (person.name, person.organization) == ("Ingeniería Andina", a_company())
    assert person.email_confirmed_at is not None
    assert who(client) == person.email
    assert came_back(Client(), "/hc/es/profile/") == (302, "/hc/es/profile/")
    assert User.objects.filter(email=person.email).count() == 1


def test_the_secret_is_sealed(issuer: Issuer) -> None:
    """The table alone lets nobody pose as us."""
    provider = IdentityProvider.objects.get()
    assert provider.secret == CLIENT_SECRET
    assert CLIENT_SECRET not in provider.sealed


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        pytest.param({"email": "ceo@otra.example"}, "no es de la empresa", id="another domain"),
        pytest.param({"email": "x@sub.andina.example"}, "no es de la empresa", id="a domain below"),
        pytest.param({"email_verified": False}, "aún no ha verificado", id="not verified"),
        pytest.param({"email_verified": None}, "aún no ha verificado", id="not said"),
        pytest.param({"email": ""}, "no es de la empresa", id="no address"),
        pytest.param({"email": "agente1@andina.example"}, "es del equipo de soporte", id="one of our own"),
        pytest.param({"email": "vendido@andina.example"}, "No es posible sumar", id="of another company"),
    ],
)  # fmt: skip
def test_a_company_speaks_for_its_own_people_only(
    client: Client, issuer: Issuer, claims: dict[str, object], words: str
) -> None:
    """Whatever a provider says, it lets nobody in whom it may not speak for."""
    agent = an_agent()
    User.objects.filter(pk=agent.user_id).update(email="agente1@andina.example")
    a_person("vendido@andina.example", "Vendido", company="boreal")
    issuer.person |= claims
    status, page = came_back(client)
    assert status == 403
    assert words in page
    assert who(client) == ""


def test_a_directory_that_is_vouched_for_need_not_verify(client: Client, issuer: Issuer) -> None:
    """Some never say which addresses they verified; the operator may answer for them."""
    del issuer.person["email_verified"]
    IdentityProvider.objects.update(vouches=True)
    assert came_back(client) == (302, MINE)


def test_what_the_token_leaves_out_is_asked_of_the_same_person(
    client: Client, issuer: Issuer
) -> None:
    """Userinfo adds to the token, unless it is about somebody else."""
    issuer.only_in_userinfo = {"email": issuer.person.pop("email"), "email_verified": True}
    assert came_back(client) == (302, MINE)
    issuer.only_in_userinfo |= {"sub": "otro"}
    assert came_back(Client())[0] == 403


def test_a_token_that_another_key_signed_is_refused(client: Client, issuer: Issuer) -> None:
    """The signature is checked though the token came over a connection of ours."""
    issuer.signs_with = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    status, page = came_back(client)
    assert (status, who(client)) == (403, "")
    assert "no lo dejó entrar" in page


def test_who_gives_up_there_is_told_the_other_ways(client: Client, issuer: Issuer) -> None:
    """A refusal at the provider is no dead end."""
    issuer.denies = True
    status, page = came_back(client)
    assert status == 403
    assert "Recibir un enlace por correo" in page


def test_a_return_that_nobody_began_is_refused(client: Client, issuer: Issuer) -> None:
    """Without the state that we gave, a code from elsewhere signs nobody in."""
    answer = client.get("/accounts/oidc/andina/login/callback/", {"code": "x", "state": "y"})
    assert (answer.status_code, who(client)) == (403, "")
    assert client.get("/accounts/oidc/otra/login/").status_code == 404


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"issuer": "http://login.andina.example"}, UnfitProvider),
        ({"domains": ["gmail.com"]}, UnfitProvider),
        ({"domains": ["no es"]}, UnfitProvider),
        ({"domains": []}, UnfitProvider),
        ({"organization": "nadie"}, UnfitProvider),
        ({"key": "andina", "domains": ["otra.example"]}, UnfitProvider),
        ({"domains": ["boreal.example", "Andina.example"]}, DomainTaken),
    ],
)
def test_what_would_let_the_wrong_people_in_is_not_set_up(
    issuer: Issuer, change: dict[str, object], error: type[Exception]
) -> None:
    """No plain HTTP, no shared domains, no domain of another company."""
    a_company("boreal")
    values = {
        "key": "boreal",
        "organization": "boreal",
        "issuer": "https://login.boreal.example",
        "client_id": "x",
        "domains": ["boreal.example"],
        "actor": factory.as_agent(),
        "now": TUESDAY,
    }
    with pytest.raises(error):
        add_provider(**(values | change))  # type: ignore[arg-type]


def test_signing_out_and_in_again(client: Client) -> None:
    """The head of every page knows who reads, and the button ends it."""
    person = a_person()
    browser = signed_in(person)
    page = browser.get("/hc/es/").content.decode()
    assert "Compras Andina" in page
    assert 'href="/hc/es/requests/"' in page
    browser.post("/accounts/logout/")
    page = browser.get("/hc/es/").content.decode()
    assert "Compras Andina" not in page
    assert re.search(r'href="/accounts/login/"[^>]*>Ingresar', page)


def test_links_that_ended_are_forgotten() -> None:
    """The table holds a day of them, not a year."""
    links.make_link(email="a@x.example", now=TUESDAY - timedelta(days=2))
    links.make_link(email="a@x.example", now=TUESDAY)
    assert SignInLink.objects.count() == 1


@pytest.mark.parametrize("path", ["email", "reauthenticate", "confirm-email", "social"])
def test_nobody_changes_who_they_are_or_signs_up(path: str) -> None:
    """An address is who somebody is in their cases: allauth's pages that change it are not there."""
    browser = signed_in(a_person())
    assert browser.get(f"/accounts/{path}/").status_code == 404
    assert browser.post(f"/accounts/{path}/", {"email": "otra@x.example"}).status_code == 404
    assert Client().post("/accounts/signup/", {"email": "otra@x.example"})["Location"] == LOGIN


def test_the_operator_sets_companies_up_at_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secret comes by a pipe and never as an argument; the address to redirect to is told."""
    a_company()
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())

    def run(*words: str) -> int:
        arguments = parser.parse_args(["accounts", "oidc", *words])
        return int(arguments.run(arguments))

    monkeypatch.setattr("sys.stdin", io.StringIO("secreto de la empresa\n"))
    values = ["--organization", "andina", "--issuer", "https://id.andina.example"]
    assert run("add", "andina", *values, "--client-id", "p", "--domain", "andina.example") == 0
    assert IdentityProvider.objects.get().secret == "secreto de la empresa"
    assert run("list") == 0
    told = capsys.readouterr().out
    assert "/accounts/oidc/andina/login/callback/" in told
    assert "andina.example" in told
    assert "secreto" not in told
    assert (run("remove", "andina"), run("remove", "andina")) == (0, 1)
