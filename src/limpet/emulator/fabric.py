"""The one owner of the world: everything that changes it goes through here, on one event loop.

It lets a route's transition take effect, makes an unknown address a VM where that is wanted, records the exchange, and wakes those
who wait for a condition.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from limpet.emulator.dhcp import answers as dhcp
from limpet.emulator.faults import Facts, decide
from limpet.emulator.routes.context import Context
from limpet.emulator.routes.dispatch import answer
from limpet.emulator.world.goalstates import new_vm
from limpet.emulator.world.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.emulator.certificates.pki import TenantCertificate
    from limpet.emulator.clock import Clock
    from limpet.emulator.dhcp.answers import Answer
    from limpet.emulator.exchange import Call, Reply
    from limpet.emulator.faults import Fault
    from limpet.emulator.routes.context import Sealer
    from limpet.emulator.routes.table import Endpoint
    from limpet.emulator.world.ledger import Entry
    from limpet.emulator.world.state import World
    from limpet.emulator.world.vm import VirtualMachine
    from limpet.model.network import DhcpMessage

T = TypeVar("T")

MOST_VMS = 1000


class NameTaken(ValueError):
    """Another VM has this name or address."""


class Fabric:
    """Holds the world; everything that changes it goes through here, on one event loop.

    new_certificate: makes a tenant certificate; slow, so it runs in a thread, and one is kept ready.
    """

    def __init__(
        self, world: World, *, clock: Clock, sealer: Sealer, new_certificate: Callable[[], TenantCertificate]
    ) -> None:
        self.clock = clock
        self._world = world
        self._sealer = sealer
        self._new_certificate = new_certificate
        self._spare: asyncio.Task[TenantCertificate] | None = None
        self._changed = asyncio.Event()
        self._admitting = asyncio.Lock()

    @property
    def world(self) -> World:
        """The world as it is now."""
        return self._world

    def update(self, transition: Callable[[World], World]) -> World:
        """Replace the world by what `transition` makes of it. What it raises leaves the world as it was."""
        world = transition(self._world)
        if world is not self._world:
            self._world = world
            self._changed.set()
            self._changed = asyncio.Event()
        return world

    async def until(self, found: Callable[[World], T | None], seconds: float | None = None) -> T | None:
        """Wait until `found` gives something, and give that; None when `seconds` pass first."""
        try:
            async with asyncio.timeout(seconds):
                while (result := found(self._world)) is None:
                    await self._changed.wait()
                return result
        except TimeoutError:
            return None

    async def certificate(self) -> TenantCertificate:
        """A new tenant certificate."""
        ready = self._spare or self._make_certificate()
        self._spare = None
        certificate = await ready
        self._spare = self._make_certificate()
        return certificate

    def prepare(self) -> None:
        """Begin to make the certificate that the first VM will get."""
        self._spare = self._spare or self._make_certificate()

    async def close(self) -> None:
        """End what runs in the background."""
        if self._spare is not None:
            await asyncio.gather(self._spare, return_exceptions=True)
            self._spare = None

    async def add_vm(self, name: str, address: str, *, mac: str = "") -> VirtualMachine:
        """Bring a VM into the world. mac: of its primary NIC; empty: derived. Raises: NameTaken."""
        async with self._admitting:
            if name in self._world.vms:
                raise NameTaken(f"there is a VM {name!r} already, at {self._world.vms[name].address}")
            if (other := self._world.at(address)) is not None:
                raise NameTaken(f"the address {address} is that of the VM {other.name!r}")
            if len(self._world.vms) >= MOST_VMS:
                raise NameTaken(f"there are {MOST_VMS} VMs already; remove one first")
            if mac and self._world.with_mac(mac) is not None:
                raise NameTaken(f"another NIC has the MAC {mac}")
            certificate = await self.certificate()
            now = self.clock.now()

            def add(world: World) -> World:
                identity = Identity(name=name, seed=world.settings.seed, address=address, own_mac=mac)
                vm = new_vm(world, identity, now, certificates=(certificate,))
                return world.with_vm(vm).tell(now, "vm", name, address=address, vmId=vm.identity.vm_id)

            return self.update(add).vm(name)

    async def admit(self, address: str) -> VirtualMachine | None:
        """The VM at `address`; with ``auto`` an unknown address becomes one."""
        vm = self._world.at(address)
        if vm is not None or not self._world.settings.auto:
            return vm
        try:
            return await self.add_vm("vm-" + address.replace(".", "-").replace(":", "-"), address)
        except NameTaken:
            return self._world.at(address)

    def serve(self, endpoint: Endpoint | None, call: Call) -> Reply:
        """Answer one call; the world changes accordingly."""
        context = Context(now=self.clock.now(), sealer=self._sealer)
        replies: list[Reply] = []

        def transition(world: World) -> World:
            world, reply = answer(world, endpoint, call, context)
            replies.append(reply)
            return world

        self.update(transition)
        return replies[0]

    def serve_dhcp(self, message: DhcpMessage) -> Answer:
        """What DHCP answers to one message; the world changes accordingly."""
        now = self.clock.now()
        answers: list[Answer] = []

        def transition(world: World) -> World:
            world, answer = dhcp.answer(world, message, now)
            answers.append(answer)
            return world

        self.update(transition)
        return answers[0]

    def fault_for(self, endpoint: str, call: Call) -> Fault | None:
        """The fault that a rule has for this call; the rule counts it."""
        vm = self._world.at(call.source)
        facts = Facts(
            vm=vm.name if vm else None,
            service=call.service.value,
            endpoint=endpoint,
            method=call.method,
            path=call.path,
        )
        rules, fault = decide(self._world.faults, facts)
        if rules != self._world.faults:
            self.update(lambda world: replace(world, faults=rules))
        return fault

    def record(self, entry: Entry) -> None:
        """Write a finished exchange into the ledger and tell those who watch."""

        def transition(world: World) -> World:
            world = replace(world, ledger=world.ledger.record(entry))
            shown = replace(entry, id=world.ledger.next_id - 1).as_json()
            for elsewhere in ("at", "vm", "headers", "body"):
                del shown[elsewhere]
            return world.tell(entry.at, "request", entry.vm, **shown)

        self.update(transition)

    def _make_certificate(self) -> asyncio.Task[TenantCertificate]:
        return asyncio.create_task(asyncio.to_thread(self._new_certificate))
