"""Pages that people meet before anything is there, or when something was refused, in a browser."""

from datetime import timedelta

import pytest
import time_machine
from playwright.sync_api import expect

from tests.factory import TUESDAY, publish_iws
from tests.web import Browse, audit, each_look, keep_picture, overflow

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


@each_look
def test_they_pass_the_audit(browse: Browse, settings, width: int, dark: bool) -> None:
    """An empty installation's sign-in, and a form with more text than is read."""
    page = browse(width=width, dark=dark)

    def sound(name: str) -> None:
        keep_picture(page, f"{name}-{width}-{'dark' if dark else 'light'}")
        assert audit(page) == [], name
        assert overflow(page) <= 0, name

    page.goto("/accounts/login/")
    expect(page.locator(".note").first).to_contain_text("plazo agents add")
    sound("nobody yet")
    publish_iws()
    with time_machine.travel(TUESDAY, tick=True) as traveller:
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
        page.goto("/hc/es/requests/new/")
        page.get_by_label("¿Qué ocurre?").fill("x" * 5000)
        traveller.shift(timedelta(minutes=1))
        page.get_by_role("button", name="Enviar caso").click()
        expect(page.locator("h1")).to_have_text("No se envió nada")
        sound("too much text")
        page.go_back()
        expect(page.get_by_label("¿Qué ocurre?")).to_have_value("x" * 5000)
