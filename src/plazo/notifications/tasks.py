"""Jobs: they only wake a worker. Losing one loses nothing, since the reconciler sees the row."""

from collections.abc import Sequence

from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.types import JSONDict

QUEUE = "mail"


@app.task(queue=QUEUE, name="plazo.notifications.send_outbound_mail")
def send_outbound_mail(mail_id: int) -> None:
    """Try to send one mail, if it is due. Idempotent: the row decides."""
    from plazo.notifications.sending import send  # the task must load before the models do

    send(mail_id, now=timezone.now())


def nudge(mail_id: int) -> None:
    """Defer the job in the current transaction: it exists when, and only when, the row does."""
    send_outbound_mail.defer(mail_id=mail_id)


def nudge_all(mail_ids: Sequence[int]) -> None:
    """Defer a job for each of several mails, in one query."""
    arguments: list[JSONDict] = [{"mail_id": pk} for pk in mail_ids]
    send_outbound_mail.batch_defer(*arguments)
