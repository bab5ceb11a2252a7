"""Jobs: they only wake a worker. The ledger's row says what waits, so losing one loses nothing."""

from procrastinate.contrib.django import app

from plazo.core.clock import read_clock

QUEUE = "intake"


@app.task(queue=QUEUE, name="plazo.channels.email.take_in")
def take_in(record_id: int) -> None:
    """Bring one mail of the ledger to its fate, if it waits. Idempotent: the row decides."""
    from plazo.channels.email.intake import process  # the task must load before the models do

    process(record_id, now=read_clock())


def nudge(record_id: int) -> None:
    """Defer the job in the current transaction: it exists when, and only when, the row does."""
    take_in.defer(record_id=record_id)
