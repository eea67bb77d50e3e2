"""The supervisor's workers in a simulated appliance: DHCP, and the probe."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import TYPE_CHECKING

from tests.appliance.simulation.fabric import GATEWAY
from tests.appliance.simulation.secret import SECRET

from limpet.guest.lease import AcquiredLease, render_lease
from limpet.guest.namespaces import HOST
from limpet.model.network import Route

if TYPE_CHECKING:
    from tests.appliance.simulation.world import World

    from limpet.host.fake_appliance import FakeChild


def lease_of(world: World, mac: str, name: str) -> AcquiredLease:
    """What DHCP gives a NIC."""
    address = world.fabric.leases[mac]
    return AcquiredLease(
        interface=name,
        mac=mac.replace(":", ""),
        address=IPv4Address(address.ip),
        prefix=address.network.prefixlen,
        routes=(Route(destination=IPv4Network("0.0.0.0/0"), gateway=GATEWAY),),
        dns=(IPv4Address("168.63.129.16"),),
        wire_server=IPv4Address("168.63.129.16"),
        server=IPv4Address("168.63.129.16"),
        obtained=world.machine.clock.now(),
        seconds=None,
    )


def interface_of(lease: AcquiredLease) -> IPv4Interface:
    return IPv4Interface(f"{lease.address}/{lease.prefix}")


def probe(world: World, child: FakeChild) -> None:
    """`limpet.appliance.workers.probe`."""
    timeout = float(child.arguments[child.arguments.index("--timeout") + 1])
    services = {"wire server": "168.63.129.16:80", "metadata service": "169.254.169.254:80"}
    space = child.network or HOST

    def asked(service: str) -> str | None:
        mute = service == "metadata service" and space in world.fabric.mute
        return world.fabric.answers(space) or ("no connection was made" if mute else None)

    def run() -> None:
        deadline = world.time.monotonic() + timeout
        world.machine.clock.sleep(0.02)
        while True:
            problems = {service: asked(service) for service in services}
            if not any(problems.values()) or world.time.monotonic() >= deadline:
                break
            world.machine.clock.sleep(0.25)
        found = [
            {"target": services[service], "service": service, "problem": problem}
            for service, problem in problems.items()
        ]
        child.end(int(any(problems.values())), json.dumps({"targets": found}).encode())

    process = world.time.spawn("probe", run, after=0.05)
    child.killed = lambda: world.end(process)


def dhcp_worker(world: World, child: FakeChild) -> None:
    """`limpet.appliance.workers.dhcp`."""
    mac = child.arguments[0]
    timeout = float(child.arguments[child.arguments.index("--timeout") + 1])

    def run() -> None:
        deadline = world.time.monotonic() + timeout
        while world.time.monotonic() < world.fabric.dhcp_silent:
            if world.time.monotonic() >= deadline:
                child.end(1, stderr=f"no DHCP lease: https://x.example/?{SECRET}".encode())
                return
            world.machine.clock.sleep(5.0)
        found = world.networks.where(mac)
        if found is None or found[0] != (child.network or HOST) or mac not in world.fabric.leases:
            child.end(1, stderr=b"there is no NIC with the MAC")
            return
        child.end(0, render_lease(lease_of(world, mac, found[1].name)))

    process = world.time.spawn("dhcp", run, after=0.05)
    child.killed = lambda: world.end(process)
