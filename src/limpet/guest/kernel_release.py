"""Kernel releases compared exactly, number by number. Pure."""

from __future__ import annotations

import re

_NUMBERS = re.compile(r"\d+(?:\.\d+)*")


def kernel_version(release: str) -> tuple[int, ...]:
    """The numbers at the beginning of a release: (2, 6, 32) of ``2.6.32-504.el6``; (0,) when it has none."""
    found = _NUMBERS.match(release)
    return tuple(int(number) for number in found[0].split(".")) if found else (0,)
