"""The worker: jobs, the sweep, the mail reconciler and the job cleaner, in one process."""

import asyncio
import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, cast

from django.conf import settings
from django.db import OperationalError, close_old_connections, connection
from procrastinate.contrib.django import app as queue
from procrastinate.contrib.django.django_connector import DjangoConnector

from plazo.automation import timing
from plazo.channels.email import reconciler as intake_reconciler
from plazo.config import jobs, tidying
from plazo.core.process import look_for_cycles_less
from plazo.escalation import sweep
from plazo.helpcenter import loop as helpcenter_loop
from plazo.notifications import reconciler
from plazo.tickets import holding, waiting
from plazo.tickets.search import indexing
from plazo.triage import learning_training
from plazo.triage import loop as areas_loop

logger = logging.getLogger(__name__)

STOP_SECONDS: Final = 5.0
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 15.0

LOOPS: Final[dict[str, Callable[[threading.Event], None]]] = {
    "sweep": sweep.run_forever,
    "held replies": holding.run_forever,
    "waits and closing": waiting.run_forever,
    "reconciler": reconciler.run_forever,
    "mail intake": intake_reconciler.run_forever,
    "rules": timing.run_forever,
    "areas": areas_loop.run_forever,
    "help center": helpcenter_loop.run_forever,
    "search": indexing.run_forever,
    "learning": learning_training.run_forever,
    "job cleaner": jobs.clean_for_ever,
    "tidying": tidying.tidy_for_ever,
}


def work() -> int:
    """Work until told to stop. Returns the exit code."""
    look_for_cycles_less()
    stop = threading.Event()
    threads = [
        threading.Thread(target=keep_running, args=(name, loop, stop), name=name, daemon=True)
        for name, loop in LOOPS.items()
    ]
    for thread in threads:
        thread.start()
    try:
        asyncio.run(_keep_working(stop))
    finally:
        stop.set()
        for thread in threads:
            thread.join(STOP_SECONDS)
    return 0


def keep_running(
    name: str,
    loop: Callable[[threading.Event], None],
    stop: threading.Event,
    *,
    settled_seconds: float = LONGEST_PAUSE_SECONDS,
) -> None:
    """Run a loop; after a fault (the database went away, say) run it again, a little later.

    Edges: each fault soon after a start doubles the wait; one after it ran well for a while is
        the first again.
    """
    pause = FIRST_PAUSE_SECONDS
    while not stop.is_set():
        began = time.monotonic()
        try:
            loop(stop)
        except Exception as error:
            if time.monotonic() - began > settled_seconds:
                pause = FIRST_PAUSE_SECONDS
            # A database that is away is no fault of ours: where it was missed says nothing.
            away = isinstance(error, OperationalError)
            logger.error(
                "the %s stopped; it starts again in %.1f s%s",
                name,
                pause,
                f": {error}" if away else "",
                exc_info=not away,
            )
            close_old_connections()
            stop.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    connection.close()


async def _keep_working(stop: threading.Event) -> None:
    """Run the job worker, again and again if the database goes away under it."""
    loop = asyncio.get_running_loop()
    # Each of its threads holds a connection: as many as there are jobs at a time, and no more.
    loop.set_default_executor(ThreadPoolExecutor(settings.PLAZO.worker_concurrency, "job"))
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    end = asyncio.create_task(ending.wait())
    pause = FIRST_PAUSE_SECONDS
    while True:
        began = loop.time()
        worker = asyncio.create_task(_work_on_jobs())
        await asyncio.wait({worker, end}, return_when=asyncio.FIRST_COMPLETED)
        if ending.is_set():
            stop.set()
            worker.cancel()
            # Whatever it says now, it was told to end.
            await asyncio.wait({worker}, timeout=STOP_SECONDS)
            return
        if loop.time() - began > LONGEST_PAUSE_SECONDS:
            pause = FIRST_PAUSE_SECONDS
        logger.error(
            "the job worker stopped; it starts again in %.1f s", pause, exc_info=worker.exception()
        )
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(end), pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


async def _work_on_jobs() -> None:
    connector = cast("DjangoConnector", queue.connector)
    app = queue.with_connector(connector.get_worker_connector())
    async with app.open_async():
        await app.run_worker_async(
            concurrency=settings.PLAZO.worker_concurrency,
            install_signal_handlers=False,
            shutdown_graceful_timeout=STOP_SECONDS - 1,
            delete_jobs="successful",
        )
