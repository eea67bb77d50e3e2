"""What settings and operators' words come to in states where they are seldom used."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from typing import TYPE_CHECKING

from tests.appliance.simulation.looking import appliance, flows, steady, visited
from tests.appliance.simulation.networks import NOS
from tests.appliance.simulation.troubles import SECOND
from tests.appliance.simulation.workers import lease_of
from tests.appliance.simulation.world import PRIMARY, World

from limpet.appliance.guest.contract import STORE
from limpet.appliance.guest.layout import Layout
from limpet.appliance.guest.wanted import WANTED
from limpet.appliance.states import State
from limpet.config.settings import Config
from limpet.guest.lease import render_lease

if TYPE_CHECKING:
    from limpet.host.fake_appliance import FakeChild


def probes(world: World) -> list[tuple[str, ...]]:
    return [child.arguments for child in world.children.started if child.module.endswith("workers.probe")]


def test_the_probe_asks_the_wire_server_that_the_agent_asks() -> None:
    config = Config(
        retry_pause=5.0,
        confirm_timeout=10.0,
        fabric_endpoint="10.1.2.3",
        fabric_wire_port=8080,
        fabric_host_plugin_port=3,
        metadata_endpoint="10.1.2.4:81",
    )
    world = World(config=config)
    steady(world)
    first = probes(world)[0]
    assert first[first.index("--wire-server") :] == (
        "--wire-server", "10.1.2.3", "--wire-port", "8080", "--host-plugin-port", "3", "--metadata", "10.1.2.4:81",
    )  # fmt: skip
    world.close()


def test_a_nic_in_the_guest_ports_network_keeps_the_nics_with_linux_and_says_why(world: World) -> None:
    world.fabric.leases[PRIMARY] = IPv4Interface("192.168.35.4/24")
    world.reach(State.RESCUE)
    assert State.HANDING_OVER not in visited(world)
    assert "guest_shell.gateway" in (appliance(world).problem or "")
    flows(world)


def test_a_guest_shell_that_is_disabled_in_a_rescue_is_stopped_there(world: World) -> None:
    steady(world)
    world.program.refuses[f"claim {SECOND}"] = 1000
    world.program.daemon = False
    world.networks.vanish(NOS)
    world.reach(State.RESCUE)
    assert appliance(world).guest().running
    world.put(STORE / WANTED, b'{"version": 1, "state": "disabled"}')
    world.wish("guest")
    assert world.live(4.0, lambda: not appliance(world).guest().running)
    assert world.state is State.RESCUE


def test_name_servers_that_a_later_lease_names_reach_a_guest_shell_that_runs(world: World) -> None:
    steady(world)
    root = Layout.of(appliance(world).known_shell()).root
    world.put(root / "etc/resolv.conf", b"nameserver 168.63.129.16\n")

    def dhcp(child: FakeChild) -> None:
        lease = lease_of(world, child.arguments[0], "eth0")
        child.end(0, render_lease(replace(lease, dns=(IPv4Address("10.0.0.53"),))))

    world.children.programs["limpet.appliance.workers.dhcp"] = dhcp
    assert world.live(
        700.0,
        lambda: world.machine.files.read(root / "etc/resolv.conf", at_most=100) == b"nameserver 10.0.0.53\n",
    )
    assert visited(world) == []
    flows(world)
