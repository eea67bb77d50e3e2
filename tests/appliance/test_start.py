"""What the supervisor has loaded: it stays in memory as long as the machine runs. And its workers, which are to be quick."""

from __future__ import annotations

import pytest
from tests.interpreters import loaded

LARGE = {"_hashlib", "ast", "asyncio", "email", "hashlib", "http.client", "inspect", "locale", "logging", "ssl", "urllib.parse"}  # fmt: skip


def test_the_supervisor_loads_nothing_large() -> None:
    modules = loaded("import limpet.appliance.start, limpet.appliance.supervisor")
    assert "limpet.appliance.supervisor" in modules
    assert "limpet.values" in modules
    assert not modules & LARGE


@pytest.mark.parametrize("name", ["day_zero", "dhcp", "probe"])
def test_a_worker_loads_nothing_that_takes_long(name: str) -> None:
    modules = loaded(f"import limpet.appliance.workers.{name}")
    assert "limpet.values" in modules
    assert not modules & (LARGE | {"argparse"})
