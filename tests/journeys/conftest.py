"""What the journeys of the agreement's stories stand on."""

from tests.journeys.world import begin, smtp_server
from tests.mailservers import dovecot_server, postfix_server
from tests.web import browse, chromium

__all__ = ["begin", "browse", "chromium", "dovecot_server", "postfix_server", "smtp_server"]
