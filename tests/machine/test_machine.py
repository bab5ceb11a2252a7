"""Random commands for a long time, held after each to what must always hold."""

import logging
import os
from collections.abc import Iterator

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.desk import Desk
from tests.machine.world import World, make_world

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

# How many rules are run, so many in each example; CI runs the same ones every time, in parts that
# processes share among themselves. CONTRIBUTING.md says how to let it run for long.
STEPS = int(os.environ.get("PLAZO_TEST_STEPS", "0"))
EACH, PARTS = 80, 3


@pytest.fixture
def world(db, settings) -> Iterator[World]:
    """A desk with its people, whose mail goes to a post of our own; what loops log is a fault."""
    settings.EMAIL_BACKEND = "tests.machine.world.Post"
    made = make_world()
    logging.getLogger("plazo").addHandler(made.faults)
    yield made
    logging.getLogger("plazo").removeHandler(made.faults)


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_is_done_in_whatever_order_what_must_hold_holds(world, part):
    """DESIGN §6 and the ladder's rules, after each of some thousand random steps."""
    desk = type(f"Desk{part}", (Desk,), {"world": world})
    run_state_machine_as_test(
        desk if STEPS else hypothesis.seed(part)(desk),
        settings=hypothesis_settings(
            max_examples=max(STEPS // EACH // PARTS, 5),
            stateful_step_count=EACH,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert desk.steps > 2_000 // PARTS, "it held too little"
