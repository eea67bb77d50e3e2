"""A supervisor's ports in memory: the journal, the lock of the fabric lease, children that behave, and what wakes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.host.ports import Completed
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from limpet.host.fake import FakeClock

_KILLED = -9


@dataclass
class FakeJournalFile:
    """A file whose appends can be cut: before is called first (a battery's `spend`); torn: bytes of the next line that arrive."""

    content: bytes = b""
    before: Callable[[], None] = lambda: None
    torn: int | None = None
    full: bool = False

    def read(self, *, at_most: int) -> bytes:
        """All of it. Raises: HostError, when it is larger."""
        if len(self.content) > at_most:
            raise HostError(f"the journal has {len(self.content)} bytes, more than {at_most}")
        return self.content

    def append(self, content: bytes) -> None:
        """Add to its end. Raises: HostError, when the disk is full."""
        if self.full:
            raise HostError("cannot write to the journal: No space left on device")
        if self.torn is not None:
            self.content += content[: self.torn]
            self.torn = None
        self.before()
        self.content += content

    def replace(self, content: bytes) -> None:
        """Put `content` in its place. Raises: HostError, when the disk is full."""
        if self.full:
            raise HostError("cannot write to the journal: No space left on device")
        self.before()
        self.content = content


@dataclass
class FakeFabricLock:
    """The lock as the kernel has it. holder: None for nobody, ``supervisor``, or the name that another party gave to `enter`."""

    clock: FakeClock
    holder: str | None = None
    queue: list[tuple[str, Callable[[], None]]] = field(default_factory=list)
    ends: dict[str, Callable[[], None]] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)

    def take(self, *, timeout: float) -> bool:
        """Have it from now on, when that works within `timeout` seconds."""
        if self.holder == "supervisor":
            return True
        self.clock.wait(timeout, lambda: self.holder is None)
        if self.holder is not None:
            return False
        self._becomes("supervisor")
        return True

    def give(self) -> None:
        """Let somebody else have it."""
        if self.holder == "supervisor":
            self.leave("supervisor")

    def end_holder(self) -> None:
        """Kill who has it."""
        holder = self.holder
        if holder is not None and holder != "supervisor":
            self.leave(holder)
            self.ends.pop(holder, lambda: None)()

    def waiting(self) -> bool:
        """Whether somebody waits."""
        return bool(self.queue)

    def is_free(self) -> bool:
        """Whether nobody has it."""
        return self.holder is None

    def enter(self, who: str, got: Callable[[], None], *, end: Callable[[], None] = lambda: None) -> None:
        """Another party wants it: `got` is called when it has it. end: what killing it does."""
        self.ends[who] = end
        self.queue.append((who, got))
        self._next()

    def leave(self, who: str) -> None:
        """A party lets go of it, or waits no longer."""
        self.queue = [each for each in self.queue if each[0] != who]
        if self.holder == who:
            self.holder = None
            self._next()

    def _next(self) -> None:
        if self.holder is None and self.queue:
            who, got = self.queue.pop(0)
            self._becomes(who)
            got()

    def _becomes(self, who: str) -> None:
        self.holder = who
        self.history.append(who)


@dataclass
class FakeChild:
    """A process. exit: how it ended, None while it lives. asked: what SIGTERM does."""

    pid: int
    module: str
    arguments: tuple[str, ...]
    network: str | None
    exit: Completed | None = None
    asked: Callable[[], None] | None = None
    killed: Callable[[], None] = lambda: None

    def ended(self) -> Completed | None:
        """How it ended."""
        return self.exit

    def end(self, exit_code: int = 0, stdout: bytes = b"", stderr: bytes = b"") -> None:
        """It ends."""
        if self.exit is None:
            self.exit = Completed(exit_code=exit_code, stdout=stdout, stderr=stderr, seconds=0.0)

    def ask(self) -> None:
        """SIGTERM."""
        if self.exit is None:
            if self.asked is None:
                self.kill()
            else:
                self.asked()

    def kill(self) -> None:
        """SIGKILL."""
        if self.exit is None:
            self.end(_KILLED)
            self.killed()


@dataclass
class FakeChildren:
    """programs: what each module does when it is started; one that is not there cannot be. started: all, in order."""

    programs: dict[str, Callable[[FakeChild], None]] = field(default_factory=dict)
    started: list[FakeChild] = field(default_factory=list)

    def start(
        self, module: str, *arguments: str, network: str | None = None, given: bytes = b""
    ) -> FakeChild:
        """Start one. Raises: HostError."""
        del given
        if module not in self.programs:
            raise HostError(f"cannot start {module}: there is no such program")
        child = FakeChild(pid=1000 + len(self.started), module=module, arguments=arguments, network=network)
        self.started.append(child)
        self.programs[module](child)
        return child

    def power_off(self) -> None:
        """Everything that lives is gone without having a say."""
        for child in self.started:
            child.kill()


@dataclass
class FakeSurroundings:
    """waiting: words for what happens next; time passes until there is one. after: seconds until ``stop``, None for never."""

    clock: FakeClock
    waiting: set[str] = field(default_factory=set)
    limit: float | None = None
    looks: int = 0

    def wait(self, timeout: float) -> Sequence[str]:
        """Let time pass until something happens."""
        self.looks += 1
        self.clock.wait(timeout, lambda: bool(self.waiting))
        if self.limit is not None and self.clock.monotonic() >= self.limit:
            return ("stop",)
        happened, self.waiting = self.waiting, set()
        return sorted(happened)
