"""Pages that are made from the code."""

import docs


def test_pages_made_from_the_code_are_up_to_date() -> None:
    """The settings page lists every setting with the default that it really has."""
    assert docs.stale() == []
