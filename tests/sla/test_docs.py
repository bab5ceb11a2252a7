"""The pages that define the counting and the tests name the same rules."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(
    ("page", "prefix", "test"),
    [
        pytest.param("docs/algorithms/business-time.md", "BT", "tests/sla/test_calendar.py", id="business time"),
        pytest.param("docs/metrics.md", "M", "tests/sla/test_clocks.py", id="metrics"),
    ],
)  # fmt: skip
def test_every_rule_has_a_row_and_every_row_a_rule(page, prefix, test):
    """A rule without a test, or a test for a rule that nobody wrote down, fails here."""
    written = set(re.findall(rf"^\*\*({prefix}-\d+)", (ROOT / page).read_text(), re.MULTILINE))
    tested = set(re.findall(rf"\b{prefix}-\d+\b", (ROOT / test).read_text()))
    assert written == tested
