"""The agreement's draft in a real browser: a service from its first key to the form of clients."""

from collections.abc import Iterator

import pytest
import time_machine
from playwright.sync_api import Page, expect

from plazo.config import demo
from tests.factory import TUESDAY
from tests.web import DESKTOP, Browse, audit, each_look, keep_picture, overflow

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]
KEEP = "Guardar en el borrador"


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[None]:
    """It is Tuesday at 14:52."""
    with time_machine.travel(TUESDAY, tick=True):
        demo.load(now=TUESDAY, articles=None, process=False)
        yield


def sound(page: Page, name: str, width: int) -> None:
    """See that a screen has no fault that axe finds, and fits its window."""
    size = page.viewport_size
    assert size is not None
    body = page.evaluate(
        "Math.max(...[document.documentElement, ...document.querySelectorAll("
        "'.settings, .settings__body')].map((e) => e.scrollHeight)) + 80"
    )
    page.set_viewport_size({"width": width, "height": max(900, body)})
    keep_picture(page, f"draft-{name}-{width}")
    assert (name, audit(page), overflow(page)) == (name, [], 0)
    page.set_viewport_size(size)


def fill(page: Page, values: dict[str, str]) -> None:
    for label, text in values.items():
        page.get_by_label(label, exact=True).fill(text)


@each_look
def test_a_service_from_its_first_key_to_the_form_of_clients(
    browse: Browse, width: int, dark: bool
) -> None:
    """Added, ordered with the keyboard, asked, promised by hours of its own, and published."""
    page = browse(width=width, dark=dark)
    page.goto("/desk/settings/services/")
    page.get_by_label("Correo").fill("admin@demo.example")
    page.get_by_label("Contraseña").fill(demo.PASSWORD)
    page.get_by_role("button", name="Continuar").click()
    page.get_by_role("link", name="Servicio nuevo").click()
    page.get_by_role("button", name=KEEP).click()
    fill(page, {
        "Nombre en español": "Nube", "Nombre en inglés": "Cloud", "Clave": "cloud",
        "Ayuda en español": "Respaldo", "Ayuda en inglés": "Backup",
        "A quién se atiende, en español": "De nube", "A quién se atiende, en inglés": "Of cloud",
    })  # fmt: skip
    page.get_by_label("Número de orden").check()
    sound(page, "service", width)
    page.get_by_role("button", name=KEEP).click()
    up = page.get_by_role("button", name="Subir «Nube»")
    up.focus()
    for place in ("4", "3"):
        page.keyboard.press("Enter")
        expect(page.get_by_text(f"«Nube» es ahora el número {place} de 5")).to_be_visible()
        expect(up).to_be_focused()
    sound(page, "services", width)
    page.goto("/desk/settings/fields/new/?service=cloud")
    fill(page, {"Etiqueta en español": "Región", "Etiqueta en inglés": "Region", "Clave": "region"})
    page.get_by_label("Qué admite").select_option("choice")
    page.get_by_label("Opciones").fill("Norte = North")
    page.get_by_role("button", name=KEEP).click()
    expect(page.get_by_role("alert")).to_contain_text("con una no hay qué elegir")
    sound(page, "field-refused", width)
    page.get_by_label("Opciones").fill("Norte = North\nSur = South")
    page.get_by_role("button", name=KEEP).click()
    page.get_by_role("navigation", name="Servicios").get_by_role("link", name="Nube").click()
    expect(page.get_by_role("rowheader", name="Región")).to_be_visible()
    sound(page, "fields", width)
    page.goto("/desk/settings/calendars/new/?copy=support")
    fill(page, {
        "Nombre en español": "Noche", "Nombre en inglés": "Night", "Clave": "night",
        "Martes": "22-6",
    })  # fmt: skip
    sound(page, "calendar-new", width)
    page.get_by_role("button", name=KEEP).click()
    page.get_by_label("Primera respuesta (Horario de soporte)").check()
    page.locator(".set-runs").get_by_role("button", name=KEEP).click()
    expect(page.locator("#runs ~ ul")).to_contain_text("Primera respuesta")
    sound(page, "calendar", width)
    page.goto("/desk/settings/agreement/")
    page.get_by_label("Sobre el servicio").select_option("cloud")
    page.get_by_role("button", name="Ensayar").click()
    expect(
        page.get_by_role("heading", name="El formulario preguntará sobre «Nube»")
    ).to_be_visible()
    first = page.get_by_role("row", name="Primera respuesta 1 h").last
    expect(first).to_contain_text("23:00")
    sound(page, "agreement", width)
    page.get_by_label("De inmediato").check()
    page.get_by_role("button", name="Publicar la versión 2").click()
    expect(page.get_by_text("La versión 2 está publicada")).to_be_visible()
    page.goto("/hc/es/requests/new/")
    for name in ("Nube", "Algo falla"):
        page.locator("label.choice", has_text=name).click()
    expect(page.get_by_label("Región")).to_be_visible()
    if width == DESKTOP:
        sound(page, "portal", width)
