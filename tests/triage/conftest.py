"""Scope on real tickets: the agreement is in force, and every timeline holds afterwards."""

from tests.tickets.conftest import law  # noqa: F401 - a fixture of every test here
