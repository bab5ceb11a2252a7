"""The one place where screens read the clock."""

from datetime import datetime

from django.utils import timezone


def read_clock() -> datetime:
    """Return this moment, UTC, cut to the whole second.

    Edges: what people do on screens or by mail happens at whole seconds, so that the stretches of
        an explanation add up in figures that one can read.
    """
    return timezone.now().replace(microsecond=0)
