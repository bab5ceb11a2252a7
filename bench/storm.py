"""What it costs when everything falls due at once: 10,000 deadlines in one minute, twice.

    make bench NAME=storm                                10,000 cases in a database of its own
    make bench NAME=storm ARGS="--tickets 2000 --profile"

All cases are open, at level 2, of severity A; their deadlines are spread over one minute. First
all of them are at risk in the same minute, then all are missed in the same minute. Each time the
sweep announces and rings as the worker does, while an agent goes on opening pages. What is shown
at the end holds or the benchmark fails: every breach at its own instant, one message for each
person and step, and every chain and projection as it must be. The last line is JSON.
"""

import argparse
import cProfile
import json
import pstats
import random
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import seed
from desk import load, session_of
from helpcenter import a_server

MINUTE = timedelta(minutes=1)
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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tickets", type=int, default=10_000)
    parser.add_argument("--profile", action="store_true", help="show what takes the time")
    parser.add_argument("--no-desk", action="store_true", help="nobody opens pages meanwhile")
    arguments = parser.parse_args()
    with seed.a_database():
        due = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
        world = seed.a_world(due - timedelta(days=1))
        a_manager()
        began = time.perf_counter()
        dues = fill(arguments.tickets, due=due, world=world)
        print(f"{len(dues)} cases in {time.perf_counter() - began:.0f} s")
        figures: Figures = {"tickets": len(dues)}
        profile = cProfile.Profile() if arguments.profile else None
        for name, at in (("at_risk", due - 14 * MINUTE), ("breach", due + 2 * MINUTE)):
            found = meanwhile(lambda at=at: storm(at), world, arguments, profile)
            figures |= {f"{name}_{key}": value for key, value in found.items()}
        figures |= checked(dues)
        for key, value in figures.items():
            print(f"{key:44} {value:>12,}")
        if profile is not None:
            pstats.Stats(profile).sort_stats("cumulative").print_stats(45)
    print(json.dumps(figures))


def meanwhile(
    run: Any, world: seed.World, arguments: argparse.Namespace, profile: cProfile.Profile | None
) -> Figures:
    """Run something while somebody opens the queue and the board again and again."""
    if arguments.no_desk:
        return profile.runcall(run) if profile else run()
    pages = {"queue": ["/desk/"], "board": ["/desk/escalations/"]}
    cookies = [session_of(agent) for agent in world.agents]
    found: Figures = {}
    with a_server(1) as port:
        calm = {
            name: load(port, paths, cookies, seconds=2, clients=1) for name, paths in pages.items()
        }
        result: Figures = {}
        worker = threading.Thread(
            target=lambda: result.update(profile.runcall(run) if profile else run())
        )
        worker.start()
        spent: dict[str, list[Figures]] = {name: [] for name in pages}
        while worker.is_alive():
            for name, paths in pages.items():
                spent[name].append(load(port, paths, cookies, seconds=1, clients=1))
        worker.join()
    for name in pages:
        found[f"{name}_calm_p95_ms"] = calm[name]["p95_ms"]
        found[f"{name}_p95_ms"] = max((each["p95_ms"] for each in spent[name]), default=0)
    return result | found


if __name__ == "__main__":
    main()
