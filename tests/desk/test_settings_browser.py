"""The settings in a real browser: a holiday from its proposal to the page that clients read."""

import re
from collections.abc import Iterator

import pytest
import time_machine
from playwright.sync_api import Page, expect

from plazo.accounts import absences
from plazo.accounts.models import Agent
from plazo.config import demo
from plazo.core.actor import Actor
from tests.factory import TUESDAY
from tests.web import (
    DESKTOP,
    Browse,
    at_full_length,
    audit,
    each_look,
    keep_picture,
    overflow,
)

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[None]:
    """It is Tuesday at 14:52; one agent is away until Thursday, and another stands in."""
    with time_machine.travel(TUESDAY, tick=True):
        demo.load(now=TUESDAY, articles=None, process=False)
        first, other = Agent.objects.filter(user__email__startswith="agente").order_by("pk")
        absences.plan_absence(
            agent_id=first.pk,
            begins_at=TUESDAY,
            ends_at=TUESDAY.replace(day=27, hour=5, minute=0),
            substitute_id=other.pk,
            note="Vacaciones",
            actor=Actor.system("tests"),
            now=TUESDAY,
        )
        yield


def sound(page: Page, name: str, width: int) -> None:
    """See that a screen has no fault that axe finds, and fits its window."""
    keep_picture(page, f"settings-{name}-{width}")
    size = page.viewport_size
    assert size is not None
    at_full_length(page)
    assert (name, audit(page), overflow(page)) == (name, [], 0)
    page.set_viewport_size(size)


@each_look
def test_a_holiday_from_its_proposal_to_what_clients_read(
    browse: Browse, width: int, dark: bool
) -> None:
    """Proposed, ticked, seen in the weeks to come, published; and no screen has a fault."""
    page = browse(width=width, dark=dark)
    page.goto("/desk/settings/")
    page.get_by_label("Correo").fill("admin@demo.example")
    page.get_by_label("Contraseña").fill(demo.PASSWORD)
    page.get_by_role("button", name="Continuar").click()
    page.wait_for_url(re.compile(r"/desk/settings/$"))
    sound(page, "index", width)

    def go(name: str) -> None:
        page.wait_for_load_state()  # without its style the page shows what only a phone has
        row = page.locator(".settings__pick summary")
        if row.is_visible():  # on a phone the list is one row that opens
            row.click()
        page.locator("main").get_by_role("link", name=name).first.click()

    go("Ausencias")
    expect(page.get_by_text("ausente hasta el jueves 26")).to_be_visible()
    sound(page, "absences", width)
    go("Horarios")
    sunday = page.get_by_label("Domingo", exact=True)
    sunday.fill("")
    sunday.press("Enter")
    expect(page.get_by_text("Guardado en el borrador")).to_be_visible()
    page.get_by_role("link", name="Festivos nacionales").click()
    page.get_by_label("País").select_option("CO")
    page.get_by_role("button", name="Proponer").click()
    sound(page, "holidays", width)
    page.get_by_label("La Inmaculada Concepción").check()
    page.get_by_role("button", name="Guardar los marcados").click()
    expect(page.get_by_role("rowheader", name="La Inmaculada Concepción")).to_be_visible()
    expect(page.locator('.set-weeks [title="La Inmaculada Concepción"]')).to_contain_text("cerrado")
    sound(page, "hours", width)
    page.get_by_role("link", name="Ver qué cambia y publicarlo").click()
    expect(page.get_by_text("El borrador tiene 3 cambios")).to_be_visible()
    sound(page, "agreement", width)
    page.get_by_label("De inmediato").check()
    page.get_by_role("button", name="Publicar la versión 2").click()
    expect(page.get_by_text("La versión 2 está publicada")).to_be_visible()
    go("Registro de cambios")
    expect(page.get_by_text("Versión publicada").first).to_be_visible()
    sound(page, "audit", width)
    page.goto("/hc/es/sla/")
    expect(page.get_by_text("La Inmaculada Concepción")).to_be_visible()
    if width == DESKTOP:
        for name in ("agents", "agents/new", "groups", "mailboxes", "services", "fields/method"):
            page.goto(f"/desk/settings/{name}/")
            sound(page, name.replace("/", "-"), width)
    for name in ("companies", "companies/demo-norte"):
        page.goto(f"/desk/settings/{name}/")
        sound(page, name.replace("/", "-"), width)
