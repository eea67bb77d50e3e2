"""What the resident agent has loaded: it stays in memory as long as the machine runs. Decision: docs/decisions/0006-memory.md."""

from __future__ import annotations

from tests.interpreters import said

LARGE = {
    "_hashlib", "argparse", "ast", "asyncio", "datetime", "email", "hashlib", "http.client", "inspect", "locale", "logging", "ssl",
    "tomllib", "traceback", "urllib.parse", "zipfile", "limpet.config.settings", "limpet.agent.policy_file",
}  # fmt: skip
LOOK = """\
import sys, limpet.agent.resident, limpet.agent.tasks, signal, socket
signal.signal(signal.SIGTERM, lambda *_: None)
print(sys.modules["typing"].__name__, sys.modules["dataclasses"].__name__, type(socket.AF_UNIX).__name__)
print(signal.Signals(15).name)
print(*sys.modules)
"""


def test_the_resident_agent_loads_nothing_large_and_has_stand_ins_for_what_is() -> None:
    stand_ins, signals, modules = said(LOOK)
    assert stand_ins.split() == ["limpet.hints", "limpet.values", "int"]
    assert signals == "SIGTERM"
    loaded = set(modules.split())
    assert "limpet.agent.build" in loaded
    assert not loaded & LARGE
