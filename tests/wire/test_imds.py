from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.model.errors import MalformedDocument
from limpet.model.metadata import Compute, Instance, NetworkInterface
from limpet.wire.imds import (
    instance_members,
    instance_request,
    parse_compute,
    parse_instance,
    render_compute,
    render_instance,
)

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "imds" / "valid.json"
TEXTS = st.text(max_size=20)
V4 = st.ip_addresses(v=4).map(str)
V6 = st.ip_addresses(v=6).map(str)
COMPUTES = st.builds(Compute, **dict.fromkeys(Compute.__dataclass_fields__, TEXTS))


@st.composite
def interfaces(draw: st.DrawFn) -> NetworkInterface:
    v4, v6 = draw(st.lists(V4, min_size=1, max_size=3)), draw(st.lists(V6, max_size=2))
    subnets = [(address, draw(st.integers(0, 32))) for address in draw(st.lists(V4, max_size=2))]
    subnets += [(address, draw(st.integers(0, 128))) for address in draw(st.lists(V6, max_size=2))]
    mac = draw(st.binary(min_size=6, max_size=6)).hex().upper()
    return NetworkInterface(mac=mac, private_addresses=tuple(v4 + v6), subnets=tuple(subnets))


def instance(**interface: Any) -> Any:
    return {
        "network": {
            "interface": [
                {
                    "macAddress": "000D3A3382E8",
                    "ipv4": {"ipAddress": [{"privateIpAddress": "10.0.1.4"}]},
                    **interface,
                }
            ]
        }
    }


def test_requests_name_part_and_version() -> None:
    request = instance_request("compute")
    assert (request.method, dict(request.headers)) == ("GET", {"Metadata": "True"})
    assert request.url == "http://169.254.169.254/metadata/instance/compute?api-version=2018-02-01"
    assert instance_request().url == "http://169.254.169.254/metadata/instance?api-version=2018-02-01"
    assert (
        instance_request(api_version="2021-08-01", extended=True, endpoint="127.0.0.1:9").url
        == "http://127.0.0.1:9/metadata/instance?api-version=2021-08-01&extended=true"
    )


@given(COMPUTES)
def test_compute_survives_writing_and_reading(compute: Compute) -> None:
    assert parse_compute(render_compute(compute)) == compute


@given(
    st.builds(
        Instance, compute=COMPUTES, interfaces=st.lists(interfaces(), min_size=1, max_size=3).map(tuple)
    )
)
def test_an_instance_survives_writing_and_reading(read: Instance) -> None:
    assert parse_instance(render_instance(read)) == read


def test_compute_takes_what_is_there_and_ignores_the_rest() -> None:
    read = parse_compute(
        b'{"location": "westus", "platformFaultDomain": 0, "zone": null, "extra": {"a": []}}'
    )
    assert read == Compute(location="westus", platform_fault_domain="0")


@pytest.mark.parametrize(
    ("mac", "read"),
    [
        ("000D3A3382E8", "000D3A3382E8"),
        ("00:0d:3a:33:82:e8", "000D3A3382E8"),
        ("00-0D-3A-33-82-E8", "000D3A3382E8"),
    ],
)
def test_a_mac_is_read_in_every_spelling(mac: str, read: str) -> None:
    assert parse_instance(json.dumps(instance(macAddress=mac)).encode()).interfaces[0].mac == read


def test_compute_may_be_missing_from_the_instance() -> None:
    assert parse_instance(json.dumps(instance()).encode()) == Instance(
        compute=Compute(), interfaces=(NetworkInterface(mac="000D3A3382E8", private_addresses=("10.0.1.4",)),)
    )


def test_later_interfaces_are_taken_as_far_as_they_have_a_mac() -> None:
    document = instance()
    document["network"]["interface"] += [{"ipv4": {}}, {"macAddress": "000D3A000001"}]
    read = parse_instance(json.dumps(document).encode())
    assert [interface.mac for interface in read.interfaces] == ["000D3A3382E8", "000D3A000001"]


def without(document: Any, *path: str | int) -> Any:
    node = document
    for step in path[:-1]:
        node = node[step]
    del node[path[-1]]
    return document


FIRST = ("network", "interface", 0)


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([], "the document is missing or not an object"),
        ({}, "network is missing"),
        ({"network": {}}, "network.interface is missing or empty"),
        ({"network": {"interface": []}}, "network.interface is missing or empty"),
        ({"network": {"interface": {}}}, "network.interface is not an array"),
        ({"network": {"interface": [5]}}, r"network.interface\[0\] is missing or not an object"),
        (without(instance(), *FIRST, "macAddress"), r"interface\[0\].macAddress is missing"),
        (instance(macAddress=""), "macAddress is missing or empty"),
        (instance(macAddress={}), "macAddress is not text"),
        (without(instance(), *FIRST, "ipv4"), "privateIpAddress is missing"),
        (instance(ipv4=None), "privateIpAddress is missing"),
        (instance(ipv4=[]), "ipv4 is missing or not an object"),
        (instance(ipv4={"ipAddress": []}), "privateIpAddress is missing"),
        (instance(ipv4={"ipAddress": [{}]}), "privateIpAddress is missing"),
        (instance(ipv4={"ipAddress": [{"privateIpAddress": ""}, {"privateIpAddress": "10.0.0.4"}]}), "privateIpAddress is missing or empty"),
        (instance(ipv4={"ipAddress": ["10.0.0.4"]}), "is missing or not an object"),
        (instance(ipv6={"ipAddress": 5}), "ipv6.ipAddress is not an array"),
        (instance(ipv6={"subnet": [{"address": "fd00::", "prefix": "x"}]}), "has no address with a prefix length"),
        (instance(ipv6={"subnet": [{"prefix": "64"}]}), "has no address with a prefix length"),
        ({**instance(), "compute": []}, "compute is missing or not an object"),
        ({**instance(), "compute": {"sku": []}}, "compute.sku is not text"),
    ],
)  # fmt: skip
def test_an_instance_without_what_the_platform_checks_is_refused(document: Any, complaint: str) -> None:
    with pytest.raises(MalformedDocument, match=complaint):
        parse_instance(json.dumps(document).encode())


def test_members_can_be_added_by_who_serves_newer_versions() -> None:
    members = instance_members(Instance(compute=Compute(vm_id="x"), interfaces=()))
    assert members["compute"]["vmId"] == "x"
    assert members["network"] == {"interface": []}


@pytest.mark.skipif(not CORPUS.is_file(), reason="no corpus beside this checkout")
def test_the_corpus_sample_is_read() -> None:
    body = CORPUS.read_bytes()
    read = parse_instance(body)
    assert read.compute == Compute(
        location="westus",
        name="health",
        offer="UbuntuServer",
        os_type="Linux",
        publisher="Canonical",
        resource_group="tests",
        sku="16.04-LTS",
        subscription_id="21b2dc34-bce6-4e63-9449-d2a8d1c2339e",
        version="16.04.201805220",
        vm_id="e7fdbfc4-2deb-4a4e-8615-ea6aaf50162e",
        vm_size="Standard_D2_V2",
        platform_fault_domain="0",
        platform_update_domain="0",
    )
    assert read.interfaces == (
        NetworkInterface(mac="000D3A3382E8", private_addresses=("10.0.1.4",), subnets=(("10.0.1.0", 24),)),
    )
    assert parse_compute(json.dumps(json.loads(body)["compute"]).encode()) == read.compute
