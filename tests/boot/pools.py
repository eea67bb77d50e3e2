"""The platform as a VM of a pool meets it: it hears Ready, moves the VM's NIC, and has a document for it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from tests.boot.whole import KEY, PASSWORD, VM_ID, WISH, PlainCrypt, Vm

from limpet.guest.routes import parse_local_addresses
from limpet.host.fake_devices import by_the_kernel
from limpet.model.errors import FabricUnreachable
from limpet.model.provisioning import PlatformSettings
from limpet.model.secret import Secret
from limpet.wire.ovfenv import render_ovf_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.boot.result import Result
    from limpet.model.provisioning import OvfEnvironment
    from limpet.wire.http import Request, Response

IN_POOL, OUTSIDE = IPv4Address("10.0.0.4"), IPv4Address("10.9.0.7")
RECORD = "/var/lib/limpet/pool.json"
MONTH = 30 * 24 * 3600.0


class Stuck(BaseException):
    """A wait that nobody ends."""


def pool_wish(kind: str) -> OvfEnvironment:
    """What the media of a VM in a pool says: a name that nobody will see, and its type."""
    platform = PlatformSettings(
        provision_guest_agent=True, preprovisioned_vm=True, preprovisioned_vm_type=kind
    )
    return replace(
        WISH,
        host_name="pool-17",
        user_name="nobodys",
        user_password=None,
        public_keys=(),
        custom_data=None,
        platform=platform,
    )


@dataclass
class Pool:
    """moves: how the NIC comes out of the pool. document: what its owner asks for. after, dark: seconds from Ready to the
    move, and until the NIC has its new network. late: seconds from then until the document is there.

    readies_when_moved: of each Ready that was heard after the move, whether alice could log in by then: nobody must be given a
    VM that is nobody's.
    """

    vm: Vm
    kind: str
    document: bytes = field(default_factory=lambda: render_ovf_environment(WISH))
    after: float = 30.0
    dark: float = 5.0
    late: float = 2.0
    moves: Callable[[Pool], None] | None = None
    moved: bool = False
    given: bool = False
    readies_when_moved: list[bool] = field(default_factory=list)
    _asked: bool = False

    @classmethod
    def new(cls, kind: str, *, wish: OvfEnvironment | None = None, **choices: object) -> Pool:
        """A VM that was never started."""
        vm = Vm.new(wish or pool_wish(kind), pps_type=kind)
        return cls.over(vm, kind, **choices)

    @classmethod
    def over(cls, vm: Vm, kind: str, **choices: object) -> Pool:
        made = cls(vm=vm, kind=kind, **choices)  # type: ignore[arg-type]
        made.moves = made.moves or {"Running": unplugged, "Savable": replaced}.get(kind, stays)
        vm.machine.http.served = made.serve
        vm.machine.clock.after(MONTH, made.stuck)
        return made

    def stuck(self) -> None:
        """Nothing will ever happen any more."""
        raise Stuck(self.vm.machine.log.entries[-5:])

    def serve(self, request: Request) -> Response:
        """What is reached only over the network that the NIC is in."""
        vm = self.vm
        connected = any(state.connected for state in vm.machine.links.states.values())
        addresses = parse_local_addresses(vm.text("/proc/net/fib_trie"))
        if not connected or addresses != {vm.dhcp.address}:
            vm.machine.clock.sleep(min(3.0, request.timeout))
            raise FabricUnreachable(f"{request.method}: no answer from {request.url.split('/')[2]}")
        before = vm.ready_count
        answer = vm.core.exchange(request)
        if vm.ready_count > before:
            self._heard_ready()
        return answer

    def _heard_ready(self) -> None:
        if self.moved:
            self.readies_when_moved.append("alice:" in self.vm.text("/etc/shadow"))
        if not self._asked and self.moves is not None:
            self._asked = True
            self.vm.machine.clock.after(self.after, lambda: self.moves and self.moves(self))

    def go_outside(self) -> None:
        """What the NIC is connected to from now on."""
        self.moved = True
        self.vm.dhcp.address, self.vm.dhcp.router = OUTSIDE, IPv4Address("10.9.0.1")
        self.vm.machine.clock.after(self.late, self.give)

    def give(self) -> None:
        """The document is there."""
        self.given = True
        self.vm.core.become(replace(self.vm.core.vm, reprovision_data=Secret(self.document)))


def unplugged(pool: Pool) -> None:
    """A running VM: the cable of its NIC is put into another network."""
    links = pool.vm.machine.links
    if "eth0" in links.servers:
        links.plug("eth0", False)

    def back() -> None:
        pool.go_outside()
        links.plug("eth0", True)

    pool.vm.machine.clock.after(pool.dark, back)


def replaced(pool: Pool) -> None:
    """A VM that was saved: its NIC is taken out, others are put in."""
    links = pool.vm.machine.links
    if "eth0" in links.servers:
        links.plug("eth0", False)
        links.remove("eth0")

    def back() -> None:
        pool.go_outside()
        if "eth0" in links.servers:
            links.remove("eth0")
        with by_the_kernel(pool.vm.machine.files):
            links.add("eth0", "00155d0a0b0c")
            links.add("eth1", "00155d0a0b0d", server=pool.vm.dhcp)

    pool.vm.machine.clock.after(pool.dark, back)


def stays(_pool: Pool) -> None:
    """Nothing is moved."""


def polls(pool: Pool) -> int:
    return pool.vm.core.count("reprovision-data")


def phases(pool: Pool) -> list[object]:
    return [entry["phase"] for entry in pool.vm.machine.log.of("pool.phase")]


def is_alices(pool: Pool) -> bool:
    vm = pool.vm
    hashes = [line.split(":")[1] for line in vm.text("/etc/shadow").splitlines() if line.startswith("alice:")]
    return (
        vm.machine.kernel.name == "vm-001"
        and KEY in vm.text("/home/alice/.ssh/authorized_keys")
        and [PlainCrypt().verifies(Secret(PASSWORD), each) for each in hashes] == [True]
        and "nobodys" not in vm.text("/etc/passwd")
    )


def whole(pool: Pool, result: Result) -> None:
    assert (result.state, result.exit_code) == ("ready", 0), result
    assert is_alices(pool)
    assert pool.vm.text(RECORD) == ""
    assert json.loads(pool.vm.text("/var/lib/limpet/provisioned.json"))["vmId"] == VM_ID
    assert pool.readies_when_moved, "its owner never heard that it is ready"
    assert all(pool.readies_when_moved)
    assert pool.vm.machine.links.open == 0
