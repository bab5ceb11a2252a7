"""Two agents at the same time, in two real browsers, on the real server with its live streams."""

import re

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from plazo.accounts.access import actor_of_agent
from plazo.accounts.models import Agent, User
from plazo.config import demo
from plazo.core.actor import Actor, ActorKind
from plazo.tickets import commands
from plazo.tickets.models import Ticket
from tests.factory import a_case
from tests.serving import Server, served  # noqa: F401 - a fixture
from tests.web import Browse, Watch, audit, keep_picture, overflow

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


def a_desk(chromium: Browser, server: Server, name: str, watch: Watch) -> Page:
    """Sign an agent in, in a browser of their own."""
    context = chromium.new_context(
        base_url=server.url, viewport={"width": 1440, "height": 900}, reduced_motion="reduce",
        locale="es-CO",
    )  # fmt: skip
    context.set_default_timeout(15_000)
    page = context.new_page()
    watch.over(page)
    page.goto("/desk/")
    page.get_by_label("Correo").fill(f"{name}@demo.example")
    page.get_by_label("Contraseña").fill(demo.PASSWORD)
    page.get_by_role("button", name="Continuar").click()
    page.wait_for_url(re.compile(r"/desk/$"))
    return page


def requester_writes(ticket: Ticket, words: str) -> None:
    by = Actor(ActorKind.REQUESTER, ticket.requester_id, "")
    commands.reply_as_requester(
        ticket_id=ticket.pk, body=words, channel="portal", actor=by, now=timezone.now()
    )  # fmt: skip


def send_with_promise(case: Page) -> None:
    """Answer at level 2, where an answer says when the next one comes."""
    case.locator(".composer__promise label:has([name=promise]:not([value='']))").first.click()
    case.get_by_role("button", name="Enviar respuesta").click()


def test_two_agents_see_each_other_work(chromium: Browser, served: Server) -> None:  # noqa: F811
    """What one does, the other sees: in the queue, in the case, while writing, after a lost stream."""
    now = timezone.now()
    demo.load(now=now, articles=None, process=False)
    watch = Watch()
    queue = a_desk(chromium, served, "agente1", watch)
    other = a_desk(chromium, served, "coordinacion", watch)
    expect(queue.locator("#live")).to_be_visible()
    row = queue.locator("[data-number]").last
    number = row.get_attribute("data-number") or ""
    row = queue.locator(f'[data-number="{number}"]')
    ticket = Ticket.objects.get(number=number)

    # The same case in two browsers: each is told who else is there, and doing what.
    case = queue.context.new_page()
    watch.over(case)
    case.goto(f"/desk/tickets/{number}/")
    other.goto(f"/desk/tickets/{number}/")
    presence = case.locator("[data-presence]")
    expect(presence).to_contain_text("Coordinación está viendo este caso")
    other.locator("#body").fill("Lo estamos mirando.")
    expect(presence).to_contain_text("Coordinación está escribiendo una respuesta")

    # An answer changes the row in the queue, and stands in the case, with its facts.
    before = row.inner_text()
    send_with_promise(other)
    # It waits ten seconds, in which its author may take it back.
    expect(case.locator(".thread")).to_contain_text("Lo estamos mirando.")
    expect(row).not_to_have_text(before)
    expect(case.locator(".ticket__side")).to_contain_text("Cumplida")

    # Who is writing is warned, keeps the text, and may send only once they know.
    case.locator("#body").fill("Mi propia respuesta")
    requester_writes(ticket, "Sigue igual, ¿alguna novedad?")
    warning = case.locator("[data-arrived-note]")
    expect(warning).to_contain_text("mientras usted redactaba")
    assert audit(case) == []
    assert overflow(case) <= 0
    keep_picture(case, "live-collision")
    expect(case.locator(".thread")).not_to_contain_text("¿alguna novedad?")
    case.get_by_role("button", name="Ver lo que llegó").click()
    expect(case.locator(".thread")).to_contain_text("¿alguna novedad?")
    expect(case.locator("#body")).to_have_value("Mi propia respuesta")
    send_with_promise(case)
    expect(case.locator(".held")).to_be_visible()
    case.close()

    # A row under the pointer stays; the change waits behind a button.
    queue.locator("[data-number]").first.hover()
    opened = len(queue.locator("[data-number]").all())
    first = queue.locator("[data-number]").first.get_attribute("data-number")
    commands.set_status(
        ticket_id=Ticket.objects.get(number=first).pk, status="solved",
        actor=coordination(), now=timezone.now(),
    )  # fmt: skip
    news = queue.locator("[data-news] button")
    expect(news).to_contain_text("1 cambio")
    assert queue.locator("[data-number]").count() == opened
    news.click()
    expect(queue.locator(f'[data-number="{first}"]')).to_have_count(0)

    # The server goes away: the screen says so, looks by itself, and hears again when it is back.
    queue.mouse.move(5, 5)
    served.stop()
    lost = queue.locator("#live-lost")
    expect(lost).to_be_visible()
    expect(lost).to_contain_text(re.compile(r"Sin conexión en vivo desde las \d"))
    assert audit(queue) == []
    keep_picture(queue, "live-lost")
    missed = a_case(now=timezone.now())
    served.start()
    expect(lost).to_be_hidden()
    expect(queue.locator(f'[data-number="{missed.number}"]')).to_be_visible()

    # Signed out elsewhere, a screen says so and goes on standing there.
    queue.context.clear_cookies()
    a_case(now=timezone.now())
    expect(queue.locator("#live-ended")).to_contain_text("Su sesión terminó", timeout=45_000)
    expect(queue.locator("#live-ended")).to_be_visible(timeout=45_000)
    problems = [said for said in watch.problems if "ERR_" not in said and "fetch" not in said]
    assert problems == []
    for page in (queue, other):
        page.context.close()


def test_without_streams_the_screen_looks_again_by_itself(browse: Browse, client: Client) -> None:
    """Where nothing can be heard, half a minute later the queue is as it should be."""
    demo.load(now=timezone.now(), articles=None, process=False)
    page = browse()
    page.clock.install()
    client.force_login(User.objects.get(email="agente1@demo.example"))
    page.goto("/livez")
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": page.url}]
    )
    page.goto("/desk/")
    fresh = a_case(now=timezone.now())
    row = page.locator(f'[data-number="{fresh.number}"]')
    page.clock.fast_forward(20_000)
    expect(row).to_have_count(0)
    page.clock.fast_forward(15_000)
    page.clock.run_for(1000)
    expect(row).to_be_visible()


def coordination() -> Actor:
    return actor_of_agent(Agent.objects.get(user__email="coordinacion@demo.example"))
