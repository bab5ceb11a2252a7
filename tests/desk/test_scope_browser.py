"""The scope of a case in a real browser: proposed, accepted by key, changed with why; audited."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from playwright.sync_api import Page, expect

from plazo.accounts.models import Organization, Role
from plazo.tickets.models import Ticket
from plazo.triage.scope_suggesting import judge_scope
from tests.factory import PASSWORD, TUESDAY, a_case, an_agent, as_agent, publish_iws
from tests.people import a_person
from tests.web import Browse, at_full_length, audit, each_look, keep_picture, overflow

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]
BILLING = {
    "subject": "Reclamo por la factura 4477",
    "body": "Buenas tardes. En la factura de mayo hay un cobro que no corresponde a lo pedido.",
    "request_type": "billing",
}


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[None]:
    """It is Tuesday at 14:52, under the real agreement."""
    with time_machine.travel(TUESDAY, tick=True):
        publish_iws()
        yield


def sign_in(page: Page, level: int = 1) -> None:
    an_agent(level)
    page.goto("/desk/")
    page.get_by_label("Correo").fill(f"agente{level}@demo.example")
    page.get_by_label("Contraseña").fill(PASSWORD)
    page.get_by_role("button", name="Continuar").click()
    page.wait_for_url(re.compile(r"^[^?]*/desk/$"))


@each_look
def test_every_page_of_scope_passes_the_audit(browse: Browse, width: int, dark: bool) -> None:
    """Nothing that axe can find, nothing wider than its window."""
    case = a_case(requester=a_person(), **BILLING)
    Organization.objects.filter(slug="andina").update(stage="testing")
    lead = an_agent(2)
    lead.role = Role.COORDINATOR
    lead.save()
    for number in range(3):
        other = a_case(requester=a_person(), **BILLING)
        for verdict in ("billing", "in_scope")[: 1 + number % 2]:
            judge_scope(ticket_id=other.pk, verdict=verdict, actor=as_agent(), now=TUESDAY)
    page = browse(width=width, dark=dark)
    sign_in(page, 2)
    shown = f"{width}-{'dark' if dark else 'light'}"
    expect(page.locator(".q-flag")).to_have_count(4)
    keep_picture(page, f"scope-queue-{shown}")
    page.goto(f"/desk/tickets/{case.number}/")
    at_full_length(page)
    keep_picture(page, f"scope-case-{shown}")
    at_full_length(page)
    assert (audit(page), overflow(page)) == ([], 0)
    page.locator(".scope__choose summary").click()
    page.locator(".scope__flag summary").click()
    keep_picture(page, f"scope-choices-{shown}")
    at_full_length(page)
    assert (audit(page), overflow(page)) == ([], 0)
    page.goto(f"/desk/tickets/{other.number}/")
    keep_picture(page, f"scope-decided-{shown}")
    page.goto("/desk/settings/scope/")
    keep_picture(page, f"scope-settings-{shown}")
    assert (audit(page), overflow(page)) == ([], 0)


def test_a_verdict_is_given_by_one_key_and_changed_with_why(browse: Browse) -> None:
    """Y accepts what is proposed; V opens the clauses; the first verdict stays on record."""
    case = a_case(requester=a_person(), **BILLING)
    page = browse()
    sign_in(page)
    page.goto(f"/desk/tickets/{case.number}/")
    scope = page.locator(".scope")
    expect(scope).to_contain_text("Se propone: fuera del alcance")
    expect(scope.locator("mark").first).to_have_text("factura")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("y")
    expect(page.locator(".flash")).to_contain_text("quedó registrado")
    expect(page.locator(".scope")).to_have_count(0)
    assert Ticket.objects.get(pk=case.pk).verdict == "billing"

    side = page.locator("aside .scope__form")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("v")
    expect(side).to_be_visible()
    side.get_by_label(re.compile("^Dentro del alcance")).check()
    side.get_by_label(re.compile("^Por qué")).fill("El cobro salió mal por la API")
    side.get_by_role("button", name="Dictaminar").click()
    expect(page.locator(".flash")).to_contain_text("quedó registrado")
    assert Ticket.objects.get(pk=case.pk).verdict == "in_scope"
    page.get_by_text("Cómo se decidió: 2 dictámenes").click()
    history = page.locator(".scope__history li")
    expect(history).to_have_count(2)
    expect(history.nth(0)).to_contain_text("Como se propuso")
    expect(history.nth(1)).to_contain_text("El cobro salió mal por la API")


def test_a_verdict_is_given_without_javascript(browse: Browse) -> None:
    """Forms that post: the clause, with why, where nothing is proposed."""
    case = a_case(
        now=TUESDAY - timedelta(minutes=5), subject="Hola", body="¿Me llaman?",
        environment="production", request_type="incident", requester=a_person(),
    )  # fmt: skip
    page = browse(js=False)
    sign_in(page)
    page.goto(f"/desk/tickets/{case.number}/")
    page.locator(".scope__choose summary").click()
    page.get_by_label(re.compile("^Fuera: Creación")).check()
    page.locator(".scope").get_by_role("button", name="Dictaminar").click()
    expect(page.locator(".scope__choose")).to_have_count(0)
    assert Ticket.objects.get(pk=case.pk).verdict == "order_change"
