"""What holds for every test."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

LONGEST = 900
"""Seconds for a system test: only what hangs takes them. One that comes first may build the root file systems of all."""

# A busy machine makes an example slow, not wrong. Under CI, which hypothesis knows, the examples are the same every time.
settings.register_profile(
    "limpet",
    settings(),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("limpet")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit tests first, whatever the random order: they are quick, and a system test is easier to read after them."""
    items.sort(key=lambda item: item.get_closest_marker("system") is not None)
    for item in items:
        if item.get_closest_marker("system") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONGEST))
