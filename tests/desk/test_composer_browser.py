"""The ticket page in a real browser: an answer by mouse, and another by keyboard alone."""

import base64
import re
from collections.abc import Iterator

import pytest
import time_machine
from playwright.sync_api import Page, expect

from plazo.config import demo
from plazo.tickets.models import Draft, InternalNote, PublicMessage, Ticket
from tests.desk.test_browser import at_full_length, sign_in
from tests.desk.test_composer import PIXEL
from tests.factory import TUESDAY
from tests.web import PHONE, Browse, audit, keep_picture, overflow

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

PASTE = """([bytes]) => {
  const data = new DataTransfer();
  const content = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
  data.items.add(new File([content], "captura.png", { type: "image/png" }));
  const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
  document.getElementById("body").dispatchEvent(event);
}"""


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[time_machine.Traveller]:
    """It is Tuesday at 14:52, and the demo's cases are there."""
    with time_machine.travel(TUESDAY, tick=True) as traveller:
        demo.load(now=TUESDAY, articles=None, process=False)
        yield traveller


def open_case(page: Page, words: str = "GetCatalog responde vacío") -> Ticket:
    """Open a case from the queue."""
    page.locator(".q-row", has_text=words).click()
    page.wait_for_url(re.compile(r"/desk/tickets/IWS-\d+/$"))
    return Ticket.objects.get(subject__contains=words)


def fits(page: Page, name: str) -> None:
    """Nothing that axe finds, nothing wider than the window."""
    keep_picture(page, name)
    assert audit(page) == [], name
    assert overflow(page) <= 0, name


def test_an_answer_by_mouse(browse: Browse, tuesday: time_machine.Traveller) -> None:
    """A note names a colleague; a reply with an image, a copy outside and a promise is asked about,
    waits, is taken back, sent anew, and is in the conversation without a reload."""
    page = browse()
    sign_in(page)
    ticket = open_case(page)
    page.get_by_text("Nota interna", exact=False).first.click()
    expect(page.get_by_text("Solo el equipo la ve.")).to_be_visible()
    page.locator("#body").press_sequentially("Lo ve @espe")
    option = page.get_by_role("option").first
    expect(option).to_be_visible()
    fits(page, "composer-note")
    option.click()
    expect(page.locator("#body")).to_have_value(re.compile(r"^Lo ve @Especialista \w+ $"))
    page.get_by_role("button", name="Guardar nota").click()
    expect(page.locator(".msg--note").last).to_contain_text("Lo ve @Especialista")
    assert InternalNote.objects.filter(ticket=ticket).exists()

    page.locator("#body").fill("Vea la imagen: ")
    expect(page.locator("#body")).to_have_attribute("aria-controls", "picker")  # the new page acts
    page.evaluate(PASTE, [base64.b64encode(PIXEL).decode()])
    expect(page.locator("#body")).to_have_value(re.compile(r"!\[captura\]\(cid:"))
    expect(page.locator("[data-saved]")).to_contain_text("Borrador guardado")
    page.get_by_role("button", name="Vista previa").click()
    expect(page.locator("[data-previewed] img")).to_be_visible()
    page.get_by_role("button", name="Vista previa").click()
    page.get_by_text("Copias", exact=True).click()
    page.get_by_label("Agregar en copia").fill("ajena@otra.example")
    expect(page.locator("[data-guard]")).to_contain_text("no es de la empresa")
    expect(page.locator("[data-people]")).to_have_text("a 2 personas")
    page.locator(".seg--radio label", has_text="en 2 h").click()
    fits(page, "composer-reply")
    page.get_by_role("button", name="Enviar respuesta").click()
    expect(page.locator(".composer__doubts")).to_contain_text("ajena@otra.example")
    fits(page, "composer-asked")
    page.get_by_role("button", name="Enviar respuesta").click()
    expect(page.locator(".held")).to_contain_text("Sale en")
    expect(page.locator(".msg--held img")).to_be_visible()
    fits(page, "composer-held")
    page.get_by_role("button", name="Deshacer").click()
    expect(page.locator("#body")).to_have_value(re.compile("Vea la imagen"))
    expect(page.locator('[name="promise"][value^="2026"]:checked')).to_have_count(1)
    page.get_by_role("button", name="Enviar respuesta").click()
    page.get_by_role("button", name="Enviar respuesta").click()
    expect(page.locator(".held")).to_be_visible()
    page.locator("#body").fill("Lo siguiente, que se sigue escribiendo")
    expect(page.locator(".held")).to_have_count(0)
    expect(page.locator(".msg--us").last).to_contain_text("Próxima actualización")
    expect(page.locator("#body")).to_have_value("Lo siguiente, que se sigue escribiendo")
    assert PublicMessage.objects.filter(ticket=ticket, author_agent__isnull=False).count() == 1
    expect(page.locator(".ticket__side")).to_contain_text("La próxima respuesta lo cumple")
    expect(page.locator(".ticket__side .people")).to_contain_text("ajena@otra.example")


def test_an_answer_by_keyboard_alone(browse: Browse) -> None:
    """On a dark phone-sized window with a keyboard: r writes, Ctrl Enter sends, z takes back, n
    makes it a note, @ offers people, Escape closes the offer and leaves the text."""
    page = browse(width=PHONE, dark=True)
    sign_in(page)
    ticket = open_case(page)
    page.keyboard.press("r")
    expect(page.locator("#body")).to_be_focused()
    page.keyboard.type("Por *teclado*")
    page.keyboard.press("Control+b")
    page.keyboard.type("negrita")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".held")).to_be_visible()
    page.wait_for_load_state()
    page.keyboard.press("z")
    expect(page.locator("#body")).to_have_value("Por *teclado***negrita**")
    expect(page.locator("#body")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page.locator("#body")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("@espe")
    expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#body")).to_have_attribute("aria-activedescendant", "picker-1")
    page.keyboard.press("Escape")
    expect(page.locator("#picker")).to_be_hidden()
    expect(page.locator("#body")).to_be_focused()
    page.keyboard.type("c")
    page.keyboard.press("Control+a")
    page.keyboard.type("@espe")
    expect(page.locator("#picker")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.type("¿lo ve?")
    expect(page.locator("[data-saved]")).to_contain_text("Borrador guardado")
    at_full_length(page)
    fits(page, "composer-phone")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".msg--note").last).to_contain_text("¿lo ve?")
    assert not Draft.objects.exists()
    assert not PublicMessage.objects.filter(ticket=ticket, author_agent__isnull=False).exists()
