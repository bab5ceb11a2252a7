"""A hand-off in the browser, with the keys: asked, received by the link, answered by real mail."""

import re
from datetime import timedelta

import pytest
import time_machine
from playwright.sync_api import expect

from plazo.channels.email import intake
from plazo.core.clock import read_clock
from plazo.mailboxes import tokens
from plazo.tickets.models import AreaAsk
from plazo.triage.links import receipt_token
from tests.factory import PASSWORD, TUESDAY, a_case, an_agent, publish_iws
from tests.mails import a_mail, a_mailbox, arrive
from tests.web import at_full_length, audit, each_look, overflow

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def tuesday():
    """It is Tuesday at 14:52, under the real agreement."""
    with time_machine.travel(TUESDAY, tick=True):
        publish_iws()
        yield


@each_look
def test_a_case_is_handed_off_and_answered(browse, width, dark):
    """L opens the form, ready to be sent; the area's button and its mail come back to the case."""
    a_mailbox()
    agent, now = an_agent(), read_clock()
    case = a_case(environment="development", now=now - timedelta(minutes=10))
    page = browse(width=width, dark=dark)
    page.goto("/desk/")
    page.get_by_label("Correo").fill(agent.user.email)
    page.get_by_label("Contraseña").fill(PASSWORD)
    page.get_by_role("button", name="Continuar").click()
    page.wait_for_url(re.compile(r"^[^?]*/desk/$"))
    page.goto(f"/desk/tickets/{case.number}/")
    page.keyboard.press("l")
    page.wait_for_url("**/hand-off/**")
    expect(page.get_by_role("group", name="Qué se le pide a Integraciones")).to_be_visible()
    asked = page.get_by_label("Qué debe hacer el área")
    proposed = asked.input_value()
    asked.fill("¿Pueden mirar el certificado de pruebas?")
    page.get_by_role("link", name=re.compile("^Crédito")).first.click()
    expect(page.get_by_role("group", name="Qué se le pide a Crédito")).to_be_visible()
    expect(asked).to_have_value("¿Pueden mirar el certificado de pruebas?")
    page.go_back()
    page.get_by_text("Va 1 mensaje del caso").click()
    at_full_length(page)
    assert audit(page) == []
    assert overflow(page) == 0
    page.get_by_label("Sí: pueden escribirle al cliente").check()
    page.get_by_role("button", name="Derivar a Integraciones").click()
    expect(page.get_by_text("Ya se consultó a Integraciones")).to_be_visible()
    asked_of_them = page.locator(".msg--side").first
    expect(asked_of_them).to_contain_text("¿Pueden mirar el certificado de pruebas?")
    page.goto(f"/desk/tickets/{case.number}/hand-off/")
    expect(asked).to_have_value(proposed)  # what was sent is no draft any more
    page.go_back()
    side = page.locator(".msg--side")
    expect(side).to_contain_text("El cliente acepta que lo contacten directamente.")
    at_full_length(page)
    assert audit(page) == []
    assert overflow(page) == 0

    ask = AreaAsk.objects.get(ticket=case)
    visitor = browse(width=width, dark=dark, js=False)
    visitor.goto(f"/hc/es/areas/{receipt_token(ask)}/")
    assert overflow(visitor) == 0
    visitor.get_by_role("button", name="Lo tenemos").click()
    expect(visitor.get_by_role("heading", name="Sabemos que lo tienen")).to_be_visible()

    address = tokens.plus_address("soporte@iws.example", tokens.make(tokens.AREA, ask.pk))
    mail = a_mail("Ya pueden probar otra vez.", sender=f"Equipo <{ask.email}>", to=address)
    intake.process(arrive(mail).pk, now=read_clock())
    page.goto(f"/desk/tickets/{case.number}/")
    expect(side.last).to_contain_text("Ya pueden probar otra vez.")
    expect(page.locator(".msg:not(.msg--side)", has_text="Ya pueden probar")).to_have_count(0)
    areas = page.get_by_role("region", name="Áreas")
    expect(areas).to_contain_text("Respondió")
    areas.get_by_text("Escribirles").click()
    page.get_by_label("Qué escribirle a Integraciones").fill("Gracias, funciona.")
    areas.get_by_role("button", name="Enviar al área").click()
    expect(page.get_by_text("Va en camino al área.")).to_be_visible()
    expect(side).to_have_count(3)
