"""The file in which later stages find the leases that boot was given."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.lease import (
    LARGEST,
    MOST_OTHERS,
    SAVED_LEASE,
    AcquiredLease,
    parse_lease,
    parse_other_leases,
    render_lease,
)
from limpet.guest.network import plan_saved_lease
from limpet.guest.steps import Write
from limpet.host.facts.leases import saved_leases
from limpet.host.fake import FakeMachine
from limpet.model.errors import MalformedDocument
from limpet.model.network import Route

_ADDRESSES = st.integers(1 << 24, 0xDFFFFFFF).map(IPv4Address)
_NETWORKS = st.builds(
    lambda address, prefix: IPv4Network((address, prefix), strict=False), _ADDRESSES, st.integers(0, 32)
)
_LEASES = st.builds(
    AcquiredLease,
    interface=st.from_regex(r"eth[0-9]{1,2}", fullmatch=True),
    mac=st.from_regex(r"00155d[0-9a-f]{6}", fullmatch=True),
    address=_ADDRESSES,
    prefix=st.integers(0, 32),
    routes=st.lists(st.builds(Route, destination=_NETWORKS, gateway=_ADDRESSES), max_size=4).map(tuple),
    dns=st.lists(_ADDRESSES, max_size=3).map(tuple),
    domain=st.none() | st.just("internal.cloudapp.net"),
    wire_server=st.none() | _ADDRESSES,
    server=_ADDRESSES,
    obtained=st.floats(0, 1e10),
    seconds=st.none() | st.integers(0, 0xFFFFFFFE),
)
PRIMARY = AcquiredLease(
    interface="eth0",
    mac="00155d010203",
    address=IPv4Address("10.0.0.4"),
    prefix=24,
    wire_server=IPv4Address("168.63.129.16"),
    server=IPv4Address("168.63.129.16"),
    obtained=1767225600.0,
)
SECOND = replace(
    PRIMARY, interface="eth1", mac="00155d010204", address=IPv4Address("10.1.0.4"), wire_server=None
)
WITHOUT_OTHERS = b"""{
 "version": 1,
 "interface": "eth0",
 "mac": "00155d010203",
 "address": "10.0.0.4",
 "prefix": 24,
 "routes": [],
 "dns": [],
 "domain": null,
 "wire_server": "168.63.129.16",
 "server": "168.63.129.16",
 "obtained": 1767225600.0,
 "seconds": null
}
"""


@given(_LEASES, st.lists(_LEASES, max_size=5, unique_by=lambda each: each.mac))
def test_every_nics_lease_is_read_as_it_was_given(lease: AcquiredLease, others: list[AcquiredLease]) -> None:
    content = render_lease(lease, others)
    assert parse_lease(content) == lease
    assert parse_other_leases(content) == tuple(each for each in others if each.mac != lease.mac)


def test_a_file_of_before_there_were_others_is_read_and_one_lease_is_still_written_so() -> None:
    assert parse_lease(WITHOUT_OTHERS) == PRIMARY
    assert parse_other_leases(WITHOUT_OTHERS) == ()
    assert render_lease(PRIMARY) == WITHOUT_OTHERS


def test_who_knows_nothing_of_others_reads_the_primary_nics_lease_where_it_was() -> None:
    found = json.loads(render_lease(PRIMARY, [SECOND]))
    del found["others"]
    assert found == json.loads(WITHOUT_OTHERS)


@pytest.mark.parametrize(
    "others",
    [
        None, {}, "eth1", 1, [None], [[]], [{}],
        [{**json.loads(WITHOUT_OTHERS), "version": 2, "mac": "00155d010209"}],
        [{**json.loads(WITHOUT_OTHERS), "address": "10.0.0.400", "mac": "00155d010209"}],
        [json.loads(WITHOUT_OTHERS)],
    ],
)  # fmt: skip
def test_what_cannot_be_read_beside_the_primary_nics_lease_takes_nothing_else_with_it(others: Any) -> None:
    good = json.loads(render_lease(SECOND))
    found = {**json.loads(WITHOUT_OTHERS), "others": others}
    assert parse_lease(json.dumps(found).encode()) == PRIMARY
    assert parse_other_leases(json.dumps(found).encode()) == ()
    if isinstance(others, list):
        found["others"] = [*others, good, good]
        assert parse_other_leases(json.dumps(found).encode()) == (SECOND,)


def test_a_file_cut_at_any_byte_gives_no_lease_at_all() -> None:
    content = render_lease(PRIMARY, [SECOND])
    machine = FakeMachine()
    machine.files.make_folder(SAVED_LEASE.parent)
    for length in range(len(content) - 1):
        with pytest.raises(MalformedDocument):
            parse_other_leases(content[:length])
        machine.files.replace(SAVED_LEASE, content[:length])
        assert saved_leases(machine.files) == ()


def test_the_file_stays_one_that_is_read_however_many_nics_there_are_and_routes_they_were_given() -> None:
    routes = tuple(
        Route(destination=IPv4Network(f"10.255.{n}.128/25"), gateway=IPv4Address("10.255.255.254"))
        for n in range(64)
    )
    many = [replace(SECOND, mac=f"00155d02{n:04x}", routes=routes) for n in range(64)]
    content = render_lease(replace(PRIMARY, routes=routes), many)
    assert len(content) <= LARGEST
    assert parse_other_leases(content) == tuple(many[: len(parse_other_leases(content))]) != ()
    plain = render_lease(PRIMARY, [replace(each, routes=()) for each in many])
    assert len(parse_other_leases(plain)) == MOST_OTHERS


def test_what_is_kept_already_is_not_written_again() -> None:
    (_, written) = plan_saved_lease(PRIMARY, None, (SECOND, PRIMARY, SECOND)).steps
    assert isinstance(written, Write)
    assert isinstance(written.content, bytes)
    assert plan_saved_lease(PRIMARY, written.content, (SECOND,)).steps == ()
    assert plan_saved_lease(PRIMARY, written.content).steps
    assert plan_saved_lease(PRIMARY, WITHOUT_OTHERS, (SECOND,)).steps
    assert plan_saved_lease(PRIMARY, WITHOUT_OTHERS).steps == ()


def test_all_that_was_kept_is_found_the_primary_nics_first() -> None:
    machine = FakeMachine()
    assert saved_leases(machine.files) == ()
    machine.files.make_folder(SAVED_LEASE.parent)
    machine.files.replace(SAVED_LEASE, WITHOUT_OTHERS)
    assert saved_leases(machine.files) == (PRIMARY,)
    machine.files.replace(SAVED_LEASE, render_lease(PRIMARY, [SECOND]))
    assert saved_leases(machine.files) == (PRIMARY, SECOND)
