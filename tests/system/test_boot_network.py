"""The boot stage's own DHCP on a Debian machine, on the emulated platform and on one that lies."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from limpet.lab.fabric import Fabric, fabric
from limpet.lab.machine import IDLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.lab.machine import Machine
    from limpet.lab.room import Room

pytestmark = pytest.mark.system

VM = "vm0"
DRIVER = "/opt/limpet/tests/network_driver.py"


@contextmanager
def unaddressed(room: Room, layers: list[Path], *faults: dict[str, Any]) -> Iterator[tuple[Machine, Fabric]]:
    """A machine whose NIC is down and has no address, on a fabric with `faults`."""
    with fabric(room.emulator("--dhcp", "br0").admin) as world:
        machine, port = room.machine(layers, addressed=False)
        world.add_vm(VM, port.address)
        for fault in faults:
            world.add_fault(**fault)
        machine.boot(IDLE)
        machine.write(DRIVER, Path(__file__).with_name("network_driver.py").read_text(encoding="utf-8"))
        machine.run(["ip", "link", "set", "eth0", "down"]).checked()
        yield machine, world


def driven(machine: Machine, order: dict[str, Any]) -> dict[str, Any]:
    said = machine.run(["python3", "-IB", DRIVER], stdin=json.dumps(order), timeout=120).checked()
    answer: dict[str, Any] = json.loads(said)
    return answer


def asked(world: Fabric) -> list[tuple[str, int | None]]:
    return [(each["endpoint"], each["status"]) for each in world.requests(VM)]


def test_the_platform_is_reached_and_told_by_its_own_dhcp(empty_room: Room, layers: list[Path]) -> None:
    with unaddressed(empty_room, layers) as (machine, world):
        machine.run(["mkdir", "-p", "/var/lib/hyperv"]).checked()
        answer = driven(machine, {"do": "report", "name": "vm-new"})
        assert (answer["endpoint"], answer["origin"]) == ("168.63.129.16", "DHCP on eth0")
        assert answer["again"] == []
        assert answer["reported"] == [True, True, True, False]
        assert asked(world)[:2] == [("dhcp-discover", 2), ("dhcp-request", 5)]
        assert world.provisioning(VM)["hostName"]["name"] == "vm-new"
        routes = machine.run(["ip", "route"]).checked()
        assert "default via 10.0.0.1 dev eth0" in routes
        assert "168.63.129.16 via 10.0.0.1 dev eth0" in routes
        assert "10.0.0.4/24 brd 10.0.0.255" in machine.run(["ip", "addr", "show", "eth0"]).checked()
        pool = machine.path("/var/lib/hyperv/.kvp_pool_1").read_bytes()
        assert len(pool) == 2 * 2560
        assert pool.startswith(b"PROVISIONING_REPORT\0")
        assert machine.run(["ss", "-lunp"]).checked().count(":68 ") == 0


def test_a_second_look_finds_the_network_and_leaves_it_alone(empty_room: Room, layers: list[Path]) -> None:
    with unaddressed(empty_room, layers) as (machine, world):
        driven(machine, {"do": "connect"})
        before = asked(world)
        answer = driven(machine, {"do": "connect"})
        assert answer["origin"] == "/var/lib/limpet/lease.json"
        assert asked(world) == before


def test_a_changed_host_name_reaches_the_platforms_dns(empty_room: Room, layers: list[Path]) -> None:
    with unaddressed(empty_room, layers) as (machine, world):
        driven(machine, {"do": "connect", "name": "first"})
        before = machine.run(["ip", "-4", "-d", "addr"]).checked()  # IPv6 makes up its mind meanwhile
        driven(machine, {"do": "publish", "name": "second"})
        assert world.provisioning(VM)["hostName"]["name"] == "second"
        assert asked(world)[-1] == ("dhcp-renew", 5)
        assert machine.run(["ip", "-4", "-d", "addr"]).checked() == before


@pytest.mark.parametrize(
    "lie", ["wrong-transaction", "wrong-hardware-address", "overflow", "no-end", "odd-length", "nak"]
)
def test_a_platform_that_lies_once_is_outlived(lie: str, empty_room: Room, layers: list[Path]) -> None:
    faults = (
        {"endpoint": "dhcp-discover", "lie": lie, "count": 1},
        {"endpoint": "dhcp-request", "lie": lie, "count": 1},
    )
    with unaddressed(empty_room, layers, *faults) as (machine, world):
        assert driven(machine, {"do": "connect"})["endpoint"] == "168.63.129.16"
        assert asked(world)[-1] == ("dhcp-request", 5)


@pytest.mark.parametrize(
    "lie", ["repeat", "no-wire-server", "no-routes", "no-router", "oversized", "two-servers", "short-lease"]
)
def test_a_platform_that_always_lies_a_little_is_reached(
    lie: str, empty_room: Room, layers: list[Path]
) -> None:
    with unaddressed(empty_room, layers, {"endpoint": "*", "lie": lie}) as (machine, world):
        answer = driven(machine, {"do": "connect"})
        assert answer["endpoint"] == "168.63.129.16"
        assert not [line for line in answer["outcomes"] if "cannot" in line]
        assert "168.63.129.16" in machine.run(["ip", "route"]).checked()
        assert asked(world)[-1] == ("dhcp-request", 5)
