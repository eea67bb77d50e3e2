"""The lines that give a NIC its lease."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from limpet.guest.interfaces import NetworkFacts, Nic
from limpet.guest.lease import AcquiredLease
from limpet.guest.network import plan_lease
from limpet.guest.routes import KernelRoute
from limpet.guest.steps import Run
from limpet.model.network import Route

GATEWAY = IPv4Address("10.0.0.1")
LEASE = AcquiredLease(
    interface="eth0",
    mac="00155d010203",
    address=IPv4Address("10.0.0.4"),
    prefix=24,
    routes=(Route(destination=IPv4Network("0.0.0.0/0"), gateway=GATEWAY),),
    server=IPv4Address("168.63.129.16"),
    obtained=0.0,
)
UP = NetworkFacts(nics=(Nic(name="eth0", mac="00155d010203", up=True),))


def lines(lease: AcquiredLease = LEASE, facts: NetworkFacts = UP) -> list[str]:
    text = ""
    for step in plan_lease(lease, facts).steps:
        assert isinstance(step, Run)
        assert isinstance(step.stdin, bytes)
        assert step.argv == ("ip", "-batch", "-")
        text += step.stdin.decode()
    return text.splitlines()


def test_address_then_routes_of_its_own_to_the_platform_then_the_default() -> None:
    assert lines() == [
        "address replace 10.0.0.4/24 broadcast + dev eth0",
        "route replace 168.63.129.16/32 via 10.0.0.1 dev eth0",
        "route replace 169.254.169.254/32 via 10.0.0.1 dev eth0",
        "route replace 0.0.0.0/0 via 10.0.0.1 dev eth0",
    ]


def test_a_link_that_is_down_is_brought_up_first() -> None:
    assert lines(facts=NetworkFacts())[0] == "link set dev eth0 up"


def test_what_is_in_place_gives_no_line() -> None:
    have = NetworkFacts(
        nics=UP.nics,
        addresses=frozenset({LEASE.address}),
        routes=(KernelRoute(interface="eth0", destination=IPv4Network("0.0.0.0/0"), gateway=GATEWAY),),
    )
    assert [line.split()[2] for line in lines(facts=have)] == ["168.63.129.16/32", "169.254.169.254/32"]


def test_a_route_on_another_nic_is_not_ours() -> None:
    have = replace(
        UP, routes=(KernelRoute(interface="eth1", destination=IPv4Network("0.0.0.0/0"), gateway=GATEWAY),)
    )
    assert len(lines(facts=have)) == 4


def test_an_address_without_neighbours_reaches_its_gateway_on_the_link() -> None:
    found = lines(replace(LEASE, prefix=32))
    assert found[0] == "address replace 10.0.0.4/32 dev eth0"
    assert found[-1] == "route replace 0.0.0.0/0 via 10.0.0.1 dev eth0 onlink"


def test_direct_routes_come_before_those_that_go_by_them() -> None:
    routes = (
        Route(destination=IPv4Network("0.0.0.0/0"), gateway=IPv4Address("10.9.0.1")),
        Route(destination=IPv4Network("10.9.0.0/16"), gateway=IPv4Address(0)),
    )
    assert lines(replace(LEASE, routes=routes))[1] == "route replace 10.9.0.0/16 dev eth0 scope link"


def test_the_plan_says_what_it_does() -> None:
    assert "route replace 0.0.0.0/0 via 10.0.0.1 dev eth0" in plan_lease(LEASE, UP).purpose
    many = tuple(Route(destination=IPv4Network(f"10.{n}.0.0/16"), gateway=GATEWAY) for n in range(1, 40))
    assert "more)" in plan_lease(replace(LEASE, routes=many), UP).purpose
