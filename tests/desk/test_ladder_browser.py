"""The ladder in a real browser: the board, the key, the mail's link, the settings."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from plazo.accounts.models import Agent, Role
from plazo.escalation import calling
from plazo.escalation.models import Endpoint, Ring, RingState
from plazo.escalation.sweep import sweep_once
from plazo.notifications.models import MailKind, OutboundMail
from plazo.notifications.sending import _render
from plazo.tickets import commands
from tests.factory import PASSWORD, a_case, an_agent, as_agent, publish_iws
from tests.web import DESKTOP, PHONE, audit, keep_picture, overflow

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def agreement(transactional_db):
    """Every case here is opened under the real agreement."""
    publish_iws()


def rung_case(subject: str):
    """A case of severity A that has rung the coordinators for some minutes."""
    now = timezone.now()
    ticket = a_case(now=now - 51 * MINUTE, subject=subject)
    commands.enter_level(
        ticket_id=ticket.pk, level=2, severity="A", actor=as_agent(), now=now - 50 * MINUTE
    )
    sweep_once(now)
    calling.ring_due(now)
    return ticket


def sign_in(page, agent: Agent, to: str) -> None:
    page.goto("/desk/")
    page.get_by_label("Correo").fill(agent.user.email)
    page.get_by_label("Contraseña").fill(PASSWORD)
    page.get_by_role("button", name="Continuar").click()
    page.wait_for_url(re.compile(r"^[^?]*/desk/$"))
    page.goto(to)


def looks(page, name: str) -> None:
    """Nothing that axe finds, nothing wider than the window; a picture to look at."""
    assert audit(page) == []
    assert overflow(page) <= 0
    keep_picture(page, name)


def test_the_board_the_key_and_the_link_of_the_mail(browse):
    """What rings is seen, answered with a key at the desk, and from a mail without signing in."""
    coordinator = an_agent(2)
    Agent.objects.filter(pk=coordinator.pk).update(role=Role.ADMINISTRATOR)
    first = rung_case("Todas las llamadas devuelven 503")
    second = rung_case("PlaceOrder devuelve 504")
    third = rung_case("El certificado venció")
    page = browse(width=DESKTOP)
    sign_in(page, coordinator, "/desk/escalations/")
    expect(page.locator(".ring-card[data-sla=late]")).to_have_count(3)
    expect(page.locator(".ringbar")).to_contain_text("3")
    looks(page, "escalations-1440")
    page.get_by_role("button", name=f"Lo tengo: {first.number}").click()
    page.wait_for_selector(".note[data-sla=met]")
    assert Ring.objects.get(ticket=first).state == RingState.ANSWERED
    page.goto(f"/desk/tickets/{second.number}/")
    looks(page, "ticket-rung-1440")
    page.keyboard.press("h")
    page.wait_for_selector(".note[data-sla=met]")
    assert Ring.objects.get(ticket=second).answered_by_id == coordinator.pk
    page.goto("/desk/settings/ladder/")
    looks(page, "ladder-settings")
    page.goto("/desk/settings/ladder/steps/2/")
    looks(page, "ladder-step")
    page.select_option("[name=rota-turn_0]", str(coordinator.pk))
    page.get_by_role("button", name="Guardar guardia").click()
    page.wait_for_selector(".note[data-sla=met]")
    page.goto("/desk/settings/ladder/webhooks/new/")
    page.fill("[name=name]", "Guardia")
    page.fill("[name=url]", "https://hooks.example.com/plazo")
    page.get_by_role("button", name="Guardar", exact=True).click()
    page.wait_for_selector(".note[data-sla=met]")
    looks(page, "webhook")
    assert Endpoint.objects.get().host == "hooks.example.com"

    mail = OutboundMail.objects.filter(kind=MailKind.RING).latest("pk")
    _render(mail, timezone.now())
    link = re.search(r"/desk/ring/[^\s/]+/", mail.body_text)
    assert link is not None
    phone = browse(width=PHONE, dark=True, js=False)
    phone.goto(link.group())
    assert Ring.objects.filter(ticket=third, state=RingState.RINGING).count() == 1
    phone.get_by_role("button", name=f"Lo tengo: {third.number}").click()
    expect(phone.locator(".note[data-sla=met]")).to_contain_text(third.number)
    assert Ring.objects.get(ticket=third).state == RingState.ANSWERED
    phone.goto(link.group())
    expect(phone.locator("main")).to_contain_text(coordinator.user.name)
    assert phone.goto("/desk/ring/1:falso/").status == 404


def test_the_board_on_a_telephone(browse):
    """In the dark, at 390 pixels, with what rings and what rang; a case is answered at its top."""
    agent = an_agent(2)
    ticket = rung_case("Todas las llamadas devuelven 503")
    other = rung_case("PlaceOrder devuelve 504")
    page = browse(width=PHONE, dark=True)
    sign_in(page, agent, "/desk/escalations/")
    page.goto(f"/desk/tickets/{other.number}/")
    looks(page, "ticket-rung-390")
    answer = page.get_by_role("button", name="Lo tengo").first
    expect(answer).to_be_in_viewport()
    answer.click()
    page.wait_for_selector(".note[data-sla=met]")
    assert Ring.objects.get(ticket=other).state == RingState.ANSWERED
    page.goto("/desk/escalations/")
    looks(page, "escalations-390")
    page.locator(".main__bar form button").click()
    page.wait_for_selector(".note[data-sla=met]")
    assert Ring.objects.get(ticket=ticket).state == RingState.ANSWERED
