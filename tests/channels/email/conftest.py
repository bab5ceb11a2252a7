"""The servers that these tests talk to."""

from tests.mailservers import dovecot_server, postfix_server

__all__ = ["dovecot_server", "postfix_server"]
