"""What the supervisor of an appliance needs of a machine beside `limpet.host.ports`, as small Protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.host.ports import Completed


class JournalFile(Protocol):
    """A file that only grows. What was appended is on the disk when `append` returns; a cut may leave a part of the last line."""

    def read(self, *, at_most: int) -> bytes:
        """All of it; empty where there is none. Raises: HostError, also when it is larger."""

    def append(self, content: bytes) -> None:
        """Add to its end, on the disk. Raises: HostError; what was added in part is taken off again as far as possible."""

    def replace(self, content: bytes) -> None:
        """Put `content` in its place, at once and whole. Raises: HostError."""


class FabricLock(Protocol):
    """The lock of the fabric lease: one process at a time has it, and the kernel takes it from one that ends."""

    def take(self, *, timeout: float) -> bool:
        """Have it from now on. Says whether that worked within `timeout` seconds. Having it already is fine. Raises: HostError."""

    def give(self) -> None:
        """Let somebody else have it."""

    def end_holder(self) -> None:
        """Kill the process that has it, wherever it runs; nothing happens when nobody has it."""

    def waiting(self) -> bool:
        """Whether somebody waits for it: an agent that is loaded and parked."""

    def is_free(self) -> bool:
        """Whether nobody has it now; asked by who does not. Raises: HostError."""


class Child(Protocol):
    """A process of this package that was started and goes on."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def ended(self) -> Completed | None:
        """How it ended, with the end of what it said; None while it lives."""

    def ask(self) -> None:
        """Ask it to end (SIGTERM)."""

    def kill(self) -> None:
        """End it with all that it started."""


class Children(Protocol):
    """Processes of this package that live as long as they are needed, and never longer than the process that started them."""

    def start(self, module: str, *arguments: str, network: str | None = None, given: bytes = b"") -> Child:
        """Start ``module.main(arguments)`` in an interpreter of its own.

        network: the name of the network namespace that it shall be in; None for the host's. given: its standard input.
        Raises: HostError.
        """


class Surroundings(Protocol):
    """What wakes a supervisor that waits."""

    def wait(self, timeout: float) -> Sequence[str]:
        """Let time pass until something happens, at most `timeout` seconds; give words for what happened.

        ``link``: a NIC of the host's namespace came, went or changed. ``stop``: this process is asked to end. ``wish``: an
        operator wants something of it (`limpet guestshell`).
        """
