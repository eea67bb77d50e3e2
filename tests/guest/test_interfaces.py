"""NICs: which are ours to touch, and which comes first."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.interfaces import Nic, candidates, natural
from limpet.guest.routes import KernelRoute, parse_local_addresses, parse_route_table, way_to
from limpet.host.facts import interfaces
from limpet.host.fake import FakeMachine

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"


def nic(name: str, mac: str = "", **members: object) -> Nic:
    return Nic(name=name, mac=mac or f"00155d{name.encode().hex()[-6:]:0>6}", **members)  # type: ignore[arg-type]


def names(*nics: Nic) -> list[str]:
    return [each.name for each in candidates(nics)]


def test_eth0_comes_first_then_synthetic_nics_then_by_number() -> None:
    assert names(
        nic("eth10", driver="hv_netvsc"),
        nic("eth2", driver="hv_netvsc"),
        nic("ens1", driver="virtio_net"),
        nic("eth0"),
    ) == ["eth0", "eth2", "eth10", "ens1"]


def test_a_carrier_counts_more_than_a_name() -> None:
    assert names(nic("eth0", carrier=False), nic("eth1", carrier=None), nic("eth2", carrier=True)) == [
        "eth2",
        "eth1",
        "eth0",
    ]


@pytest.mark.parametrize("driver", ["mlx4_en", "mlx4_core", "mlx5_core", "mana"])
def test_a_virtual_function_is_no_candidate(driver: str) -> None:
    assert names(
        nic("eth0", "00155d010203", driver="hv_netvsc"), nic("eth1", "00155d010203", driver=driver)
    ) == ["eth0"]
    assert names(nic("eth1", driver=driver)) == []


def test_whatever_shares_the_mac_of_a_synthetic_nic_is_no_candidate() -> None:
    assert names(
        nic("eth0", "00155d010203", driver="hv_netvsc"), nic("enP1", "00155d010203", driver="other")
    ) == ["eth0"]


def test_bridges_and_their_like_are_no_candidates_and_containers_have_nics_without_a_device() -> None:
    assert names(nic("eth0"), nic("br0", real=False, composed=True), nic("veth1", real=False)) == ["eth0"]
    assert names(nic("eth0", real=False), nic("docker0", real=False, composed=True)) == ["eth0"]
    assert names(nic("sit0", kind=776), nic("dummy0", "000000000000")) == []


@given(st.lists(st.from_regex(r"[a-z]{1,3}[0-9]{0,3}", fullmatch=True), unique=True))
def test_natural_order_is_an_order(found: list[str]) -> None:
    backwards = found[::-1]
    assert sorted(found, key=natural) == sorted(backwards, key=natural)


def test_numbers_in_names_are_numbers() -> None:
    assert sorted(["eth10", "eth9", "enp0s10", "enp0s9"], key=natural) == [
        "enp0s9",
        "enp0s10",
        "eth9",
        "eth10",
    ]


def test_nics_are_read_from_sysfs() -> None:
    machine = FakeMachine()
    machine.links.add("eth0", "00155D010203", up=True)
    machine.links.add("wlan", "00155d010204", driver=None)
    machine.files.make_folder(Path("/sys/class/net/lo"))
    machine.files.make_folder(Path("/sys/class/net/odd"))
    assert interfaces.nics(machine.files) == (
        Nic(name="eth0", mac="00155d010203", driver="hv_netvsc", up=True, carrier=True),
        Nic(name="wlan", mac="00155d010204", driver=None, real=False),
    )


def test_routes_are_read_as_the_kernel_writes_them() -> None:
    text = (
        f"{HEAD}eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
        "eth0\t10813FA8\t0100000A\t0007\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n"
        "lo\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0\nnoise\neth9\tZZ\t0\t1\t0\t0\t0\t0\n"
    )
    first, second = parse_route_table(text)
    assert first == KernelRoute(
        interface="eth0", destination=IPv4Network("0.0.0.0/0"), gateway=IPv4Address("10.0.0.1"), metric=100
    )
    assert second.destination == IPv4Network("168.63.129.16/32")
    assert way_to(IPv4Address("168.63.129.16"), (first, second)) == second
    assert way_to(IPv4Address("1.1.1.1"), (second,)) is None


def test_of_two_default_routes_the_lower_metric_is_taken() -> None:
    low, high = (
        KernelRoute(
            interface=name,
            destination=IPv4Network("0.0.0.0/0"),
            gateway=IPv4Address("10.0.0.1"),
            metric=metric,
        )
        for name, metric in (("eth0", 100), ("eth1", 200))
    )
    assert way_to(IPv4Address("1.1.1.1"), (high, low)) == low


@given(st.text(max_size=300))
def test_a_route_table_of_noise_is_empty_or_routes(text: str) -> None:
    parse_route_table(text)
    parse_local_addresses(text)


def test_own_addresses_are_read_from_the_trie() -> None:
    text = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
        |-- 10.0.0.0
           /24 link UNICAST
        |-- 10.0.0.4
           /32 host LOCAL
        |-- 10.0.0.255
           /32 link BROADCAST
"""
    assert parse_local_addresses(text) == {IPv4Address("10.0.0.4")}
