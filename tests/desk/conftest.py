"""The desk, as pages and in a browser."""

import pytest
from django.test import Client

from tests.factory import an_agent
from tests.web import browse, chromium  # noqa: F401 - fixtures


@pytest.fixture
def agent_client() -> Client:
    """An agent of level 1, signed in."""
    client = Client()
    client.force_login(an_agent().user)
    return client
