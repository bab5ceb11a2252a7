"""The queue in a real browser: filters, views, bulk actions and the next, by mouse and by keys."""

import re
from collections.abc import Iterator

import pytest
import time_machine
from playwright.sync_api import Page, expect

from plazo.automation.models import SavedView
from plazo.config import demo
from plazo.tickets.models import Ticket
from tests.factory import TUESDAY, a_case, a_requester
from tests.web import PHONE, Browse, audit, each_look, keep_picture, overflow

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[time_machine.Traveller]:
    """It is Tuesday at 14:52, and the demo's cases are there in every state."""
    with time_machine.travel(TUESDAY, tick=True) as traveller:
        demo.load(now=TUESDAY, articles=None, process=False)
        yield traveller


def sign_in(page: Page, name: str = "agente1", path: str = "/desk/") -> None:
    page.goto(path)
    page.get_by_label("Correo").fill(f"{name}@demo.example")
    page.get_by_label("Contraseña").fill(demo.PASSWORD)
    page.get_by_role("button", name="Continuar").click()
    page.wait_for_url(re.compile(re.escape(path)))


@each_look
def test_a_day_with_the_mouse(browse: Browse, width: int, dark: bool) -> None:
    """Filter, keep the view, choose rows, give them away, take it back, look at it otherwise; no
    step has a fault that axe finds, and none is wider than its window."""
    page = browse(width=width, dark=dark)
    sign_in(page, "coordinacion")

    def sound(name: str) -> None:
        assert audit(page) == [], name
        assert overflow(page) <= 0, name
        keep_picture(page, f"queue-{name}-{width}-{'dark' if dark else 'light'}")

    page.locator("[data-filter]").click()
    panel = page.locator("#filter-panel")
    expect(panel.get_by_role("checkbox", name="Nuevo")).to_be_checked()
    panel.get_by_label("Otra condición").select_option("service")
    panel.get_by_role("button", name="Agregar condición").click()
    panel.get_by_role("checkbox", name="Licencias ESD").check()
    panel.locator("summary", has_text="Guardar como vista").click()
    panel.get_by_label("Nombre").fill("ESD abiertos")
    panel.get_by_label("Quién la ve").select_option("shared")
    sound("filter")
    panel.get_by_role("button", name="Guardar", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ESD abiertos")
    expect(page.locator(".toast")).to_contain_text("Se guardó la vista")
    assert SavedView.objects.get().scope == "shared"
    expect(page.locator(".q-item")).to_have_count(
        Ticket.objects.filter(service="esd").exclude(status__in=("solved", "closed")).count()
    )

    page.goto("/desk/")
    first, second = (page.locator(".q-item").nth(n) for n in (0, 2))
    first.locator(".q-pick").click()
    page.locator(".q-item").nth(2).locator(".q-pick").click(modifiers=["Shift"])
    expect(page.locator("[data-chosen]")).to_have_text("3")
    bar = page.get_by_role("form", name="Con los casos elegidos")
    bar.locator("summary", has_text="Asignar").click()
    bar.get_by_label("A quién", exact=True).select_option(label="Especialista Uno")
    sound("chosen")
    bar.get_by_role("button", name="Asignar").click()
    toast = page.locator(".toast")
    expect(toast).to_contain_text("asignados a Especialista Uno")
    expect(first.locator(".q-c--assignee")).to_contain_text("Especialista Uno")
    expect(bar).to_be_hidden()
    sound("given")
    toast.get_by_role("button", name="Deshacer").click()
    expect(toast).to_contain_text("Se deshizo")
    expect(second).to_be_visible()

    page.locator(".q-display summary").click()
    page.get_by_label("Agrupar").select_option("status")
    page.get_by_role("checkbox", name="Etiquetas").check()
    page.get_by_role("radio", name="Compacta").check()
    sound("display")
    page.locator(".q-display").get_by_role("button", name="Guardar").click()
    expect(page.locator("html")).to_have_attribute("data-density", "compact")
    expect(page.locator(".q-group", has_text="Nuevo")).to_be_visible()
    for name, path in {"filter-page": "/desk/filter/", "views": "/desk/views/"}.items():
        page.goto(path)
        sound(name)


def test_a_day_by_keys_alone(browse: Browse) -> None:
    """Move, choose, take, solve, take back, filter, page on without end, and come back in place."""
    requester = a_requester()
    for n in range(70):
        a_case(requester=requester, subject=f"Uno de muchos {n:03}")
    page = browse()
    sign_in(page, "agente2")
    rows = page.locator(".q-item")
    press = page.keyboard.press
    toast = page.locator(".toast")

    press("j")
    number = rows.first.get_attribute("data-number")
    press("i")  # nothing is chosen: it is about the row of the cursor
    expect(toast).to_contain_text(f"{number} asignado a Especialista Dos.")
    expect(rows.first.locator(".q-row")).to_be_focused()
    press("z")
    expect(toast).to_contain_text("Se deshizo en 1 caso.")
    press("t")
    page.keyboard.type("prueba")
    press("Enter")  # what this sheet says, and not what the first button of the bar says
    expect(toast).to_contain_text(f"{number} con otras etiquetas.")
    press("d")  # solving asks what it was about
    expect(page.locator("#bulk-cause")).to_be_focused()
    page.locator("#bulk-cause").select_option("question")
    page.locator("#bulk-solution").select_option("explained")
    press("Enter")
    expect(toast).to_contain_text(f"{number} pasó a «Resuelto».")
    press("z")
    expect(toast).to_contain_text("Se deshizo en 1 caso.")
    press("x")
    press("j")
    press("x")
    expect(page.locator("[data-chosen]")).to_have_text("2")
    press("Escape")
    expect(page.locator("#bulk")).to_be_hidden()
    press("s")
    expect(page.get_by_label("Severidad").locator("visible=true").first).to_be_focused()
    press("Escape")
    expect(page.locator("#bulk details[open]")).to_have_count(0)
    press("Escape")

    # The next page is there before one comes to the end, and the cursor goes on into it.
    for _ in range(60):
        press("j")
    expect(rows).to_have_count(Ticket.objects.exclude(status__in=("solved", "closed")).count())
    shown = rows.evaluate_all("items => items.map((item) => item.dataset.number)")
    assert len(set(shown)) == len(shown)
    expect(page.locator(".q-more")).to_have_count(0)
    here = page.locator(".q-row[aria-current=true]")
    at = here.locator("..").get_attribute("data-number")
    press("Enter")
    page.wait_for_url(re.compile(rf"/tickets/{at}/"))
    press("u")
    page.wait_for_url(re.compile(r"/desk/$"))
    expect(here.locator("..")).to_have_attribute("data-number", at or "")
    expect(here).to_be_in_viewport()

    press("f")
    expect(page.locator("#filter-panel select").first).to_be_focused()
    press("Escape")
    expect(page.locator("#filter-panel select")).to_have_count(0)
    expect(page.locator(".q-row:focus")).to_have_attribute("aria-current", "true")
    press("g")
    press("t")
    page.wait_for_url(re.compile(r"/tickets/IWS-\d+/$"))
    taken = Ticket.objects.get(number=page.url.rstrip("/").rsplit("/", 1)[-1])
    assert taken.assignee is not None


def test_on_a_phone_without_script_everything_is_done_by_forms(browse: Browse) -> None:
    """The bar shows once a row is chosen, by the style alone; the note has its undo."""
    page = browse(width=PHONE, js=False)
    sign_in(page, "agente2")
    expect(page.locator("#bulk")).to_be_hidden()
    page.locator(".q-item .q-pick").first.click()
    page.locator("#bulk").get_by_role("button", name="Tomar").click()
    expect(page.locator(".toast")).to_contain_text("asignado a Especialista Dos")
    page.get_by_role("button", name="Deshacer").click()
    expect(page.locator(".toast")).to_contain_text("Se deshizo en 1 caso.")
    assert overflow(page) <= 0
