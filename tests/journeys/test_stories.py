"""The agreement's own stories, as the people in them live them: hours pass in one simulated clock.

Each is told by what its people see: the customer's page and mail, the agents' desk, the mails to
other areas and to whoever is rung; and by what the clocks say.
"""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from plazo.tickets.models import TicketEvent
from tests.journeys.world import (
    CLIENT,
    COORDINATORS,
    CREDIT,
    INTEGRATIONS,
    MANAGER,
    REPRESENTATIVE,
    SPECIALIST,
    ZONE,
    World,
    local,
)
from tests.mailservers import Postfix
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
    world.let_pass(hours=26)
    assert world.diary() == ["24 09:30:00 cliente: Recibimos su caso", "24 09:50:10 cliente: Re"]


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
    assert world.diary() == [
        "25 10:00:00 cliente: Recibimos su caso",
        "25 10:15:00 integraciones: Integraciones, severidad C, mínimo",
        "25 10:15:00 cliente: Re",
        "25 16:40:00 especialista: Otra área respondió",
        "25 16:40:10 cliente: Re",
    ]


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
    assert world.diary() == [  # who answered is reminded no more
        "26 16:20:00 cliente: Recibimos su caso",
        "26 16:30:00 representante: Crédito, severidad C, mínimo",
        "26 16:30:00 cliente: Re",
        "26 16:50:00 especialista: Otra área respondió",
        "26 17:00:00 crédito: Crédito, severidad C, mínimo",
        "27 07:00:00 crédito: Recordatorio",
        "27 09:00:01 crédito: Recordatorio",
        "27 13:00:01 crédito: Recordatorio",
        "27 14:30:00 especialista: Otra área respondió",
        "27 14:30:10 cliente: Re",
    ]
    assert "nota crédito 5501" in world.letter(CLIENT[0]).text
    silent = world.clock_of("area_reply:ask-2")
    assert (silent["breached_at"], silent["done_at"]) == (
        "2026-11-27T14:00:00Z",
        "2026-11-27T19:30:00Z",
    )
    assert (
        world.clock_of("first_reply")["state"] == "met"
    )  # what an area owes us is no duty of ours


def to_level_2(desk: Page, number: str, severity: str, impact: str) -> None:
    """Take a case to level 2 by its key, with its severity and what that rests on."""
    desk.goto(f"/desk/tickets/{number}/")
    World.press(desk, "e")
    desk.locator("#impact").fill(impact)
    desk.locator("form:has(#impact) .sev-choice", has_text=f"{severity} · ").click()
    desk.get_by_role("button", name="Escalar al nivel 2").click()
    expect(desk.locator(".event", has_text="nivel 2")).to_be_visible()


def write(desk: Page, words: str, *, promise: str = "") -> None:
    """Send a public reply, with the next update promised in words; it can be taken back yet."""
    desk.locator("#body").fill(words)
    if promise:
        desk.locator("[name=promise][value=other]").check(force=True)
        desk.locator("#promise_at").fill(promise)
        expect(desk.locator("#promise-read")).to_contain_text(re.compile(r"\d:\d\d"))
    desk.get_by_role("button", name="Enviar respuesta").click()
    expect(desk.locator(".held")).to_contain_text("Sale en")


def rings(world: World) -> dict[str, list[str]]:
    """Return who was rung and at which wall-clock times."""
    times: dict[str, list[str]] = {}
    for letter in [letter for letter in world.post.letters if "/desk/ring/" in letter.text]:
        times.setdefault(letter.to, []).append(f"{letter.at.astimezone(ZONE):%H:%M:%S}")
    return times


def test_4_severity_a_on_a_sunday_at_three_in_the_night(begin: Begin) -> None:
    """Round the clock: coordinators ring, nobody answers, the manager takes it from the mail."""
    world = begin("2026-11-29 02:53")
    world.ask(
        **{
            "severity": "Crítico",
            "Asunto": "Caída total de la integración",
            "¿Qué ocurre?": "Ninguna llamada responde desde las 2:40: no podemos vender.",
        }
    )
    case = world.case()
    receipt = world.letter(CLIENT[0], case.number)
    # Support is closed until nine: level 1's hour ends at ten. Severity A waits for no hours.
    assert "a más tardar\n    domingo 29 de noviembre, 10:00 EST" in receipt.text
    world.be("2026-11-29 03:00")
    to_level_2(world.desk(SPECIALIST), case.number, "A", "Nadie puede comprar desde las 2:40.")
    client = world.page(receipt.link(CASE))
    second = client.locator(".promise", has_text="Respuesta de nivel 2")
    expect(second).to_contain_text("4:00 hoy, EST")

    world.be("2026-11-29 03:44:59")
    assert rings(world) == {}
    world.be("2026-11-29 04:03")
    assert rings(world) == {
        COORDINATORS[0]: ["03:45:00", "03:50:00", "03:55:00"],
        COORDINATORS[1]: ["03:45:00", "03:50:00", "03:55:00"],
        MANAGER: ["04:00:00"],
    }
    call = world.letter(MANAGER)
    phone = world.page(call.link(r"/desk/ring/[^\s/]+/"), width=PHONE, dark=True, js=False)
    expect(phone.locator("main")).to_contain_text("Caída total de la integración")
    phone.get_by_role("button", name=f"Lo tengo: {case.number}").click()
    expect(phone.locator(".note[data-sla=met]")).to_contain_text(case.number)
    expect(phone).to_have_url(re.compile("/desk/ring/"))  # without signing in

    # It is silent; the manager answers the customer, with an hour for the next word.
    world.be("2026-11-29 04:20")
    assert rings(world)[MANAGER] == ["04:00:00"]
    desk = world.desk(MANAGER)
    desk.goto(f"/desk/tickets/{case.number}/")
    expect(desk.locator("main")).to_contain_text("Lo tiene Gerencia desde las 4:03")
    write(desk, "Cambiamos de proveedor de red: ya responde la mitad.", promise="en 2 horas")
    world.let_pass(seconds=10)
    assert "6:20 EST" in world.letter(CLIENT[0], "Re:").text
    late = world.clock_of("escalated_reply")
    assert (late["breached_at"], late["done_at"]) == (
        "2026-11-29T09:00:00Z",
        "2026-11-29T09:20:10Z",
    )
    assert world.clock_of("first_reply")["state"] == "met"
    client.reload()
    expect(second.locator(".chip")).to_contain_text("Vencida")
    expect(client.locator(".thread")).to_contain_text("No cumplimos a tiempo: Respuesta de nivel 2")
    world.be("2026-11-29 05:45")
    assert sum(map(len, rings(world).values())) == 7


def test_5_severity_c_on_a_saturday_afternoon_is_due_on_sunday(begin: Begin) -> None:
    """Thirty minutes of Saturday, and the rest from Sunday at nine: due at half past twelve."""
    world = begin("2026-11-28 16:08")
    world.ask(
        **{
            "request_type": "Tengo una consulta técnica",
            "severity": "Mínimo",
            "Asunto": "GetCatalog y los productos sin precio",
            "¿Qué ocurre?": "¿Cómo dice GetCatalog que un producto no tiene precio?",
        }
    )
    case = world.case()
    receipt = world.letter(CLIENT[0], case.number)
    assert "a más tardar\n    domingo 29 de noviembre, 9:10 EST" in receipt.text
    assert "+ 4 h hábiles" in receipt.text.replace("\xa0", " ")
    desk = world.desk(SPECIALIST)
    desk.goto(f"/desk/tickets/{case.number}/")
    write(desk, "Es técnica y está en nuestro alcance: la revisa el nivel 2.")
    world.be("2026-11-28 16:30")
    to_level_2(desk, case.number, "C", "Es una consulta: nadie está detenido.")
    assert world.clock_of("escalated_reply")["due_at"] == "2026-11-29T17:30:00Z"
    client = world.page(receipt.link(CASE))
    second = client.locator(".promise", has_text="Respuesta de nivel 2")
    expect(second).to_contain_text("12:30 mañana, EST")

    # In the evening what is closed has not counted, and both sides can add it up.
    world.be("2026-11-28 21:00")
    for page in (desk, client):
        page.reload()
        page.get_by_role("link", name=re.compile("¿Por qué.*Respuesta de nivel 2")).last.click()
        expect(page.locator("table.sum tr")).to_have_count(6)
        rows = [
            [cell.inner_text().strip().replace("\xa0", " ") for cell in row.locator("td").all()]
            for row in page.locator("table.sum tr").all()[1:]
        ]
        assert rows == [
            ["sáb 16:30 – 17:00", "En horario, cuenta", "30 min", "30 min", "30 min"],
            ["sáb 17:00 – 21:00", "Fuera de horario", "4 h", "—", "30 min"],
            ["sáb 21:00 – dom 9:00", "Fuera de horario", "12 h", "—", "30 min"],
            ["dom 9:00 – 12:30", "Por consumir", "3 h 30 min", "3 h 30 min", "4 h"],
            ["Vence el domingo 29 de noviembre a las 12:30 EST", "20 h", "30 min + 3 h 30 min"],
        ]

    # Nobody is rung at night for C. On Sunday it is at risk at half past eleven, and answered.
    world.be("2026-11-29 12:00")
    assert rings(world) == {}
    at_risk = world.event("clock.at_risk")
    assert (at_risk.payload["key"], at_risk.at) == ("escalated_reply", local("2026-11-29 11:30"))
    desk = world.desk(COORDINATORS[0])
    desk.goto(f"/desk/tickets/{case.number}/")
    desk.locator("#body").fill("GetCatalog omite Price cuando no hay precio: lo confirmamos.")
    desk.get_by_role("button", name="Enviar respuesta").click()
    expect(desk.locator(".composer__doubts")).to_contain_text("En el nivel 2 se le dice")
    write(desk, "GetCatalog omite Price cuando no hay precio.", promise="mañana a las 9:30")
    world.let_pass(seconds=10)
    second_reply = world.clock_of("escalated_reply")
    assert (second_reply["state"], second_reply["done_at"]) == ("met", "2026-11-29T17:00:10Z")
    client.goto(receipt.link(CASE))
    expect(second.locator(".chip")).to_contain_text("Cumplida")
    assert world.diary() == [
        "28 16:10:00 cliente: Recibimos su caso",
        "28 16:10:10 cliente: Re",
        "29 12:00:10 cliente: Re",
    ]


def test_6_level_1_is_late_and_the_customer_climbs(begin: Begin) -> None:
    """The button unlocks with the breach and not a second before; it rings until somebody has it."""
    world = begin("2026-11-24 09:58")
    world.ask(
        **{
            "Asunto": "GetInventory da existencias de ayer",
            "¿Qué ocurre?": "GetInventory responde con las existencias de ayer.",
        }
    )
    case = world.case()
    world.be("2026-11-24 10:59:59")
    client = world.page(world.letter(CLIENT[0], case.number).link(CASE))
    climb = client.get_by_role("form", name="Escalar")
    button, words = climb.get_by_role("button"), climb.locator("#id_words")
    expect(climb).to_contain_text("Podrá escalar a las 11:00 (EST)")
    expect(button).to_be_disabled()

    # The deadline itself is on time: whoever goes round the page is refused as well.
    world.be("2026-11-24 11:00:00")
    expect(button).to_be_disabled()
    climb.evaluate("form => form.submit()")
    expect(client.locator("main")).to_contain_text("Podrá escalar")
    assert not TicketEvent.objects.filter(kind="escalation.requested").exists()
    world.let_pass(seconds=1)
    expect(button).to_be_enabled()  # by itself, on the open page
    words.fill("Vendemos lo que no hay: necesitamos una respuesta.")
    button.click()
    expect(climb.or_(client.locator("main"))).to_contain_text("Escaló")
    world.work()
    assert rings(world) == {each: ["11:00:01"] for each in COORDINATORS}
    client.reload()
    rung = client.get_by_role("list", name="Qué pasó con su escalamiento")
    expect(rung).to_contain_text("Llamamos a Coordinadores del equipo")

    # They are rung again until one of them says so in the mail; the manager never is.
    world.be("2026-11-24 11:12")
    call = world.letter(COORDINATORS[1], "(severidad B)")
    answering = world.page(call.link(r"/desk/ring/[^\s/]+/"), width=PHONE)
    answering.get_by_role("button", name=f"Lo tengo: {case.number}").click()
    expect(answering.locator(".note[data-sla=met]")).to_be_visible()
    client.reload()
    expect(rung).to_contain_text("Coordinadores del equipo: atienden su caso desde las 11:12")
    world.be("2026-11-24 11:40")
    assert rings(world) == {each: ["11:00:01", "11:05:01", "11:10:01"] for each in COORDINATORS}

    desk = world.desk(COORDINATORS[1])
    desk.goto(f"/desk/tickets/{case.number}/")
    write(desk, "El inventario vuelve a ser el de ahora: lo sincronizamos.")
    world.let_pass(seconds=10)
    late = world.clock_of("first_reply")
    assert (late["breached_at"], late["done_at"]) == (
        "2026-11-24T16:00:00Z",
        "2026-11-24T16:40:10Z",
    )
    client.reload()
    expect(client.locator(".thread")).to_contain_text("No cumplimos a tiempo: Primera respuesta")
    expect(client.locator(".promise", has_text="Primera respuesta")).to_contain_text("Vencida")


def test_7_a_promise_is_moved_and_then_broken(begin: Begin) -> None:
    """Given in words, seen by the customer; moved with a reason they read; broken at its instant."""
    world = begin("2026-11-25 09:28")
    world.ask(
        **{
            "Asunto": "GetOrder repite órdenes",
            "¿Qué ocurre?": "GetOrder devuelve dos veces cada orden de ayer.",
        }
    )
    case = world.case()
    world.be("2026-11-25 09:40")
    to_level_2(world.desk(SPECIALIST), case.number, "B", "Cada orden de ayer sale dos veces.")
    # Nobody has said that it is within scope: that is owed to ourselves, and rings nobody.
    desk = world.desk(COORDINATORS[0])
    desk.goto(f"/desk/tickets/{case.number}/")
    write(desk, "Encontramos la repetición.", promise="mañana a las 10:00")
    world.let_pass(seconds=10)
    told = world.letter(CLIENT[0], "Re:")
    assert "actualización: el jueves 26 de noviembre antes de las 10:00 EST." in told.text
    client = world.page(told.link(CASE))
    name = re.compile("Próxima actualización|Actualización comprometida")  # owed, and past
    word = client.locator(".promise", has_text=name)
    expect(word).to_contain_text("10:00 mañana, EST")

    # On Thursday at nine the coordinator moves it, and says why.
    world.be("2026-11-26 09:00")
    desk.goto(f"/desk/tickets/{case.number}/")
    World.press(desk, "p")
    desk.locator("#at-update-1").fill("hoy a las 12:00")
    desk.locator("#why-update-1").fill("El proveedor prueba el arreglo")
    expect(desk.locator("#read-update-1")).to_contain_text("12:00")
    desk.get_by_role("button", name="Mover el compromiso").click()
    expect(desk.locator(".word")).to_contain_text("El proveedor prueba el arreglo")
    world.work()
    moved = world.letter(CLIENT[0])
    assert moved.at == world.now
    assert "El proveedor prueba el arreglo" in moved.text
    client.reload()
    expect(word).to_contain_text("12:00 hoy, EST")
    expect(client.locator(".thread")).to_contain_text("El proveedor prueba el arreglo")

    # Noon passes without a word.
    world.be("2026-11-26 12:00")
    client.reload()
    expect(word.locator(".chip")).not_to_contain_text("Vencida")
    world.let_pass(seconds=1)
    client.reload()
    expect(word.locator(".chip")).to_contain_text("Vencid")
    expect(client.locator(".thread")).to_contain_text(
        "No cumplimos a tiempo: Actualización comprometida"
    )
    broken = world.event("promise.broken")
    assert broken.payload["promise"] == "update-1"
    assert len(broken.payload["rests_on"]) == 64
    assert world.clock_of("promised_update:update-1")["breached_at"] == "2026-11-26T17:00:00Z"

    # What comes after is late, and the verdict stays.
    world.be("2026-11-26 12:30")
    desk.goto(f"/desk/tickets/{case.number}/")
    expect(desk.locator(".word[data-sla=late]")).to_be_visible()
    write(desk, "El arreglo ya está en producción.", promise="hoy a las 17:00")
    world.let_pass(seconds=10)
    desk.reload()
    verdict = desk.locator(".event", has_text="La actualización comprometida no llegó a tiempo")
    expect(verdict).to_contain_text(f"sellado {broken.payload['rests_on'][:12]}")
    promises = desk.get_by_role("region", name="Compromiso")
    past = promises.locator("details", has=desk.get_by_text("Compromisos anteriores"))
    expect(past.first).to_contain_text("Cumplido tarde")
    assert TicketEvent.objects.filter(kind="promise.broken").count() == 1
    every_five = [f"12:{minute:02}:01" for minute in range(0, 31, 5)]
    assert rings(world) == {MANAGER: every_five}  # a missed word rings the step above
    assert [line for line in world.diary() if "gerencia" not in line] == [
        "25 09:30:00 cliente: Recibimos su caso",
        "25 09:40:10 cliente: Re",
        "26 03:55:03 coordinacion1: En riesgo: Actualización comprometida",
        "26 09:00:00 cliente: Nueva hora: Próxima actualización",
        "26 09:00:00 coordinacion1: En riesgo: Actualización comprometida",
        "26 12:00:01 coordinacion1: Vencida: Actualización comprometida",
        "26 12:30:10 cliente: Re",
    ]


def test_8_a_bounce_takes_a_reply_back(begin: Begin, postfix_server: Postfix) -> None:
    """The reply was in time, and never arrived: it counts as never sent, and the hour was missed."""
    world = begin("2026-11-24 09:28")
    world.ask(
        **{
            "Asunto": "GetOrderTokens no entrega las licencias",
            "¿Qué ocurre?": "GetOrderTokens responde vacío para las órdenes de hoy.",
        }
    )
    case = world.case()
    receipt = world.letter(CLIENT[0], case.number)
    client = world.page(receipt.link(CASE))
    first = client.locator(".promise", has_text="Primera respuesta")

    # At ten the specialist answers. Their mail server takes it; the client's does not.
    world.be("2026-11-24 10:00")
    world.send_through(postfix_server)
    world.post.unknown.add(CLIENT[0])
    desk = world.desk(SPECIALIST)
    desk.goto(f"/desk/tickets/{case.number}/")
    World.press(desk, "y")
    expect(desk.locator(".flash")).to_contain_text("quedó registrado")
    write(desk, "Ya entregamos las licencias de hoy.")
    world.let_pass(seconds=10)
    assert world.clock_of("first_reply")["done_at"] == "2026-11-24T15:00:10Z"

    # The report of it comes at ten to eleven, after the hour is over.
    world.await_report()
    world.be("2026-11-24 10:50")
    client.reload()
    expect(first.locator(".chip")).to_contain_text("Cumplida")
    world.fetch()
    assert world.event("reply.delivery_failed").at == world.now
    taken_back = world.clock_of("first_reply")
    assert (taken_back["state"], taken_back["done_at"], taken_back["breached_at"]) == (
        "breached",
        None,
        "2026-11-24T15:30:00Z",
    )
    assert world.clock_of("scope_verdict")["state"] == "met"
    breach = world.event("clock.breached")
    assert (breach.payload["key"], breach.payload["instant"]) == (
        "first_reply",
        "2026-11-24T15:30:00Z",
    )
    desk.goto(f"/desk/tickets/{case.number}/")
    expect(desk.locator(".msg", has_text="Ya entregamos")).to_contain_text("no llegó y no cuenta")
    assert world.letters(SPECIALIST, subject="no llegó")
    client.reload()
    expect(first.locator(".chip")).to_contain_text("Vencida")
    missed = client.locator(".event", has_text="No cumplimos a tiempo: Primera respuesta")
    expect(missed).to_contain_text("Vencía a las 10:30")
    expect(client.get_by_role("form", name="Escalar").get_by_role("button")).to_be_enabled()
    desk.locator("a[href$='/why/first_reply/']").first.click()
    expect(desk.locator("main")).to_contain_text("La respuesta de las 10:00 nunca llegó")

    # Their mailbox is mended at eleven; sent again it arrives, and is late.
    world.post.unknown.clear()
    world.be("2026-11-24 11:00")
    desk.goto(f"/desk/tickets/{case.number}/")
    desk.get_by_role("button", name="Enviar de nuevo").click()
    expect(desk.get_by_role("button", name="Enviar de nuevo")).to_have_count(0)
    world.work()
    world.await_letters(postfix_server)
    again = world.letter(CLIENT[0], "Re:")
    assert (again.at, again.text.partition("\n")[0]) == (
        local("2026-11-24 11:00"),
        "Ya entregamos las licencias de hoy.",
    )
    late = world.clock_of("first_reply")
    assert (late["breached_at"], late["done_at"]) == (
        "2026-11-24T15:30:00Z",
        "2026-11-24T16:00:00Z",
    )
    client.reload()
    expect(first).to_contain_text("11:00 hoy, EST")
