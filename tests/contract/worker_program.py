"""What the workers' contract runs: says what it was given."""

from __future__ import annotations

import sys
from signal import pause
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    if arguments == ["hang"]:
        pause()
    sys.stdout.buffer.write(" ".join(arguments).encode() + b"|" + sys.stdin.buffer.read())
    sys.stderr.write("said\n")
    return len(arguments)
