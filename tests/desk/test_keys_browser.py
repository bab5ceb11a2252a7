"""The keys of the desk, its palette and its sheet, in a real browser and without a mouse."""

import re

import pytest
from playwright.sync_api import expect

from plazo.accounts.models import Requester, User
from plazo.tickets.models import Ticket
from plazo.tickets.search import indexing
from tests.desk.test_browser import at_full_length, sign_in, tuesday  # noqa: F401 - a fixture
from tests.web import Browse, audit, each_look, keep_picture, overflow

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


def test_the_desk_is_worked_by_keyboard_alone(browse: Browse) -> None:
    """Rows that came later are walked too; each key presses what the page has for it, Escape goes
    back to where one was, a case leads back to its row."""
    page = browse()
    sign_in(page)
    page.evaluate(
        """() => {
          const list = document.querySelector('.queue ol');
          const fresh = list.firstElementChild.cloneNode(true);
          fresh.querySelector('a').href = '/desk/?late=1';
          list.prepend(fresh);
        }"""
    )
    rows = page.locator(".q-row")
    page.keyboard.press("j")
    expect(rows.first).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(rows.nth(2)).to_be_focused()
    expect(page.locator(".q-row[aria-current]")).to_have_count(1)
    page.keyboard.press("k")
    opened = rows.nth(1).get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/desk/tickets/IWS-\d+/$"))
    page.keyboard.press("a")
    expect(page.locator("#assignee")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#assignee")).not_to_be_focused()
    page.keyboard.press("s")
    expect(page.locator("input[name=severity]").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("input[name=severity]").first).to_be_hidden()
    page.keyboard.press("r")
    page.keyboard.type("jk?")
    expect(page.locator("#body")).to_have_value("jk?")
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    page.wait_for_url(re.compile(r"^[^?]*/desk/$"))
    expect(page.locator(f'.q-row[href="{opened}"]')).to_have_attribute("aria-current", "true")
    page.keyboard.press("g")
    page.wait_for_timeout(1300)
    page.keyboard.press("v")  # too late for the sequence
    page.keyboard.press("g")
    page.keyboard.press("m")
    page.wait_for_url(re.compile(r"view=mine"))


@each_look
def test_the_palette_and_the_sheet(browse: Browse, width: int, dark: bool) -> None:
    """Both open by key and by button, say what can be done here, pass the audit, and close to
    where the focus was."""
    number = Ticket.objects.get(subject__contains="GetCatalog responde").number
    look = f"{width}-{'dark' if dark else 'light'}"
    page = browse(width=width, dark=dark)
    sign_in(page)
    page.goto(f"/desk/tickets/{number}/")
    page.locator(".main__bar a").first.focus()
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Buscar o ejecutar")
    expect(field).to_be_focused()
    expect(page.locator("#palette").get_by_role("option", name="Respuesta pública")).to_be_visible()
    page.keyboard.type("por que este pl")
    expect(page.locator("#palette [aria-selected=true]")).to_have_text(
        re.compile("Por qué este plazo")
    )
    page.keyboard.press("Control+a")
    page.keyboard.type("as")
    keep_picture(page, f"palette-{look}")
    assert audit(page) == []
    assert overflow(page) <= 0
    page.keyboard.press("Escape")
    expect(page.locator(".main__bar a").first).to_be_focused()
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Atajos de teclado")
    expect(sheet).to_contain_text("Cambiar la severidad")
    expect(sheet).to_contain_text("Vencidos")
    keep_picture(page, f"sheet-{look}")
    assert audit(page) == []
    page.keyboard.press("Escape")
    expect(page.locator(".main__bar a").first).to_be_focused()
    page.keyboard.press("Control+k")
    page.keyboard.type(">severidad")
    page.keyboard.press("Enter")
    expect(page.locator("input[name=severity]").first).to_be_focused()
    if width < 500:
        page.locator(".tabbar__more > summary").click()
    page.get_by_role("button", name="Paleta de comandos").click()
    page.keyboard.type("sin asignar")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("view=unassigned"))


def test_single_keys_can_be_turned_off(browse: Browse) -> None:
    """Who turned them off in their profile types letters that do nothing; Ctrl K stays."""
    page = browse()
    sign_in(page)
    page.get_by_role("button", name="Atajos de teclado").click()
    page.get_by_role("link", name="Desactivar los atajos de una tecla").click()
    page.get_by_label("Usar atajos de una tecla").uncheck()
    page.get_by_role("button", name="Guardar").click()
    expect(page.locator(".flash")).to_be_visible()
    assert not User.objects.get(email="agente1@demo.example").single_keys
    page.goto("/desk/")
    page.locator(".q-row").first.focus()
    for key in ("j", "?", "/", "x"):
        page.keyboard.press(key)
    expect(page.locator(".q-pick input:checked")).to_have_count(0)
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator("#search")).not_to_be_focused()
    expect(page.locator(".q-row").first).to_be_focused()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Buscar o ejecutar")).to_be_focused()


@each_look
def test_what_is_searched_is_found_by_keyboard(browse: Browse, width: int, dark: bool) -> None:
    """The slash, an operator completed, a word; j and Enter open the case, u leads back; the
    palette finds the same; every page on the way passes the audit."""
    while indexing.index_due():
        pass
    look = f"{width}-{'dark' if dark else 'light'}"
    page = browse(width=width, dark=dark)
    sign_in(page)
    page.goto("/desk/find/")
    keep_picture(page, f"find-empty-{look}")
    field = page.locator("#find")
    expect(field).to_be_focused()
    page.keyboard.type("est")
    expect(page.get_by_role("option", name="estado:")).to_be_visible()
    assert audit(page) == []
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(field).to_have_value("estado:")
    page.keyboard.type("nu")
    expect(page.get_by_role("option", name="estado:nuevo")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(field).to_have_value("estado:nuevo ")
    page.keyboard.type("responde")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/desk/find/"))
    expect(page.locator(".found__row", has_text="GetCatalog")).to_be_visible()
    at_full_length(page)
    assert audit(page) == []
    keep_picture(page, f"find-{look}")
    assert overflow(page) <= 0
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/desk/tickets/IWS-\d+/$"))
    page.keyboard.press("u")
    page.wait_for_url(re.compile("/desk/find/"))
    page.keyboard.press("Control+k")
    page.keyboard.type("getcat")
    case = page.locator("#palette").get_by_role("option", name=re.compile("IWS-.*GetCatalog"))
    expect(case.first).to_be_visible()
    keep_picture(page, f"palette-found-{look}")
    assert audit(page) == []
    page.keyboard.press("Escape")
    person = Requester.objects.exclude(organization=None).order_by("pk")[0]
    assert person.organization is not None
    for name, path in {
        "person": f"/desk/people/{person.pk}/",
        "company": f"/desk/companies/{person.organization.slug}/",
    }.items():
        page.goto(path)
        at_full_length(page)
        assert audit(page) == []
        keep_picture(page, f"{name}-{look}")
        assert overflow(page) <= 0
