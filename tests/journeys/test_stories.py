"""The agreement's own stories, as the people in them live them: hours pass in one simulated clock.

Each is told by what its people see: the customer's page and mail, the agents' desk, the mails to
other areas and to whoever is rung; and by what the clocks say.
"""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.journeys.world import (
    CLIENT,
    CREDIT,
    INTEGRATIONS,
    REPRESENTATIVE,
    SPECIALIST,
    World,
    local,
)
from tests.web import PHONE

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
CASE = r"/hc/es/requests/[^\s/]+/"
Begin = Callable[[str], World]


def test_1_in_scope_answered_at_level_1(begin: Begin) -> None:
    """A technical request in Production: acknowledged at once, within scope, answered in its hour."""
    world = begin("2026-11-24 09:28")
    client = world.ask(
        **{
            "Asunto": "PlaceOrder devuelve 504",
            "¿Qué ocurre?": "Desde las 9:10 la mitad de las llamadas a PlaceOrder falla con 504.",
        }
    )
    case = world.case()
    receipt = world.letter(CLIENT[0], case.number)
    assert (receipt.at, receipt.message["Auto-Submitted"]) == (
        local("2026-11-24 09:30"),
        "auto-replied",
    )
    assert "a más tardar\n    martes 24 de noviembre, 10:30 EST" in receipt.text
    client.goto(receipt.link(CASE))
    first = client.locator(".promise", has_text="Primera respuesta")
    expect(first).to_contain_text("10:30 hoy, EST")
    expect(first.locator(".chip")).to_contain_text("En plazo 1 h")

    # Twenty minutes later the specialist finds it within scope, and answers.
    world.let_pass(minutes=20)
    desk = world.desk(SPECIALIST)
    row = desk.locator(".q-row", has_text=case.number)
    expect(row.locator(".chip")).to_contain_text("En plazo 40 min")
    row.click()
    expect(desk.locator(".scope")).to_contain_text("Se propone: dentro del alcance")
    world.press(desk, "y")
    expect(desk.locator(".flash")).to_contain_text("quedó registrado")
    desk.locator("#body").fill("La ruta alterna ya está activa: reintente las órdenes.")
    desk.get_by_role("button", name="Enviar respuesta").click()
    expect(desk.locator(".held")).to_contain_text("Sale en")
    assert not world.letters(CLIENT[0], subject="Re:")
    world.let_pass(seconds=10)  # in which it can be taken back

    reply = world.letter(CLIENT[0], "Re: PlaceOrder devuelve 504")
    assert reply.at == local("2026-11-24 09:50:10")
    assert reply.text.startswith("La ruta alterna ya está activa")
    assert "Auto-Submitted" not in reply.message  # a person wrote it
    desk.reload()
    for name in ("Primera respuesta", "Dictamen de alcance"):
        clock = desk.locator(".clock[data-sla=met]", has_text=name)
        expect(clock).to_contain_text("20 min de 1 h")
    client.reload()
    expect(client.locator(".thread")).to_contain_text("La ruta alterna ya está activa")
    expect(first).to_contain_text("9:50 hoy, EST")
    expect(first.locator(".chip")).to_contain_text("Cumplida")
    expect(client.locator("main")).not_to_contain_text("Dictamen")  # a duty of ours, not theirs
    assert world.clock_of("first_reply")["done_at"] == "2026-11-24T14:50:10Z"
    assert world.clock_of("scope_verdict")["done_at"] == "2026-11-24T14:50:00Z"

    # Nobody hears of it again: no reminder, no ring, whatever passes.
    heard = len(world.post.letters)
    world.let_pass(hours=26)
    assert len(world.post.letters) == heard


def test_2_the_development_environment_goes_to_integrations(begin: Begin) -> None:
    """By mail, out of scope by its clause: Integrations gets it with its severity, and answers."""
    world = begin("2026-11-25 10:00")
    writer = f"{CLIENT[1]} <{CLIENT[0]}>"
    world.write(
        writer,
        "PlaceOrder responde 401 en pruebas",
        "En el ambiente de pruebas nuestras credenciales de prueba dan 401. ¿Las revisan?",
    )
    case = world.case()
    receipt = world.letter(CLIENT[0], case.number)
    assert "a más tardar\n    miércoles 25 de noviembre, 11:00 EST" in receipt.text

    # The specialist says how urgent it is, and hands it off; the verdict comes with it.
    world.let_pass(minutes=15)
    desk = world.desk(SPECIALIST)
    desk.goto(f"/desk/tickets/{case.number}/")
    expect(desk.locator(".scope")).to_contain_text("Se propone: fuera del alcance")
    world.press(desk, "s")
    desk.locator("form[action$='/severity/'] .sev-choice", has_text="C · Mínimo").click()
    desk.get_by_role("button", name="Fijar severidad").click()
    judged = desk.get_by_role("region", name="Severidad y alcance").locator("strong").first
    expect(judged).to_have_text("Impacto mínimo")
    world.press(desk, "l")
    desk.wait_for_url("**/hand-off/**")
    expect(desk.locator("form[data-once]")).to_contain_text("Va con severidad C, mínimo")
    desk.get_by_label("Sí: pueden escribirle al cliente").check()
    desk.get_by_role("button", name="Derivar a Integraciones").click()
    expect(desk.get_by_text("Ya se consultó a Integraciones")).to_be_visible()
    world.work()

    asked = world.letter(INTEGRATIONS)
    assert asked.at == local("2026-11-25 10:15")
    assert "Integraciones, severidad C, mínimo" in asked.subject
    assert f"El cliente acepta que lo contacten directamente: Ingeniería Andina, {CLIENT[0]}." in (
        asked.text
    )
    assert "credenciales de prueba dan 401" in asked.text
    verdict = world.event("verdict.given").payload
    assert (verdict["clause"], verdict["suggested_by"]) == ("environment", "rules")
    told = world.letter(CLIENT[0], "Re:")
    assert "que atiende el equipo de Integraciones" in told.text
    client = world.page(told.link(CASE))
    expect(client.locator(".thread")).to_contain_text("que atiende el equipo de Integraciones")
    expect(client.locator(".promise", has_text="Primera respuesta")).to_contain_text("Cumplida")
    assert {clock["key"]: clock["state"] for clock in world.case().clocks} == {
        "first_reply": "met",
        "scope_verdict": "met",
        "area_reply:ask-1": "running",
    }

    # Integrations says by the mail's link that it has it, and answers by mail in the afternoon.
    world.let_pass(hours=1)
    theirs = world.page(asked.link(r"/hc/es/areas/[^\s/]+/"), width=PHONE, js=False)
    theirs.get_by_role("button", name="Lo tenemos").click()
    expect(theirs.get_by_role("heading", name="Sabemos que lo tienen")).to_be_visible()
    world.be("2026-11-25 16:40")
    assert len(world.letters(INTEGRATIONS)) == 1  # who has it is not reminded before its time
    world.answer(asked, "Renovamos las credenciales de prueba: ya responden.")
    side = desk.locator(".msg--side")
    desk.goto(f"/desk/tickets/{case.number}/")
    expect(side.last).to_contain_text("Renovamos las credenciales de prueba")
    expect(desk.get_by_role("region", name="Áreas")).to_contain_text("Respondió")
    client.reload()
    expect(client.locator("main")).not_to_contain_text("Renovamos")  # an area speaks to the team

    # We carry it to the end: the requester is told, confirms, and the case closes by itself.
    desk.locator("#body").fill("Integraciones renovó sus credenciales de prueba: ya responden.")
    desk.locator("#then").select_option("solved")
    desk.locator("#composer-cause").select_option("third_party")
    desk.locator("#composer-solution").select_option("workaround")
    desk.get_by_role("button", name="Enviar respuesta").click()
    expect(desk.locator(".held")).to_contain_text("Sale en")
    world.let_pass(seconds=10)
    solved = world.letter(CLIENT[0])
    assert "¿Quedó resuelto?" in solved.text
    client.goto(solved.link(CASE))
    client.get_by_role("button", name="Sí, quedó resuelto").click()
    expect(client.locator(".thread")).to_contain_text("Usted confirmó que quedó resuelto")
    closes = world.case().closes_at
    assert closes == local("2026-12-02 16:40:10")
    world.be(closes)
    assert world.case().status == "solved"
    world.let_pass(seconds=1)
    assert world.case().status == "closed"
    assert world.clock_of("area_reply:ask-1")["state"] == "met"


def test_3_an_invoice_goes_by_the_representative_to_credit(begin: Begin) -> None:
    """The representative passes it on; Credit is silent, is reminded in its own hours, answers."""
    world = begin("2026-11-26 16:18")
    world.ask(
        **{
            "request_type": "Facturación o nota crédito",
            "answer": "Trasládenla a esa área",
            "severity": "Mínimo",
            "Asunto": "Un cobro de más en la factura 88213",
            "¿Qué ocurre?": "La factura 88213 trae un cobro que no pedimos. ¿La corrigen?",
        }
    )
    case = world.case()
    desk = world.desk(SPECIALIST)
    world.let_pass(minutes=10)
    desk.goto(f"/desk/tickets/{case.number}/")
    expect(desk.locator(".scope")).to_contain_text("Se propone: fuera del alcance")
    world.press(desk, "l")
    desk.wait_for_url("**/hand-off/**")
    desk.get_by_label("Representante de Andina").check()
    desk.get_by_label("No: solo por medio nuestro").check()
    desk.get_by_role("button", name="Derivar a Crédito").click()
    expect(desk.get_by_text("Ya se consultó a")).to_be_visible()
    world.work()
    assert world.case().verdict == "billing"
    told = world.letter(CLIENT[0], "Re:")
    asked = world.letter(REPRESENTATIVE)
    assert CLIENT[0] not in asked.text  # nobody may write to the customer but us
    world.let_pass(minutes=20)
    world.answer(asked, "Esto lo tiene que corregir Crédito: no es de la venta.")

    # Thursday at five: Credit itself is asked. It has eight hours of its own, and says nothing.
    world.be("2026-11-26 17:00")
    desk.goto(f"/desk/tickets/{case.number}/hand-off/?area=credit")
    desk.get_by_label(CREDIT).check()
    desk.get_by_label("No: solo por medio nuestro").check()
    desk.get_by_role("button", name="Derivar a Crédito").click()
    expect(desk.get_by_text("Ya se consultó a")).to_be_visible()
    world.be("2026-11-27 14:30")
    got = [(letter.at, letter.subject.partition(": ")[0]) for letter in world.letters(CREDIT)]
    assert got == [
        (local("2026-11-26 17:00"), f"[{case.number}] Crédito, severidad C, mínimo"),
        (local("2026-11-27 07:00"), f"[{case.number}] Recordatorio"),
        (local("2026-11-27 09:00:01"), f"[{case.number}] Recordatorio"),
        (local("2026-11-27 13:00:01"), f"[{case.number}] Recordatorio"),
    ]
    client = world.page(told.link(CASE))
    expect(client.locator("main")).not_to_contain_text("Recordatorio")
    world.answer(world.letter(CREDIT), "Anulamos el cobro con la nota crédito 5501.")

    desk.goto(f"/desk/tickets/{case.number}/")
    areas = desk.get_by_role("region", name="Áreas")
    expect(areas).to_contain_text("se le recordó 3 veces")
    expect(desk.locator(".msg--side").last).to_contain_text("nota crédito 5501")
    desk.locator("#body").fill("Crédito anuló el cobro con la nota crédito 5501.")
    desk.get_by_role("button", name="Enviar respuesta").click()
    expect(desk.locator(".held")).to_be_visible()
    world.let_pass(hours=8)
    assert len(world.letters(CREDIT)) == 4  # who answered is reminded no more
    assert "nota crédito 5501" in world.letter(CLIENT[0]).text
    silent = world.clock_of("area_reply:ask-2")
    assert (silent["breached_at"], silent["done_at"]) == (
        "2026-11-27T14:00:00Z",
        "2026-11-27T19:30:00Z",
    )
    assert world.clock_of("first_reply")["state"] == "met"  # what an area owes us is no duty of ours
