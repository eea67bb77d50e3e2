"""Pages that are drawn from the code are as the code has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_lifecycle_page_is_drawn_from_the_tables() -> None:
    drawn = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "lifecycle_page.py")],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout
    written = (ROOT / "docs" / "lifecycle.md").read_text(encoding="utf-8")
    assert written == drawn, "run: python tools/lifecycle_page.py > docs/lifecycle.md"
