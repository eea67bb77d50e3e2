"""The real code of the boot stage and of the agent in the guest, with the emulator's core as the fabric, in a simulated appliance."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

from tests.appliance.simulation import agents
from tests.appliance.simulation.fabric import GATEWAY
from tests.boot.whole import ALL_OVER, DISK, FILES, FRESH, KEY, WISH, PlainCrypt
from tests.plans import disks
from tests.plans.cases import put
from tests.scenario.core import ENDPOINT, Core, certificate
from tests.scenario.handlers import OPERATIONS, TENANT, enable, status_file

from limpet.agent import in_guest
from limpet.agent.endpoint import Endpoint
from limpet.agent.lease import LeasedHttp
from limpet.agent.machine import Machine as AgentMachine
from limpet.agent.running import Running
from limpet.agent.status_only import Means, StatusOnly
from limpet.boot.machine import Machine as BootMachine
from limpet.boot.stage import Stage
from limpet.config.settings import Config
from limpet.emulator.media.variants import medium
from limpet.emulator.world.goalstates import Publication, hibernate, rotate_certificates
from limpet.emulator.world.vm import Account
from limpet.guest.fabric_lease import EXCHANGE
from limpet.guest.marker import MARKER, parse_marker
from limpet.guest.namespaces import HOST
from limpet.guest.saying import Saying, one_line
from limpet.guest.shell_brief import BRIEF, parse_brief
from limpet.host.fake import FakeFetcher, FakeHttp, FakeVault
from limpet.host.fake_devices import Disk, by_the_kernel, show_disk
from limpet.host.fake_links import FakeDhcpServer
from limpet.host.fake_programs import install
from limpet.host.reported import ready_is_known

if TYPE_CHECKING:
    from tests.appliance.simulation.fabric import Party
    from tests.appliance.simulation.world import World

    from limpet.agent.build import Agent
    from limpet.agent.lease import FabricLease
    from limpet.host.fake_appliance import FakeChild
    from limpet.host.fake_work import Invocation
    from limpet.host.ports import Log
    from limpet.wire.http import Request, Response

LIBRARY, LOGS = Path("/var/lib/limpet/guest/waagent"), Path("/var/log/azure")


@cache
def _disc() -> Disk:
    """The provisioning disc; it is burnt once."""
    image = medium(WISH).image()
    disc = Disk(size=len(image), block=2048, number="11:0")
    disc.write(0, image)
    return disc


@dataclass
class RealStages:
    """done: each command of a handler, with what it was decided for; none may be there twice.

    told: the same, with the agent and the goal state that it was decided by. decider: the agent that runs, counted from 1.
    """

    world: World
    core: Core = field(init=False)
    done: Counter[tuple[str, ...]] = field(default_factory=Counter)
    told: set[tuple[str, str, str, int, int, int]] = field(default_factory=set)
    decider: int = 0
    generation: int = 0
    works: bool = True
    config: Config = field(default_factory=lambda: Config(library=LIBRARY, log_dir=LOGS, telemetry=False))

    def __post_init__(self) -> None:
        world, machine = self.world, self.world.machine
        self.core = Core.start(machine.clock, thumbprints=(TENANT,))
        account = Account(user_name="alice", computer_name="vm-001", public_keys=(KEY,))
        self.core.become(replace(self.core.vm, account=account))
        with by_the_kernel(machine.files):
            for name, value in FILES.items():
                if "dmi/id/product_uuid" not in name:
                    put(machine, Path(name), value)
            disc = _disc()
            show_disk(machine.files, Path("/dev/sr0"), replace(disc, chunks=dict(disc.chunks)))
            disks.plug(machine.files, DISK, {"size": "1 GiB", "table": "mbr", "partitions": [FRESH]})
            machine.files.make_folder(LIBRARY, mode=0o700)
        ip = machine.commands.programs["ip"]
        install(machine.commands, "accounts", "disks", "ssh")
        machine.commands.programs["ip"] = ip
        for operation in OPERATIONS:
            machine.processes.scripts[f"bin/{operation}"] = self._performer(operation)
        world.real = self
        world.boot_program = self.boot
        world.real_agent = self.agent
        world.real_status = self.status

    def _dhcp(self, packet: bytes):  # type: ignore[no-untyped-def]  # noqa: ANN202
        fabric = self.world.fabric
        lease = fabric.leases[fabric.primary]
        server = FakeDhcpServer(address=IPv4Address(lease.ip), router=GATEWAY)
        server.quiet = self.world.time.monotonic() < fabric.dhcp_silent
        return server(packet)

    # --- what the platform does

    def wish(self, number: int, *, works: bool) -> None:
        """Somebody wants an extension, with settings of its own."""
        self.works = works
        self.core.publish(Publication(changes=(enable(public={"wish": number}),)))

    def rotate(self, *, retire: bool) -> None:
        """Another certificate of the tenant."""
        self.generation += 1
        new = certificate(f"{self.generation:040X}")
        self.core.become(rotate_certificates(self.core.vm, new, retire=retire))

    def move_elsewhere(self) -> None:
        """The VM goes on in another container."""
        self.generation += 1
        self.core.become(hibernate(self.core.vm, certificate(f"{self.generation:040X}")))

    def forget(self) -> None:
        """The guest shell's volume is made anew."""
        with by_the_kernel(self.world.machine.files):
            self.world.machine.files.remove(LIBRARY)
            self.world.machine.files.make_folder(LIBRARY, mode=0o700)

    # --- the boot stage

    def boot(self, world: World, child: FakeChild) -> None:
        """Run it once."""
        agents.boot_stage(world, child, self._booted)

    def _booted(self, party: Party) -> tuple[int, bytes]:
        world, machine = self.world, self.world.machine
        found = world.networks.where(world.fabric.primary)
        if found is None or found[0] != HOST:
            return 1, b"boot: there is no NIC"
        machine.links.servers[found[1].name] = self._dhcp
        self._volatile()
        before = self._marked()
        stage = Stage(
            BootMachine(
                files=machine.files,
                commands=machine.commands,
                devices=machine.devices,
                kernel=machine.kernel,
                links=machine.links,
                http=FakeHttp(lambda request: self._asked(party, request)),
                vault=machine.vault,
                key_values=machine.key_values,
                lookout=machine.lookout,
                crypt=PlainCrypt(),
                clock=world.time,
                chance=machine.chance,
                log=world.log,
            ),
            replace(ALL_OVER, enable_swap=False, execute_custom_data=False),
        )
        begun, known = self._begun(), before is not None and parse_marker(before).vm_id == world.vm_id
        try:
            result = stage.run()
        finally:  # it may be killed after that, too
            if self._marked() not in {before, None}:
                world.fabric.provisioned.append(world.vm_id)
        if known and self._begun() > begun:
            world.fabric.fault("a VM that was provisioned was said to be provisioned again")
        return result.exit_code, b""

    def _begun(self) -> int:
        """How often the platform was told that the VM is being provisioned."""
        return sum(each.value.state.value == "NotReady" for each in self.core.vm.inbox.health.items)

    def _marked(self) -> bytes | None:
        """What is noted of provisioning: it is written when that is done, and at no other time."""
        node = self.world.machine.files.nodes.at(MARKER)
        return None if node is None else node.content

    def _volatile(self) -> None:
        machine = self.world.machine
        with by_the_kernel(machine.files):
            for name, text in (
                ("/proc/mounts", ""),
                ("/proc/self/mountinfo", ""),
                ("/proc/swaps", "Filename Type Size Used Priority\n"),
            ):
                if Path(name) not in machine.files.nodes:
                    put(machine, Path(name), text)

    # --- the agent

    def agent(self, party: Party, lease: FabricLease) -> None:
        """What the resident agent does once the lease is its own, without threads."""
        self.decider += 1
        world, machine = self.world, self.world.machine
        brief = parse_brief(machine.files.read(EXCHANGE / BRIEF, at_most=1 << 20))
        owes = not brief.ready and not ready_is_known(machine.files)
        running = Running.of(
            self.config,
            wire_server=ENDPOINT,
            host_plugin=f"{ENDPOINT}:32526",
            shell=brief.stage,
            owes_ready=owes,
        )
        ports = AgentMachine(
            http=FakeHttp(lambda request: self._asked(party, request)),
            files=machine.files,
            commands=machine.commands,
            processes=machine.processes,
            workers=machine.workers,
            cgroups=machine.cgroups,
            vault=FakeVault(machine.files, LIBRARY),
            fetcher=FakeFetcher(machine.files, lambda request: self._asked(party, request)),
            clock=world.time,
            chance=machine.chance,
            log=world.log,
            guest=machine.guest,
        )
        in_guest.prepare(ports)
        in_guest.granted(running, ports, lease, _Turns, EXCHANGE).run()  # type: ignore[arg-type]

    def status(self, party: Party, lease: FabricLease, child: FakeChild, stop: list[bool]) -> None:
        """What the status-only agent does once the lease is its own. stop: whether it was asked to end."""
        world, machine = self.world, self.world.machine
        words = dict(zip(child.arguments[1::2], child.arguments[2::2], strict=False))
        http = LeasedHttp(FakeHttp(lambda request: self._asked(party, request)), lease)
        means = Means(
            http=http,
            fetcher=http,
            files=machine.files,
            library=machine.files,
            clock=world.time,
            chance=machine.chance,
            log=world.log,
            guest=machine.guest,
            find=lambda _http: Endpoint(
                address=ENDPOINT, origin="the lease", wire_port=80, host_plugin_port=32526
            ),
            owes_ready=lambda: False,
        )
        saying = Saying(state=words["--state"], text=one_line(words["--saying"]))
        agent = StatusOnly(means, self.config, lease, saying, exchange=EXCHANGE, library=LIBRARY)
        while not stop[0]:
            wait = agent.turn()
            world.time.wait(wait, lambda: stop[0])
        agent.last()

    def _asked(self, party: Party, request: Request) -> Response:
        """Over the simulated network, by which way there is, to the emulator's core; a report that was taken is noted."""
        fabric, inbox = self.world.fabric, self.core.vm.inbox
        before = inbox.statuses.seen + inbox.health.seen
        fabric.core = self.core.exchange
        response = fabric.exchange(party, request)
        inbox = self.core.vm.inbox
        if inbox.statuses.seen + inbox.health.seen > before:
            report = self.core.vm.status
            status = None if report is None else report.status
            said = ("Ready", "boot") if status is None else (status.status, status.message.message)
            fabric.takes(party, *said)
        return response

    def _performer(self, operation: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
        def perform(run: Invocation) -> int:
            number = run.environment["ConfigSequenceNumber"]
            self.done[run.folder.name, operation, number] += 1
            key = (
                run.folder.name,
                operation,
                number,
                self.decider,
                self.core.vm.etag_serial,
                self.core.vm.incarnation,
            )
            if key in self.told:
                self.world.fabric.fault(f"{' '.join(key[:3])} was run twice for one decision of one agent")
            self.told.add(key)
            if operation == "enable":
                content = status_file("success" if self.works else "error", "enabled")
                self.world.machine.files.replace(run.folder / "status" / f"{number}.status", content)
            return 0

        return perform


class _Turns:
    """In place of the resident agent's threads: poll, work, report, by turns."""

    def __init__(self, agent: Agent, log: Log, lease: FabricLease) -> None:
        self._agent, self._lease = agent, lease
        del log

    def run(self) -> None:
        """Until the lease is lost. Raises: LeaseLost."""
        agent, clock = self._agent, self._agent.machine.clock
        agent.chores.do()
        while True:
            self._lease.require()
            wait = agent.poller.poll()
            while agent.worker.work():
                self._lease.require()
            clock.sleep(agent.reporter.report())
            agent.reporter.report()
            agent.chores.do()
            end = clock.monotonic() + wait
            while clock.monotonic() < end:
                clock.sleep(min(0.5, max(0.01, end - clock.monotonic())))
                self._lease.require()
