"""The command lines of the appliance's short-lived workers: they are given by the supervisor, and argparse is slow to load."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


def options_of(words: Sequence[str], known: Collection[str]) -> dict[str, str]:
    """Options with their values. Raises: ValueError, for one that is not known or has no value."""
    found = {}
    left = list(words)
    while left:
        option = left.pop(0)
        if option not in known or not left:
            raise ValueError(option)
        found[option] = left.pop(0)
    return found
