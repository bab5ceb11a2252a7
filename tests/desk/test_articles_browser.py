"""The editors' screens in a real browser: paste and drop, preview, history, keyboard, both widths."""

import base64
import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
import time_machine
from playwright.sync_api import Page, expect

from plazo.accounts.models import Agent, Role, User
from plazo.helpcenter import announcing, commands, reading
from plazo.helpcenter.commands import Text
from plazo.helpcenter.models import ArticleFile, Edition, Revision
from tests.factory import PASSWORD, TUESDAY, an_agent, as_agent, publish_iws
from tests.kb import SYSTEM, a_section, an_article, an_editor, translated
from tests.web import (
    DESKTOP,
    PHONE,
    Browse,
    at_full_length,
    audit,
    each_look,
    keep_picture,
    overflow,
)

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]
PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
        "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
    )
).decode()
BODY = """Una orden se confirma en dos pasos.

> [!WARNING]
> **No la reenvíe.** Podría comprar dos veces.

## Consulte el estado

```http title="Consulta"
GET /orders?reference=A-1042 HTTP/1.1
```

| Estado | Qué hacer |
| --- | --- |
| `accepted` | Espere |
"""


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[None]:
    """It is Tuesday at 14:52, with an article in every state that the screens show."""
    with time_machine.travel(TUESDAY, tick=True):
        publish_iws()
        an_editor()
        a_section("general")
        a_section("internal", audience="staff")
        first = an_article(
            "La licencia no llega", BODY, key="licencia", labels=["esd"],
            review_by=date(2026, 11, 20), owner_id=an_agent().pk, related=["reintentos"],
        )  # fmt: skip
        english = translated(first, "The licence does not arrive", "Wait.\n")
        an_article("Reintentos seguros", key="reintentos", section="general", published=False)
        for body in (BODY + "\nEspere quince minutos.\n", BODY + "\nEspere veinte minutos.\n"):
            commands.save_revision(edition_id=first.pk, text=Text(title="La licencia no llega", body=body, note="Cuánto esperar"), actor=as_agent(), now=TUESDAY)  # fmt: skip
        commands.publish_edition(edition_id=first.pk, actor=SYSTEM, now=TUESDAY)
        review = an_article("En revisión", key="revision", published=False)
        commands.ask_for_review(edition_id=review.pk, actor=as_agent(), now=TUESDAY)
        for words, found in (("webhook", 0), ("licencia", 3)):
            reading.searched(words, language="es", found=found, now=TUESDAY)
        reading.count_view(first, now=TUESDAY)
        reading.vote(edition=english, voter="a", useful=False, words="Too short", now=TUESDAY)
        announcing.open_announcement(
            kind="incident", impact="outage", services=["esd"], title={"es": "No hay entregas"},
            text={"es": "Trabajamos en ello.", "en": "We are on it."}, starts_at=TUESDAY,
            next_update_at=TUESDAY - timedelta(minutes=1), actor=as_agent(), now=TUESDAY,
        )  # fmt: skip
        yield


def sign_in(page: Page, name: str = "agente2") -> None:
    page.goto("/desk/articles/")
    page.get_by_label(re.compile("Correo|mail")).fill(f"{name}@demo.example")
    page.get_by_label(re.compile("Contraseña|Password")).fill(PASSWORD)
    page.get_by_role("button", name=re.compile("Continuar|Continue|Sign")).click()
    page.wait_for_url(re.compile(r"^[^?]*/desk/articles/$"))


@each_look
def test_every_screen_passes_the_audit(browse: Browse, width: int, dark: bool) -> None:
    """No screen has a fault that axe can find, or is wider than its window."""
    page = browse(width=width, dark=dark)
    sign_in(page)
    for name, path in {
        "articles": "/desk/articles/",
        "empty": "/desk/articles/?words=nada",
        "new": "/desk/articles/new/",
        "editor": "/desk/articles/licencia/es/",
        "settings": "/desk/articles/licencia/es/#settings",
        "files": "/desk/articles/licencia/es/#files",
        "help": "/desk/articles/licencia/es/#help",
        "original": "/desk/articles/licencia/en/",
        "in review": "/desk/articles/revision/es/",
        "begin a translation": "/desk/articles/reintentos/en/",
        "history": "/desk/articles/licencia/es/history/",
        "page": "/desk/articles/licencia/es/page/",
        "insights": "/desk/articles/insights/",
        "sections": "/desk/articles/sections/",
        "synonyms": "/desk/articles/synonyms/",
        "announcements": "/desk/announcements/",
        "announce": "/desk/announcements/new/",
    }.items():
        page.goto(path)
        page.wait_for_load_state("networkidle")
        keep_picture(page, f"kb-{name.replace(' ', '-')}-{width}-{'dark' if dark else 'light'}")
        at_full_length(page)
        assert audit(page) == [], name
        assert overflow(page) <= 0, name
    page.goto("/desk/announcements/")
    page.get_by_role("link", name="No hay entregas").click()
    page.wait_for_load_state("networkidle")
    assert audit(page) == []
    assert overflow(page) <= 0


@pytest.mark.parametrize("width", [320, 1920])
def test_no_screen_is_wider_than_its_window(browse: Browse, width: int) -> None:
    """From a small phone to a wide screen."""
    page = browse(width=width)
    sign_in(page)
    for path in ("", "new/", "licencia/es/", "licencia/es/#help", "licencia/en/", "licencia/es/history/", "insights/", "sections/", "synonyms/"):  # fmt: skip
        page.goto(f"/desk/articles/{path}")
        assert overflow(page) <= 0, path


def paste_image(page: Page) -> None:
    page.locator("#id_body").evaluate(
        """(field, data) => {
          const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
          const clipboard = new DataTransfer();
          clipboard.items.add(new File([bytes], 'image.png', { type: 'image/png' }));
          field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: clipboard, bubbles: true, cancelable: true }));
        }""",
        PNG,
    )


def drop_file(page: Page) -> None:
    page.locator("#id_body").evaluate(
        """(field) => {
          const dropped = new DataTransfer();
          dropped.items.add(new File(['%PDF-1.7'], 'Guía de órdenes.pdf', { type: 'application/pdf' }));
          for (const name of ['dragenter', 'dragover', 'drop'])
            field.dispatchEvent(new DragEvent(name, { dataTransfer: dropped, bubbles: true, cancelable: true }));
        }"""
    )


def test_an_article_from_the_first_word_to_its_history(browse: Browse) -> None:
    """Write with a live preview, paste an image, drop a file, publish, compare, restore."""
    page = browse()
    sign_in(page)
    page.get_by_role("link", name="Nuevo artículo").click()
    page.get_by_label("Sección").select_option("esd")
    page.locator("#id_title").fill("Cómo canjear una llave")
    body = page.locator("#id_body")
    body.fill("Llame a **GetKeys**.")
    expect(page.locator("[data-shown] strong")).to_have_text("GetKeys")
    paste_image(page)
    expect(page.locator("#said")).to_contain_text("Guarde primero el borrador")
    page.get_by_role("button", name="Guardar borrador").click()
    page.wait_for_url("**/desk/articles/como-canjear-una-llave/es/")
    body.press("Control+End")
    paste_image(page)
    expect(body).to_have_value(re.compile(r"!\[image\]\(file:image\.png\)"))
    expect(page.locator("[data-shown] img")).to_have_js_property("naturalWidth", 1)
    drop_file(page)
    expect(body).to_have_value(re.compile(r"\[guia-de-ordenes\.pdf\]\(file:guia-de-ordenes\.pdf\)"))
    assert ArticleFile.objects.count() == 2
    page.get_by_label("Qué cambió").fill("Con imagen y guía")
    page.get_by_role("button", name="Publicar").click()
    expect(page.get_by_role("status").first).to_contain_text("los lectores ya lo ven")
    page.get_by_role("link", name="Historial").click()
    expect(page.locator(".diff ins").last).to_contain_text("image.png")
    expect(page.locator(".kb-revs")).to_contain_text("Con imagen y guía")
    page.get_by_role("button", name="Restaurar 1").click()
    page.wait_for_url("**/es/")
    expect(body).to_have_value("Llame a **GetKeys**.\n")
    edition = Edition.objects.get(article__key="como-canjear-una-llave")
    assert (edition.newest.number, edition.published.number) == (3, 2)


def test_the_keyboard_is_enough(browse: Browse) -> None:
    """To the base by g b; marks by keys; one stop for the toolbar, arrows in it; tabs; save."""
    page = browse()
    sign_in(page)
    page.goto("/desk/")
    page.keyboard.press("g")
    page.keyboard.press("b")
    page.wait_for_url(re.compile(r"^[^?]*/desk/articles/$"))
    page.goto("/desk/articles/reintentos/es/")
    body = page.locator("#id_body")
    body.fill("hola")
    body.press("Control+a")
    page.keyboard.press("Control+b")
    expect(body).to_have_value("**hola**")
    page.keyboard.press("Control+z")
    expect(body).to_have_value("hola")
    page.keyboard.press("Control+k")
    expect(body).to_have_value("[hola](url)")
    body.fill("")
    page.keyboard.press("Alt+F10")
    expect(page.get_by_role("button", name="Negrita")).to_be_focused()
    page.keyboard.press("End")
    expect(page.get_by_role("button", name="Imagen o archivo")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("button", name="Enlazar un artículo")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#pick")).to_be_focused()
    page.keyboard.type("licencia")
    expect(page.locator("[data-found] button")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(body).to_have_value("[La licencia no llega](article:licencia)")
    page.keyboard.press("Alt+F10")
    page.keyboard.press("Shift+Tab")
    expect(page.locator("#id_summary")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(body).to_be_focused()
    page.locator("#tab-preview").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-settings")).to_be_focused()
    expect(page.locator("#settings")).to_be_visible()
    expect(page.locator("#preview")).to_be_hidden()
    body.focus()
    page.keyboard.press("Control+s")
    expect(page.get_by_role("status").first).to_contain_text("Guardado")
    assert Revision.objects.filter(edition__article__key="reintentos").count() == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Lista", "- hola"), ("Lista numerada", "1. hola"), ("Título", "## hola"), ("Código", "`hola`"),
        ("Cursiva", "_hola_"), ("Recuadro", "> [!NOTE]\n> hola\n"), ("Bloque de código", '```http title=""\nhola\n```\n'),
    ],
)  # fmt: skip
def test_each_button_writes_its_form(browse: Browse, name: str, text: str) -> None:
    """What was chosen stands inside."""
    page = browse()
    sign_in(page)
    page.goto("/desk/articles/reintentos/es/")
    body = page.locator("#id_body")
    body.fill("hola")
    body.press("Control+a")
    page.locator("markdown-toolbar").get_by_role("button", name=name, exact=True).click()
    expect(body).to_have_value(text)


def test_cells_of_a_spreadsheet_become_a_table(browse: Browse) -> None:
    """And the picture that the clipboard holds beside them is left out."""
    page = browse()
    sign_in(page)
    page.goto("/desk/articles/reintentos/es/")
    body = page.locator("#id_body")
    body.fill("")
    page.wait_for_load_state("networkidle")
    body.evaluate(
        """(field) => {
          const clipboard = new DataTransfer();
          clipboard.setData('text/html', '<meta charset="utf-8"><b></b><style>td {}</style><!--StartFragment--><table style="color: red"><tr><td>Código</td><td>Qué | es</td></tr><tr><td>504</td><td>Espera</td></tr></table>');
          clipboard.setData('text/plain', 'Código\\tQué es\\n504\\tEspera');
          clipboard.items.add(new File(['x'], 'image.png', { type: 'image/png' }));
          field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: clipboard, bubbles: true, cancelable: true }));
        }"""
    )
    expect(body).to_have_value("| Código | Qué \\| es |\n| --- | --- |\n| 504 | Espera |\n")
    expect(page.locator("[data-shown] table th").first).to_have_text("Código")
    assert not ArticleFile.objects.exists()


def test_what_was_typed_survives_a_closed_tab(browse: Browse) -> None:
    """It is offered when one comes back, and forgotten once it was saved or put aside."""
    page = browse()
    sign_in(page)
    page.goto("/desk/articles/reintentos/es/")
    page.locator("#id_body").fill("Lo que no guardé.")
    expect(page.locator("[data-unsaved]")).to_contain_text("aún sin guardar")
    page.goto("/desk/")
    page.goto("/desk/articles/reintentos/es/")
    expect(page.locator("#kept")).to_be_visible()
    assert audit(page) == []
    page.get_by_role("button", name="Recuperarlo").click()
    expect(page.locator("#id_body")).to_have_value("Lo que no guardé.")
    expect(page.locator("[data-shown]")).to_contain_text("Lo que no guardé.")
    page.get_by_role("button", name="Guardar borrador").click()
    expect(page.get_by_role("status").first).to_contain_text("Guardado")
    page.reload()
    expect(page.locator("#kept")).to_be_hidden()


def test_a_recovered_text_does_not_write_over_what_others_saved(browse: Browse) -> None:
    """It remembers what it was based on: the conflict is shown, with both texts."""
    page = browse()
    sign_in(page)
    page.goto("/desk/articles/reintentos/es/")
    page.locator("#id_body").fill("Lo mío.")
    page.goto("/desk/")
    edition = Edition.objects.get(article__key="reintentos")
    commands.save_revision(edition_id=edition.pk, text=Text(title="Reintentos seguros", body="Lo de otro.\n"), actor=SYSTEM, now=TUESDAY)  # fmt: skip
    page.goto("/desk/articles/reintentos/es/")
    page.get_by_role("button", name="Recuperarlo").click()
    page.get_by_role("button", name="Guardar borrador").click()
    expect(page.get_by_role("alert")).to_contain_text(
        "guardó este artículo mientras usted lo editaba"
    )
    expect(page.locator("#id_body")).to_have_value(re.compile("Lo mío."))
    expect(page.locator(".kb-conflict del")).to_have_count(1)
    expect(page.locator(".kb-conflict del")).to_contain_text("de otro")
    assert audit(page) == []
    page.get_by_role("button", name="Guardar borrador").click()
    expect(page.get_by_role("status").first).to_contain_text("Guardado")


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_without_script_one_writes_previews_and_publishes(browse: Browse, width: int) -> None:
    """Every part is on the page, one below the other; the preview comes by a button."""
    page = browse(js=False, width=width)
    sign_in(page)
    page.goto("/desk/articles/reintentos/es/")
    for part in ("preview", "settings", "files", "help"):
        expect(page.locator(f"#{part}")).to_be_visible()
    expect(page.locator("markdown-toolbar")).to_be_hidden()
    page.locator("#id_body").fill("Sin **script**.")
    page.get_by_role("button", name="Vista previa").click()
    expect(page.locator("#preview strong")).to_have_text("script")
    page.locator("#id_file").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": base64.b64decode(PNG)}
    )
    page.get_by_role("button", name="Agregar").click()
    expect(page.locator("#files")).to_contain_text("a.png")
    page.locator("#id_body").fill("Sin **script**.")
    page.get_by_role("button", name="Publicar").click()
    expect(page.get_by_role("status").first).to_contain_text("los lectores ya lo ven")


def test_an_agent_of_level_1_asks_for_review_and_a_coordinator_sends_it_back(
    browse: Browse,
) -> None:
    """From one screen to the other, with words."""
    page = browse()
    sign_in(page, "agente1")
    page.goto("/desk/articles/reintentos/es/")
    expect(page.get_by_role("button", name="Publicar")).to_have_count(0)
    page.get_by_role("button", name="Pedir revisión").click()
    expect(page.get_by_role("status").first).to_contain_text("enviado a revisión")
    other = browse()
    sign_in(other)
    other.goto("/desk/articles/reintentos/es/")
    other.get_by_label("Este texto está en revisión").fill("Falta el tiempo de espera")
    other.get_by_role("button", name="Devolverlo").click()
    expect(other.get_by_role("status").first).to_contain_text("Devuelto")
    page.goto("/desk/articles/reintentos/es/history/")
    expect(page.locator(".kb-trail")).to_contain_text("Falta el tiempo de espera")
    assert Agent.objects.get(user__email="agente1@demo.example").role == Role.AGENT


def test_the_editor_speaks_english(browse: Browse) -> None:
    """To somebody who chose that language, with no fault that axe finds."""
    User.objects.update(language="en")
    page = browse(language="en")
    sign_in(page)
    page.goto("/desk/articles/licencia/en/")
    expect(page.get_by_role("button", name="Publish")).to_be_visible()
    expect(page.locator("#source")).to_contain_text("What changed in the original")
    assert audit(page) == []
