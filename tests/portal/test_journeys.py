"""What people do on the public screens, in a real browser, with and without script."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from playwright.sync_api import Page, Route, expect

from plazo.tickets import access, commands
from plazo.tickets.models import Attachment, PublicMessage, Ticket
from tests import factory
from tests.factory import TUESDAY
from tests.web import DESKTOP, PHONE, Browse, audit, keep_picture

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[time_machine.Traveller]:
    """It is Tuesday at 14:52, time passes, and the real agreement is in force."""
    factory.publish_iws()
    with time_machine.travel(TUESDAY, tick=True) as traveller:
        yield traveller


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file to attach."""
    path = tmp_path / "respuestas-504.json"
    path.write_text('{"error": 504}', encoding="utf-8")
    return path


def fill_in(page: Page, **changes: str) -> None:
    """Fill the request form in as a person does."""
    answers = {
        "service": "Licencias ESD",
        "request_type": "Algo falla",
        "severity": "Moderado",
        "Asunto": "PlaceOrder devuelve 504 y la licencia no llega",
        "¿Qué ocurre?": "Desde las 12:40 falla la mitad de las llamadas.",
        "Su nombre": "Compras Andina",
        "Su correo": "compras@andina.example",
    } | changes
    for name, value in answers.items():
        if name in ("service", "request_type", "severity", "environment"):
            page.locator(f'label.choice:has([name="{name}"])', has_text=value).click()
        else:
            page.get_by_label(name).fill(value)


@pytest.mark.parametrize("js", [True, False], ids=["with script", "without script"])
def test_from_the_question_to_the_conversation(
    browse: Browse, file: Path, tuesday: time_machine.Traveller, js: bool
) -> None:
    """A stranger opens a case with a file, gets number and hours, comes back, and answers."""
    page = browse(js=js)
    page.goto("/")
    expect(page.locator("h1")).to_have_text("¿En qué podemos ayudarle?")
    expect(page.locator(".day__head")).to_contain_text("hoy hasta las 22:00 EST")
    expect(page.locator(".day__head")).to_contain_text("le respondemos antes de las 15:52")
    page.get_by_label("Buscar en la base de conocimiento").fill("PlaceOrder devuelve 504")
    page.locator("form.search button").click()
    expect(page.get_by_role("status").first).to_contain_text("0 resultados")
    page.get_by_role("main").get_by_role("link", name="Abrir un caso").first.click()

    expect(page.get_by_label("Asunto")).to_have_value("PlaceOrder devuelve 504")
    expect(page.locator(".panel--brand")).to_contain_text("antes de las 15:52")
    fill_in(page)
    page.locator('input[type="file"]').set_input_files(file)
    tuesday.shift(timedelta(minutes=2))
    page.get_by_role("button", name="Enviar caso").click()

    # The form waits for its file.
    expect(page.locator("h1")).to_contain_text("IWS-")
    ticket = Ticket.objects.get()
    expect(page.locator("h1")).to_contain_text(ticket.number)
    expect(page.locator(".span-steps")).to_contain_text("15:54")
    page.reload()
    assert Ticket.objects.count() == 1
    page.get_by_role("link", name="Ver mi caso").click()

    expect(page.locator("h1")).to_have_text("PlaceOrder devuelve 504 y la licencia no llega")
    expect(page.locator(".promise--live")).to_contain_text("15:54 hoy, EST")
    expect(page.locator(".promise--live .chip")).to_contain_text("En plazo")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("respuestas-504.json")).click()
    assert Path(download.value.path()).read_text(encoding="utf-8") == '{"error": 504}'
    page.get_by_label("Su respuesta").fill("Ya llegó la llave de OC-88214.")
    page.locator('input[type="file"]').set_input_files(file)
    page.get_by_role("button", name="Enviar respuesta").click()

    expect(page.locator(".msg")).to_have_count(2)
    expect(page.get_by_role("status").first).to_contain_text("Recibimos su respuesta")
    assert Attachment.objects.count() == 2


@pytest.mark.parametrize("js", [True, False], ids=["with script", "without script"])
def test_mistakes_are_told_together_and_cost_nothing(
    browse: Browse, file: Path, tuesday: time_machine.Traveller, js: bool
) -> None:
    """The summary takes the focus and leads to each field; text and file are still there."""
    page = browse(js=js)
    page.goto("/hc/es/requests/new/")
    page.get_by_label("¿Qué ocurre?").fill("Un texto que costó escribir.")
    page.get_by_label("Su correo").fill("compras@andina")
    page.locator('input[type="file"]').set_input_files(file)
    tuesday.shift(timedelta(minutes=1))
    page.get_by_role("button", name="Enviar caso").click()

    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("link")).to_have_text(
        [
            "Elija el servicio.",
            "Elija de qué se trata.",
            "Elija cuánto le afecta.",
            "Escriba un asunto.",
            "Escriba su nombre.",
            "El correo no está completo.",
        ]
    )
    if js:
        assert audit(page) == []
        keep_picture(page, "errors")
    summary.get_by_role("link", name="Elija el servicio.").click()
    expect(page.locator("#id_service")).to_be_focused()
    expect(page.get_by_label("¿Qué ocurre?")).to_have_value("Un texto que costó escribir.")
    expect(page.locator('[name="kept"]')).to_be_checked()
    fill_in(page)
    page.get_by_role("button", name="Enviar caso").click()

    expect(page.locator("h1")).to_contain_text("IWS-")
    assert Attachment.objects.get().name == "respuestas-504.json"


def test_an_old_page_loses_nothing(
    browse: Browse, file: Path, tuesday: time_machine.Traveller
) -> None:
    """Cookies cleared meanwhile: the form comes back with text and file, and then it is sent."""
    page = browse()
    page.goto("/hc/es/requests/new/")
    fill_in(page)
    page.locator('input[type="file"]').set_input_files(file)
    page.context.clear_cookies()
    tuesday.shift(timedelta(days=3))
    page.get_by_role("button", name="Enviar caso").click()

    expect(page.get_by_role("alert")).to_contain_text("estuvo abierta demasiado tiempo")
    assert Ticket.objects.count() == 0
    page.get_by_role("button", name="Enviar caso").click()

    expect(page.locator("h1")).to_contain_text("IWS-")
    assert Attachment.objects.count() == 1


def test_another_area_is_told_at_once_without_script(
    browse: Browse, tuesday: time_machine.Traveller
) -> None:
    """Choosing what Credit attends says so there and then, with the clause; it may be sent."""
    page = browse(js=False)
    page.goto("/hc/es/requests/new/")
    notes = page.locator(".elsewhere .note:visible")
    expect(notes).to_have_count(0)
    fill_in(page, request_type="Facturación o nota crédito")
    expect(notes).to_have_count(1)
    expect(notes).to_contain_text("Esto lo atiende Crédito")
    expect(notes).to_contain_text("reclamación de facturación")
    page.locator("label.choice", has_text="Pruebas o desarrollo").click()
    expect(notes).to_have_count(2)
    expect(notes.first.get_by_role("link")).to_have_attribute("href", re.compile("^mailto:"))
    keep_picture(page, "elsewhere")
    tuesday.shift(timedelta(minutes=2))
    page.get_by_role("button", name="Enviar caso").click()

    expect(page.locator("main")).to_contain_text("Esto lo atiende Integraciones")


def test_the_clock_runs_by_itself(browse: Browse) -> None:
    """The server says when it is due; the page counts, changes state, and says so once."""
    ticket = factory.a_case(now=TUESDAY - timedelta(minutes=20))
    page = browse()
    page.clock.install(time=datetime(2020, 1, 1, tzinfo=UTC))  # a computer with a wrong clock
    page.goto(f"/hc/es/requests/{access.link_token(ticket)}/")
    chip = page.locator(".promise--live .chip")
    expect(chip).to_have_attribute("data-sla", "ok")
    expect(chip).to_contain_text(re.compile("En plazo (39|40).min"))
    page.clock.run_for(26 * 60_000)
    expect(chip).to_have_attribute("data-sla", "risk")
    expect(chip).to_contain_text("En riesgo")
    expect(page.locator("#announcements")).to_have_text("Primera respuesta: En riesgo")
    page.clock.run_for(10 * 60_000)
    expect(chip).to_contain_text(re.compile(r"3:[0-5]\d"))
    page.clock.run_for(4 * 60_000)
    expect(chip).to_have_attribute("data-sla", "late")
    expect(chip).to_contain_text("Vencida")
    expect(page.locator(".promise--live")).to_have_attribute("data-sla", "late")


def test_without_a_connection_the_page_says_so(browse: Browse) -> None:
    """The clocks go on, and nobody takes old news for new."""
    page = browse()
    page.goto(f"/hc/es/requests/{access.link_token(factory.a_case())}/")
    page.context.set_offline(True)
    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator("#offline")).to_contain_text("Sin conexión desde:")
    page.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()


def test_a_draft_survives_until_it_is_sent(browse: Browse) -> None:
    """A closed tab costs nothing, and what was sent does not come back as a draft."""
    page = browse()
    address = f"/hc/es/requests/{access.link_token(factory.a_case())}/"
    page.goto(address)
    page.get_by_label("Su respuesta").fill("Un borrador")
    page.goto("/hc/es/")
    page.goto(address)
    expect(page.get_by_label("Su respuesta")).to_have_value("Un borrador")
    page.get_by_role("button", name="Enviar respuesta").click()
    expect(page.locator(".msg")).to_have_count(2)
    page.goto(address)
    expect(page.get_by_label("Su respuesta")).to_have_value("")


def test_the_draft_of_a_request_ends_with_its_confirmation(
    browse: Browse, tuesday: time_machine.Traveller
) -> None:
    """A request that was refused keeps its draft; one that became a case leaves none, and looking
    at the confirmation again does not end a later one."""
    page = browse()
    page.goto("/hc/es/requests/new/")
    tuesday.shift(timedelta(minutes=1))
    page.get_by_label("¿Qué ocurre?").fill("Falla la mitad de las llamadas.")
    page.get_by_role("button", name="Enviar caso").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.goto("/hc/es/requests/new/")
    expect(page.get_by_label("¿Qué ocurre?")).to_have_value("Falla la mitad de las llamadas.")
    tuesday.shift(timedelta(minutes=1))
    fill_in(page)
    page.get_by_role("button", name="Enviar caso").click()
    expect(page.locator("h1")).to_contain_text("IWS-")
    confirmation = page.url
    page.goto("/hc/es/requests/new/")
    expect(page.get_by_label("¿Qué ocurre?")).to_have_value("")
    page.get_by_label("¿Qué ocurre?").fill("Otra cosa")
    page.goto(confirmation)
    page.goto("/hc/es/requests/new/")
    expect(page.get_by_label("¿Qué ocurre?")).to_have_value("Otra cosa")


def test_files_are_chosen_seen_and_taken_out(browse: Browse, file: Path, tmp_path: Path) -> None:
    """Choosing twice adds, a button takes one out, and the keyboard reaches all of it."""
    other = tmp_path / "captura.txt"
    other.write_text("x", encoding="utf-8")
    page = browse()
    page.goto("/hc/es/requests/new/")
    field = page.locator('input[type="file"]')
    field.set_input_files(file)
    field.set_input_files(other)
    chosen = page.locator("[data-picked] .attach")
    expect(chosen).to_have_count(2)
    page.get_by_role("button", name="Quitar respuestas-504.json").press("Enter")
    expect(chosen).to_have_count(1)
    expect(chosen).to_contain_text("captura.txt")


def test_an_upload_that_ends_leaves_the_focus_where_it_was(browse: Browse, file: Path) -> None:
    """The button that takes a file out stays the same one while the file goes up."""
    page = browse()
    going_up: list[Route] = []
    page.route("**/requests/files/", lambda route: going_up.append(route))  # noqa: PLW0108 (Playwright marks it)
    page.goto("/hc/es/requests/new/")
    page.locator('input[type="file"]').set_input_files(file)
    take_out = page.get_by_role("button", name="Quitar respuestas-504.json")
    take_out.focus()
    expect(page.locator("[data-picked] progress")).to_be_visible()
    going_up.pop().continue_()
    expect(page.locator('[data-picked] input[name="kept"]')).to_have_count(1)
    expect(take_out).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-picked] .attach")).to_have_count(0)


def test_too_much_is_said_before_it_is_sent(browse: Browse, file: Path) -> None:
    """What the server would refuse is not sent at all."""
    page = browse()
    page.goto("/hc/es/requests/new/")
    page.locator('input[type="file"]').evaluate("input => { input.dataset.limit = 3; }")
    page.reload()
    field = page.locator('input[type="file"]')
    field.set_input_files(file)
    assert field.evaluate("input => input.validationMessage") == ""
    limit = int(field.get_attribute("data-limit") or 0)
    field.evaluate(
        """(input, size) => {
            const all = new DataTransfer();
            all.items.add(new File([new Uint8Array(size + 1)], "grande.bin"));
            input.files = all.files;
            input.dispatchEvent(new Event("change"));
        }""",
        limit,
    )
    assert "En total son más de" in str(field.evaluate("input => input.validationMessage"))
    page.get_by_role("button", name="Enviar caso").click()
    expect(page).to_have_url(re.compile("/requests/new/$"))
    assert page.get_by_role("alert").count() == 0


def test_the_same_in_english(browse: Browse) -> None:
    """Every public page speaks English too, and switches in place."""
    page = browse(language="en")
    page.goto("/")
    expect(page.locator("h1")).to_have_text("How can we help you?")
    expect(page.locator(".day__head")).to_contain_text("we answer by 15:52")
    token = access.link_token(factory.a_case())
    for path in ("", "sla/", "requests/new/", f"requests/{token}/", f"requests/{token}/sent/"):
        page.goto(f"/hc/es/{path}")
        page.locator(".lang a").click()
        expect(page).to_have_url(re.compile(f"/hc/en/{path}$"))
        expect(page.locator("html")).to_have_attribute("lang", "en")
        assert audit(page) == []
        assert not re.search(r"[¿¡ñ]", page.locator("main").inner_text().replace("Méndez", ""))


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_a_long_conversation(browse: Browse, width: int) -> None:
    """A case with everything in it: late, answered, at level 2, waiting, and sound to read."""
    opened = TUESDAY - timedelta(hours=3)
    ticket = factory.a_case(now=opened)
    agent, second = factory.as_agent(1), factory.as_agent(2)
    late = opened + timedelta(hours=1, minutes=5)
    commands.announce_alarms(ticket_id=ticket.pk, actor=agent, now=late)
    commands.reply_to_ticket(
        ticket_id=ticket.pk,
        body="Confirmo que el caso está a nuestro **alcance**.\n\n* uno\n* dos\n\n`GET /x`",
        actor=agent,
        now=late,
    )
    commands.enter_level(
        ticket_id=ticket.pk, level=2, severity="B", actor=agent, now=late + timedelta(minutes=2)
    )
    commands.set_status(
        ticket_id=ticket.pk,
        status="pending",
        waiting_for="requester",
        reason="Número de la orden nueva",
        actor=second,
        now=late + timedelta(minutes=20),
    )
    page = browse(width=width)
    page.goto(f"/hc/es/requests/{access.link_token(ticket)}/")
    keep_picture(page, f"long-{width}")

    expect(page.locator(".promise").first.locator(".chip")).to_contain_text("Vencida")
    expect(page.locator("main")).to_contain_text("El reloj se detiene hasta que usted responda")
    expect(page.locator("main")).to_contain_text("No cumplimos a tiempo: Primera respuesta")
    expect(page.locator("main")).not_to_contain_text("Dictamen de alcance")
    expect(page.locator(".promise").nth(1).locator(".chip")).to_contain_text("En pausa")
    assert audit(page) == []
    page.get_by_role("link", name="¿Por qué esta hora? Respuesta de nivel 2").click()
    keep_picture(page, f"long-why-{width}")
    expect(page.locator("main")).to_contain_text("Número de la orden nueva")
    assert audit(page) == []
    assert PublicMessage.objects.count() == 2
