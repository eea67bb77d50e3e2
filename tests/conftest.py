"""What holds for every test."""

from __future__ import annotations

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit tests first, whatever the random order: they are quick, and a system test is easier to read after them."""
    items.sort(key=lambda item: item.get_closest_marker("system") is not None)
