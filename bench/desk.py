"""What the desk costs: the queue, a case, the search, a reply, a bulk action. Over seeded cases.

    make bench NAME=desk                                    100,000 cases in a database of its own
    make bench NAME=desk ARGS="--tickets 1000000"           a million: most are copies, see seed.py
    PLAZO_DATA=… make bench NAME=desk ARGS="--keep"         in that folder's database; seeded once

Server time is a request through the whole application without HTTP, one at a time, compressed as
it travels. Then two web processes answer several agents at once. The baselines run beside them: a
queue as it is commonly written (sorted without its index, skipping with OFFSET, each view counted
whole), and a static file. The last line is JSON.
"""

import argparse
import http.client
import json
import os
import random
import statistics
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import seed
from helpcenter import BENCH_KEY, a_server

Figures = dict[str, Any]
PAGES_TIMES = 60
# When the page first showed something, in milliseconds since it was asked for.
PAINTED = """() => new Promise((found) => {
    const heard = (list) => {
        const entry = list.getEntriesByName("first-contentful-paint")[0];
        if (entry) found(entry.startTime);
    };
    new PerformanceObserver(heard).observe({ type: "paint", buffered: true });
})"""


def quantiles(spent: list[float]) -> Figures:
    """Return p50 and p95 in milliseconds."""
    cut = statistics.quantiles(spent, n=100)
    return {"p50_ms": round(cut[49] * 1000, 2), "p95_ms": round(cut[94] * 1000, 2)}


def timed(run: Callable[[int], object], times: int) -> Figures:
    """Time a call, after five that warm up."""
    for number in range(5):
        run(number)
    spent = []
    for number in range(5, times + 5):
        began = time.perf_counter()
        run(number)
        spent.append(time.perf_counter() - began)
    return quantiles(spent)


class Desk:
    """An agent at the desk, in this process: requests go through the application without HTTP."""

    def __init__(self, world: seed.World, now: datetime) -> None:
        from django.test import Client

        from plazo.tickets.models import Ticket

        self.agent, self.now, self.world = world.agents[0], now, world
        self.client = Client(HTTP_ACCEPT_ENCODING="gzip", HTTP_HOST="127.0.0.1")
        self.client.force_login(self.agent.user)
        self.open = list(
            Ticket.objects.unsolved().by_deadline().values_list("number", flat=True)[:2000]
        )
        self.dice = random.Random(7)  # noqa: S311 - no secrets

    def get(self, path: str) -> int:
        """Ask for a page; return its length as it travels."""
        answer = self.client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return len(answer.content)

    def post(self, path: str, data: dict[str, Any]) -> None:
        """Send a form; it leads on, as forms do."""
        answer = self.client.post(path, data)
        assert answer.status_code == 302, (path, answer.status_code, answer.content[:500])

    def page(self, name: str, paths: list[str], times: int = PAGES_TIMES) -> Figures:
        """Measure one kind of page: times, length, and how many statements it takes."""
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        length = self.get(paths[0])
        with CaptureQueriesContext(connection) as captured:
            self.get(paths[0])
        statements = len(captured)  # the next request empties the log
        found = timed(lambda number: self.get(paths[number % len(paths)]), times)
        found |= {"kb": round(length / 1000, 1), "queries": statements}
        return {f"{name}_{key}": value for key, value in found.items()}


def pages_of(desk: Desk, long: str) -> dict[str, list[str]]:
    """Return the pages that are measured, by name."""
    from plazo.tickets import queries

    after, deep = "", []
    for _ in range(40):  # two thousand rows down
        after = queries.queue_page("due", agent=desk.agent, now=desk.now, after=after).next_after
        if not after:
            break
        deep = [f"/desk/?after={quote(after)}"]
    cases = [f"/desk/tickets/{number}/" for number in desk.open[:200]]
    return {
        "queue": ["/desk/"],
        "queue_deep": deep or ["/desk/"],
        "queue_mine": ["/desk/?view=mine"],
        "queue_overdue": ["/desk/?view=overdue"],
        "ticket": cases,
        "ticket_200_messages": [f"/desk/tickets/{long}/"],
        "search_words": [
            f"/desk/find/?q={quote(words)}" for words in ("orden almacén", "catálogo")
        ],
        "search_operators": [f"/desk/find/?q={quote('status:open severity:A due<2h')}"],
    }


def a_long_case(desk: Desk) -> str:
    """Make a case of two hundred messages; return its number."""
    from plazo.accounts.access import actor_of_agent
    from plazo.tickets import commands
    from plazo.tickets.models import Ticket

    ticket = Ticket.objects.get(number=desk.open[-1])
    by = actor_of_agent(desk.agent)
    for number in range(200):
        commands.add_internal_note(
            ticket_id=ticket.pk,
            body=f"{seed.ANSWERS[number % 3]} ({number})",
            actor=by,
            now=desk.now + timedelta(minutes=number),
        )
    return ticket.number


def acts_of(desk: Desk) -> Figures:
    """Measure what changes something: each is a form that is sent."""

    def reply(number: int) -> None:
        case = desk.open[number % 1500]
        words = f"{seed.ANSWERS[number % 3]} ({number})"
        data = {"kind": "reply", "body": words, "then": "", "waiting_for": "requester"}
        data["warned"] = "unpromised"  # at level 2 a promise is asked for, once
        desk.post(f"/desk/tickets/{case}/write/", data)

    def assign(number: int) -> None:
        case, agent = desk.open[number % 1500], desk.world.agents[number % 8]
        desk.post(f"/desk/tickets/{case}/assign/", {"assignee": agent.pk})

    def bulk(number: int) -> None:
        first = 50 * (number % 20)
        tags = {"do": "tags", "add": f"carga-{number}", "remove": ""}
        desk.post("/desk/bulk/", {"t": desk.open[first : first + 50]} | tags)

    acts = {"reply": (reply, 40), "assign": (assign, 40), "bulk_of_50": (bulk, 8)}
    return {
        f"{name}_{key}": value
        for name, (act, times) in acts.items()
        for key, value in timed(act, times).items()
    }


def baseline(desk: Desk) -> Figures:
    """Measure a queue as it is commonly written, over the same rows."""
    from plazo.tickets.models import Ticket

    unsolved = Ticket.objects.exclude(status__in=("solved", "closed"))

    def common(number: int) -> None:
        list(unsolved.for_queue_page().order_by("next_due_at", "-updated_at")[2000:2050])
        for view in (unsolved, unsolved.filter(assignee=desk.agent), Ticket.objects.all()):
            view.count()

    return {f"baseline_{key}": value for key, value in timed(common, 15).items()}


def session_of(agent: Any) -> str:
    """Sign an agent in; return the cookie's value."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    store = SessionStore()
    store[SESSION_KEY] = str(agent.user.pk)
    store[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    store[HASH_SESSION_KEY] = agent.user.get_session_auth_hash()
    store.create()
    return str(store.session_key)


def load(
    port: int, paths: list[str], cookies: list[str], *, seconds: float, clients: int
) -> Figures:
    """Ask from several connections at once; return requests a second and times."""
    spent: list[float] = []
    wrong: list[BaseException] = []
    end = time.perf_counter() + seconds

    def work(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Accept-Encoding": "gzip"}
        if cookies:
            headers["Cookie"] = f"sessionid={cookies[number % len(cookies)]}"
        mine, turn = [], number * 7
        try:
            while time.perf_counter() < end:
                began = time.perf_counter()
                connection.request("GET", paths[turn % len(paths)], headers=headers)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200, (answer.status, paths[turn % len(paths)])
                mine.append(time.perf_counter() - began)
                turn += 1
        except BaseException as error:  # noqa: BLE001 - shown below
            wrong.append(error)
        spent.extend(mine)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[0]
    return {"per_second": round(len(spent) / seconds, 1)} | quantiles(spent)


def first_paint(port: int, paths: dict[str, str], cookie: str) -> Figures:
    """Return when a browser first paints each page, in ms from asking: the median of seven."""
    from playwright.sync_api import sync_playwright

    found: Figures = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium")
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        address = f"http://127.0.0.1:{port}"
        context.add_cookies([{"name": "sessionid", "value": cookie, "url": address}])
        page = context.new_page()
        for name, path in paths.items():
            spent = []
            for _ in range(8):
                page.goto(address + path, wait_until="load")
                spent.append(page.evaluate(PAINTED))
            found[f"{name}_first_paint_ms"] = round(statistics.median(spent[1:]), 1)
        browser.close()
    return found


def show(figures: Figures) -> None:
    for name, figure in figures.items():
        print(f"{name:32} {figure:>12,}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tickets", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=6.0, help="of load, for each page")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--keep", action="store_true", help="use the environment's database")
    parser.add_argument("--no-browser", action="store_true")
    arguments = parser.parse_args()
    os.environ["PLAZO_SECRET_KEY"] = BENCH_KEY  # the server's, which must know our sessions
    with seed.a_database(keep=arguments.keep):
        from plazo.accounts.models import Agent
        from plazo.tickets.models import Ticket

        now = datetime.now(UTC).replace(microsecond=0)
        world, began = seed.a_world(now), time.perf_counter()
        missing = arguments.tickets - Ticket.objects.count()
        if missing > 0:
            seed.seed_many(missing, now=now, world=world)
        figures: Figures = {
            "tickets": Ticket.objects.count(),
            "seeded_in_s": round(time.perf_counter() - began, 1),
        }
        show(figures)
        Agent.objects.update(undo_seconds=0)  # a reply is measured whole, and not put aside
        desk = Desk(world, now)
        pages = pages_of(desk, a_long_case(desk))
        for name, paths in pages.items():
            found = desk.page(name, paths)
            show(found)
            figures |= found
        for found in (acts_of(desk), baseline(desk)):
            show(found)
            figures |= found
        cookies = [session_of(agent) for agent in world.agents]
        with a_server(2) as port:
            served = {"static": ["/static/plazo/css/tokens.css"], **pages}
            for name, paths in served.items():
                known = [] if name == "static" else cookies
                found = load(
                    port, paths, known, seconds=arguments.seconds, clients=arguments.clients
                )
                found = {f"http_{name}_{key}": value for key, value in found.items()}
                show(found)
                figures |= found
            if not arguments.no_browser:
                shown = {"queue": "/desk/", "ticket": pages["ticket"][0]}
                found = first_paint(port, shown, cookies[0])
                show(found)
                figures |= found
    figures["baseline_to_queue"] = round(figures["baseline_p50_ms"] / figures["queue_p50_ms"], 1)
    figures["static_to_queue"] = round(
        figures["http_static_per_second"] / figures["http_queue_per_second"], 1
    )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
