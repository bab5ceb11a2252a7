"""Sub-commands of `plazo` about tickets."""

import argparse
import time
from typing import Any


def add_commands(commands: Any) -> None:
    """Add `verify`, `rebuild` and `search`."""
    verify = commands.add_parser(
        "verify", help="check every timeline's chain and every projection in the database"
    )
    verify.add_argument(
        "--files", action="store_true", help="read every stored file too: is it there, and whole?"
    )
    verify.set_defaults(run=_verify, needs="database")
    rebuild = commands.add_parser(
        "rebuild", help="rebuild the projection of every ticket from its events"
    )
    rebuild.set_defaults(run=_rebuild, needs="database")
    search = commands.add_parser("search", help="the index of the agents' search")
    kinds = search.add_subparsers(dest="what", required=True)
    anew = kinds.add_parser("rebuild", help="write every ticket's words anew, while people work")
    anew.set_defaults(run=_search_rebuild, needs="database")
    check = kinds.add_parser("check", help="compare the index with every text")
    check.set_defaults(run=_search_check, needs="database")


def _verify(arguments: argparse.Namespace) -> int:
    from plazo.tickets.verify import Tally, verify

    tally, faults, began = Tally(), 0, time.perf_counter()
    for fault in verify(tally):
        faults += 1
        print(fault)
    seconds = max(time.perf_counter() - began, 1e-9)
    print(
        f"{tally.tickets} tickets, {tally.events} events, {faults} faults in {seconds:.1f} s"
        f" ({tally.tickets / seconds:.0f} tickets/s, {tally.events / seconds:.0f} events/s)"
    )
    if arguments.files:
        faults += _verify_files()
    return 1 if faults else 0


def _search_rebuild(arguments: argparse.Namespace) -> int:
    from plazo.tickets.search import indexing

    began = time.perf_counter()
    count = indexing.index_all()
    print(f"{count} tickets indexed in {time.perf_counter() - began:.1f} s")
    return 0


def _search_check(arguments: argparse.Namespace) -> int:
    from plazo.tickets.search import indexing

    faults = 0
    for number in indexing.differences():
        faults += 1
        print(f"{number}: the search knows other words than it says")
    print(f"{faults} faults; `plazo search rebuild` mends them" if faults else "0 faults")
    return 1 if faults else 0


def _verify_files() -> int:
    from plazo.core import storing

    tally, faults, began = storing.FileTally(), 0, time.perf_counter()
    for fault in storing.verify(tally):
        faults += 1
        print(fault)
    seconds = max(time.perf_counter() - began, 1e-9)
    megabytes = tally.read_bytes / 1_000_000
    print(
        f"{tally.files} files, {faults} faults in {seconds:.1f} s"
        f" ({megabytes:.1f} MB read, {megabytes / seconds:.0f} MB/s)"
    )
    return faults


def _rebuild(arguments: argparse.Namespace) -> int:
    from django.db import transaction

    from plazo.tickets import projection, timeline
    from plazo.tickets.models import Ticket

    mended = broken = 0
    for pk in Ticket.objects.order_by("pk").values_list("pk", flat=True).iterator(1000):
        with transaction.atomic():
            ticket = (
                Ticket.objects.select_for_update(of=("self",))
                .select_related("agreement_version")
                .get(pk=pk)
            )
            chain = timeline.chain_of(ticket)
            place = timeline.first_break(chain, ticket.public_id)
            if place is not None or not chain:
                # A projection is only as true as its events.
                broken += 1
                print(f"{ticket.number}: not rebuilt, its chain is broken at event {place or 1}")
                continue
            rebuilt = projection.rebuild(ticket, chain, timeline.facts_of(chain))
            if projection.differences(ticket, rebuilt):
                rebuilt.save(update_fields=projection.COLUMNS)
                mended += 1
    print(f"{mended} projections rebuilt, {broken} left alone")
    return 1 if broken else 0
