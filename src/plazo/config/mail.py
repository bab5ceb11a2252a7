"""The mail process: what fetches mail, and our own SMTP and LMTP doors."""

import signal
import threading

from plazo.channels.email.process import run_forever
from plazo.config.worker import keep_running


def work() -> int:
    """Take mail in until told to stop. Returns the exit code."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    keep_running("mail", run_forever, stop)
    return 0
