"""A stranger's first hour with Plazo: the real command, the real processes, a real browser.

`plazo run --demo` is started as `make run` starts it, on an empty folder. A case is opened in
Spanish, its receipt is read in the outbox, an agent signs in, sees the clock, answers, sees it met,
and reads why.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from plazo.core.postgres import EmbeddedPostgres
from tests.web import CHROMIUM, Watch

pytestmark = [pytest.mark.journey, pytest.mark.slow]

SIGN_IN, PASSWORD = "agente1@demo.example", "plazo-demo-2026"


@pytest.fixture
def plazo() -> Iterator[str]:
    """Run Plazo on an empty folder; give its address; stop it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="plazo-journey-"))
    folder.chmod(0o711)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PLAZO_", "DJANGO_")) and name != "DATABASE_URL"
    }
    env |= {"PORT": str(port), "PLAZO_DATA": str(folder / "data")}
    process = subprocess.Popen(
        [sys.executable, "-m", "plazo.config.cli", "run", "--demo"],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address, process)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        EmbeddedPostgres(folder / "data").destroy()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(address: str, process: "subprocess.Popen[str]") -> None:
    """Wait until Plazo answers; show what it said if it does not."""
    end = time.monotonic() + 180
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(process.communicate()[0])
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=2) as answer:  # noqa: S310
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError("Plazo did not answer in time")


@pytest.fixture
def page() -> Iterator[Page]:
    """A browser of its own; nothing may go wrong on any page of the journey."""
    watch = Watch()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        context = browser.new_context(locale="es-CO", viewport={"width": 1440, "height": 900})
        page = context.new_page()
        watch.over(page)
        yield page
        browser.close()
    assert watch.problems == []


def open_a_case(page: Page, address: str) -> str:
    """Open a case as a client does; return its number."""
    page.goto(f"{address}/")
    page.get_by_role("link", name="Abrir un caso", exact=True).first.click()
    for name, value in (("service", "esd"), ("request_type", "incident"), ("severity", "B")):
        page.locator(f'label:has([name="{name}"][value="{value}"])').click()
    page.get_by_label("Asunto").fill("La licencia no llega después de PlaceOrder")
    page.get_by_label("¿Qué ocurre?").fill(
        "La orden 4500917733 quedó en Processing desde las 9:00."
    )
    page.get_by_label("Su nombre").fill("Ingeniería de un cliente")
    page.get_by_label("Su correo").fill("ingenieria@cliente.example")
    page.wait_for_timeout(2_200)  # nobody fills a form in faster
    page.get_by_role("button", name="Enviar caso").click()
    page.wait_for_url(re.compile("/sent/"))
    number = page.locator("h1 .clockface").inner_text()
    assert re.fullmatch(r"IWS-\d+", number)
    expect(page.locator(".span-steps")).to_contain_text("Primera respuesta, a más tardar")
    return number


def test_from_the_form_to_the_answer(plazo: str, page: Page) -> None:
    """The whole of the first case, through every part of the product."""
    number = open_a_case(page, plazo)

    # The receipt is in the outbox within seconds, with the number and the hour.
    for _ in range(40):
        page.goto(f"{plazo}/outbox/")
        if page.locator("a", has_text=f"[{number}]").count():
            break
        page.wait_for_timeout(250)
    page.locator("a", has_text=f"[{number}]").click()
    expect(page.locator("pre")).to_contain_text("Primera respuesta, a más tardar")
    expect(page.locator("dl")).to_contain_text("auto-replied")
    case = re.search(r"http\S+/requests/\S+", page.locator("pre").inner_text())
    assert case

    # An agent signs in and sees the clock run.
    page.goto(f"{plazo}/desk/")
    page.get_by_label("Correo").fill(SIGN_IN)
    page.get_by_label("Contraseña").fill(PASSWORD)
    page.get_by_role("button", name="Continuar").click()
    row = page.locator(".q-row", has_text=number)
    expect(row.locator(".chip")).to_contain_text("En plazo")
    row.click()
    expect(page.locator("#s-sla")).to_be_visible()
    expect(page.locator(".clock--main")).to_contain_text("En plazo")

    # They answer; once it can be taken back no more the clock is met, and the page of “why” adds up.
    page.locator("#body").fill("Lo tenemos: la llave llega en unos minutos.")
    page.get_by_role("button", name="Enviar respuesta").click()
    expect(page.locator(".held")).to_contain_text("Sale en")
    expect(page.locator(".msg--held")).to_contain_text("Lo tenemos")
    met = page.locator(".clock[data-sla=met]", has_text="Primera respuesta")
    expect(met).to_be_visible()
    expect(page.locator(".thread")).to_contain_text("Lo tenemos")
    expect(page.locator(".held, .msg--held")).to_have_count(0)
    met.get_by_role("link", name="Primera respuesta").click()
    expect(page.locator("h1")).to_contain_text("¿Por qué vencía")
    expect(page.locator(".chip--lg")).to_contain_text("Cumplida")
    expect(page.locator("table.sum tbody tr")).not_to_have_count(0)

    # The client reads the answer behind the link of the receipt, with the promise kept.
    page.goto(case.group(0))
    expect(page.locator(".thread")).to_contain_text("Lo tenemos")
    expect(page.locator(".promise", has_text="Primera respuesta")).to_contain_text("Cumplid")
