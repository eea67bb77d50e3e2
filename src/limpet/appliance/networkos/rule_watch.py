"""Notices that owned rules are not as they were loaded (R8), whichever driver loaded them, in one process for each namespace.

The kernel tells of changes only to a socket inside the namespace, and a socket keeps a namespace alive: one that died would
hold its NICs, unseen. So its rules are listed, at a slow pace, and compared with how they looked when they had been loaded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from limpet.guest.steps import Run
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from limpet.guest.steps import Step
    from limpet.host.ports import Commands

_LOADS = ("nft", "-f", "-")
_LISTS = ("nft", "-s", "list", "ruleset")
"""Everybody's: nft 1.0.6 finds no more than one table of several that it is to list."""
_TABLE = re.compile(rb"^table (\w+ \w+) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_LARGEST = 8 * 1024 * 1024
_SECONDS = 10.0


class RuleWatch:
    """How the rules of a driver's `protect` looked last."""

    def __init__(self) -> None:
        self._known: tuple[bytes | None, ...] | None = None

    def lost(self, protecting: Iterable[Step], commands: Commands) -> bool:
        """Whether they may not be as they were when `loaded` was called last; True as long as it was not. Raises: HostError."""
        return self._known is None or _listed(protecting, commands) != self._known

    def loaded(self, protecting: Iterable[Step], commands: Commands) -> None:
        """They are as they shall be now. Raises: HostError, when one of them is not there."""
        found = _listed(protecting, commands)
        self._known = None if None in found else found
        if self._known is None:
            raise HostError("the owned rules were loaded, and are not there")


def _listed(protecting: Iterable[Step], commands: Commands) -> tuple[bytes | None, ...]:
    """What the tables look like that these steps load, without counters; None for a namespace in which one is missing."""
    found: list[bytes | None] = []
    for step in protecting:
        if isinstance(step, Run) and step.argv[-len(_LOADS) :] == _LOADS and isinstance(step.stdin, bytes):
            done = commands.run((*step.argv[: -len(_LOADS)], *_LISTS), timeout=_SECONDS, at_most=_LARGEST)
            there = dict(_TABLE.findall(done.stdout))
            ours = [there.get(name) for name, _ in _TABLE.findall(step.stdin)]
            found.append(None if None in ours else b"".join(each or b"" for each in ours))
    return tuple(found)
