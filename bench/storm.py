"""What it costs when everything falls due at once: 10,000 deadlines in one minute, twice.

    make bench NAME=storm                                10,000 cases in a database of its own
    make bench NAME=storm ARGS="--tickets 2000 --profile"

All cases are open, at level 2, of severity A; their deadlines are spread over one minute. First
all of them are at risk in the same minute, then all are missed in the same minute. Each time the
sweep announces and rings in a process of its own, as the worker does, while the desk is used: one
agent opens the queue, cases and the board, one after the other, and writes notes on the very cases
that fall due; all agents have the queue open before them, hear the news and look again as their
screens do. Before it and meanwhile, it is measured how long that takes.

What is shown at the end holds or the benchmark fails: no page failed, every breach stands at its
own instant, there is one message for each person and step, and every chain and projection is as it
must be. The last line is JSON.
"""

import argparse
import asyncio
import cProfile
import json
import os
import pstats
import random
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import seed
from desk import session_of
from helpcenter import BENCH_KEY, a_server
from live import Screens, fetch, figures_of

MINUTE = timedelta(minutes=1)
CALM_SECONDS = 6.0
BETWEEN_PAGES = 0.2
BETWEEN_NOTES = 0.5
Figures = dict[str, Any]


class Urgent(seed.Story):
    """A case that came up to level 2 at severity A, and waits for its answer."""

    entered: datetime

    def work(self) -> None:
        """Judge it, answer it, and hand it up."""
        from plazo.tickets import events

        agent = self.dice.choice(self.world.agents)
        self.page.actor, self.page.now = seed._agent_actor(agent), self.entered
        self.append(events.VerdictGiven(in_scope=True))
        self.append(self.reply(agent))
        self.append(events.StatusChanged(status="open", previous="new"))
        if self.dice.random() < 0.5:
            self.append(events.TicketAssigned(agent=agent.pk, group=self.world.groups[2].pk))
        self.append(events.SeveritySet(severity="A", previous=""))
        self.append(events.LevelEntered(level=2, previous=1, group=self.world.groups[2].pk))
        self.alarm = seed.NEVER


def fill(count: int, *, due: datetime, world: seed.World) -> dict[int, datetime]:
    """Make the cases; return when each falls due."""
    from django.db import connection, transaction

    from plazo.tickets.models import PublicMessage, Ticket, TicketEvent

    dice, dues = random.Random(1), {}  # noqa: S311 - no secrets
    with transaction.atomic():
        rows = seed.Rows()
        keys = seed.reserved("tickets_ticket_id_seq", count)
        numbers = seed.reserved("tickets_number", count)
        messages = iter(seed.reserved("tickets_publicmessage_id_seq", 2 * count))
        story = Urgent(world, rows, messages, dice)
        for n, (pk, number) in enumerate(zip(keys, numbers, strict=True)):
            dues[pk] = due + MINUTE * n / count
            story.entered = dues[pk] - 60 * MINUTE
            story.tell(pk=pk, number=number, at=story.entered - MINUTE, until=story.entered)
        seed.copy_in(Ticket, rows.tickets)
        seed.copy_in(PublicMessage, rows.messages)
        seed.copy_in(TicketEvent, rows.events, with_key=False)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return dues


def a_manager() -> None:
    """Add somebody for the last step, and people who coordinate."""
    from plazo.accounts.models import Agent, Role, User

    user = User.objects.create_user("manager@carga.example", None, name="Manager")
    Agent.objects.create(user=user, role=Role.MANAGER, level=3)


def storm(now: datetime) -> Figures:
    """Sweep and ring until nothing is due; return what it took."""
    from plazo.escalation import calling
    from plazo.escalation.sweep import BATCH, sweep_once

    events, messages, slowest, began = 0, 0, 0.0, time.perf_counter()
    computed = time.process_time()
    while True:
        started = time.perf_counter()
        written = sweep_once(now)
        slowest = max(slowest, time.perf_counter() - started)
        events += written
        messages += calling.ring_due(now, gathering=written >= BATCH)
        if written < BATCH:
            break
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "seconds_of_cpu": round(time.process_time() - computed, 1),
        "events": events,
        "messages": messages,
        "slowest_pass_ms": round(slowest * 1000),
    }


def checked(dues: dict[int, datetime]) -> Figures:
    """Make sure that every breach is there, once, at its own instant; count what went out."""
    from plazo.notifications.bundling import deliver_due
    from plazo.notifications.models import OutboundMail
    from plazo.tickets.models import TicketEvent
    from plazo.tickets.verify import Tally, verify

    told = TicketEvent.objects.filter(kind="clock.breached", payload__key="escalated_reply")
    found = Counter((e.ticket_id, datetime.fromisoformat(e.payload["instant"])) for e in told)
    assert found == Counter(dues.items()), "a breach is missing, twice, or at another instant"
    deliver_due(max(dues.values()) + MINUTE)
    mails = Counter(OutboundMail.objects.values_list("kind", flat=True))
    recipients = Counter(OutboundMail.objects.values_list("kind", "recipient"))
    faults = [str(fault) for fault in verify(Tally())]
    assert not faults, faults[:5]
    return {
        "breaches": sum(found.values()),
        **{f"mails_{kind}": count for kind, count in sorted(mails.items())},
        "most_mails_of_a_kind_to_one_person": max(recipients.values(), default=0),
    }


def in_a_process(at: datetime, *, profile: bool) -> subprocess.Popen[bytes]:
    """Start the sweep on this database, in a process of its own."""
    from django.db import connection

    asked = [sys.executable, __file__, f"--sweep={at.isoformat()}"]
    return subprocess.Popen(
        [*asked, "--profile"] if profile else asked,
        env={**os.environ, "DATABASE_URL": seed.address_of(connection.settings_dict)},
        stdout=subprocess.PIPE,
    )


def sweep_alone(at: datetime, *, profile: bool) -> None:
    """Be that process: sweep, and print what it took."""
    with seed.a_database(keep=True):
        from plazo.core.process import look_for_cycles_less

        look_for_cycles_less()  # as the worker does
        measured = cProfile.Profile()
        found = measured.runcall(storm, at) if profile else storm(at)
    if profile:
        pstats.Stats(measured, stream=sys.stderr).sort_stats("cumulative").print_stats(45)
    print(json.dumps(found))


# ── The desk meanwhile ────────────────────────────────────────────────────────────────────────


class Desk:
    """Agents at the desk, and how long each of their pages and notes took."""

    def __init__(self, port: int, world: seed.World, cases: list[tuple[int, str]]) -> None:
        self._port, self._world, self._cases = port, world, cases
        self._dice = random.Random(3)  # noqa: S311 - no secrets
        self._cookies = [f"sessionid={session_of(agent)}" for agent in world.agents]
        self.spent: dict[str, list[float]] = {}

    def forget(self) -> None:
        """Begin to measure anew."""
        self.spent = {"queue": [], "case": [], "board": [], "note": []}

    async def open_pages(self) -> None:
        """Open one page after the other, as one agent does who is in a hurry."""
        while True:
            for kind in ("queue", "case", "case", "board"):
                path = {"queue": "/desk/", "board": "/desk/escalations/"}.get(kind)
                case = path or f"/desk/tickets/{self._dice.choice(self._cases)[1]}/"
                self.spent[kind].append(await fetch(self._port, case, self._cookies[0]))
                await asyncio.sleep(BETWEEN_PAGES)

    async def write_notes(self) -> None:
        """Write notes on cases that fall due just now: the sweep may hold their rows."""
        loop = asyncio.get_running_loop()
        while True:
            self.spent["note"].append(await loop.run_in_executor(None, self._note))
            await asyncio.sleep(BETWEEN_NOTES)

    def _note(self) -> float:
        from plazo.accounts.access import actor_of_agent
        from plazo.tickets import commands

        pk, _number = self._dice.choice(self._cases)
        began = time.monotonic()
        commands.add_internal_note(
            ticket_id=pk, body=f"Nota {began}", actor=actor_of_agent(self._world.agents[0]),
            now=datetime.now(UTC),
        )  # fmt: skip
        return time.monotonic() - began

    async def meanwhile(self, process: subprocess.Popen[bytes] | None) -> None:
        """Work at the desk until a process ends; without one, for some seconds.

        Raises: whatever failed at the desk.
        """
        screens = Screens(self._port, self._cookies, looks=True)
        working = [asyncio.create_task(screens.watch(cookie)) for cookie in self._cookies]
        working += [asyncio.create_task(self.open_pages()), asyncio.create_task(self.write_notes())]
        loop = asyncio.get_running_loop()
        ended = loop.run_in_executor(
            None, process.wait if process else lambda: time.sleep(CALM_SECONDS)
        )
        ending = asyncio.ensure_future(ended)
        done, _pending = await asyncio.wait([ending, *working], return_when="FIRST_COMPLETED")
        for task in working:
            if task in done:
                task.result()
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        self.spent["look"] = screens.looked

    def figures(self, when: str) -> Figures:
        return {
            f"{kind}_{when}_{name}_ms": value
            for kind, spent in self.spent.items()
            if spent
            for name, value in figures_of(spent).items()
            if name != "p99"
        } | {f"pages_{when}": sum(map(len, self.spent.values()))}


def meanwhile(
    at: datetime, world: seed.World, cases: list[tuple[int, str]], arguments: argparse.Namespace
) -> Figures:
    """Sweep while the desk is used; return what it took, and how long the desk's pages took."""
    if arguments.no_desk:
        process = in_a_process(at, profile=arguments.profile)
        told, _none = process.communicate()
        return dict(json.loads(told.splitlines()[-1]))
    with a_server(arguments.web) as port:
        desk = Desk(port, world, cases)
        desk.forget()
        asyncio.run(desk.meanwhile(None))  # what comes first is slow: it is not counted
        desk.forget()
        asyncio.run(desk.meanwhile(None))
        found = desk.figures("calm")
        desk.forget()
        process = in_a_process(at, profile=arguments.profile)
        assert process.stdout is not None
        asyncio.run(desk.meanwhile(process))
        found |= desk.figures("meanwhile")
        return dict(json.loads(process.stdout.read().splitlines()[-1])) | found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tickets", type=int, default=10_000)
    parser.add_argument("--web", type=int, default=2, help="processes that answer")
    parser.add_argument("--profile", action="store_true", help="show what takes the time")
    parser.add_argument("--no-desk", action="store_true", help="nobody opens pages meanwhile")
    parser.add_argument("--sweep", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ["PLAZO_SECRET_KEY"] = BENCH_KEY  # the server's, which must know our sessions
    if arguments.sweep:
        sweep_alone(datetime.fromisoformat(arguments.sweep), profile=arguments.profile)
        return
    with seed.a_database():
        from plazo.tickets.models import Ticket

        due = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
        world = seed.a_world(due - timedelta(days=1))
        a_manager()
        began = time.perf_counter()
        dues = fill(arguments.tickets, due=due, world=world)
        print(f"{len(dues)} cases in {time.perf_counter() - began:.0f} s", flush=True)
        figures: Figures = {"tickets": len(dues)}
        cases = list(Ticket.objects.values_list("pk", "number"))
        for name, at in (("at_risk", due - 14 * MINUTE), ("breach", due + 2 * MINUTE)):
            found = meanwhile(at, world, cases, arguments)
            figures |= {f"{name}_{key}": value for key, value in found.items()}
        figures |= checked(dues)
        for key, value in figures.items():
            print(f"{key:44} {value:>12,}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
