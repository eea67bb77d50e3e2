"""The lock of the fabric lease, and news of a folder, in memory: the ports of host/lease_ports.py for tests and simulations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.host.fake import FakeClock

_FOR_EVER = 1e9


@dataclass
class SharedLock:
    """One lock file. owner: who has it."""

    owner: object = None


class FakeLeaseLock:
    """One process's hand on a shared lock."""

    def __init__(self, shared: SharedLock, clock: FakeClock) -> None:
        self._shared = shared
        self._clock = clock

    def take(self, *, wait: bool) -> bool:
        """Have it from now on. Says whether that worked. Raises: HostError, where nothing that is due would ever let go of it."""
        if self._shared.owner not in {None, self} and wait:
            self._clock.wait(_FOR_EVER, lambda: self._shared.owner is None)
            if self._shared.owner is not None:
                raise HostError("nobody will ever let go of this lock")
        if self._shared.owner in {None, self}:
            self._shared.owner = self
            return True
        return False

    def give(self) -> None:
        """Let somebody else have it."""
        if self._shared.owner is self:
            self._shared.owner = None


@dataclass
class FakeFolderNews:
    """Hears of what `change` is called for."""

    clock: FakeClock
    changed: bool = False
    actions: list[Callable[[], object]] = field(default_factory=list)

    def change(self) -> None:
        """Something in the folder is another than before."""
        self.changed = True
        for action in self.actions:
            action()

    def wait(self, seconds: float) -> None:
        """Let time pass until something changes, at most `seconds`."""
        self.clock.wait(seconds, lambda: self.changed)
        self.changed = False

    def call(self, action: Callable[[], object]) -> None:
        """Have `action` called at each change from now on."""
        self.actions.append(action)
