"""The desk in a real browser: audited by axe, by keyboard, wide and narrow, light and dark."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from plazo.accounts.models import Agent
from plazo.channels.email import intake
from plazo.channels.email.models import IntakeRecord
from plazo.config import demo
from plazo.escalation.sweep import sweep_once
from plazo.tickets.models import Ticket
from tests.factory import TUESDAY
from tests.web import PHONE, Browse, at_full_length, audit, each_look, keep_picture, overflow

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[time_machine.Traveller]:
    """It is Tuesday at 14:52, and the demo's cases are there in every state."""
    with time_machine.travel(TUESDAY, tick=True) as traveller:
        demo.load(now=TUESDAY, articles=None, process=False)
        Agent.objects.update(undo_seconds=0)
        for pk in IntakeRecord.objects.order_by("pk").values_list("pk", flat=True):
            intake.process(pk, now=TUESDAY)  # as the worker would
        yield traveller


def sign_in(page: Page, name: str = "agente1") -> None:
    page.goto("/desk/")
    page.get_by_label("Correo").fill(f"{name}@demo.example")
    page.get_by_label("Contraseña").fill(demo.PASSWORD)
    page.get_by_role("button", name="Continuar").click()
    page.wait_for_url(re.compile(r"^[^?]*/desk/$"))


@each_look
def test_every_screen_passes_the_audit(browse: Browse, width: int, dark: bool) -> None:
    """No screen of the desk has a fault that axe can find, or is wider than its window."""
    page = browse(width=width, dark=dark)
    page.goto("/accounts/login/")
    assert audit(page) == []
    sign_in(page, "admin")
    by_mail = IntakeRecord.objects.get(sender="sistemas@sur.example")
    assert by_mail.ticket is not None
    pending = Ticket.objects.get(status="pending")
    for name, path in {
        "queue": "/desk/",
        "overdue": "/desk/?view=overdue",
        "ticket": f"/desk/tickets/{pending.number}/",
        "why": f"/desk/tickets/{pending.number}/why/first_reply/",
        "me": "/desk/me/",
        "ticket by mail": f"/desk/tickets/{by_mail.ticket.number}/",
        "ledger": "/desk/mail/",
        "mail": f"/desk/mail/{by_mail.pk}/",
        "mailbox": "/desk/settings/mailboxes/soporte/",
        "new mailbox": "/desk/settings/mailboxes/new/",
    }.items():
        page.goto(path)
        at_full_length(page)
        assert audit(page) == [], name
        keep_picture(page, f"desk-{name}-{width}-{'dark' if dark else 'light'}")
        assert overflow(page) <= 0, name


def test_the_countdown_runs_in_the_browser(browse: Browse) -> None:
    """The server sends the deadline; the chip counts down and turns late by itself."""
    page = browse()
    sign_in(page)
    row = page.locator(".q-row", has_text="GetCatalog responde vacío")
    expect(row.locator(".chip")).to_have_attribute("data-sla", "risk")
    page.wait_for_function("() => Boolean(customElements.get('plazo-countdown'))")
    page.evaluate(
        """() => {
          const clock = [...document.querySelectorAll('.q-row')]
            .find((row) => row.textContent.includes('GetCatalog')).querySelector('plazo-countdown');
          clock.due = Date.parse(document.documentElement.dataset.now) - 60000;
          clock.tick();
        }"""
    )
    expect(row.locator(".chip")).to_have_attribute("data-sla", "late")
    expect(row.locator("[data-word]")).to_have_text("Vencido")


def test_the_queue_is_walked_by_keyboard(browse: Browse) -> None:
    """J and k move, Enter opens, u goes back, g v shows what is overdue, / searches."""
    page = browse()
    sign_in(page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator(".q-row").nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(page.locator(".q-row").first).to_have_attribute("aria-current", "true")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/desk/tickets/IWS-\d+/$"))
    page.keyboard.press("n")
    page.keyboard.type("juk: en un campo las teclas escriben")
    expect(page.locator("#body")).to_have_value("juk: en un campo las teclas escriben")
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    page.wait_for_url(re.compile(r"^[^?]*/desk/$"))
    page.keyboard.press("g")
    page.keyboard.press("v")
    page.wait_for_url(re.compile(r"view=overdue"))
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()


def test_on_a_phone_everything_can_be_reached_without_script(browse: Browse) -> None:
    """The bar stays in the window; behind "Más" are the search, every view, the mail, oneself."""
    solved = Ticket.objects.get(status="solved").number
    page = browse(width=PHONE, js=False)
    sign_in(page, "agente2")
    bar = page.get_by_role("navigation", name="Secciones")
    expect(bar).to_be_in_viewport()
    expect(bar.get_by_role("link", name="Sin asignar")).to_be_hidden()
    bar.get_by_text("Más", exact=True).click()
    for name in ("Sin asignar", "Esperando respuesta", "Resueltos", "Registro de correo"):
        expect(bar.get_by_role("link", name=name)).to_be_in_viewport()
    expect(bar.get_by_role("link", name="Especialista Dos")).to_be_in_viewport()
    bar.get_by_role("searchbox").fill(solved)
    bar.get_by_role("button", name="Buscar").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Resultados para «{solved}»")
    expect(page.locator(".found__row")).to_have_count(1)
    page.locator(".found__row").click()
    expect(
        page.get_by_role("button", name="Tomar", exact=True)
    ).to_be_visible()  # its word is for the ear
    assert overflow(page) <= 0


@pytest.mark.parametrize("width", [PHONE, 1000])
def test_the_slash_searches_at_every_width(browse: Browse, width: int) -> None:
    """Where the rail is narrow or gone, the key brings the field up all the same."""
    solved = Ticket.objects.get(status="solved").number
    page = browse(width=width)
    sign_in(page)
    page.keyboard.press("/")
    page.keyboard.type(solved)
    expect(page.get_by_role("searchbox")).to_be_in_viewport()
    at_full_length(page)
    assert audit(page) == []
    if width == PHONE:
        page.keyboard.press("Escape")
        expect(page.locator(".tabbar__more > summary")).to_be_focused()
        expect(page.locator(".tabbar__sheet")).to_be_hidden()
        page.keyboard.press("/")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"q={solved}"))
    expect(page.locator(".found__row")).to_have_count(1)


def test_a_narrow_rail_shows_what_is_overdue(browse: Browse) -> None:
    """Between tablet and laptop the words go, and the number that is hot stays."""
    sweep_once(TUESDAY)
    page = browse(width=1000)
    sign_in(page)
    expect(page.locator(".rail .count--hot")).to_be_visible()
    page.locator(".rail__who").click()
    page.wait_for_url(re.compile(r"/desk/me/$"))


def test_the_main_clock_counts_down_too(browse: Browse) -> None:
    """The large hour of a case turns late by itself, with its word and its icon."""
    page = browse()
    sign_in(page)
    page.locator(".q-row", has_text="GetCatalog responde vacío").click()
    clock = page.locator(".clock--main")
    expect(clock).to_have_attribute("data-sla", "risk")
    page.wait_for_function("() => Boolean(customElements.get('plazo-countdown'))")
    page.evaluate(
        """() => {
          const clock = document.querySelector('plazo-countdown:has(.clock--main)');
          clock.due = Date.parse(document.documentElement.dataset.now) - 120000;
          clock.tick();
        }"""
    )
    expect(clock).to_have_attribute("data-sla", "late")
    expect(clock.locator("[data-word]")).to_have_text("Vencida")
    expect(clock.locator(".clock__t")).to_have_text(re.compile(r"^2\s?min$"))


def test_a_mailbox_shows_what_its_way_needs(browse: Browse) -> None:
    """The fields of IMAP and of OAuth appear when they are chosen, without script."""
    page = browse()
    sign_in(page, "admin")
    page.goto("/desk/settings/mailboxes/new/")
    host, token = page.get_by_label("Servidor IMAP"), page.locator("#id_refresh_token")
    expect(host).to_be_hidden()
    expect(token).to_be_hidden()
    page.locator("#id_source").select_option("imap")
    expect(host).to_be_visible()
    expect(page.locator("#id_archive_folder")).to_be_hidden()
    page.locator("#id_after_fetch").select_option("move")
    expect(page.locator("#id_archive_folder")).to_be_visible()
    page.locator("#id_sign_in").select_option("google")
    expect(token).to_be_visible()
    expect(page.locator("#id_imap_password")).to_be_hidden()
    page.locator("#id_imap_port").evaluate("field => (field.value = '-3')")
    page.locator("form.mailbox").evaluate("form => (form.noValidate = true)")
    page.get_by_role("button", name="Guardar").click()
    errors = page.locator(".errors")
    expect(errors).to_be_focused()
    expect(page.locator("#id_name")).to_have_attribute("aria-describedby", "id_name_error")
    expect(page.locator("#id_name_error")).to_be_visible()
    at_full_length(page)
    assert audit(page) == []


def composing(page: Page, kind: str, text: str) -> None:
    """Begin to write in a case, as a reply or as a note."""
    page.locator(f'input[name="kind"][value="{kind}"]').check(force=True)
    page.locator("#body").press_sequentially(text)


@pytest.mark.parametrize(
    ("kind", "button"), [("reply", "Enviar respuesta"), ("note", "Guardar nota")]
)
def test_a_reply_outlives_the_session(browse: Browse, kind: str, button: str) -> None:
    """The session ended while an agent wrote: after signing in they are on the case again, their
    words are in the composer, a note still as a note, and only sending them ends the draft."""
    page = browse()
    sign_in(page)
    page.locator(".q-row", has_text="GetCatalog responde vacío").click()
    composing(page, kind, "Una respuesta larga que nadie quiere perder")
    Session.objects.all().delete()
    page.get_by_role("button", name=button).click()
    expect(page.get_by_text("Una respuesta larga que nadie quiere perder")).to_be_visible()
    page.get_by_role("link", name="Ingresar").click()
    page.get_by_label("Correo").fill("agente1@demo.example")
    page.get_by_label("Contraseña").fill(demo.PASSWORD)
    page.get_by_role("button", name="Continuar").click()
    page.wait_for_url(re.compile(r"/desk/tickets/IWS-\d+/$"))
    expect(page.locator(".flash")).to_contain_text("No se envió nada")
    expect(page.locator("#body")).to_have_value("Una respuesta larga que nadie quiere perder")
    expect(page.locator(f'input[name="kind"][value="{kind}"]')).to_be_checked()
    expect(page.locator(".thread")).not_to_contain_text("nadie quiere perder")
    assert audit(page) == []
    page.get_by_role("button", name=button).click()
    expect(page.locator(".thread")).to_contain_text("Una respuesta larga que nadie quiere perder")
    expect(page.locator("#body")).to_have_value("")
    page.reload()
    expect(page.locator("#body")).to_have_value("")


def test_a_reply_outlives_the_network(browse: Browse) -> None:
    """Sent without a connection it arrives nowhere; the browser's own error page says nothing of
    ours, and back on the case the words are there."""
    page = browse()
    sign_in(page)
    page.locator(".q-row", has_text="GetCatalog responde vacío").click()
    composing(page, "reply", "Texto con la red caída")
    place = page.url
    page.context.set_offline(True)
    with page.expect_event("requestfailed"):
        page.get_by_role("button", name="Enviar respuesta").click()
    expect(page.locator("#body")).to_have_count(0)  # the browser's page, and none of ours
    page.context.set_offline(False)
    page.goto(place)
    expect(page.locator("#body")).to_have_value("Texto con la red caída")


def test_an_agent_answers_and_waits_without_script(browse: Browse, tuesday) -> None:
    """Reading, replying and pausing work with the script turned off."""
    page = browse(js=False)
    sign_in(page)
    page.locator(".q-row", has_text="GetCatalog responde vacío").click()
    page.locator("#body").fill("¿Para qué marca ocurre?")
    page.locator("#then").select_option("pending")
    page.locator("#reason").fill("La marca")
    tuesday.shift(timedelta(minutes=1))
    page.get_by_role("button", name="Enviar respuesta").click()
    expect(page.locator(".thread")).to_contain_text("¿Para qué marca ocurre?")
    expect(page.locator(".main__bar .tag")).to_have_text("Pendiente")
