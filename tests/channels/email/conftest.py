"""The servers that these tests talk to."""

from tests.mailservers import dovecot_server

__all__ = ["dovecot_server"]
