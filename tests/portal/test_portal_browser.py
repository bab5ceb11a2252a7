"""The portal in a real browser: both languages, wide and narrow, by keyboard, without script."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from playwright.sync_api import Page, expect

from plazo.accounts.models import Requester, RequesterRole
from plazo.accounts.providers import add_provider
from plazo.tickets import access, commands
from plazo.tickets.models import Attachment, PublicMessage, Ticket
from tests import factory
from tests.factory import PASSWORD, TUESDAY, a_case, as_agent
from tests.issuer import CLIENT_ID, CLIENT_SECRET, an_issuer
from tests.people import a_company, a_person, path_in, read_mails
from tests.web import DESKTOP, PHONE, Browse, audit, each_look, keep_picture, overflow

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]
MINUTE = timedelta(minutes=1)
WORDS = {
    "es": {"sign in": "Ingresar", "link": "Recibir un enlace por correo", "mine": "Mis solicitudes", "send": "Enviar respuesta", "answer": "Su respuesta"},
    "en": {"sign in": "Sign in", "link": "Get a link by mail", "mine": "My requests", "send": "Send answer", "answer": "Your answer"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[time_machine.Traveller]:
    """It is Tuesday at 14:52, time passes, and the real agreement is in force."""
    factory.publish_iws()
    with time_machine.travel(TUESDAY, tick=True) as traveller:
        yield traveller


def sign_in(page: Page, person: Requester) -> None:
    page.goto("/accounts/login/")
    page.locator("#id_login").fill(person.email)
    page.locator("#id_password").fill(PASSWORD)
    page.locator("#id_password").press("Enter")
    page.wait_for_url(re.compile(r"^[^?]*/requests/$"))


def a_busy_company() -> tuple[Requester, Ticket]:
    """Return a manager of a company with cases in every state, and the richest of them."""
    boss = a_person("jefa@andina.example", "Jefa Andina", manages=True)
    member, by = a_person(), as_agent()
    late = a_case(
        requester=boss, subject="El portal no refleja los precios", now=TUESDAY - 82 * MINUTE
    )
    commands.announce_alarms(ticket_id=late.pk, actor=by, now=TUESDAY)
    a_case(requester=boss, subject="GetCatalog responde vacío", now=TUESDAY - 50 * MINUTE)
    waiting = a_case(requester=boss, subject="Faltan imágenes", now=TUESDAY - 40 * MINUTE)
    commands.reply_to_ticket(
        ticket_id=waiting.pk, body="¿Cuál orden?", then="pending", waiting_for="requester",
        reason="Número de la orden", actor=by, now=TUESDAY - 30 * MINUTE,
    )  # fmt: skip
    solved = a_case(requester=member, subject="Fichas técnicas", now=TUESDAY - 60 * MINUTE)
    commands.set_status(ticket_id=solved.pk, status="solved", actor=by, now=TUESDAY - 20 * MINUTE)
    commands.add_participant(
        ticket_id=late.pk, person_id=member.pk, actor=by, now=TUESDAY - 10 * MINUTE
    )
    return boss, late


@each_look
def test_every_page_of_the_portal_is_sound(browse: Browse, width: int, dark: bool) -> None:
    """No finding of the accessibility rules, no sideways scrolling, no error, in either theme."""
    boss, late = a_busy_company()
    solved = Ticket.objects.get(subject="Fichas técnicas")
    page = browse(width=width, dark=dark)
    signed_out = ("/accounts/login/", "/accounts/link/", "/accounts/link/sent/")
    for path in (*signed_out, f"/accounts/link/{'x' * 20}/", f"/accounts/invitation/{'x' * 20}/"):
        page.goto(path)
        keep_picture(page, f"{path.strip('/').replace('/', '-')}-{width}-{dark}")
        assert audit(page) == [], path
        assert overflow(page) <= 0, path
    sign_in(page, boss)
    pages = {
        "requests": "/hc/es/requests/",
        "requests-company": "/hc/es/requests/?tab=company",
        "requests-none": "/hc/es/requests/?q=nada",
        "case-late": f"/hc/es/requests/{late.number}/",
        "case-solved": f"/hc/es/requests/{solved.number}/",
        "why": f"/hc/es/requests/{late.number}/why/first_reply/",
        "company": "/hc/es/company/",
        "profile": "/hc/es/profile/",
        "erase": "/hc/es/profile/erase/",
        "password": "/accounts/password/change/",
    }
    for name, path in pages.items():
        page.goto(path)
        keep_picture(page, f"portal-{name}-{width}-{dark}")
        assert audit(page) == [], name
        assert overflow(page) <= 0, name
    page.set_viewport_size({"width": 320, "height": 800})
    for name, path in pages.items():
        page.goto(path)
        assert overflow(page) <= 0, name


@pytest.mark.parametrize(
    ("width", "language", "js"),
    [
        pytest.param(DESKTOP, "es", True, id="wide, Spanish, with script"),
        pytest.param(PHONE, "en", True, id="narrow, English, with script"),
        pytest.param(PHONE, "es", False, id="narrow, Spanish, without script"),
        pytest.param(DESKTOP, "en", False, id="wide, English, without script"),
    ],
)
def test_from_the_mail_with_the_link_to_an_answer(
    browse: Browse, tmp_path: Path, width: int, language: str, js: bool
) -> None:
    """Ask for a link, open it, press the button, find the case, read it, answer with a file."""
    words = WORDS[language]
    case = a_case(subject="PlaceOrder devuelve 504", now=TUESDAY - 20 * MINUTE)
    Requester.objects.update(language=language)
    commands.reply_to_ticket(
        ticket_id=case.pk, body="Confirmo que lo vemos.", actor=as_agent(), now=TUESDAY - MINUTE
    )
    page = browse(width=width, language=language, js=js)
    page.goto("/accounts/login/")
    page.locator("#id_login").fill("compras@andina.example")
    page.get_by_role("button", name=words["link"]).click()
    page.wait_for_url("**/accounts/link/sent/")
    page.goto(path_in(read_mails("compras@andina.example")[-1], "/accounts/link/"))
    expect(page.locator("main")).to_contain_text("compras@andina.example")
    if js:
        assert audit(page) == []
    page.get_by_role("button", name=words["sign in"]).click()

    expect(page.locator("h1")).to_have_text(words["mine"])
    page.get_by_role("link", name="PlaceOrder devuelve 504").click()
    expect(page.locator(".thread")).to_contain_text("Confirmo que lo vemos.")
    file = tmp_path / "traza.txt"
    file.write_text("504", encoding="utf-8")
    page.get_by_label(words["answer"]).fill("Gracias, va la traza.")
    page.locator('input[type="file"]').set_input_files(file)
    page.get_by_role("button", name=words["send"]).click()
    expect(page.locator(".msg")).to_have_count(3)
    assert Attachment.objects.get().name == "traza.txt"
    if js:
        assert audit(page) == []
        assert overflow(page) <= 0


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_portal_speaks_both_languages(browse: Browse, language: str) -> None:
    """Every page switches in place, and nothing of the other language stays on it."""
    boss, late = a_busy_company()
    Requester.objects.filter(pk=boss.pk).update(language=language)
    page = browse(language=language)
    sign_in(page, boss)
    other = "en" if language == "es" else "es"
    foreign = re.compile(
        r"[¿¡]|Guardar|Esperamos" if other == "en" else r"My requests|Save|Escalate"
    )
    for path in ("requests/", f"requests/{late.number}/", "company/", "profile/", "profile/erase/"):
        page.goto(f"/hc/{language}/{path}")
        page.locator(".lang a").click()
        expect(page).to_have_url(re.compile(f"/hc/{other}/{path}$"))
        expect(page.locator("html")).to_have_attribute("lang", other)
        assert not foreign.search(page.locator("main").inner_text())


def test_by_keyboard_alone(browse: Browse) -> None:
    """Sign in, open the own menu, go to a case, write and send, without a mouse."""
    me = a_person()
    case = a_case(requester=me, subject="Teclado", now=TUESDAY - 20 * MINUTE)
    page = browse()
    page.goto("/accounts/login/")
    page.locator("#id_login").focus()
    page.keyboard.type(me.email)
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"^[^?]*/requests/$"))

    def reach(words: str) -> None:
        """Press Tab until what is focused says so."""
        for _ in range(40):
            page.keyboard.press("Tab")
            text = page.evaluate(
                "document.activeElement.innerText || document.activeElement.id || ''"
            )
            if words in text:
                return
        raise AssertionError(f"{words} cannot be reached")

    reach("Compras Andina")
    page.keyboard.press("Enter")
    reach("Mi perfil")
    reach("Teclado")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/requests/{case.number}/")
    reach("id_body")
    page.keyboard.type("Sin ratón")
    reach("Enviar respuesta")
    page.keyboard.press("Enter")
    expect(page.locator(".msg")).to_have_count(2)
    assert PublicMessage.objects.latest("pk").body_text == "Sin ratón"


def test_the_button_unlocks_by_itself_at_the_instant(
    browse: Browse, tuesday: time_machine.Traveller
) -> None:
    """A page that is open when the deadline passes lets one escalate a moment later, and says so."""
    me = a_person()
    as_agent(2)
    case = a_case(requester=me, now=TUESDAY - timedelta(minutes=59, seconds=55))
    page = browse()
    sign_in(page, me)
    page.goto(f"/hc/es/requests/{case.number}/")
    button = page.locator("#escalate button")
    expect(button).to_be_disabled()
    expect(page.locator("#locked")).to_contain_text("Podrá escalar a las 14:52 (EST)")
    expect(button).to_be_enabled()
    expect(page.locator("#announcements")).to_contain_text("Ya puede escalar", timeout=35_000)
    expect(page.locator("#locked")).to_be_hidden()
    assert audit(page) == []
    page.get_by_label("¿Qué deben saber? (opcional)").fill("No podemos vender")
    button.click()
    expect(page.get_by_role("status").first).to_contain_text("Escaló el caso")
    expect(page.locator(".thread")).to_contain_text("Usted escaló: el nivel 1 no cumplió")


@pytest.mark.parametrize("js", [True, False], ids=["with script", "without script"])
def test_solve_rate_and_reopen(browse: Browse, js: bool) -> None:
    """The end of a case as its customer lives it."""
    me = a_person()
    case = a_case(requester=me, now=TUESDAY - 20 * MINUTE)
    page = browse(js=js, width=PHONE)
    sign_in(page, me)
    page.goto(f"/hc/es/requests/{case.number}/")
    page.get_by_role("button", name="Ya se resolvió").click()
    page.locator("label.choice", has_text="Muy buena").click()
    page.get_by_label("En una frase, ¿por qué? (opcional)").fill("Rápidos y claros")
    page.get_by_role("button", name="Enviar mi opinión").click()
    expect(page.locator("main")).to_contain_text("Muy buena (5/5): Rápidos y claros")
    page.get_by_label("Su respuesta").fill("Volvió a fallar")
    page.get_by_role("button", name="Reabrir el caso").click()
    expect(page.locator(".thread")).to_contain_text("Reabierto")
    expect(page.locator("main")).to_contain_text("En curso")


def test_a_manager_invites_and_the_invited_come_in(browse: Browse) -> None:
    """From “People of my company” to the first page of the invited."""
    boss = a_person("jefa@andina.example", "Jefa Andina", manages=True)
    page = browse()
    sign_in(page, boss)
    page.locator(".me summary").click()
    page.locator(".me__sheet").get_by_role("link", name="Personas de mi empresa").click()
    page.get_by_label("Correo").fill("bodega@andina.example")
    page.get_by_role("button", name="Enviar la invitación").click()
    expect(page.get_by_role("status").first).to_contain_text("va en camino")
    expect(page.locator("main")).to_contain_text("bodega@andina.example")

    guest = browse(width=PHONE)
    guest.goto(path_in(read_mails("bodega@andina.example")[-1], "/accounts/invitation/"))
    keep_picture(guest, "invitation")
    assert audit(guest) == []
    guest.get_by_label("Su nombre").fill("Bodega Andina")
    guest.get_by_role("button", name="Aceptar e ingresar").click()
    expect(guest.locator("h1")).to_have_text("Mis solicitudes")
    expect(guest.locator("main")).to_contain_text("Distribuidora Andina")
    assert Requester.objects.get(email="bodega@andina.example").role == RequesterRole.MEMBER


def test_the_companys_own_way_in_is_offered_while_one_types(browse: Browse) -> None:
    """An address of the company's domain shows its button; there and back again, signed in."""
    a_company()
    with an_issuer() as issuer:
        add_provider(
            key="andina",
            organization="andina",
            issuer=issuer.url,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            domains=["andina.example"],
            actor=as_agent(),
            now=TUESDAY,
        )
        page = browse()
        page.goto("/accounts/login/")
        page.locator("#id_login").fill("ingenieria@andina.example")
        page.locator("#id_login").press("Tab")
        button = page.get_by_role("link", name="Continuar con Distribuidora Andina")
        expect(button).to_be_visible()
        assert audit(page) == []
        keep_picture(page, "login-company")
        button.click()
        expect(page.locator("h1")).to_have_text("Mis solicitudes")
        expect(page.locator(".me__name")).to_have_text("Ingeniería Andina")


def test_who_is_asked_to_sign_in_comes_back_to_the_case(browse: Browse) -> None:
    """A number in a bookmark leads to the sign-in and from there to the case."""
    me = a_person()
    case = a_case(requester=me, subject="Mi caso", now=TUESDAY - 20 * MINUTE)
    page = browse()
    page.goto(f"/hc/es/requests/{case.number}/")
    page.locator("#id_login").fill(me.email)
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Continuar", exact=True).click()
    expect(page.locator("h1")).to_have_text("Mi caso")


def test_my_data_comes_down_and_the_menu_signs_out(browse: Browse) -> None:
    """The download is a ZIP; the menu works on a phone without script."""
    me = a_person()
    a_case(requester=me, now=TUESDAY - 20 * MINUTE)
    page = browse(width=PHONE, js=False)
    sign_in(page, me)
    page.locator(".topbar__menu summary").click()
    page.locator(".topbar__sheet").get_by_role("link", name="Mi perfil").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Descargar mis datos").click()
    assert Path(download.value.path()).read_bytes()[:2] == b"PK"
    page.locator(".topbar__menu summary").click()
    page.locator(".topbar__sheet").get_by_role("button", name="Salir").click()
    page.goto("/hc/es/requests/")
    expect(page).to_have_url(re.compile("/accounts/login/"))


def test_a_link_to_a_case_still_needs_no_account(browse: Browse) -> None:
    """What receipts and answers link to opens the case as before, for who never signed in."""
    case = a_case(now=TUESDAY - 20 * MINUTE)
    page = browse(js=False)
    page.goto(f"/hc/es/requests/{access.link_token(case)}/")
    page.get_by_label("Su respuesta").fill("Por el enlace")
    page.get_by_role("button", name="Enviar respuesta").click()
    expect(page.locator(".msg")).to_have_count(2)
