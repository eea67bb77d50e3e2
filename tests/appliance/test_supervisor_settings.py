"""What settings and operators' words come to in states where they are seldom used."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.appliance.simulation.looking import appliance, flows, steady, visited
from tests.appliance.simulation.network_os import SimulatedNetworkOs
from tests.appliance.simulation.networks import NOS
from tests.appliance.simulation.troubles import SECOND
from tests.appliance.simulation.workers import lease_of
from tests.appliance.simulation.world import PRIMARY, World

from limpet.appliance.guest.contract import STORE
from limpet.appliance.guest.layout import Layout
from limpet.appliance.guest.wanted import WANTED
from limpet.appliance.networkos.contract import Health, Pulse
from limpet.appliance.states import State
from limpet.config.settings import Config
from limpet.guest.lease import render_lease
from limpet.guest.namespaces import HOST
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.guest.namespaces import Seen
    from limpet.guest.site import Nic, Site
    from limpet.guest.steps import Step, Task
    from limpet.host.fake_appliance import FakeChild
    from limpet.host.ports import Commands, Files


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


ANEW = [
    State.ROLLING_BACK, State.RESCUE, State.BOOTING, State.PREPARING, State.HANDING_OVER, State.CONFIRMING, State.STEADY,
]  # fmt: skip


class Stranger(SimulatedNetworkOs):
    """A driver that does not know where another one has put NICs."""

    name = "stranger"

    def release(self, nic: Nic, site: Site, seen: Seen) -> tuple[Step, ...]:
        if all(place == HOST for place, _ in seen.of_mac(nic.mac)):
            return super().release(nic, site, seen)
        raise HostError(f"{nic.name} is not known here")

    def stop(self, site: Site, seen: Seen) -> tuple[Task, ...]:
        del site, seen
        return ()

    def health(self, site: Site, files: Files, commands: Commands, *, deep: bool) -> Pulse:
        if not self.program.starts:
            return Pulse(health=Health.GONE, problem="it was not started since the machine was")
        return super().health(site, files, commands, deep=deep)


@pytest.mark.parametrize(
    "change", [{"network_os": "frr"}, {"network_os": "hooks", "programs": Path("/opt/nos")}]
)
def test_another_network_os_gets_the_nics_from_the_one_that_has_them(
    world: World, change: dict[str, Any]
) -> None:
    steady(world)
    first = world.driver
    assert isinstance(first, SimulatedNetworkOs)
    world.former = (first, world.runtime)
    world.stop_supervisor()
    world.live(1.0)
    world.driver = Stranger(world.program)
    world.program.starts = 0
    world.config = replace(world.config, **change)
    world.wanted = True
    world.start_supervisor()
    world.reach(State.STEADY)
    flows(world)
    assert visited(world) == ANEW
    assert appliance(world).network_os is world.driver
    assert world.program.starts == 1
    assert appliance(world).chronicle.terms["network_os"] == change["network_os"]


@pytest.mark.parametrize(
    "change",
    [
        {"guest_gateway": "192.168.77.1/24", "guest_address": "192.168.77.2/24"},
        {"left_nics": ("eth1",)},
        {"runtime": "nspawn"},
    ],
)
def test_settings_of_the_handover_that_were_changed_count_by_a_new_one(
    world: World, change: dict[str, Any]
) -> None:
    steady(world)
    world.config = replace(world.config, **change)
    world.kill_supervisor()
    world.reach(State.STEADY)
    assert visited(world) == ANEW
    found = world.networks.where(SECOND)
    assert found is not None
    assert found[0] == (HOST if "left_nics" in change else NOS)
    world.states.clear()
    world.kill_supervisor()
    world.live(10.0)
    assert visited(world) == [State.STEADY]


def test_other_settings_that_were_changed_move_nothing(world: World) -> None:
    steady(world)
    world.config = replace(
        world.config, guest_memory=2 * world.config.guest_memory, programs=Path("/opt/nos")
    )
    world.kill_supervisor()
    world.live(10.0)
    assert visited(world) == [State.STEADY]


def test_a_driver_of_old_settings_that_fails_takes_turns_with_the_new_one(world: World) -> None:
    steady(world)
    world.former = (Stranger(world.program), world.runtime)
    world.config = replace(world.config, network_os="frr")
    world.kill_supervisor()
    world.reach(State.STEADY)
    flows(world)
    assert visited(world)[:3] == [State.ROLLING_BACK, State.RESCUE, State.ROLLING_BACK]
    assert appliance(world).network_os is world.driver


def test_a_guest_shell_that_is_enabled_again_is_not_said_to_keep_failing(world: World) -> None:
    world.put(STORE / WANTED, b'{"version": 1, "state": "disabled"}')
    world.reach(State.DEGRADED)
    world.live(3.0)
    world.put(STORE / WANTED, b'{"version": 1, "state": "enabled"}')
    world.live(0.6)
    world.wish("guest")
    world.reach(State.STEADY)
    flows(world)
    assert not [each for each in world.story if "keeps failing" in each]
    assert appliance(world).problem is None
