"""Debian's DHCP client on the emulated platform, and on one that lies."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from limpet.lab.clock import wait_for
from limpet.lab.fabric import Fabric, fabric
from limpet.lab.machine import IDLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from limpet.lab.machine import Machine
    from limpet.lab.room import Room

pytestmark = pytest.mark.system

VM = "vm0"
LEASES = "/var/lib/dhcp/leases"
CLIENT = ["dhclient", "-v", "-lf", LEASES, "-pf", "/run/dhclient.pid", "eth0"]
ONCE = [CLIENT[0], "-1", *CLIENT[1:]]


@contextmanager
def unaddressed(room: Room, tree: Path, *faults: dict[str, Any]) -> Iterator[tuple[Machine, Fabric]]:
    """A machine without services whose NIC has no address, on a fabric with `faults`."""
    with fabric(room.emulator("--dhcp", "br0").admin) as world:
        machine, port = room.machine([tree], addressed=False)
        world.add_vm(VM, port.address)
        for fault in faults:
            world.add_fault(**fault)
        machine.boot(IDLE)
        yield machine, world


def asked(world: Fabric) -> list[tuple[str, int | None]]:
    return [(each["endpoint"], each["status"]) for each in world.requests(VM)]


def test_a_client_gets_the_platforms_lease(empty_room: Room, image_tree: Path) -> None:
    with unaddressed(empty_room, image_tree) as (machine, world):
        machine.run(ONCE, timeout=120).checked()
        lease = machine.read(LEASES)
        assert "option unknown-245 a8:3f:81:10;" in lease
        assert "option dhcp-server-identifier 168.63.129.16;" in lease
        assert "option dhcp-lease-time 4294967295;" in lease
        routes = machine.run(["ip", "route"]).checked()
        assert "default via 10.0.0.1" in routes
        assert "168.63.129.16 via 10.0.0.1" in routes
        assert asked(world) == [("dhcp-discover", 2), ("dhcp-request", 5)]
        assert world.provisioning(VM)["hostName"]["name"] == VM


@pytest.mark.parametrize(
    "fault",
    [
        {"endpoint": "dhcp-discover", "refused": True},
        {"endpoint": "dhcp-discover", "lie": "wrong-transaction"},
        {"endpoint": "dhcp-discover", "lie": "overflow"},
        {"endpoint": "dhcp-request", "lie": "nak"},
    ],
    ids=lambda fault: fault.get("lie", "silence"),
)
def test_a_client_outlives_what_goes_wrong_once(
    fault: dict[str, Any], empty_room: Room, image_tree: Path
) -> None:
    with unaddressed(empty_room, image_tree, {**fault, "count": 1}) as (machine, world):
        machine.run(ONCE, timeout=120).checked()
        assert "10.0.0.4/24" in machine.run(["ip", "addr", "show", "eth0"]).checked()
        assert asked(world)[-1] == ("dhcp-request", 5)


def test_repeated_answers_are_one_lease(empty_room: Room, image_tree: Path) -> None:
    with unaddressed(empty_room, image_tree, {"endpoint": "*", "lie": "repeat", "times": 5}) as (machine, _):
        machine.run(ONCE, timeout=120).checked()
        assert machine.read(LEASES).count("lease {") == 1


def test_without_option_245_there_is_a_lease_that_does_not_name_the_wire_server(
    empty_room: Room, image_tree: Path
) -> None:
    with unaddressed(empty_room, image_tree, {"endpoint": "*", "lie": "no-wire-server"}) as (machine, _):
        machine.run(ONCE, timeout=120).checked()
        assert "unknown-245" not in machine.read(LEASES)


def test_a_quicker_server_wins(empty_room: Room, image_tree: Path) -> None:
    with unaddressed(empty_room, image_tree, {"endpoint": "dhcp-discover", "lie": "two-servers"}) as (
        machine,
        world,
    ):
        with machine.start(ONCE, output="/var/log/dhclient"):
            world.wait(VM, endpoint="dhcp-request", requests=1, timeout=60)
        chosen = [each["remarks"] for each in world.requests(VM) if each["endpoint"] == "dhcp-request"]
        assert chosen[0] == ["the client chose the server 192.0.2.1"]


def test_a_short_lease_is_renewed_by_unicast(empty_room: Room, image_tree: Path) -> None:
    with unaddressed(empty_room, image_tree, {"endpoint": "*", "lie": "short-lease"}) as (machine, world):
        log = "/var/log/dhclient"
        with machine.start([CLIENT[0], "-d", *CLIENT[1:]], output=log):
            world.wait(VM, endpoint="dhcp-renew", requests=1, timeout=120)
            # The answer comes from where the client asked, so it is taken.
            wait_for(lambda: machine.read(log).count("bound to 10.0.0.4") > 1, "the renewal", timeout=60)
        assert "DHCPREQUEST for 10.0.0.4 on eth0 to 168.63.129.16 port 67" in machine.read(log)
        assert asked(world)[-1] == ("dhcp-renew", 5)
