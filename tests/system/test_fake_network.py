"""The fake network of namespaces says and does what iproute2 and the kernel do."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.appliance.networkos.rigs import mac_of

from limpet.guest.namespaces import parse_links
from limpet.host.fake import FakeMachine
from limpet.host.fake_network import MAIN, FakeNetwork
from limpet.host.fake_programs import namespaces
from limpet.lab.commands import run
from limpet.lab.netns import Network, network
from limpet.lab.workspace import named

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.system

HOME, AWAY = "home", "away"
SCRIPT = (
    # place, line of `ip`; a name in braces stands for a namespace
    (AWAY, "address add 10.9.9.9/24 dev eth0"),
    (HOME, "link set dev eth0 up"),
    (HOME, "address add 10.0.0.4/24 broadcast + dev eth0 label eth0:ab12"),
    (HOME, "address add 10.0.0.4/24 broadcast + dev eth0 label eth0:ab12"),
    (HOME, "address replace 10.0.0.4/24 broadcast + dev eth0"),
    (HOME, "address add 10.0.1.4/24 dev eth0 label other"),
    (HOME, "route replace default via 10.0.0.1 dev eth0 proto dhcp onlink"),
    (HOME, "route replace default via 10.0.0.1 dev eth0 proto dhcp metric 100 onlink"),
    (HOME, "route replace 10.8.0.0/16 via 10.0.0.9 dev eth0 proto dhcp onlink table 77"),
    (HOME, "route add 10.8.0.0/16 via 10.0.0.9 dev eth0 proto dhcp onlink table 77"),
    (HOME, "route replace 168.63.129.16/32 via 10.3.0.1 dev eth0 proto dhcp"),
    (HOME, "route replace 10.7.0.0/16 dev eth1 proto dhcp scope link"),
    (HOME, "rule add pref 200 from 10.0.0.4 lookup 77"),
    (HOME, "rule add pref 200 from 10.0.0.4 lookup 77"),
    (HOME, "rule add pref 100 to 192.168.35.0/24 lookup main"),
    (HOME, "rule flush table 78"),
    (HOME, "rule flush pref 100"),
    (HOME, "route flush table all dev eth0 proto kernel"),
    (HOME, "link set dev eth0 group 7"),
    (HOME, "link set dev eth0 netns {away} name eth0"),
    (HOME, "link set dev eth9 up"),
    (AWAY, "link set dev eth0 up"),
    (AWAY, "address add 10.0.0.4/24 dev eth0 label eth0:ab12"),
    (AWAY, "address add 10.0.0.5/32 dev eth0"),
    (AWAY, "route replace default via 10.0.0.1 dev eth0 proto dhcp"),
    (AWAY, "address flush dev eth0 label eth0:*"),
    (AWAY, "route replace 10.6.0.0/16 dev eth0 proto dhcp scope link"),
    (AWAY, "address flush dev eth0"),
    (AWAY, "link set dev eth0 netns {home} name eth1"),
    (AWAY, "link set dev eth0 netns {home} name eth5"),
    (HOME, "link add name vp0 type veth peer name gs0 netns {away}"),
    (HOME, "link add name vp1 type veth peer name gs0 netns {away}"),
    (AWAY, "address add 192.168.35.2/24 dev gs0"),
    (AWAY, "link set dev gs0 up"),
    (HOME, "link set dev vp0 up"),
    (AWAY, "route replace default via 192.168.35.1 dev gs0"),
    (AWAY, "link set dev gs0 down"),
    (HOME, "link delete dev vp0"),
    (HOME, "link delete dev vp0"),
)


@contextmanager
def real() -> Iterator[dict[str, Network]]:
    """Two namespaces; the NICs of one have their other ends in a third."""
    with ExitStack() as stack:
        every = {name: stack.enter_context(network(named(name))) for name in (HOME, AWAY, "switch")}
        for number in (0, 1):
            every["switch"].ip(
                f"link add name p{number} type veth peer name eth{number} netns {every[HOME].name}",
                f"link set p{number} up",
            )
            every[HOME].ip(f"link set eth{number} address {mac_of(number)}")
        yield every


def fake() -> tuple[FakeMachine, FakeNetwork]:
    machine = FakeMachine()
    made = FakeNetwork(machine.files)
    namespaces.install(made, machine.commands)
    for name in (HOME, AWAY):
        machine.commands.run(("ip", "netns", "add", name))
    for number in (0, 1):
        made.add_nic(f"eth{number}", mac_of(number))
        assert made.move(f"eth{number}", "", HOME, None) is None
    return machine, made


def test_each_command_ends_the_same_way_and_leaves_the_same() -> None:
    with real() as every:
        machine, made = fake()
        for number, (place, line) in enumerate(SCRIPT):
            batch = ("ip", "-netns", every[place].name, "-batch", "-")
            names = {name: each.name for name, each in every.items()}
            truth = run(list(batch), stdin=line.format(**names) + "\n")
            told = machine.commands.run(
                ("ip", "-netns", place, "-batch", "-"),
                stdin=f"{line.format(home=HOME, away=AWAY)}\n".encode(),
            )
            where = f"{number}: {place}: {line}: {truth.stderr.strip()} | {told.stderr.decode()}"
            assert (truth.exit_code == 0) == (told.exit_code == 0), where
            for space in (HOME, AWAY):
                assert faked(machine, made, space) == seen(every[space]), f"{where} in {space}"


def faked(machine: FakeMachine, made: FakeNetwork, place: str) -> object:
    space = made.namespaces[place]
    said = machine.commands.run(("ip", "-netns", place, "-json", "-details", "address", "show"))
    return (
        links(said.stdout),
        {
            (str(each.destination), str(each.gateway), each.device, each.table, each.metric, each.protocol)
            for each in space.routes
        },
        {(each.priority, each.table, str(each.source), str(each.destination)) for each in space.rules},
    )


def seen(place: Network) -> object:
    said = run(["ip", "-netns", place.name, "-json", "-details", "address", "show"]).checked()
    shown = run(["ip", "-4", "-netns", place.name, "-json", "-N", "route", "show", "table", "all"]).checked()
    rules = run(["ip", "-netns", place.name, "-json", "-N", "rule", "show"]).checked()
    return links(said.encode()), routes_of(shown), rules_of(rules)


def links(said: bytes) -> object:
    return {
        (each.name, each.up, each.kind if each.name[:2] != "et" else None, each.addresses, each.labels)
        for each in parse_links(said)
    }


def routes_of(said: str) -> object:
    found = set()
    protocols = {"2": "kernel", "16": "dhcp", "3": "boot"}
    for each in json.loads(said or "[]"):
        if each.get("type", "1") in {"local", "broadcast", "2", "3"} or each.get("table") in {"local", "255"}:
            continue
        destination = "0.0.0.0/0" if each["dst"] == "default" else each["dst"]
        destination += "" if "/" in destination else "/32"
        table = int(each.get("table", MAIN))
        protocol = protocols[str(each.get("protocol", "3"))]
        found.add(
            (destination, str(each.get("gateway")), each["dev"], table, int(each.get("metric", 0)), protocol)
        )
    return found


def rules_of(said: str) -> object:
    found = set()
    for each in json.loads(said):
        if each["priority"] in {0, 32766, 32767}:
            continue
        source = None if each["src"] == "all" else f"{each['src']}/{each.get('srclen', 32)}"
        target = f"{each['dst']}/{each.get('dstlen', 32)}" if "dst" in each else None
        found.add((each["priority"], int(each["table"]), str(source), str(target)))
    return found
