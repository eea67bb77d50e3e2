"""What the supervisor has loaded: it stays in memory as long as the machine runs."""

from __future__ import annotations

import subprocess
import sys

PLENTY = 60.0
LARGE = {"_hashlib", "ast", "asyncio", "email", "hashlib", "http.client", "inspect", "locale", "logging", "ssl", "urllib.parse"}  # fmt: skip


def test_the_supervisor_loads_nothing_large() -> None:
    code = "import sys, limpet.appliance.start, limpet.appliance.supervisor; print('\\n'.join(sys.modules))"
    loaded = set(
        subprocess.run(
            [sys.executable, "-S", "-c", code],
            check=True,
            capture_output=True,
            text=True,
            timeout=PLENTY,
            env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
        ).stdout.split()
    )
    assert "limpet.appliance.supervisor" in loaded
    assert "limpet.values" in loaded
    assert not loaded & LARGE
