"""What nobody needs any more goes, once in a while."""

import threading
from typing import Final

from django.db import close_old_connections
from django.utils import timezone

from plazo.automation import bulk
from plazo.core import limits, presence
from plazo.helpcenter import announcing, reading
from plazo.tickets import staging

EVERY_SECONDS: Final = 3600.0


def tidy_once() -> None:
    """Forget what has had its time: each of these says for itself how long that is."""
    now = timezone.now()
    limits.forget(now=now)
    presence.forget(now=now)
    staging.forget_staged(now=now)
    reading.forget_searches(now=now)
    announcing.forget_unconfirmed(now=now)
    bulk.forget_bulk(now=now)


def tidy_for_ever(stop: threading.Event) -> None:
    """Tidy up now and every hour, until `stop`."""
    while not stop.is_set():
        close_old_connections()
        tidy_once()
        stop.wait(EVERY_SECONDS)
