"""A program that a test starts as the supervisor starts its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MANY = 5000
"""More than a buffer takes."""


def main(arguments: Sequence[str]) -> int:
    """Say what was given many times, and end with the code that was asked for."""
    code = int(arguments[0])
    sys.stdout.write(sys.stdin.read() * MANY)
    sys.stderr.write("complaint\n")
    return code
