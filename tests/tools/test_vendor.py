"""Scripts that others wrote."""

import vendor


def test_scripts_of_others_are_as_they_were_published() -> None:
    """Every vendored script has the digest that the manifest notes, and none is without an entry."""
    assert vendor.faults() == []
