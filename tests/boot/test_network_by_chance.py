"""Whole searches by chance: NICs that come and go, servers that fall silent and lie, and in the end one that does not."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.boot.networks import ROUTES, machine, network
from tests.boot.test_network_lies import REFUSED, SURVIVED

from limpet.boot.network import connect
from limpet.guest.routes import parse_route_table
from limpet.host.facts.interfaces import nic_of
from limpet.host.fake_links import FakeDhcpServer
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.host.fake import FakeMachine

NAMES = ("eth0", "eth1", "ens3")
LIES = {**SURVIVED, **{name: lie for name, (lie, _) in REFUSED.items()}}
UNTIL = 60.0
"""By then everything is as it should be, seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    at: float
    nic: str
    what: str


happenings = st.lists(
    st.builds(
        Happening,
        at=st.floats(0.0, UNTIL),
        nic=st.sampled_from(NAMES),
        what=st.sampled_from(["add", "remove", "silence", "break", "mend", *LIES]),
    ),
    max_size=12,
)


class World:
    def __init__(self, made: FakeMachine) -> None:
        self.made = made
        self.servers = {name: FakeDhcpServer() for name in NAMES}

    def happen(self, event: Happening) -> None:
        links, server = self.made.links, self.servers[event.nic]
        there = event.nic in links.servers
        if event.what == "add" and not there:
            self.add(event.nic)
        elif event.what == "remove" and there:
            links.remove(event.nic)
        elif event.what == "silence":
            server.quiet = True
        elif event.what == "break":
            links.broken[event.nic] = "No buffer space available"
        elif event.what == "mend":
            links.broken.pop(event.nic, None)
        elif event.what in LIES:
            server.lie = LIES[event.what]

    def add(self, name: str) -> None:
        self.made.links.add(name, f"00155d00000{NAMES.index(name)}", server=self.servers[name])

    def be_well(self) -> None:
        self.made.links.broken.clear()
        for server in self.servers.values():
            server.quiet, server.lie = False, lambda proper: (proper,)
        if "eth0" not in self.made.links.servers:
            self.add("eth0")


def begun(events: list[Happening]) -> World:
    world = World(machine())
    for event in events:
        world.made.clock.after(event.at, lambda event=event: world.happen(event))  # type: ignore[misc]
    return world


@settings(max_examples=150, deadline=None)
@given(happenings)
def test_the_platform_is_reached_soon_after_all_is_well(events: list[Happening]) -> None:
    world = begun(events)
    made = world.made
    made.clock.after(UNTIL, world.be_well)
    start = made.clock.monotonic()
    found = connect(network(made))
    assert made.clock.monotonic() - start <= UNTIL + 60.0
    assert found.endpoint == "168.63.129.16"
    assert made.links.open == 0
    if found.interface in made.links.servers:
        outcomes = made.interpreter.apply(found.tasks)
        assert not [outcome.describe() for outcome in outcomes if outcome.failed]
        table: Any = parse_route_table(made.files.read(ROUTES, at_most=1 << 20).decode())
        assert {route.interface for route in table} == {found.interface}


@settings(max_examples=100, deadline=None)
@given(happenings)
def test_a_search_ends_in_time_and_leaves_links_as_they_were(events: list[Happening]) -> None:
    world = begun(events)
    made = world.made
    start = made.clock.monotonic()
    chosen = None
    with suppress(HostError):
        chosen = connect(network(made, patience=UNTIL)).interface
    assert made.clock.monotonic() - start <= 2 * UNTIL
    assert made.links.open == 0
    up = {name for name in made.links.servers if (nic := nic_of(made.files, name)) is not None and nic.up}
    assert up <= {chosen}
