"""What live screens cost: many agents with open streams, and how soon each hears each event.

    make bench NAME=live                                    200 streams, 20 events a second, 30 s
    make bench NAME=live ARGS="--agents 50 --seconds 10"
    make bench NAME=live ARGS="--looks"                     screens fetch the queue too, as ours do

A real server (two processes, as installed) on a database of its own, real sessions, real commands.
The clock of an event starts just before its commit and stops when the last byte of its message is
in the client's hands; both are of one machine. Meanwhile an agent's queue and a case are fetched,
and the same without streams, in the same run: trust the ratio. The last line is JSON.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import seed

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_EVERY = 0.5


def quantile(values: list[float], share: float) -> float:
    """Return a quantile in milliseconds."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 1)


def figures_of(values: list[float]) -> dict[str, float]:
    """Return what one wants to know of a list of times, in milliseconds."""
    return {
        "p50": quantile(values, 0.5),
        "p95": quantile(values, 0.95),
        "p99": quantile(values, 0.99),
        "max": quantile(values, 1),
    }


# ── The server ────────────────────────────────────────────────────────────────────────────────


class Server:
    """`plazo web` on the bench's database."""

    def __init__(self, workers: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        environment = {
            **os.environ,
            "PORT": str(self.port),
            "PLAZO_WEB_WORKERS": str(workers),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "plazo.config.cli", "web"], env=environment
        )

    def wait(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.1)
        raise SystemExit("the server did not start")

    def processes(self) -> list[int]:
        """Return the server and what it started."""
        found = [self._process.pid]
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == self._process.pid:
                    found.append(int(entry.name))
        return found

    def spent(self) -> float:
        """Return the processor seconds that it has used."""
        total = 0
        for pid in self.processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def memory(self) -> float:
        """Return what it holds alone, in MB: what its processes share is counted once."""
        kilobytes = 0
        for pid in self.processes():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kilobytes += int(line.split()[1])
        return round(kilobytes / 1024, 1)

    def stop(self) -> float:
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)
        return round(time.monotonic() - began, 2)


# ── The people ────────────────────────────────────────────────────────────────────────────────


def sign_in(count: int) -> list[str]:
    """Make so many agents and sign each in; return their cookies."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from plazo.accounts.models import Agent, User

    cookies = []
    for number in range(count):
        user = User(email=f"live{number}@bench.example", name=f"Agente {number}")
        user.set_unusable_password()
        user.save()
        Agent.objects.create(user=user, level=1 + number % 2)
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        cookies.append(f"sessionid={session.session_key}")
    return cookies


class Commands(threading.Thread):
    """Lets another process do so many commands a second, on open cases, and hears when each was
    about to commit: this one has 200 readers to serve, and its own work would count as theirs.
    """

    def __init__(self, rate: float, seconds: float) -> None:
        super().__init__()
        self.begun: dict[str, float] = {}
        self.took = seconds
        self._asked = [f"--rate={rate}", f"--seconds={seconds}", "--only-commands"]

    def run(self) -> None:
        from django.db import connection

        address = seed.address_of(connection.settings_dict)
        done = subprocess.run(
            [sys.executable, __file__, *self._asked],
            env={**os.environ, "DATABASE_URL": address},
            stdout=subprocess.PIPE,
            check=True,
        )
        found = json.loads(done.stdout.splitlines()[-1])
        self.begun, self.took = found["begun"], found["took"]


def do_commands(rate: float, seconds: float) -> None:
    """Do the commands and print when each began to commit, by the clock of all processes."""
    from django.db import transaction

    from plazo.accounts.access import actor_of_agent
    from plazo.accounts.models import Agent
    from plazo.tickets import commands
    from plazo.tickets.models import Ticket

    begun: dict[str, float] = {}
    actor = actor_of_agent(Agent.objects.select_related("user").order_by("pk").first())  # type: ignore[arg-type]
    keys = list(Ticket.objects.unsolved().values_list("pk", flat=True)[:400])
    dice, start = random.Random(7), time.monotonic()  # noqa: S311 - no secrets
    for number in range(int(rate * seconds)):
        time.sleep(max(0.0, start + number / rate - time.monotonic()))
        with transaction.atomic():
            event = commands.add_internal_note(
                ticket_id=dice.choice(keys), body=f"nota {number} {start}", actor=actor,
                now=datetime.now(UTC),
            )  # fmt: skip
            begun[str(event.correlation)] = time.monotonic()
    print(json.dumps({"begun": begun, "took": time.monotonic() - start}))


class Screens:
    """Open streams, and what came down each."""

    def __init__(self, port: int, cookies: list[str], *, looks: bool) -> None:
        self._port, self._cookies, self._looks = port, cookies, looks
        self.heard: dict[str, list[float]] = {}
        self.open = 0
        self.lost = 0
        self.looked: list[float] = []

    async def watch(self, cookie: str) -> None:
        """Keep one stream open and note each event; look again at the queue as our screens do."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(_get("/desk/live/", self._port, cookie))
        status = await reader.readline()
        if b" 200 " not in status:
            raise SystemExit(f"no stream: {status!r}")
        self.open += 1
        due = asyncio.Event()
        looking = asyncio.create_task(self._look(cookie, due)) if self._looks else None
        try:
            while line := await reader.readline():
                if b'"correlation":"' in line:
                    key = line.split(b'"correlation":"')[1][:36].decode()
                    self.heard.setdefault(key, []).append(time.monotonic())
                    due.set()
                elif b'"resync"' in line:
                    self.lost += 1
        finally:
            if looking:
                looking.cancel()
            writer.close()

    async def _look(self, cookie: str, due: asyncio.Event) -> None:
        while True:
            await due.wait()
            due.clear()
            await asyncio.sleep(random.uniform(0.1, 0.4))  # noqa: S311 - no secrets
            took = await fetch(self._port, "/desk/", cookie)
            self.looked.append(took)
            await asyncio.sleep(max(2.0, 10 * took) * random.uniform(0.75, 1.25))  # noqa: S311


async def fetch(port: int, path: str, cookie: str) -> float:
    """Fetch a page; return the seconds that it took."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_get(path, port, cookie, close=True))
    answer = await reader.read()
    writer.close()
    if b" 200 " not in answer[:20]:
        raise SystemExit(f"{path}: {answer[:200]!r}")
    return time.monotonic() - began


def _get(path: str, port: int, cookie: str, *, close: bool = False) -> bytes:
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Cookie: {cookie}",
        "X-Plazo-Live: 1",
        *(["Connection: close"] if close else []),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def pages(port: int, cookie: str, case: str, seconds: float) -> list[float]:
    """Fetch the queue and a case in turn, for so long."""
    took, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        for path in ("/desk/", case):
            took.append(await fetch(port, path, cookie))
            await asyncio.sleep(PAGE_EVERY / 2)
    return took


async def measure(server: Server, cookies: list[str], case: str, options: Any) -> dict[str, Any]:
    """Do the same commands without streams, then with all of them open."""
    loop = asyncio.get_running_loop()
    quiet_seconds = options.seconds / 2
    before, spent = Commands(options.rate, quiet_seconds), server.spent()
    before.start()
    without = await pages(server.port, cookies[0], case, quiet_seconds)
    await loop.run_in_executor(None, before.join)
    cpu_without = (server.spent() - spent) / quiet_seconds

    memory = server.memory()
    screens = Screens(server.port, cookies, looks=options.looks)
    watching = [asyncio.create_task(screens.watch(cookie)) for cookie in cookies]
    while screens.open < len(cookies):
        await asyncio.sleep(0.05)
        for task in watching:
            if task.done():
                task.result()
    await asyncio.sleep(1)
    doing, spent = Commands(options.rate, options.seconds), server.spent()
    doing.start()
    meanwhile = await pages(server.port, cookies[0], case, options.seconds)
    await loop.run_in_executor(None, doing.join)
    await asyncio.sleep(2)
    cpu_with = (server.spent() - spent) / (options.seconds + 2)
    memory_with = server.memory()

    late = [at - begun for key, begun in doing.begun.items() for at in screens.heard.get(key, [])]
    missing = sum(len(cookies) - len(screens.heard.get(key, [])) for key in doing.begun)
    stop = server.stop()
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    return {
        "streams": len(cookies),
        "events": len(doing.begun),
        "events_per_second": round(len(doing.begun) / doing.took, 1),
        "deliveries": len(late),
        "missing": missing,
        "resyncs": screens.lost,
        "latency_ms": figures_of(late),
        "over_one_second": sum(1 for seconds in late if seconds > 1),
        "page_ms_without_streams": figures_of(without),
        "page_ms_with_streams": figures_of(meanwhile),
        "page_ratio": round(statistics.median(meanwhile) / statistics.median(without), 2),
        "cpu_percent_without": round(cpu_without * 100),
        "cpu_percent_with": round(cpu_with * 100),
        "memory_mb_before": memory,
        "memory_mb_with": memory_with,
        "looks_per_second": round(len(screens.looked) / options.seconds, 1),
        "look_ms": figures_of(screens.looked) if screens.looked else None,
        "stop_seconds": stop,
    }


def cost_of_a_command(times: int = 60) -> dict[str, float]:
    """Return what telling the screens adds to a command: with and without it, turn by turn."""
    from plazo.accounts.access import actor_of_agent
    from plazo.accounts.models import Agent
    from plazo.tickets import commands, live, readers
    from plazo.tickets.models import Ticket

    actor = actor_of_agent(Agent.objects.select_related("user").order_by("pk").first())  # type: ignore[arg-type]
    key = Ticket.objects.unsolved().values_list("pk", flat=True)[0]
    spent: dict[str, list[float]] = {"with": [], "without": []}
    for number in range(times * 2):
        name = ("with", "without")[number % 2]
        if name == "with":
            live.register()
        else:
            readers.register(lambda *_: None, kinds=(), name="live")
        began = time.perf_counter()
        commands.add_internal_note(
            ticket_id=key, body=f"coste {number}", actor=actor, now=datetime.now(UTC)
        )
        spent[name].append(time.perf_counter() - began)
    live.register()
    medians = {name: round(statistics.median(values) * 1000, 2) for name, values in spent.items()}
    return medians | {"added": round(medians["with"] - medians["without"], 2)}


@contextlib.contextmanager
def a_server(workers: int) -> Iterator[Server]:
    """Run a server for the length of a block."""
    server = Server(workers)
    try:
        server.wait()
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--tickets", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--looks", action="store_true", help="screens fetch the queue, too")
    parser.add_argument("--only-commands", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_commands:
        with seed.a_database(keep=True):
            do_commands(options.rate, options.seconds)
        return
    with seed.a_database():
        now = datetime.now(UTC).replace(microsecond=0)
        world, dice = seed.a_world(now), random.Random(1)  # noqa: S311 - no secrets
        seed.seed(options.tickets, now=now, world=world, dice=dice)
        cookies = sign_in(options.agents)
        from django.db import connection

        from plazo.tickets.models import Ticket

        case = f"/desk/tickets/{Ticket.objects.unsolved().first().number}/"  # type: ignore[union-attr]
        command = cost_of_a_command()
        connection.close()
        with a_server(options.workers) as server:
            found = asyncio.run(measure(server, cookies, case, options))
    found["command_ms"] = command
    for name, value in found.items():
        print(f"{name:<26} {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
