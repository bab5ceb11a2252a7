"""Jobs: they only wake a worker. The runs' rows say what waits, so losing one loses nothing."""

from django.utils import timezone
from procrastinate.contrib.django import app

QUEUE = "rules"


@app.task(queue=QUEUE, name="plazo.automation.run_rules")
def run_rules(ticket_id: int) -> None:
    """Run what waits on one ticket. Idempotent: the rows decide."""
    from plazo.automation.running import work_on  # the task must load before the models do

    work_on(ticket_id, now=timezone.now())


def nudge(ticket_id: int) -> None:
    """Defer the job in the current transaction: it exists when, and only when, the rows do."""
    run_rules.defer(ticket_id=ticket_id)
