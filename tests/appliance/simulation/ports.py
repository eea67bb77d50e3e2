"""Ports of a simulated appliance that go wrong: a battery that counts, a lock that stays, children that do not come, a torn journal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.host.fake import Battery, PowerCut
from limpet.host.fake_appliance import FakeChildren, FakeFabricLock, FakeJournalFile
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.appliance.simulation.processes import Time

    from limpet.host.fake_appliance import FakeChild


class Quiet:
    """A log that nobody reads."""

    def info(self, event: str, **fields: object) -> None:
        pass

    warning = error = info


@dataclass
class Counted(Battery):
    """Counts only what these processes change; None is anybody."""

    time: Time | None = None
    of: frozenset[str] | None = frozenset({"supervisor", "boot"})
    cut: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        super().__init__()

    def spend(self) -> None:
        running = self.time.running if self.time is not None else None
        if self.of is not None and (running is None or running.name not in self.of):
            return
        if self.left is not None and self.left <= 0 and self.cut is not None:
            self.left = None
            self.cut()
        super().spend()


class StubbornLock(FakeFabricLock):
    """until: the moment before which a holder cannot be killed: it hangs in the kernel."""

    until: float = 0.0

    def end_holder(self) -> None:
        if self.clock.monotonic() >= self.until:
            super().end_holder()


@dataclass
class Brood(FakeChildren):
    """barren: how many more starts of a program fail, by module. hung: how many hang instead of doing what they are for.

    starved: until when none can be started, on the monotonic clock.
    """

    clock: Time | None = None
    starved: float = 0.0
    barren: dict[str, int] = field(default_factory=dict)
    hung: dict[str, int] = field(default_factory=dict)

    def start(
        self, module: str, *arguments: str, network: str | None = None, given: bytes = b""
    ) -> FakeChild:
        if self.clock is not None and self.clock.monotonic() < self.starved:
            raise HostError(f"cannot start {module}: Resource temporarily unavailable")
        if self.barren.get(module, 0) > 0:
            self.barren[module] -= 1
            raise HostError(f"cannot start {module}: Cannot allocate memory")
        if self.hung.get(module, 0) > 0:
            self.hung[module] -= 1
            idle, self.programs[module] = self.programs[module], lambda _child: None
            try:
                return super().start(module, *arguments, network=network, given=given)
            finally:
                self.programs[module] = idle
        return super().start(module, *arguments, network=network, given=given)


@dataclass
class TornJournal(FakeJournalFile):
    """tears: bytes of a line that still arrive when the power is cut before it is whole. sick: how often it cannot be read."""

    tears: int = 0
    sick: int = 0

    def read(self, *, at_most: int) -> bytes:
        if self.sick > 0:
            self.sick -= 1
            raise HostError("cannot read the journal: Input/output error")
        return super().read(at_most=at_most)

    def append(self, content: bytes) -> None:
        if self.full:
            raise HostError("cannot write to the journal: No space left on device")
        try:
            self.before()
        except PowerCut:
            self.content += content[: min(self.tears, len(content) - 1)]
            raise
        self.content += content
