"""Jobs: they only wake a worker. Losing one loses nothing, since the loop sees the row."""

from django.utils import timezone
from procrastinate.contrib.django import app

QUEUE = "hooks"


@app.task(queue=QUEUE, name="plazo.escalation.call_endpoint")
def call_endpoint(call_id: int) -> None:
    """Try to make one call, if it is due. Idempotent: the row decides."""
    from plazo.escalation.hooks import attempt  # the task must load before the models do

    attempt(call_id, now=timezone.now())


def nudge(call_id: int) -> None:
    """Defer the job in the current transaction: it exists when, and only when, the row does."""
    call_endpoint.defer(call_id=call_id)
