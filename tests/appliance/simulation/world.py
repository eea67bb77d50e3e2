"""A whole appliance in memory: firmware, disks, NICs, platform, supervisor, network OS, guest shell; power that comes and goes."""

from __future__ import annotations

import random  # noqa: TID251 - seeded
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Interface
from pathlib import Path
from typing import TYPE_CHECKING

from tests.appliance.simulation import agents, workers
from tests.appliance.simulation.fabric import Fabric
from tests.appliance.simulation.guest_shell import GOOD, VOLUME, Containers, SimulatedRuntime, sha256sum
from tests.appliance.simulation.kernel_networks import KernelNetworks
from tests.appliance.simulation.network_os import NosProgram, SimulatedNetworkOs
from tests.appliance.simulation.networks import Networks
from tests.appliance.simulation.ports import Brood, Counted, Quiet, StubbornLock, TornJournal
from tests.appliance.simulation.processes import Process, Time
from tests.appliance.simulation.supervising import Supervisor, begin
from tests.appliance.simulation.unsynced_files import UnsyncedFiles

from limpet.appliance.appliance import WISH
from limpet.appliance.guest.images import FACTORY
from limpet.appliance.guest.wanted import Wanted, noting, wanted
from limpet.appliance.journal import parse_journal
from limpet.appliance.networkos.kernel import KernelNetworkOs
from limpet.appliance.terms import Led
from limpet.config.settings import Config
from limpet.guest.fabric_lease import EXCHANGE, GRANT
from limpet.guest.steps import Write
from limpet.host.fake import FakeLog, FakeMachine, PowerCut
from limpet.host.fake_appliance import (
    FakeJournalFile,
    FakeSurroundings,
)
from limpet.host.fake_commands import Said
from limpet.host.fake_devices import by_the_kernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.appliance.simulation.fabric import Party
    from tests.appliance.simulation.real_stages import RealStages

    from limpet.agent.lease import FabricLease
    from limpet.appliance.networkos.contract import NetworkOs
    from limpet.appliance.states import State
    from limpet.host.fake_appliance import FakeChild

PRIMARY, SECOND = "00:15:5d:00:00:01", "00:15:5d:00:00:02"
VM_IDS = ("3332e702-dbf4-54c0-80cc-727d1dbed7a5", "4442e702-dbf4-54c0-80cc-727d1dbed7a5")
CONFIG = Config(retry_pause=5.0, confirm_timeout=10.0)
RESTART = 2.0
"""How long the service manager takes until it starts the supervisor again, seconds."""


def times(chance: random.Random) -> int:
    """How often something goes wrong."""
    return chance.choice((1, 1, 2, 3, 5, 8, 1000))


@dataclass
class World:
    """nics: how many. config: of the appliance. late: whether boot leaves Ready to the guest's agent. kernel: with the real driver of that
    name. forwarding: whether nothing happens to NICs and network OS, so that these go on as they are. locked: the command of an operator that keeps a
    supervisor from starting.
    """

    seed: int = 0
    nics: int = 2
    config: Config = CONFIG
    late: bool = False
    kernel: bool = False
    forwarding: bool = False
    locked: str | None = None
    added: int = 0
    asked: int = 0
    asked_by_boot: tuple[str, ...] = ()
    """MACs of NICs besides the primary one that boot asks for a lease on the way."""
    promised: Wanted | None = None
    """What an operator's last command has said is wanted."""
    was_steady: bool = False
    real: RealStages | None = None
    boots: int = 0
    cuts: int = 0
    on: bool = False
    count: int = 0
    moves: int = 1
    going_down: bool = False
    vm_id: str = VM_IDS[0]
    container_id: str = "container-1"
    story: list[str] = field(default_factory=list)
    supervisors: int = 0
    supervisor: Supervisor | None = None
    state: State | None = None
    poll_every: float = agents.POLL_EVERY
    wanted: bool = True
    """Whether the service is to run: an operator may stop it."""
    real_agent: Callable[[Party, FabricLease], None] | None = None
    real_status: Callable[[Party, FabricLease, FakeChild, list[bool]], None] | None = None
    boot_program: Callable[[World, FakeChild], None] = agents.quick_boot
    locks: dict[Process, str] = field(default_factory=dict)
    states: list[tuple[float, State]] = field(default_factory=list)
    heard: Callable[[State], object] = lambda _state: None
    former: tuple[NetworkOs, SimulatedRuntime] | None = None
    """What led it before its settings were changed, where that is another driver or runtime."""

    def __post_init__(self) -> None:
        self.time = Time()
        self.quiet = Quiet()
        self.log = FakeLog()
        self.fate = random.Random(self.seed)
        """What decides how much of what was not synced is lost."""
        self.programs: list[Process] = []
        """What operators have started."""
        self.files = UnsyncedFiles(self.time)
        self.machine = FakeMachine(clock=self.time, files=self.files, seed=self.seed)
        machine = self.machine
        machine.kernel.sync = self.files.sync  # type: ignore[method-assign]
        self.battery = machine.battery = Counted(time=self.time)
        for each in (machine.files, machine.commands, machine.kernel, machine.devices):
            each.before = self.battery.spend
        self.networks: Networks | KernelNetworks = (
            KernelNetworks(machine, self._link) if self.kernel else Networks(machine, news=self._link)
        )
        self.lock = StubbornLock(self.time)
        self.journal = TornJournal(before=self.battery.spend)
        self.aside = FakeJournalFile()
        self.damaged = FakeJournalFile()
        self.children = Brood(clock=self.time)
        self.surroundings = FakeSurroundings(self.time)
        macs = [PRIMARY] + [f"00:15:5d:00:00:{number:02x}" for number in range(2, self.nics + 1)]
        leases = {mac: IPv4Interface(f"10.0.{at}.4/24") for at, mac in enumerate(macs)}
        self.fabric = Fabric(machine, self.networks, PRIMARY, leases)
        self.program = NosProgram(self.networks)
        self.network_os = SimulatedNetworkOs(self.program)
        self.driver: NetworkOs = KernelNetworkOs() if self.kernel else self.network_os
        self.containers = Containers(self)
        self.runtime = SimulatedRuntime(self.containers)
        machine.commands.programs |= {
            "nos": self.program,
            "shell": self.containers,
            "sh": self.containers.inside,
        }
        machine.commands.programs |= {"sha256sum": sha256sum, "systemctl": self._systemctl}
        machine.commands.programs["lxc-start"] = lambda _files, _call: Said()
        if isinstance(self.networks, Networks):
            machine.commands.programs["ip"] = self.networks.ip
        programs = {
            "limpet.boot.main": lambda child: self.boot_program(self, child),
            "limpet.agent.main": lambda child: agents.status_only(self, child),
            "limpet.appliance.workers.probe": lambda child: workers.probe(self, child),
            "limpet.appliance.requests.door": lambda _child: None,
            "limpet.appliance.workers.dhcp": lambda child: workers.dhcp_worker(self, child),
        }
        self.children.programs |= programs
        with by_the_kernel(machine.files):
            for folder in ("/var/lib/limpet", "/run", "/proc/net", "/sys/class/net"):
                machine.files.make_folder(Path(folder))
            self.put(FACTORY[0], GOOD)
            machine.files.make_folder(VOLUME)
            self.put(Path("/sys/firmware/efi/x"), b"")
            self.put(Path("/proc/self/mountinfo"), b"")
            self.identify(self.vm_id)
        self.files.sync()
        for number, mac in enumerate(macs):
            self.networks.plug(f"eth{number}", mac, device=f"vmbus-{number}")
        self.power_on()

    def led(self, config: Config, files: object) -> Led:
        """What leads by other settings than those of now."""
        del files
        former = self.former or (self.driver, self.runtime)
        return Led(config=config, network_os=former[0], runtime=former[1])

    # --- the machine

    def put(self, path: Path, content: bytes) -> None:
        files = self.machine.files
        full, files.full = files.full, False
        with by_the_kernel(files):
            files.make_folder(path.parent)
            files.replace(path, content)
        files.full = full

    def identify(self, vm_id: str) -> None:
        """The firmware names the VM."""
        self.vm_id, self.was_steady = vm_id, False
        self.put(Path("/sys/class/dmi/id/product_uuid"), vm_id.encode())

    def tell(self, what: str) -> None:
        """A line of the story."""
        self.story.append(f"{self.time.monotonic() - 1000.0:9.3f} {what}")

    def power_on(self) -> None:
        """The machine starts: what lives in memory only is empty."""
        if self.on:
            return
        self.on = True
        self.boots += 1
        files = self.machine.files
        with by_the_kernel(files):
            files.remove(Path("/run"))
            files.make_folder(Path("/run"))
            self.put(Path("/proc/sys/kernel/random/boot_id"), f"boot-{self.boots}\n".encode())
        self.tell(f"power on, boot {self.boots}")
        if self.promised not in {None, wanted(self.machine.files)}:
            self.fabric.fault(
                f"an operator was told that the guest shell is {self.promised}, and that is forgotten"
            )
        if self.wanted:
            self.start_supervisor(after=1.0)

    def power_off(self) -> None:
        """All at once."""
        if not self.on:
            return
        self.on = self.was_steady = False
        self.cuts += 1
        lost = self.files.lose(self.fate)
        self.tell(f"power off{f', and {lost} changes that were not synced are lost' if lost else ''}")
        for process in self.programs:
            self.end(process)
        self.programs.clear()
        self.locked = None
        if self.supervisor is not None and self.supervisor.process is not None:
            self.end(self.supervisor.process)
        self.supervisor, self.state = None, None
        self.containers.power_off()
        self.children.power_off()
        self.children.started.clear()
        for process in list(self.locks):
            self.end(process)
        self.locks.clear()
        self.lock.holder, self.lock.queue = None, []
        self.lock.ends.clear()
        self.program.daemon = False
        self.aside.content = b""
        self.surroundings.waiting.clear()
        with by_the_kernel(self.machine.files):
            self.networks.restart()

    def cut_power(self) -> None:
        """Off now, and on after a while; nothing is waited for."""
        self.battery.left = None
        self.power_off()
        self.time.after(20.0, self.power_on)

    def shut_down(self) -> None:
        """In good order: the service is asked to end, and then what is not on the disk yet is written there."""
        if not self.on or self.going_down:
            return
        self.going_down = True
        self.tell("the machine goes down")
        self.surroundings.waiting.add("stop")
        boot = self.boots

        def off() -> None:
            self.going_down = False
            if self.boots == boot and self.on:
                self.files.sync()
                self.cut_power()

        self.time.after(10.0, off)

    def _systemctl(self, _files: object, _call: object) -> Said:
        return Said("stopping\n" if self.going_down else "running\n")

    def move_elsewhere(self) -> None:
        """The VM is in another container of the platform."""
        self.moves += 1
        self.container_id = f"container-{self.moves}"
        if self.real is not None:
            self.real.move_elsewhere()

    def restart(self, *, seconds: float = 20.0) -> None:
        """Power off, and on after a while."""
        self.power_off()
        self.machine.clock.sleep(seconds)
        self.power_on()

    def end(self, process: Process) -> None:
        """SIGKILL; what it has locked is free."""
        name = self.locks.pop(process, None)
        alive, process.alive = process.alive, False
        if name is not None:
            self.lock.leave(name)
        process.alive = alive
        if alive or self.time.running is process:
            self.time.kill(process)

    def _link(self) -> None:
        if self.supervisor is not None:
            self.surroundings.waiting.add("link")

    # --- the supervisor

    def start_supervisor(self, *, after: float = 0.0) -> None:
        """The service manager starts it."""

        def begin() -> None:
            if self.on and self.wanted and not self.going_down and self.supervisor is None:
                if self.locked is None:
                    self._begin()
                else:  # it refuses, and is started again
                    self.start_supervisor(after=RESTART)

        self.time.after(after, begin)

    def _begin(self) -> None:
        self.supervisors += 1
        if self.journal.sick and self.files.nodes.at(EXCHANGE / GRANT) is None:
            self.fabric.epochs.clear()  # nothing is left that could know of them
        self.surroundings.waiting.clear()
        self.supervisor = begin(self)

    def kill_supervisor(self, *, restart: float = RESTART) -> None:
        """SIGKILL for it: its children go with it; the guest shell does not."""
        if self.supervisor is None or self.supervisor.process is None:
            return
        self.tell("the supervisor is killed")
        process = self.supervisor.process
        self.gone(restart)
        self.end(process)

    def gone(self, restart: float = RESTART) -> None:
        """It has ended, and is started again."""
        self.supervisor, self.state = None, None
        for child in self.children.started:
            child.kill()
        self.children.started.clear()
        self.lock.give()
        self.start_supervisor(after=restart)

    def stop_supervisor(self) -> None:
        """An operator stops the service."""
        self.tell("the service is stopped")
        self.wanted = False
        self.surroundings.waiting.add("stop")

    def start_again(self) -> None:
        """An operator starts the service."""
        self.tell("the service is started")
        self.wanted = True
        self.start_supervisor()

    def wish(self, word: str) -> None:
        """An operator wants something."""
        if self.supervisor is None:
            return
        self.put(EXCHANGE / WISH, f"{word}\n".encode())
        self.surroundings.waiting.add("wish")

    # --- time

    def live(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass, at most so much; the machine is started again when its power was cut. Says whether `until` was met."""
        end = self.time.monotonic() + seconds
        while self.time.monotonic() < end and not until():
            try:
                self.time.wait(end - self.time.monotonic(), until)
            except PowerCut:
                self.battery.left = None
                self.restart()
        return until()

    def reach(self, *states: State, within: float = 600.0) -> None:
        """Live until it is in one of these states."""
        if not self.live(within, lambda: self.state in states):
            raise AssertionError(f"{self.state} after {within} s\n" + "\n".join(self.story[-30:]))

    def want(self, state: Wanted) -> None:
        """An operator enables or disables the guest shell, and nothing is waited for."""
        self.asked, self.promised = self.asked + 1, None
        for step in noting(state):
            if isinstance(step, Write) and isinstance(step.content, bytes):
                self.put(step.path, step.content)
        self.wish("guest")

    @property
    def since_status(self) -> float:
        """Seconds since a report was taken."""
        taken = self.fabric.taken
        return self.time.monotonic() - (taken[-1].at if taken else 0.0)

    @property
    def records(self) -> int:
        return len(parse_journal(self.journal.content)[0])

    def setting(self, **members: object) -> None:
        self.config = replace(self.config, **members)  # type: ignore[arg-type]

    def close(self) -> None:
        self.time.close()
