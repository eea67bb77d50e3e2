"""A simulated appliance for each test of the supervisor; what must never happen is looked for at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.appliance.simulation.invariants import broken
from tests.appliance.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    found = broken(made)
    made.close()
    assert not found
