"""What the kernel says of a process that a test has started."""

from __future__ import annotations

from pathlib import Path


def ended(process: int) -> bool:
    """Whether it is gone, or at most not yet collected by init."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return state.rpartition(")")[2].split()[0] in {"Z", "X"}
