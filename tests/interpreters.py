"""Interpreters of their own, with nothing loaded but what they are told to: what this process has loaded does not show."""

from __future__ import annotations

import subprocess
import sys

PLENTY = 120.0


def said(code: str) -> list[str]:
    """The lines that `code` prints."""
    start = f"import sys; sys.path[:] = {sys.path!r}\n{code}"
    done = subprocess.run(
        [sys.executable, "-ISc", start], check=True, capture_output=True, text=True, timeout=PLENTY
    )
    return done.stdout.splitlines()


def loaded(code: str) -> set[str]:
    """The modules of a process that does `code` and nothing else."""
    return set(said(f"{code}\nprint(*sys.modules)")[-1].split())
