"""The worker: jobs, the sweep, and the reconciler, in one process."""

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Callable

from django.conf import settings
from django.db import close_old_connections
from procrastinate.contrib.django import app as procrastinate_app

from plazo.escalation import sweep
from plazo.notifications import reconciler

logger = logging.getLogger(__name__)

STOP_SECONDS = 5
LOOPS: dict[str, Callable[[threading.Event], None]] = {
    "sweep": sweep.run_forever,
    "reconciler": reconciler.run_forever,
}


def work() -> int:
    """Work until told to stop. Returns the exit code."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=_keep, args=(name, loop, stop), name=name, daemon=True)
        for name, loop in LOOPS.items()
    ]
    for thread in threads:
        thread.start()
    try:
        asyncio.run(_jobs(stop))
    finally:
        stop.set()
        for thread in threads:
            thread.join(STOP_SECONDS)
    return 0


def _keep(name: str, loop: Callable[[threading.Event], None], stop: threading.Event) -> None:
    """Run a loop; after a fault (the database went away, say) run it again, a little later."""
    pause = 0.5
    while not stop.is_set():
        try:
            loop(stop)
        except Exception:
            logger.exception("the %s stopped; it starts again in %.1f s", name, pause)
            close_old_connections()
            stop.wait(pause)
            pause = min(pause * 2, 15)


async def _jobs(stop: threading.Event) -> None:
    """Run Procrastinate's worker, again and again if the database goes away under it."""
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    pause = 0.5
    while not ending.is_set():
        job = asyncio.create_task(_run_worker())
        end = asyncio.create_task(ending.wait())
        await asyncio.wait({job, end}, return_when=asyncio.FIRST_COMPLETED)
        if ending.is_set():
            stop.set()
            job.cancel()
            with contextlib.suppress(asyncio.CancelledError, TimeoutError, Exception):
                await asyncio.wait_for(job, STOP_SECONDS)
            end.cancel()
            return
        end.cancel()
        logger.error(
            "the job worker stopped; it starts again in %.1f s", pause, exc_info=job.exception()
        )
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), pause)
        pause = min(pause * 2, 15)


async def _run_worker() -> None:
    worker_app = procrastinate_app.with_connector(
        procrastinate_app.connector.get_worker_connector()
    )
    async with worker_app.open_async():
        await worker_app.run_worker_async(
            concurrency=settings.PLAZO.worker_concurrency,
            install_signal_handlers=False,
            fetch_job_polling_interval=5.0,
            shutdown_graceful_timeout=STOP_SECONDS - 1,
            delete_jobs="successful",
        )
