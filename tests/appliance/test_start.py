"""What the supervisor has loaded: it stays in memory as long as the machine runs."""

from __future__ import annotations

from tests.interpreters import loaded

LARGE = {"_hashlib", "ast", "asyncio", "email", "hashlib", "http.client", "inspect", "locale", "logging", "ssl", "urllib.parse"}  # fmt: skip


def test_the_supervisor_loads_nothing_large() -> None:
    modules = loaded("import limpet.appliance.start, limpet.appliance.supervisor")
    assert "limpet.appliance.supervisor" in modules
    assert "limpet.values" in modules
    assert not modules & LARGE
