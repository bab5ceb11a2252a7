"""What working on cases costs: commands, lists, the sweep, verifying. Over seeded cases.

    make bench NAME=tickets                          5,000 cases in a database of its own
    make bench NAME=tickets ARGS="--tickets 100000"

Commands are whole: events, projection, clocks, mail rows and their jobs, with a commit that is
flushed to the disk. The last line is JSON; times are medians unless they say otherwise.
"""

import argparse
import json
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import seed

MINUTE = timedelta(minutes=1)


def median_ms(run: Callable[[], object], times: int = 30) -> float:
    """Return the median time of a call in milliseconds, after one that warms up."""
    run()
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        spent.append(time.perf_counter() - began)
    return round(statistics.median(spent) * 1000, 2)


def per_second(run: Callable[[int], object], times: int, threads: int = 1) -> float:
    """Return how many calls pass in a second, with so many threads at once."""
    from django.db import connection

    run(-1)
    numbers: Iterator[int] = iter(range(times))
    lock, wrong = threading.Lock(), []

    def work() -> None:
        try:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                run(number)
        except Exception as error:  # noqa: BLE001 - shown below
            wrong.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong, wrong
    return round(times / (time.perf_counter() - began), 1)


class Bench:
    """The measured calls, over one seeded world."""

    def __init__(self, world: seed.World, now: datetime, times: int) -> None:
        from plazo.accounts.access import actor_of_agent
        from plazo.tickets.models import Ticket

        self.world, self.now, self.times = world, now, times
        self.by = actor_of_agent(world.agents[0])
        self.targets = list(Ticket.objects.order_by("-pk").values_list("pk", flat=True)[:2000])
        self.targets = [
            pk
            for pk, status in Ticket.objects.filter(pk__in=self.targets).values_list("pk", "status")
            if status != "closed"
        ]

    def open(self, number: int) -> Any:
        from plazo.accounts.access import actor_of_requester
        from plazo.tickets import commands

        requester = self.world.requesters[number % len(self.world.requesters)]
        return commands.open_ticket(
            requester_id=requester.pk,
            subject="PlaceOrder devuelve 504",
            body=seed.BODIES[0],
            service="esd",
            environment="production",
            request_type="incident",
            severity="B",
            actor=actor_of_requester(requester),
            now=self.now,
        )

    def reply(self, number: int) -> None:
        from plazo.tickets import commands

        pk = self.targets[number % len(self.targets)]
        commands.reply_to_ticket(
            ticket_id=pk, body=seed.ANSWERS[0], actor=self.by, now=self.now + number * MINUTE
        )

    def commands(self) -> dict[str, float]:
        """Opening and replying, one at a time and four at a time."""
        return {
            "open_per_second": per_second(self.open, self.times),
            "open_per_second_4_threads": per_second(self.open, self.times, 4),
            "reply_per_second": per_second(self.reply, self.times),
            "reply_per_second_4_threads": per_second(self.reply, self.times, 4),
        }

    def sweep(self) -> dict[str, float]:
        """Every waiting moment after a long downtime; then the pass that finds nothing."""
        from plazo.escalation.sweep import sweep_once

        later, told, began = self.now + timedelta(hours=2), 0, time.perf_counter()
        while written := sweep_once(later):
            told += written
        seconds = time.perf_counter() - began
        return {
            "sweep_events": told,
            "sweep_events_per_second": round(told / seconds, 1),
            "sweep_idle_ms": median_ms(lambda: sweep_once(later)),
        }

    def reads(self) -> dict[str, float]:
        """Each view of the queue, its counts, a long conversation, an explanation."""
        from plazo.tickets import commands, queries
        from plazo.tickets.models import Ticket

        agent, now, found = self.world.agents[0], self.now, {}
        for view in queries.VIEWS:
            found[f"queue_{view}_ms"] = median_ms(
                lambda view=view: queries.queue_page(view, agent=agent, now=now)  # type: ignore[misc]
            )
        found["counts_ms"] = median_ms(lambda: queries.counts(agent=agent, now=now))
        pk = self.open(0).pk
        for number in range(200):
            commands.reply_to_ticket(
                ticket_id=pk, body=seed.ANSWERS[1], actor=self.by, now=now + number * MINUTE
            )
        ticket = Ticket.objects.select_related("agreement_version").get(pk=pk)
        later = now + timedelta(days=1)

        def page() -> None:
            chain = queries.chain_of(ticket)
            queries.conversation(ticket, chain, internal=True)
            queries.explanation_of(ticket, chain, "first_reply", now=later)

        found["conversation_of_200_ms"] = median_ms(page)
        found["reply_to_200_ms"] = median_ms(
            lambda: commands.reply_to_ticket(
                ticket_id=pk, body=seed.ANSWERS[1], actor=self.by, now=later
            ),
            10,
        )
        return found


def verify_speed() -> dict[str, float]:
    """Return events and tickets verified in a second; there must be no fault."""
    from plazo.tickets.verify import Tally, verify

    began, tally = time.perf_counter(), Tally()
    faults = [str(fault) for fault in verify(tally)]
    seconds = time.perf_counter() - began
    assert not faults, faults[:5]
    return {
        "verify_tickets_per_second": round(tally.tickets / seconds),
        "verify_events_per_second": round(tally.events / seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tickets", type=int, default=5000, help="cases to begin with")
    parser.add_argument("--times", type=int, default=300, help="calls of each command")
    arguments = parser.parse_args()
    with seed.a_database():
        now = datetime.now(UTC).replace(microsecond=0)
        world = seed.a_world(now)
        dice = random.Random(1)  # noqa: S311 - no secrets
        events = seed.seed(arguments.tickets, now=now, world=world, dice=dice)
        print(f"seeded {arguments.tickets} tickets with {events} events")
        bench = Bench(world, now, arguments.times)
        figures: dict[str, float] = {"tickets": arguments.tickets, "events": events}
        for part in (bench.reads, bench.commands, bench.sweep, verify_speed):
            found = part()
            figures |= found
            for name, figure in found.items():
                print(f"{name:32} {figure:>12,}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
