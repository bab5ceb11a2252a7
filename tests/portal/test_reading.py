"""The help center in a real browser: reading, searching, asking, with and without script."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.core.files.base import ContentFile
from playwright.sync_api import Page, expect

from plazo.helpcenter import commands
from plazo.helpcenter.announcing import open_announcement, update_announcement
from plazo.helpcenter.models import Feedback, Follower, Reading
from plazo.notifications import sending
from plazo.notifications.models import OutboundMail
from plazo.tickets.models import Attachment, StagedUpload, Ticket
from tests import factory
from tests.factory import TUESDAY
from tests.kb import SYSTEM, an_article, counted, translated
from tests.web import DESKTOP, PHONE, Browse, audit, keep_picture, overflow

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

BODY = """Una orden ESD se confirma en **dos pasos**. No vuelva a enviarla.

## Consulte primero el estado

Llame a `GetOrder` con `customerOrderNumber`.

```http title="Consulta por su referencia"
GET /v1/GetOrder?customerOrderNumber=OC-88214 HTTP/1.1
Host: iws.example
```

## Cuánto esperar

| Estado | Qué significa | Qué hacer |
| --- | --- | --- |
| `Processing` | La orden fue aceptada. | Espere hasta 15 minutos. |
| `Completed` | La llave ya fue entregada. | Llame a `GetOrderTokens`. |

> [!WARNING]
> **Solo Crédito puede liberar una orden.** Un caso no acelera la liberación.

![Diagrama](file:pantalla.png)

## Cuándo abrir un caso

Vea [Reintentos](article:reintentos) o [abra un caso](page:new).
"""


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[time_machine.Traveller]:
    """It is Tuesday at 14:52, time passes, and there is something to read."""
    factory.publish_iws()
    with time_machine.travel(TUESDAY, tick=True) as traveller:
        an_article("Reintentos seguros", "Espere y repita.\n", key="reintentos", section="general")
        edition = an_article(
            "La licencia no llega después de PlaceOrder",
            "x\n",
            key="placeorder-504",
            summary="La orden existe y la llave aún no: cómo consultarla y cuánto esperar.",
            labels=["ordenes"],
            published=False,
        )
        commands.add_file(
            article_id=edition.article_id,
            file=ContentFile(b"\x89PNG\r\n\x1a\n", name="pantalla.png"),
            name="pantalla.png",
            content_type="image/png",
            actor=SYSTEM,
            now=TUESDAY,
        )
        text = commands.Text(title=edition.newest.title, body=BODY, summary=edition.newest.summary)
        commands.save_revision(edition_id=edition.pk, text=text, actor=SYSTEM, now=TUESDAY)
        commands.publish_edition(edition_id=edition.pk, actor=SYSTEM, now=TUESDAY)
        translated(edition, "The license does not arrive", "Call `GetOrder` first.\n")
        announcement = open_announcement(
            kind="incident",
            impact="degraded",
            services=["esd"],
            title={"es": "Demoras en PlaceOrder", "en": "Delays in PlaceOrder"},
            text={"es": "Algunas llamadas responden 504.", "en": "Some calls answer 504."},
            starts_at=TUESDAY - timedelta(hours=2),
            next_update_at=TUESDAY + timedelta(minutes=38),
            actor=SYSTEM,
            now=TUESDAY - timedelta(hours=2),
        )
        update_announcement(
            announcement_id=announcement.pk,
            text={"es": "Hay una ruta alterna."},
            next_update_at=TUESDAY + timedelta(minutes=38),
            actor=SYSTEM,
            now=TUESDAY,
        )
        counted()
        yield traveller


ARTICLE = "/hc/es/articles/la-licencia-no-llega-despues-de-placeorder/"
PAGES = {
    "home": "/hc/es/",
    "section": "/hc/es/sections/esd/",
    "article": ARTICLE,
    "article-voted": f"{ARTICLE}?voted=no",
    "article-from-form": f"{ARTICLE}?from=form",
    "search": "/hc/es/search/?q=licencia+504",
    "search-mended": "/hc/es/search/?q=lisencia",
    "search-nothing": "/hc/es/search/?q=zzzz",
    "search-empty": "/hc/es/search/",
    "status": "/hc/es/status/",
    "form": "/hc/es/requests/new/?article=placeorder-504&service=esd",
}


@pytest.mark.parametrize(
    ("language", "width", "dark"),
    [("es", DESKTOP, False), ("es", PHONE, True), ("en", DESKTOP, True), ("en", PHONE, False)],
)
def test_every_page_is_sound(browse: Browse, width: int, dark: bool, language: str) -> None:
    """No finding of the accessibility rules, no sideways scrolling, no error."""
    page = browse(width=width, dark=dark, language=language)
    for name, path in PAGES.items():
        page.goto(path.replace("/hc/es/", f"/hc/{language}/"))
        keep_picture(page, f"{name}-{language}-{width}-{'dark' if dark else 'light'}")
        assert audit(page) == [], name
        assert overflow(page) <= 0, name


def test_from_the_first_letters_to_the_answer(browse: Browse) -> None:
    """By keyboard alone: slash, some letters, arrow down, enter; then a vote with a sentence."""
    page = browse()
    page.goto("/hc/es/")
    page.keyboard.press("/")
    expect(page.get_by_label("Buscar en la base de conocimiento")).to_be_focused()
    page.keyboard.type("licen")
    suggestions = page.locator("[data-suggestions] a")
    expect(suggestions.first).to_contain_text("La licencia no llega después de PlaceOrder")
    assert audit(page) == []
    page.keyboard.press("ArrowDown")
    expect(suggestions.first).to_be_focused()
    page.keyboard.press("Escape")
    expect(suggestions.first).to_be_hidden()
    page.keyboard.type("c")
    expect(suggestions.first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(suggestions.first).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator("h1")).to_have_text("La licencia no llega después de PlaceOrder")
    expect(
        page.get_by_role("navigation", name="En este artículo").get_by_role("link")
    ).to_have_text(["Consulte primero el estado", "Cuánto esperar", "Cuándo abrir un caso"])
    page.get_by_role("link", name="Cuánto esperar").click()
    assert page.url.endswith("#cuanto-esperar")
    copy = page.get_by_role("button", name="Copiar")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    copy.click()
    expect(page.get_by_role("button", name="Copiado")).to_be_visible()
    assert "GetOrder?customerOrderNumber" in page.evaluate("navigator.clipboard.readText()")

    page.get_by_role("button", name="No", exact=True).click()
    expect(page.get_by_role("heading", name="Gracias por decírnoslo")).to_be_visible()
    page.get_by_label("¿Qué faltó o qué estaba mal?").fill("Falta el caso de OnHold")
    page.get_by_role("button", name="Enviar").click()
    expect(page.get_by_role("heading", name="Gracias por decírnoslo")).to_be_visible()
    assert Feedback.objects.get().words == "Falta el caso de OnHold"


def test_without_script_everything_can_be_read_and_asked(browse: Browse) -> None:
    """Search, article, vote, the way into the form and the status page are plain pages."""
    page = browse(width=PHONE, js=False)
    page.goto("/hc/es/")
    page.get_by_label("Buscar en la base de conocimiento").fill("lisencia 504")
    page.get_by_role("button", name="Buscar").click()
    expect(page.get_by_text("Quizá quiso decir")).to_be_visible()
    page.get_by_role("link", name="La licencia no llega después de PlaceOrder").click()
    expect(page.locator(".prose table")).to_be_visible()
    page.get_by_role("button", name="Sí").click()
    expect(page.get_by_role("heading", name="Gracias por decírnoslo")).to_be_visible()
    page.locator("article section").get_by_role("link", name="Abrir un caso").click()
    expect(page.get_by_text("Viene del artículo")).to_be_visible()
    page.goto("/hc/es/status/")
    page.get_by_label("Su correo").fill("jefe@andina.example")
    page.get_by_role("button", name="Escribirme").click()
    expect(page.get_by_role("status").first).to_contain_text("Enviamos un correo a jefe@andina")
    mail = OutboundMail.objects.get()
    assert sending.send(mail.pk, now=TUESDAY + timedelta(minutes=1))
    mail.refresh_from_db()
    link = next(line for line in mail.body_text.splitlines() if "/status/follow/" in line)
    page.goto(link[link.index("/hc/") :])
    assert Follower.objects.get().confirmed_at is None
    page.get_by_role("button", name="Sí, escríbanme").click()
    expect(page.get_by_role("button", name="Sí, escríbanme")).to_have_count(0)
    assert Follower.objects.get().confirmed_at is not None


def test_the_form_suggests_and_an_article_makes_it_needless(browse: Browse) -> None:
    """Articles stand beside the form as one types; the one that helps ends the request."""
    page = browse()
    page.goto("/hc/es/requests/new/")
    panel = page.locator("[data-suggest-form]")
    expect(panel).to_be_hidden()
    page.get_by_label("Asunto").fill("la licencia no llega")
    expect(panel.get_by_role("link")).to_contain_text(["La licencia no llega después"])
    assert audit(page) == []
    with page.context.expect_page() as opened:
        panel.get_by_role("link").first.click()
    article = opened.value
    article.get_by_role("button", name="Se resolvió, no necesito el caso").click()
    expect(article.get_by_role("heading", name="Gracias por decírnoslo")).to_be_visible()
    assert sum(Reading.objects.values_list("deflected", flat=True)) == 1
    page.reload()
    expect(page.get_by_label("Asunto")).to_have_value("la licencia no llega")


def test_the_form_asks_only_what_fits(browse: Browse, tuesday: time_machine.Traveller) -> None:
    """Questions, the announcement and the promise follow what is chosen; the case keeps it all."""
    page = browse()
    page.goto("/hc/es/requests/new/")
    order, sku = page.get_by_label("Número de orden"), page.get_by_label("SKU de los productos")
    notice = page.get_by_label("Mi caso es por esto")
    expect(order).to_be_hidden()
    page.locator('label.choice:has([name="service"])', has_text="Catálogo").click()
    page.locator('label.choice:has([name="request_type"])', has_text="Algo falla").click()
    expect(sku).to_be_visible()
    expect(order).to_be_hidden()
    expect(notice).to_be_hidden()
    page.locator('label.choice:has([name="service"])', has_text="Licencias ESD").click()
    expect(order).to_be_visible()
    expect(sku).to_be_hidden()
    page.locator('label.choice:has([name="severity"])', has_text="Mínimo").click()
    expect(page.locator("[data-after]")).to_contain_text("en 4\N{NO-BREAK SPACE}h hábiles o menos")
    order.fill("4500917733")
    notice.check()
    page.get_by_label("Asunto").fill("Cobro doble")
    page.get_by_label("¿Qué ocurre?").fill("La orden aparece dos veces.")
    page.get_by_label("Su nombre").fill("Ana")
    page.get_by_label("Su correo").fill("ana@andina.example")
    page.locator('label.choice:has([name="request_type"])', has_text="Facturación").click()
    expect(page.locator(".elsewhere .note:visible")).to_contain_text("Crédito")
    tuesday.shift(timedelta(minutes=2))
    page.get_by_role("button", name="Enviar caso").click()
    expect(page.get_by_role("alert")).to_contain_text("Elija qué debemos hacer.")
    assert audit(page) == []
    page.get_by_label("Trasládenla a esa área").check()
    page.get_by_role("button", name="Enviar caso").click()

    expect(page.locator("h1")).to_contain_text("IWS-")
    payload = Ticket.objects.get().events.get(sequence=1).payload
    assert (payload["clause"], payload["answer"]) == ("billing", "pass_on")
    assert payload["fields"] == ["order_number"]
    assert payload["announcement"]
    page.get_by_role("link", name="Ver mi caso").click()
    expect(
        page.locator("dl", has_text="Número de orden").locator("dd", has_text="4500917733")
    ).to_be_visible()
    page.goto("/hc/es/requests/new/")
    expect(page.get_by_label("Asunto")).to_have_value("")


def fill_in(page: Page, *, subject: str, body: str, email: str) -> None:
    """Fill in the request form as a person does who reports something slight."""
    for name, text in (
        ("service", "Licencias ESD"),
        ("request_type", "Algo falla"),
        ("severity", "Mínimo"),
    ):
        page.locator(f'label.choice:has([name="{name}"])', has_text=text).click()
    for label, text in (
        ("Asunto", subject),
        ("¿Qué ocurre?", body),
        ("Su nombre", "Ana"),
        ("Su correo", email),
    ):
        page.get_by_label(label).fill(text)


def test_a_busy_network_works_a_little_and_is_heard(
    browse: Browse, tuesday: time_machine.Traveller, tmp_path: Path
) -> None:
    """Over the limit the browser solves a challenge by itself, and the request is taken."""
    from plazo.channels.forms.requests import FORMS
    from plazo.core.limits import take

    for _ in range(FORMS.burst + 1):
        take(FORMS, "127.0.0.1", now=TUESDAY + timedelta(minutes=2))
    page = browse()
    page.goto("/hc/es/requests/new/")
    fill_in(page, subject="Hola", body="Algo", email="a@b.example")
    tuesday.shift(timedelta(minutes=2))
    page.get_by_role("button", name="Enviar caso").click()
    expect(page.get_by_role("alert").first).to_contain_text("Llegaron muchas solicitudes")
    page.get_by_role("button", name="Enviar caso").click()
    expect(page.locator("h1")).to_contain_text("IWS-")


def test_files_go_up_as_they_are_chosen(
    browse: Browse, tuesday: time_machine.Traveller, tmp_path: Path
) -> None:
    """Each file shows how far it is, can be taken out again, and is sent once."""
    (tmp_path / "uno.json").write_text('{"error": 504}', encoding="utf-8")
    (tmp_path / "dos.log").write_bytes(b"x" * 3_000_000)
    page = browse()
    page.goto("/hc/es/requests/new/")
    page.locator('input[type="file"]').set_input_files(
        [tmp_path / "uno.json", tmp_path / "dos.log"]
    )
    entries = page.locator(".attach")
    expect(entries).to_have_count(2)
    expect(page.locator('.attach [name="kept"]')).to_have_count(2)
    assert StagedUpload.objects.count() == 2
    page.get_by_role("button", name="Quitar uno.json").click()
    expect(entries).to_have_count(1)
    fill_in(page, subject="Con registro", body="Adjunto el registro.", email="ana@andina.example")
    tuesday.shift(timedelta(minutes=2))
    page.get_by_role("button", name="Enviar caso").click()
    expect(page.locator("h1")).to_contain_text("IWS-")
    file = Attachment.objects.get()
    assert (file.name, file.size) == ("dos.log", 3_000_000)


def test_a_file_that_fails_to_go_up_goes_with_the_form(
    browse: Browse, tuesday: time_machine.Traveller, tmp_path: Path
) -> None:
    """The early way is a comfort; without it the file still arrives."""
    (tmp_path / "uno.json").write_text('{"error": 504}', encoding="utf-8")
    page = browse()
    page.route("**/requests/files/", lambda route: route.fulfill(status=200, body="rubbish"))
    page.goto("/hc/es/requests/new/")
    page.locator('input[type="file"]').set_input_files(tmp_path / "uno.json")
    expect(page.locator(".attach")).to_contain_text("No llegó. Inténtelo de nuevo.")
    tuesday.shift(timedelta(minutes=2))
    page.get_by_role("button", name="Enviar caso").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    expect(page.locator('[name="kept"]')).to_have_count(1)
