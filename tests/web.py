"""Fixtures for tests in a real browser: Debian's Chromium, driven by Playwright, audited by axe.

A folder that wants them imports them in its conftest. The browser lives as long as one test
module: Playwright keeps an event loop running in the test's thread while it is up, and other
modules need that thread without one.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)
from playwright.sync_api import Response as WebResponse

CHROMIUM = os.environ.get("PLAZO_TEST_CHROMIUM", "/usr/bin/chromium")
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESKTOP, PHONE = 1440, 390
SETTLES_SECONDS, QUIET_SECONDS = 10, 0.25

# A busy machine is slow and not wrong; nobody waits for these but where something is wrong.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)

# Each width and each theme once: what a theme colours is coloured alike at every width.
each_look = pytest.mark.parametrize(
    ("width", "dark"), [(DESKTOP, False), (PHONE, True)], ids=["1440-light", "390-dark"]
)

Browse = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One Chromium for the module."""
    with pytest.MonkeyPatch.context() as patch:
        # Django sees Playwright's loop and would refuse the database in this thread.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM)
            yield browser
            browser.close()


class Watch:
    """What went wrong on a page without anyone seeing it: console, scripts, policy, files."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def over(self, page: Page) -> None:
        """Begin to listen to a page."""
        page.on("console", self.console)
        page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        page.on("response", self.response)

    def console(self, message: ConsoleMessage) -> None:
        """Keep errors and warnings; the browser's note of a 4xx page is no fault of the page."""
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.problems.append(f"console: {message.text}")

    def response(self, response: WebResponse) -> None:
        """Keep failed files, and pages that failed on the server's side."""
        document = response.request.resource_type == "document"
        if response.status >= (500 if document else 400):
            self.problems.append(f"{response.status}: {response.url}")


class UnderWay:
    """How many requests the server of the tests is answering right now.

    Those of Django's own test client are not among them: a file that it does not read to the end
    is a request that never ends.
    """

    def __init__(self) -> None:
        self._count, self._lock, self._last = 0, threading.Lock(), time.monotonic()
        request_started.connect(self._begun, weak=False)
        request_finished.connect(self._ended, weak=False)

    def _begun(self, sender: object, **_: Any) -> None:
        self._counts(sender, 1)

    def _ended(self, sender: object, **_: Any) -> None:
        self._counts(sender, -1)

    def _counts(self, sender: object, one: int) -> None:
        if isinstance(sender, type) and issubclass(sender, WSGIHandler):
            with self._lock:
                self._count, self._last = max(0, self._count + one), time.monotonic()

    def settle(self) -> None:
        """Wait until nothing has been asked for a moment: open pages ask by themselves, and their
        last questions must not meet the emptying of the tables.
        """
        end = time.monotonic() + SETTLES_SECONDS
        while time.monotonic() < end:
            if not self._count and time.monotonic() - self._last > QUIET_SECONDS:
                return
            time.sleep(0.02)


UNDER_WAY = UnderWay()


@pytest.fixture
def browse(chromium: Browser, live_server: Any) -> Iterator[Browse]:
    """Open pages: `browse(width=390, dark=True, js=False)`; nothing may go wrong on them."""
    contexts: list[BrowserContext] = []
    watch = Watch()

    def open_page(
        *, width: int = DESKTOP, dark: bool = False, js: bool = True, language: str = "es"
    ) -> Page:
        context = chromium.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            locale="es-CO" if language == "es" else "en-GB",
            java_script_enabled=js,
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        watch.over(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    UNDER_WAY.settle()
    assert watch.problems == []


def audit(page: Page) -> list[str]:
    """Return what axe finds on the page as it stands: nothing is the only good answer.

    Like all that measures here it waits until the page has loaded: one without its style yet has
    other widths, colours and hidden parts.
    """
    page.wait_for_load_state()
    page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate(
        "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", RULES
    )
    return [
        f"{v['impact']} {v['id']}: {v['help']} at {node['target']}: {node['html'][:160]}"
        for v in found["violations"]
        for node in v["nodes"]
    ]


def at_full_length(page: Page) -> None:
    """Make the window as long as the page: what a bar covers while one scrolls is no fault."""
    page.wait_for_load_state()
    size = page.viewport_size
    assert size is not None
    length = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": max(900, length)})


def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than its window."""
    page.wait_for_load_state()
    width: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return width


def keep_picture(page: Page, name: str) -> None:
    """Keep a picture of the whole page where PLAZO_TEST_PICTURES names a folder for them."""
    folder = os.environ.get("PLAZO_TEST_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
