"""Short-lived processes as functions: the Workers port for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.host.ports import Completed
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from limpet.host.fake_cgroups import FakeControlGroups
    from limpet.host.ports import Clock

_KILLED = -9


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """One worker that was started. process: its id, by which the fake's control groups know it."""

    module: str
    arguments: tuple[str, ...]
    given: bytes
    groups: tuple[Path, ...]
    gentle: bool
    process: int = 0


@dataclass
class FakeWorkers:
    """programs: what each module does and prints; it runs at once, and counts as working for `takes` seconds.

    started: every order, in order; works: what came of each.
    """

    clock: Clock
    programs: dict[str, Callable[[Order], bytes | Completed]] = field(default_factory=dict)
    started: list[Order] = field(default_factory=list)
    works: list[FakeWork] = field(default_factory=list)
    takes: float = 0.0
    control_groups: FakeControlGroups | None = None

    def start(
        self,
        module: str,
        *arguments: str,
        given: bytes = b"",
        groups: Sequence[Path] = (),
        gentle: bool = False,
    ) -> FakeWork:
        """Start one. Raises: HostError, when there is no such program."""
        if module not in self.programs:
            raise HostError(f"cannot start {module}: there is no such program")
        kernel = self.control_groups
        order = Order(
            module=module,
            arguments=arguments,
            given=given,
            groups=tuple(groups),
            gentle=gentle,
            process=kernel.start(groups) if kernel is not None else 0,
        )
        self.started.append(order)
        said = self.programs[module](order)
        done = (
            said
            if isinstance(said, Completed)
            else Completed(exit_code=0, stdout=said, stderr=b"", seconds=0)
        )
        if kernel is not None:
            kernel.end(order.process)
        work = FakeWork(clock=self.clock, completed=done, due=self.clock.monotonic() + self.takes)
        self.works.append(work)
        return work


@dataclass
class FakeWork:
    """One of them."""

    clock: Clock
    completed: Completed
    due: float
    killed: bool = False

    def ended(self) -> Completed | None:
        """How it ended; None while it works."""
        return self.completed if self.killed or self.clock.monotonic() >= self.due else None

    def kill(self) -> None:
        """End it."""
        self.killed = True
        self.completed = Completed(exit_code=_KILLED, stdout=b"", stderr=b"", seconds=0)
