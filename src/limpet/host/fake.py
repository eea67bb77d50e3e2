"""A machine in memory that behaves: every port, for tests and for simulations with a clock that jumps.

machine = FakeMachine()
machine.processes.scripts["bin/enable.sh"] = lambda run: machine.files.replace(run.folder / "done", b"")
machine.clock.after(60, lambda: …)     # happens when somebody sleeps that long
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.host.apply import Interpreter
from limpet.host.fake_cgroups import FakeControlGroups
from limpet.host.fake_commands import FakeCommands
from limpet.host.fake_devices import FakeDevices
from limpet.host.fake_files import FakeFiles
from limpet.host.fake_kvp import FakeKeyValues
from limpet.host.fake_links import FakeLinks
from limpet.host.fake_lookout import FakeLookout
from limpet.host.fake_work import FakeFetcher, FakeProcesses, FakeVault, served
from limpet.host.fake_workers import FakeWorkers
from limpet.model.errors import FabricUnreachable
from limpet.model.status import GuestInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.host.fake_work import Served
    from limpet.wire.http import Request, Response

__all__ = [
    "Battery",
    "Entry",
    "FakeClock",
    "FakeCommands",
    "FakeControlGroups",
    "FakeFetcher",
    "FakeFiles",
    "FakeHttp",
    "FakeKernel",
    "FakeLog",
    "FakeLookout",
    "FakeMachine",
    "FakeProcesses",
    "FakeRandom",
    "FakeVault",
    "FakeWorkers",
    "PowerCut",
    "nobody",
]

START = 1767225600.0
"""2026-01-01T00:00:00Z, where a fake clock begins."""


class FakeClock:
    """Time that passes only when somebody sleeps, and then at once."""

    def __init__(self, *, now: float = START) -> None:
        self._monotonic = 1000.0
        self._offset = now - self._monotonic
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._lock = threading.RLock()

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never jumps."""
        return self._monotonic

    def now(self) -> float:
        """Seconds since 1970-01-01T00:00:00Z; may jump."""
        return self._monotonic + self._offset

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass, and what is due in them happen, each thing at its moment."""
        with self._lock:
            end = self._monotonic + seconds
            while self._due and self._due[0][0] <= end:
                moment, _, action = heapq.heappop(self._due)
                self._monotonic = max(self._monotonic, moment)
                action()
            self._monotonic = max(self._monotonic, end)

    def wait(self, seconds: float, over: Callable[[], bool]) -> None:
        """Let time pass until `over` says so, as what is due happens, at most `seconds`."""
        with self._lock:
            end = self._monotonic + seconds
            while not over() and self._due and self._due[0][0] <= end:
                self.sleep(max(0.0, self._due[0][0] - self._monotonic))
            if not over():
                self.sleep(max(0.0, end - self._monotonic))

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Let something happen later: what a handler left running does, or the world outside."""
        with self._lock:
            heapq.heappush(self._due, (self._monotonic + seconds, next(self._numbers), action))

    def step(self, seconds: float) -> None:
        """Set the date forward or back, as time synchronisation does; no kernel takes one before 1970. No time passes."""
        self._offset = max(self._offset + seconds, -self._monotonic)


class FakeRandom:
    """Chance that is the same in every run. seed: another one, another run."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._numbers = itertools.count()

    def fraction(self) -> float:
        """Uniform on [0, 1)."""
        return (int.from_bytes(self._draw()[:8]) >> 11) / (1 << 53)

    def guid(self) -> str:
        """A GUID that no other call gives."""
        digits = self._draw().hex()
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}"

    def octets(self, count: int) -> bytes:
        """So many bytes, the same in every run."""
        return b"".join(self._draw() for _ in range(count // 32 + 1))[:count]

    def _draw(self) -> bytes:
        return hashlib.sha256(f"{self._seed} {next(self._numbers)}".encode()).digest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One logged event."""

    level: str
    event: str
    fields: Mapping[str, object]


@dataclass
class FakeLog:
    """Keeps what was logged."""

    entries: list[Entry] = field(default_factory=list)

    def info(self, event: str, **fields: object) -> None:
        """Something happened."""
        self.entries.append(Entry(level="info", event=event, fields=fields))

    def warning(self, event: str, **fields: object) -> None:
        """Something is not as it should be; work goes on."""
        self.entries.append(Entry(level="warning", event=event, fields=fields))

    def error(self, event: str, **fields: object) -> None:
        """Something failed."""
        self.entries.append(Entry(level="error", event=event, fields=fields))

    def of(self, event: str) -> list[Mapping[str, object]]:
        """The fields of each entry of one event."""
        return [entry.fields for entry in self.entries if entry.event == event]


def nobody(request: Request) -> Response:
    """What answers where there is no fabric."""
    raise FabricUnreachable(f"{request.method} {request.url.partition('?')[0]}: Connection refused")


@dataclass
class FakeHttp:
    """The fabric as a function. requests: what was asked, in order."""

    served: Served = nobody
    requests: list[Request] = field(default_factory=list)

    def exchange(self, request: Request) -> Response:
        """Answer one request. Raises: FabricUnreachable."""
        self.requests.append(request)
        return served(self.served, request)


class PowerCut(BaseException):
    """The machine is off from here on; what was changed before stays."""


class Battery:
    """Lets so many changes happen, then the power is cut at every further one. left: None is without end."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.spent = 0

    def spend(self) -> None:
        """Called before each change. Raises: PowerCut."""
        if self.left is not None and self.left <= 0:
            raise PowerCut
        self.spent += 1
        if self.left is not None:
            self.left -= 1


@dataclass
class FakeKernel:
    """A kernel that remembers. name: the host name; credited: what was mixed into its pool."""

    clock: FakeClock
    kernel_release: str = "6.1.0-28-cloud-amd64"
    name: str = "localhost"
    page: int = 4096
    processor: str = "x86_64"
    credited: list[bytes] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    def credit_entropy(self, content: bytes) -> None:
        """Mix bytes into the pool and credit them."""
        self.before()
        self.credited.append(content)

    def release(self) -> str:
        """The kernel's release."""
        return self.kernel_release

    def host_name(self) -> str:
        """The host name it has now."""
        return self.name

    def set_host_name(self, name: str) -> None:
        """Give it another one."""
        self.before()
        self.name = name

    def uptime(self) -> float:
        """Seconds since it started."""
        return self.clock.monotonic()

    def sync(self) -> None:
        """What is written here is there."""

    def page_size(self) -> int:
        """Bytes of a page of memory."""
        return self.page

    def architecture(self) -> str:
        """The processor's."""
        return self.processor


class FakeMachine:
    """All ports over one clock and one file system, with a library folder in place."""

    def __init__(
        self,
        *,
        fabric: Served = nobody,
        storage: Served = nobody,
        library: Path = Path("/var/lib/waagent"),
        seed: int = 0,
        clock: FakeClock | None = None,
        files: FakeFiles | None = None,
    ) -> None:
        """What answers: fabric the Http port, storage the Fetcher port. clock, files: others than new ones."""
        self.clock = clock or FakeClock()
        self.chance = FakeRandom(seed)
        self.log = FakeLog()
        self.files = files or FakeFiles(self.clock)
        self.files.make_folder(library, mode=0o700)
        self.http = FakeHttp(fabric)
        self.battery = Battery()
        self.commands = FakeCommands(self.files)
        self.kernel = FakeKernel(self.clock)
        self.links = FakeLinks(self.files, self.clock)
        self.key_values = FakeKeyValues()
        self.lookout = FakeLookout(self.files)
        self.devices = FakeDevices(self.files)
        self.files.before = self.commands.before = self.kernel.before = self.devices.before = (
            self.battery.spend
        )
        self.cgroups = FakeControlGroups(self.files, self.commands)
        self.processes = FakeProcesses(self.files, self.clock, control_groups=self.cgroups)
        self.workers = FakeWorkers(self.clock, control_groups=self.cgroups)
        self.vault = FakeVault(self.files, library)
        self.fetcher = FakeFetcher(self.files, storage)
        self.guest = GuestInfo(computer_name="vm", os_name="debian", os_version="12", agent_version="0")

    @property
    def interpreter(self) -> Interpreter:
        """What applies plans to this machine."""
        return Interpreter(
            files=self.files,
            commands=self.commands,
            devices=self.devices,
            kernel=self.kernel,
            clock=self.clock,
        )
