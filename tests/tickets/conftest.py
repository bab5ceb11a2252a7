"""The rebuild law, after every test: what is stored is what the events say."""

from collections.abc import Iterator

import pytest

from plazo.tickets.verify import Tally, verify
from tests.factory import publish_iws


@pytest.fixture(autouse=True)
def law(request: pytest.FixtureRequest) -> Iterator[None]:
    """Publish the agreement before, and verify every chain and projection after, each test that
    uses the database; `@pytest.mark.parametrize` rows each count as one."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None:
        yield
        return
    request.getfixturevalue("transactional_db" if marker.kwargs.get("transaction") else "db")
    publish_iws()
    yield
    if request.node.get_closest_marker("corrupts") is None:
        assert [str(fault) for fault in verify(Tally())] == []
