"""The servers that these tests talk to, and less patience than in earnest."""

import pytest

from plazo.channels.email import imap, process
from tests.mailservers import dovecot_server, postfix_server

__all__ = ["dovecot_server", "postfix_server"]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look every moment for what the mail process looks for every few seconds."""
    monkeypatch.setattr(imap, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(imap, "TURN_SECONDS", 0.2)
    monkeypatch.setattr(imap, "SHORTEST_PAUSE", 0.1)
    monkeypatch.setattr(process, "LOOK_SECONDS", 0.2)
