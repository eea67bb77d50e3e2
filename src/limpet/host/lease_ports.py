"""What a holder of the fabric lease needs of a machine: its side of the lock, and to hear of a new grant. Small Protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class LeaseLock(Protocol):
    """The lock of the fabric lease, for one who may talk while it has it. The kernel takes it from a process that ends."""

    def take(self, *, wait: bool) -> bool:
        """Have it from now on; having it already is fine. Says whether that worked.

        wait: for as long as it takes, in the kernel, so that there is no pause between its release and our start.
        Raises: HostError, when there is no place for it.
        """

    def give(self) -> None:
        """Let somebody else have it."""


class FolderNews(Protocol):
    """Hears of a change in one folder: a file in it was put there, replaced or removed."""

    def wait(self, seconds: float) -> None:
        """Let time pass until something changes, at most `seconds`. What changed before counts too."""

    def call(self, action: Callable[[], object]) -> None:
        """Have `action` called at each change from now on, between two instructions of the main thread."""
