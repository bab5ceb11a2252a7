"""Views and bulk actions keep the laws of the timeline, too."""

from tests.tickets.conftest import law  # noqa: F401 - a fixture
