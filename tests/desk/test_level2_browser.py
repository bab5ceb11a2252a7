"""Level 2 in a real browser: from the severity to a promise in words, a wait, and the end of a case."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from playwright.sync_api import Page, expect

from plazo.config import demo
from plazo.notifications import sending
from plazo.notifications.models import MailKind, OutboundMail
from plazo.tickets import waiting
from plazo.tickets.models import Ticket, TicketEvent
from plazo.tickets.wait_models import Impact, Wait
from tests.desk.test_browser import at_full_length, sign_in
from tests.factory import TUESDAY
from tests.web import PHONE, Browse, audit, keep_picture, overflow

SUBJECT = "GetCatalog responde vacío"
pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def tuesday() -> Iterator[time_machine.Traveller]:
    """It is Tuesday at 14:52, and the demo's cases are there."""
    with time_machine.travel(TUESDAY, tick=True) as traveller:
        demo.load(now=TUESDAY, articles=None, process=False)
        yield traveller


def fits(page: Page, name: str) -> None:
    """Nothing that axe finds, nothing wider than the window."""
    keep_picture(page, name)
    assert audit(page) == [], name
    assert overflow(page) <= 0, name


def last_mail(kind: MailKind) -> str:
    """Send what waits, and return the text of the latest mail of a kind."""
    mail = OutboundMail.objects.filter(kind=kind, ticket__subject__contains=SUBJECT).latest("pk")
    sending.send(mail.pk, now=mail.created_at)
    mail.refresh_from_db()
    return mail.body_text


def test_from_the_severity_to_the_end(browse: Browse, tuesday: time_machine.Traveller) -> None:
    """Raised with its impact; promised in words, moved with a reason; a wait whose mail is answered
    by a click; solved with its cause; “not yet”, solved again, confirmed, and closed by itself."""
    page = browse()
    sign_in(page, "coordinacion")
    page.locator(".q-row", has_text=SUBJECT).click()
    page.wait_for_url(re.compile(r"/desk/tickets/IWS-\d+/$"))
    ticket = Ticket.objects.get(subject__contains=SUBJECT)
    address = page.url

    # ── Level 2, by its key ──
    page.keyboard.press("e")
    page.locator("#impact").fill("Ningún cliente ve el catálogo desde las 14:00")
    page.locator("#s-do ~ .acts .sev-choice", has_text="B · Moderado").click()
    expect(page.locator("#s-do ~ .acts .sev-choice__eg").first).to_contain_text("Caída total")
    fits(page, "level2-enter")
    page.get_by_role("button", name="Escalar al nivel 2").click()
    expect(page.locator(".event", has_text="nivel 2")).to_be_visible()
    assert Impact.objects.get().words.startswith("Ningún cliente")

    # ── A promise, in words ──
    expect(page.locator("#s-promise ~ .note")).to_contain_text("Aún no hay compromiso")
    page.get_by_text("Comprometer una hora").click()
    words = page.locator("#at-promise")
    words.fill("cuando pueda")
    read = page.locator("#read-promise")
    expect(read).to_contain_text("no es un momento")
    words.fill("mañana a las 10:00")
    expect(read).to_contain_text("miércoles 25 nov, 10:00")
    page.locator(".seg-set label", has_text="Solución estimada").click()
    fits(page, "level2-promise")
    page.get_by_role("button", name="Comprometerla").click()
    expect(page.locator(".word")).to_contain_text("Solución estimada")
    assert "Solución estimada: el miércoles 25 de noviembre antes de las 10:00" in last_mail(
        MailKind.PROMISE
    )
    ticket.refresh_from_db()
    assert ticket.promises["solution-1"]["by"] == "2026-11-25T15:00:00Z"

    # ── Moved, without script: what was understood is asked about once ──
    plain = browse(js=False, width=PHONE)
    sign_in(plain, "coordinacion")
    plain.goto(address)
    plain.get_by_text("Moverlo", exact=False).or_(plain.get_by_text("Moverla")).first.click()
    plain.locator("#at-solution-1").fill("mañana a las 12:00")
    plain.locator("#why-solution-1").fill("Falta el proveedor")
    plain.get_by_role("button", name="Mover").click()
    expect(plain.locator("#read-solution-1")).to_contain_text("miércoles 25 nov, 12:00")
    assert overflow(plain) <= 0  # axe itself needs script
    plain.get_by_role("button", name="Mover").click()
    expect(plain.locator(".word")).to_contain_text("Falta el proveedor")
    assert "Falta el proveedor" in last_mail(MailKind.PROMISE)

    # ── The requester sees it, waits are reminded, and a click ends them ──
    page.goto(address)
    page.get_by_text("Esperar a alguien").click()
    page.locator("#wait-reason").fill("Falta la traza")
    page.get_by_role("button", name="Esperar", exact=True).click()
    expect(page.locator("#s-wait ~ ul")).to_contain_text("Próximo recordatorio")
    fits(page, "level2-wait")
    mine = Wait.objects.get(ticket=ticket)
    tuesday.shift(timedelta(days=2, minutes=1))
    waiting.work_once(mine.started_at + timedelta(days=2))
    link = re.search(r"http\S+/answer/", last_mail(MailKind.REMINDER))
    assert link is not None
    theirs = browse()
    theirs.goto(re.sub(r"^https?://[^/]+", "", link[0]))
    expect(theirs.get_by_role("heading", name="¿Aún necesita ayuda?")).to_be_visible()
    fits(theirs, "level2-still")
    assert Wait.objects.filter(ticket=ticket, ended_at=None).exists()  # looking changes nothing
    theirs.get_by_role("button", name="Sigo necesitando ayuda").click()
    expect(theirs.locator(".promises")).to_contain_text("Solución estimada")
    fits(theirs, "level2-portal")
    assert Wait.objects.get(ticket=ticket).ended_by == "requester"

    # ── Solved with its cause; not yet; solved again, confirmed, closed ──
    for again in (False, True):
        page.goto(address)
        page.locator(".solve > summary").click()
        page.locator("#solve-cause").select_option("third_party")
        page.locator("#solve-solution").select_option("workaround")
        if not again:
            fits(page, "level2-solve")
        page.get_by_role("button", name="Marcar como resuelto").click()
        expect(page.locator("#s-end ~ dl")).to_contain_text("Falla de un tercero")
        theirs.goto(re.sub(r"^https?://[^/]+", "", link[0]))
        expect(theirs.get_by_role("heading", name="¿Quedó resuelto?")).to_be_visible()
        if not again:
            fits(theirs, "level2-solved")
            theirs.get_by_label("¿qué falta?", exact=False).fill("Sigue vacío")
            theirs.get_by_role("button", name="abrirlo de nuevo").click()
            expect(theirs.locator(".thread")).to_contain_text("Sigue vacío")
    assert "¿Quedó resuelto?" in last_mail(MailKind.SOLVED)
    theirs.get_by_role("button", name="Sí, quedó resuelto").click()
    expect(theirs.locator(".thread")).to_contain_text("Usted confirmó que quedó resuelto")
    page.reload()
    expect(page.locator("#s-end ~ dl")).to_contain_text("dice que quedó resuelto")
    fits(page, "level2-end")
    page.get_by_role("link", name="Convertir la respuesta en artículo").click()
    expect(page.locator('[name="title"]')).to_have_value(re.compile("GetCatalog"))
    ticket.refresh_from_db()
    assert ticket.closes_at is not None
    waiting.work_once(ticket.closes_at + timedelta(seconds=1))
    ticket.refresh_from_db()
    assert ticket.status == "closed"
    broken = TicketEvent.objects.filter(ticket=ticket, kind="promise.broken")
    assert broken.count() == 1  # two days passed over the promised solution

    # ── What the waits cost, and the team's lists ──
    page.goto("/desk/pauses/")
    expect(page.locator(".report")).to_contain_text("Falta la traza")
    at_full_length(page)
    fits(page, "level2-pauses")
    page.goto("/desk/settings/outcomes/")
    page.locator("#es-cause").fill("Corte de red")
    page.locator("#en-cause").fill("Network cut")
    page.locator("form:has(#es-cause) button").click()
    expect(page.locator(".outcomes").first).to_contain_text("Corte de red")
    at_full_length(page)
    fits(page, "level2-outcomes")
    phone = browse(width=PHONE, dark=True)
    sign_in(phone, "coordinacion")
    for name in ("/desk/pauses/", "/desk/settings/outcomes/", address):
        phone.goto(name)
        phone.evaluate("document.querySelectorAll('aside details').forEach((d) => (d.open = true))")
        at_full_length(phone)
        fits(phone, f"level2-phone-{name.strip('/').rpartition('/')[2]}")
