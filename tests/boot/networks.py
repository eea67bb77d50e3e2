"""Machines whose network is not there yet."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from limpet.boot.connection import Connection, Network
from limpet.guest.routes import parse_route_table, way_to
from limpet.host.fake import FakeMachine
from limpet.host.fake_programs import install

MAC = "00155d010203"
WIRE_SERVER = "168.63.129.16"
ROUTES, TRIE = Path("/proc/net/route"), Path("/proc/net/fib_trie")
HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
STRANGER = IPv4Address("192.0.2.1")


def machine() -> FakeMachine:
    made = FakeMachine()
    install(made.commands, "network")
    made.files.make_folder(Path("/etc"))
    return made


def network(made: FakeMachine, **policy: Any) -> Network:
    return Network(
        files=made.files,
        links=made.links,
        clock=made.clock,
        chance=made.chance,
        log=made.log,
        **{"host_name": "vm-new", "patience": 600.0, **policy},
    )


def apply(made: FakeMachine, found: Connection) -> None:
    outcomes = made.interpreter.apply(found.tasks)
    assert not [outcome.describe() for outcome in outcomes if outcome.failed]


def text(made: FakeMachine, path: Path) -> str:
    return made.files.read(path, at_most=1 << 20).decode()


def leads_to_the_wire_server(made: FakeMachine) -> bool:
    return way_to(IPv4Address(WIRE_SERVER), parse_route_table(text(made, ROUTES))) is not None
