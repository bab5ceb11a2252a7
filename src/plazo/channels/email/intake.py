"""From a stored mail to its fate."""

from datetime import datetime


def process(record_id: int, *, now: datetime) -> None:
    """Bring a mail to its fate."""
