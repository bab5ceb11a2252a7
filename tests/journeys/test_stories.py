"""The agreement's own stories, as the people in them live them: hours pass in one simulated clock.

Each is told by what its people see: the customer's page and mail, the agents' desk, the mails to
other areas and to whoever is rung; and by what the clocks say.
"""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.journeys.world import CLIENT, SPECIALIST, World, local

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
