"""The mail process: what fetches mail, and our own SMTP and LMTP doors."""

import threading

from plazo.channels.email.process import run_forever
from plazo.config.worker import keep_running
from plazo.core.process import told_by_signals


def work() -> int:
    """Take mail in until told to stop. Returns the exit code."""
    stop = threading.Event()
    told_by_signals(stop)
    keep_running("mail", run_forever, stop)
    return 0
