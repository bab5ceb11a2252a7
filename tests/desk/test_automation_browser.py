"""Macros and rules in a real browser: made by mouse, used on a case, audited in both looks."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from playwright.sync_api import Page, expect

from plazo.automation import running
from plazo.automation.rule_models import Macro, Rule, RuleRun
from plazo.config import demo
from plazo.tickets.models import Ticket
from tests.factory import TUESDAY
from tests.web import Browse, at_full_length, audit, each_look, keep_picture, overflow

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[None]:
    """It is Tuesday at 14:52, the demo's cases are there, and its rules have run."""
    with time_machine.travel(TUESDAY, tick=True):
        demo.load(now=TUESDAY, articles=None, process=False)
        for ticket_id in RuleRun.objects.values_list("ticket_id", flat=True).distinct():
            running.work_on(ticket_id, now=TUESDAY)
        yield


def sign_in(page: Page, name: str) -> None:
    page.goto("/desk/")
    page.get_by_label("Correo").fill(f"{name}@demo.example")
    page.get_by_label("Contraseña").fill(demo.PASSWORD)
    page.get_by_role("button", name="Continuar").click()
    page.wait_for_url(re.compile(r"^[^?]*/desk/$"))


@each_look
def test_every_screen_of_automation_passes_the_audit(
    browse: Browse, width: int, dark: bool
) -> None:
    """No fault that axe can find, nothing wider than its window; also tried, and with a menu."""
    page = browse(width=width, dark=dark)
    sign_in(page, "admin")
    licenses = Rule.objects.get(name="Etiquetar licencias ESD")
    ticket = Ticket.objects.filter(tags__contains=["licencias"]).first()
    assert ticket is not None

    def look(name: str) -> None:
        at_full_length(page)
        assert audit(page) == [], name
        assert overflow(page) <= 0, name
        keep_picture(page, f"automation-{name}-{width}-{'dark' if dark else 'light'}")

    page.goto("/desk/rules/")
    look("rules")
    page.goto(f"/desk/rules/{licenses.pk}/")
    page.get_by_role("button", name="Probar con los últimos").click()
    expect(page.get_by_role("heading", name=re.compile("Se ejecutaría en"))).to_be_visible()
    look("rule")
    page.goto("/desk/macros/")
    page.get_by_role("link", name="Pedir los registros de la llamada").click()
    look("macro")
    page.goto(f"/desk/tickets/{ticket.number}/")
    page.locator(".macros > summary").click()
    look("ticket")


def test_a_rule_is_made_by_mouse_and_a_macro_joins_what_was_typed(browse: Browse) -> None:
    """From an empty form to a tag on a case; then a macro's words under one's own."""
    page = browse()
    sign_in(page, "admin")
    page.goto("/desk/rules/")
    page.get_by_role("link", name="Nuevo disparador").click()
    page.get_by_label("Nombre").fill("Marcar lo que se retiene")
    page.get_by_label("Cambia el estado").check()
    page.get_by_label("Otra condición").select_option("status")
    page.get_by_role("button", name="Agregar condición").click()
    page.locator("input[name=c0][value=on_hold]").check()
    page.get_by_label("Otra acción").select_option("add_tags")
    page.get_by_role("button", name="Agregar acción").click()
    page.get_by_label("Etiquetas, separadas por comas").fill("retenido")
    page.get_by_role("button", name="Guardar").click()
    page.get_by_role("button", name="Iniciar").click()
    expect(page.get_by_role("button", name="Pausar")).to_be_visible()

    ticket = Ticket.objects.get(subject__startswith="GetCatalog responde")
    page.goto(f"/desk/tickets/{ticket.number}/")
    page.locator("#status").select_option("on_hold")
    page.get_by_role("button", name="Cambiar estado").click()
    page.wait_for_load_state()
    running.work_on(ticket.pk, now=TUESDAY + timedelta(minutes=9))
    page.reload()
    expect(page.locator(".rule-log")).to_contain_text("Agregar etiquetas: retenido")

    page.locator("#body").fill("Buenas tardes:")
    page.locator(".macros > summary").click()
    page.get_by_role("button", name="Usar Licencia ya entregada").click()
    expect(page.get_by_text("2 cambios hechos")).to_be_visible()
    expect(page.locator("#body")).to_have_value(re.compile(r"^Buenas tardes:\n\nUna vez entregada"))
    page.goto(f"/desk/tickets/{ticket.number}/?macro={Macro.objects.earliest('position').pk}")
    page.wait_for_url(re.compile(r"/IWS-\d+/$"))  # with the draft: read again, it is there once
    words = page.locator("#body").input_value()
    page.reload()
    expect(page.locator("#body")).to_have_value(words)
    ticket.refresh_from_db()
    assert {"retenido", "licencias"} <= set(ticket.tags)
    assert str(ticket.assignee) == "Administración"
