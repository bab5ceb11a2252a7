"""Notices as a person meets them: at the desk, in the browser, and where they choose how."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from playwright.sync_api import Page, expect

from plazo.accounts.access import actor_of_agent, actor_of_requester
from plazo.accounts.models import Agent
from plazo.notifications import inbox
from plazo.notifications.models import Notice, Preference
from plazo.tickets import commands
from plazo.tickets.models import Ticket
from tests.factory import TUESDAY, a_case, an_agent, publish_iws
from tests.web import Browse, audit, each_look, keep_picture, overflow

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]
MINUTE = timedelta(minutes=1)

# The browser's own notifications, written down as they come.
WATCH = """
window.shown = [];
const Real = Notification;
window.Notification = class extends Real {
  constructor(title, options) { super(title, options); shown.push({title, ...options}); window.last = this; }
};
"""
HEAR = "detail => document.dispatchEvent(new CustomEvent('plazo:live', {detail}))"


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[None]:
    """It is Tuesday at 14:52, under the real agreement."""
    with time_machine.travel(TUESDAY, tick=True):
        publish_iws()
        yield


def come_in(page: Page, agent: Agent, url: str) -> None:
    """Sign somebody in as the sign-in page does, without walking through it again."""
    client = Client()
    client.force_login(agent.user)
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": url}])


def my_case(agent: Agent) -> Ticket:
    ticket = a_case()
    by = actor_of_agent(an_agent(2))
    commands.assign_ticket(ticket_id=ticket.pk, assignee_id=agent.pk, actor=by, now=TUESDAY)
    return ticket


def write(ticket: Ticket, minutes: int) -> Notice:
    """Let the requester write, and return what their agent was told."""
    commands.reply_as_requester(
        ticket_id=ticket.pk,
        body="¿Hay novedades?",
        actor=actor_of_requester(ticket.requester),
        now=TUESDAY + minutes * MINUTE,
    )
    return Notice.objects.filter(news="requester_wrote").latest("at")


def test_one_tab_shows_it_and_a_click_opens_the_case(browse: Browse, live_server) -> None:
    """The bell counts in every tab; the browser shows the notice once; opening the case reads it.
    All can be read in one go, and taken back."""
    agent = an_agent()
    page = browse()
    come_in(page, agent, live_server.url)
    page.context.grant_permissions(["notifications"], origin=live_server.url)
    page.context.add_init_script(WATCH)
    other = page.context.new_page()
    for tab in (page, other):
        tab.goto("/desk/")
        expect(tab.locator(".rail [data-unread]")).to_have_text("")
    ticket = my_case(agent)
    news = write(ticket, 1)
    for tab in (page, other):
        tab.evaluate(HEAR, {"topic": f"agent:{agent.pk}", "notice": news.pk, "browser": True})
        expect(tab.locator(".rail [data-unread]")).to_have_text("2")
    page.wait_for_timeout(900)
    shown = [notice for tab in (page, other) for notice in tab.evaluate("shown")]
    assert [notice["title"] for notice in shown] == ["El solicitante escribió"]
    assert shown[0]["body"].startswith(f"{ticket.number} · PlaceOrder")
    one = page if page.evaluate("shown.length") else other
    # What is nobody's else: another agent's topic moves nothing here.
    one.evaluate(HEAR, {"topic": f"agent:{agent.pk + 1}", "notice": news.pk, "browser": True})
    one.evaluate("last.dispatchEvent(new Event('click'))")
    one.wait_for_url(f"**/desk/tickets/{ticket.number}/")
    expect(one.locator(".rail [data-unread]")).to_have_text("")
    # What comes for the case that one looks at is read at once, and is not shown beside it.
    news = write(ticket, 2)
    one.evaluate(HEAR, {"topic": f"agent:{agent.pk}", "notice": news.pk, "browser": True})
    expect(one.locator(".rail [data-unread]")).to_have_text("")
    for _ in range(100):  # a promise would pass for an answer; what is kept does not
        if not inbox.unread(agent):
            break
        one.wait_for_timeout(50)
    assert inbox.unread(agent) == 0
    assert one.evaluate("shown") == []

    write(ticket, 3)
    one.keyboard.press("g")
    one.keyboard.press("n")
    one.wait_for_url("**/desk/notices/")
    expect(one.locator(".notice")).to_have_count(1)
    # The list follows along: what comes while one looks at it stands in it.
    commands.add_internal_note(
        ticket_id=ticket.pk, body="x", actor=actor_of_agent(an_agent(2)), now=TUESDAY + 4 * MINUTE
    )
    news = Notice.objects.get(news="agent_wrote")
    one.evaluate(HEAR, {"topic": f"agent:{agent.pk}", "notice": news.pk, "browser": False})
    expect(one.locator(".notice")).to_have_count(2)
    one.get_by_role("button", name="Marcar todo como leído").click()
    expect(one.get_by_role("heading", name="Ya leyó todo")).to_be_visible()
    one.get_by_role("button", name="Deshacer").click()
    expect(one.locator(".notice b")).to_have_text(
        ["Agente de nivel 2 dejó una nota", "El solicitante escribió"]
    )
    assert inbox.unread(agent) == 2


def test_how_one_is_told_is_chosen_without_script(browse: Browse, live_server) -> None:
    """What cannot be is said beside its field; what is saved is said in words, and drawn."""
    agent = an_agent()
    page = browse(js=False)
    come_in(page, agent, live_server.url)
    page.goto("/desk/settings/notices/")
    expect(page.locator("#told-now")).to_have_text("Ahora mismo le avisaríamos: sí.")
    page.get_by_label("En mi propio horario").check()
    page.get_by_label("martes").fill("de nueve a seis")
    page.get_by_role("button", name="Guardar").click()
    expect(page.locator("#id_day-1_error")).to_contain_text("«de nueve a seis» no lo es")
    page.get_by_label("martes").fill("8:00-12:00, 16:00-18:00")
    page.get_by_label("Alguien me menciona en una nota: Correo").select_option("digest")
    page.get_by_role("button", name="Guardar").click()
    expect(page.locator("#told-now")).to_have_text(
        "Ahora mismo le avisaríamos: no, hasta las 16:00 EST."
    )
    expect(page.locator(".told__day")).to_have_count(7)
    saved = Preference.objects.get(agent=agent)
    assert saved.windows == [[1, 480, 720], [1, 960, 1080]]
    assert saved.choices == {"mentioned": {"mail": "digest"}}
    page.get_by_role("button", name="Volver a lo predeterminado").click()
    expect(page.locator("#told-now")).to_have_text("Ahora mismo le avisaríamos: sí.")
    assert not Preference.objects.exists()


@each_look
def test_the_screens_pass_the_audit(browse: Browse, live_server, width: int, dark: bool) -> None:
    """Neither has a fault that axe can find, or is wider than its window."""
    agent = an_agent()
    write(my_case(agent), 1)
    page = browse(width=width, dark=dark)
    come_in(page, agent, live_server.url)
    Preference.objects.create(agent=agent, hours="own", windows=[[1, 480, 720]])
    for name, path in {
        "notices": "/desk/notices/",
        "no notices": "/desk/notices/?after=2020-01-01T00:00:00%2B00:00~1",
        "notice settings": "/desk/settings/notices/",
    }.items():
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_contain_text("otificaciones")
        length = page.evaluate(
            "Math.max(...[...document.querySelectorAll('*')].map((e) => e.scrollHeight))"
        )
        page.set_viewport_size({"width": width, "height": length + 200})
        assert audit(page) == [], name
        keep_picture(page, f"desk-{name}-{width}-{'dark' if dark else 'light'}")
        page.set_viewport_size({"width": 320 if width < 700 else width, "height": 900})
        assert overflow(page) <= 0, name
        page.set_viewport_size({"width": width, "height": 900})
