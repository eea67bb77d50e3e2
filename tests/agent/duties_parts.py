"""A machine whose duties are looked after: the watch and its worker over one fake machine, in the time of its clock."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.agent.chores import Chore, Chores
from limpet.agent.duties.duties import SOON, wishes
from limpet.agent.duties.result import Hands
from limpet.agent.duties.signs import Senses
from limpet.agent.duties.watch import WORKER, Watch
from limpet.agent.duties.worker import carry_out
from limpet.agent.running import Running
from limpet.config.settings import Config
from limpet.guest.lease import SAVED_LEASE, AcquiredLease, render_lease
from limpet.host.fake import FakeMachine
from limpet.host.fake_links import FakeDhcpServer
from limpet.host.fake_programs import install
from limpet.model.network import Route

if TYPE_CHECKING:
    from limpet.host.fake_workers import Order

WIRE = "168.63.129.16"
ADDRESS, ROUTER = IPv4Address("10.0.0.4"), IPv4Address("10.0.0.1")
RECORD = Path("/var/lib/waagent/published_hostname")
ROUTES = Path("/proc/net/route")


def lease(**members: Any) -> AcquiredLease:
    return AcquiredLease(
        **{
            "interface": "eth0",
            "mac": "00155d010203",
            "address": ADDRESS,
            "prefix": 24,
            "routes": tuple(
                Route(destination=IPv4Network(each), gateway=ROUTER)
                for each in ("0.0.0.0/0", "168.63.129.16/32", "169.254.169.254/32")
            ),
            "server": IPv4Address(WIRE),
            "wire_server": IPv4Address(WIRE),
            "obtained": 1.0,
            **members,
        }
    )


@dataclass
class Watched:
    """settings: by attribute. dhcp: what answers behind eth0. A VM at rest: leased, named, with its rules not yet set."""

    settings: dict[str, Any] = field(default_factory=dict)
    machine: FakeMachine = field(default_factory=FakeMachine)
    dhcp: FakeDhcpServer = field(default_factory=FakeDhcpServer)

    def __post_init__(self) -> None:
        machine = self.machine
        install(machine.commands, "firewall", "network")
        machine.links.add("eth0", server=self.dhcp, up=True)
        self.write(SAVED_LEASE, render_lease(lease()))
        self.ip(f"address replace {ADDRESS}/24 dev eth0", f"route replace 0.0.0.0/0 via {ROUTER} dev eth0")
        machine.kernel.name = "vm1"
        self.write(RECORD, b"vm1")
        self.write("/etc/hostname", b"vm1\n")
        self.hands = Hands(
            interpreter=machine.interpreter,
            links=machine.links,
            lookout=machine.lookout,
            chance=machine.chance,
        )
        machine.workers.programs[WORKER] = self._work
        config = Config(**self.settings)
        self.running = Running.of(config, wire_server=WIRE, host_plugin=f"{WIRE}:32526")
        self.wishes = wishes(self.running)
        senses = Senses(
            files=machine.files, kernel=machine.kernel, lookout=machine.lookout, clock=machine.clock
        )
        self.watch = Watch(self.wishes, senses, machine.workers, machine.log)
        chores = [Chore(do=self.watch.do, period=self.watch.period, first=SOON)] if self.wishes else []
        idle = Chore(do=lambda: None, period=3600, first=3600)
        self.chores = Chores([*chores, idle], machine.clock, machine.log)
        self.wait = SOON

    def _work(self, order: Order) -> bytes:
        return json.dumps(carry_out(json.loads(order.given), self.hands)).encode()

    def pass_time(self, seconds: float) -> None:
        """Let the agent's chores run for so long."""
        clock = self.machine.clock
        end = clock.monotonic() + seconds
        while clock.monotonic() + self.wait <= end:
            clock.sleep(self.wait)
            self.wait = self.chores.do()
        left = end - clock.monotonic()
        clock.sleep(left)
        self.wait -= left

    def write(self, path: Path | str, content: bytes) -> None:
        self.machine.files.make_folder(Path(path).parent)
        self.machine.files.replace(Path(path), content)

    def text(self, path: Path | str) -> str | None:
        found = self.machine.files.info(Path(path))
        return self.machine.files.read(Path(path), at_most=1 << 20).decode() if found else None

    def ip(self, *lines: str) -> None:
        done = self.machine.commands.run(("ip", "-batch", "-"), stdin="\n".join(lines).encode())
        assert done.exit_code == 0, done.stderr

    def lose_routes(self) -> None:
        """As an interface that went down and up loses all but its own network's."""
        lines = (self.text(ROUTES) or "").splitlines()
        kept = [lines[0], *(line for line in lines[1:] if line.split("\t")[2] == "00000000")]
        self.write(ROUTES, ("\n".join(kept) + "\n").encode())

    def client(self, pid: int, name: str = "dhclient") -> None:
        """A DHCP client runs."""
        self.write(f"/proc/{pid}/comm", f"{name}\n".encode())

    def ends(self, pid: int) -> None:
        self.machine.files.remove(Path(f"/proc/{pid}"))

    def events(self, event: str, duty: str) -> list[Any]:
        key = "did" if event == "duty.done" else "problem"
        return [fields[key] for fields in self.machine.log.of(event) if fields["duty"] == duty]

    @property
    def workers(self) -> int:
        return len(self.machine.workers.started)
