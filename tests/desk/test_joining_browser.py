"""Joining cases in a real browser: by keyboard alone, and every page audited in both looks."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from playwright.sync_api import Page, expect

from plazo.accounts.access import actor_of_requester
from plazo.tickets import commands
from plazo.tickets.models import Ticket
from tests.factory import PASSWORD, TUESDAY, a_case, an_agent, as_agent, publish_iws
from tests.people import a_person
from tests.web import Browse, at_full_length, audit, each_look, keep_picture, overflow

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[None]:
    """It is Tuesday at 14:52, under the real agreement."""
    with time_machine.travel(TUESDAY, tick=True):
        publish_iws()
        yield


def sign_in(page: Page) -> None:
    an_agent()
    page.goto("/desk/")
    page.get_by_label("Correo").fill("agente1@demo.example")
    page.get_by_label("Contraseña").fill(PASSWORD)
    page.get_by_role("button", name="Continuar").click()
    page.wait_for_url(re.compile(r"^[^?]*/desk/$"))


@each_look
def test_every_page_of_joining_passes_the_audit(browse: Browse, width: int, dark: bool) -> None:
    """Nothing that axe can find, nothing wider than its window."""
    other = a_person("ti@boreal.example", "TI Boreal", company="boreal")
    case, foreign = a_case(requester=a_person()), a_case(requester=other)
    said = commands.reply_as_requester(
        ticket_id=case.pk, body="Otra cosa", actor=actor_of_requester(case.requester), now=TUESDAY
    ).payload["message"]
    who = {"actor": as_agent(), "now": TUESDAY}
    commands.link_tickets(ticket_id=case.pk, other_id=foreign.pk, why="incident", **who)
    commands.change_tags(ticket_id=case.pk, add=["proveedor", "espera-larga"], **who)
    gone = a_case(requester=a_person())
    commands.merge_ticket(ticket_id=gone.pk, into_id=case.pk, **who)
    page = browse(width=width, dark=dark)
    sign_in(page)
    base = f"/desk/tickets/{case.number}"
    for name, path in {
        "merge": f"{base}/merge/",
        "merge preview": f"{base}/merge/?into={foreign.number}",
        "link": f"{base}/link/?other={gone.number}",
        "split": f"{base}/messages/{said}/split/",
        "incidents": f"{base}/incidents/",
        "new": "/desk/new/",
        "merged": f"/desk/tickets/{gone.number}/",
        "survivor": f"{base}/",
    }.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(path)
        at_full_length(page)
        keep_picture(page, f"joining {name} {width}")
        assert overflow(page) <= 0, name
        assert audit(page) == [], name


def test_cases_are_joined_and_parted_by_keyboard(browse: Browse) -> None:
    """Merging after a look, taking it back, tagging, opening a case for somebody: no mouse."""
    asks = a_person()
    gone, kept = a_case(requester=asks), a_case(requester=asks, body="Lo mismo otra vez")
    page = browse()
    sign_in(page)
    page.goto(f"/desk/tickets/{gone.number}/")
    page.keyboard.press("Shift+M")
    page.wait_for_url(re.compile("/merge/$"))
    page.keyboard.type(kept.number.lower())
    page.keyboard.press("Enter")
    expect(page.get_by_text("Qué pasa con los relojes")).to_be_visible()
    page.get_by_role("button", name=f"Unir a {kept.number}").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"/{kept.number}/$"))
    expect(page.locator(".msg", has_text=gone.number)).to_contain_text("PlaceOrder")
    page.wait_for_load_state()
    page.keyboard.press("z")
    page.wait_for_url(re.compile(f"/{gone.number}/$"))
    expect(page.get_by_text("Se deshizo la unión")).to_be_visible()
    assert Ticket.objects.get(pk=gone.pk).status == "new"
    page.wait_for_load_state()

    page.keyboard.press("t")
    page.keyboard.type("Espera larga")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="espera", exact=True)).to_be_visible()
    page.wait_for_load_state()

    page.keyboard.press("c")
    page.wait_for_url(re.compile("/desk/new/$"))
    page.keyboard.type(asks.email)
    expect(page.locator("#standing")).to_contain_text("Andina")
    page.get_by_label("Asunto").focus()
    page.keyboard.type("Llamada de compras")
    page.get_by_label("¿Qué pide?").focus()
    page.keyboard.type("Pide un duplicado de la factura.")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile("/desk/tickets/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Llamada de compras")
    assert Ticket.objects.latest("pk").requester_id == asks.pk
