"""Areas: the rebuild law after every test, and a real mail server."""

from tests.notifications.conftest import smtp
from tests.tickets.conftest import law

__all__ = ["law", "smtp"]
