"""Random commands for thousands of steps, held after each to what must always hold."""

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.desk import Desk
from tests.machine.world import World, make_world

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

# Steps in all, a hundred and sixty in each example. `PLAZO_TEST_STEPS=200000` runs for long.
STEPS = int(os.environ.get("PLAZO_TEST_STEPS", "0"))
EACH = 160


@pytest.fixture
def world(db, settings) -> Iterator[World]:
    settings.EMAIL_BACKEND = "tests.machine.world.Post"
    made = make_world()
    logging.getLogger("plazo").addHandler(made.faults)
    yield made
    logging.getLogger("plazo").removeHandler(made.faults)


def test_whatever_is_done_in_whatever_order_what_must_hold_holds(world):
    """DESIGN §6 and the ladder's rules, after each of some thousand random steps."""
    Desk.world = world
    Desk.steps = Desk.refusals = 0
    run_state_machine_as_test(
        Desk,
        settings=settings(
            max_examples=STEPS // EACH or 14,
            stateful_step_count=EACH,
            derandomize=not STEPS,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"{Desk.steps} steps, {Desk.refusals} refusals")
