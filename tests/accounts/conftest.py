"""The pages of an empty installation in a browser."""

from tests.web import browse, chromium  # noqa: F401 - fixtures
