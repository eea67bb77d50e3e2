"""What the lab's appliance is made of, without making one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.lab.appliance.nics import MOST_NICS, card_of
from limpet.lab.appliance.sight import GUEST, HOST, NOS, Link, looking, seen
from limpet.lab.appliance.volume import DRIVE, FOLDERS, mounts
from limpet.lab.commands import LabError

LOOPBACK = {
    "ifname": "lo",
    "link_type": "loopback",
    "ifindex": 1,
    "flags": ["UP"],
    "address": "00:00:00:00:00:00",
}
ETH0 = {
    "ifname": "eth0",
    "link_type": "ether",
    "ifindex": 2064,
    "flags": ["BROADCAST", "UP", "LOWER_UP"],
    "address": "00:0D:3A:00:00:04",
    "altnames": ["GigabitEthernet1"],
    "addr_info": [
        {"local": "10.0.0.4", "prefixlen": 24, "scope": "global"},
        {"local": "fe80::1", "prefixlen": 64, "scope": "link"},
    ],
}
SHOWN = Link(
    namespace=NOS,
    name="eth0",
    mac="00:0d:3a:00:00:04",
    index=2064,
    up=True,
    addresses=("10.0.0.4/24",),
    altnames=("GigabitEthernet1",),
)


def test_interfaces_are_seen_with_the_namespace_that_has_them() -> None:
    text = f"== {HOST}\n{json.dumps([LOOPBACK])}\n== {NOS}\n{json.dumps([LOOPBACK, ETH0])}\n"
    assert seen(text) == (SHOWN,)


def test_a_namespace_without_interfaces_says_nothing() -> None:
    assert seen(f"== {HOST}\n== {NOS}\n[]\n") == ()


@pytest.mark.parametrize("listed", ["Cannot open network namespace", "[{}]", "[1]", '{"a": 1}'])
def test_what_cannot_be_read_is_said(listed: str) -> None:
    with pytest.raises(LabError, match="cannot read the interfaces of limpet-guest"):
        seen(f"== {GUEST}\n{listed}")


def test_a_namespace_that_is_not_there_is_not_asked() -> None:
    assert f"test -e /run/netns/{NOS} &&" in looking()
    assert f"/run/netns/{HOST}" not in looking()


@given(st.sets(st.tuples(st.integers(4, 253), st.integers(0, MOST_NICS - 1)), max_size=40))
def test_nics_of_all_guests_of_a_room_differ_in_everything(which: set[tuple[int, int]]) -> None:
    cards = [card_of(guest, number) for guest, number in which]
    for name in ("mac", "address", "port", "index"):
        assert len({getattr(card, name) for card in cards}) == len(cards)
    assert all(len(f"vf{card.port}") <= 15 for card in cards)
    assert all(card.gateway.rsplit(".", 1)[0] == card.address.rsplit(".", 1)[0] for card in cards)


@pytest.mark.parametrize("number", [-1, MOST_NICS])
def test_there_is_no_nic_beyond_the_last(number: int) -> None:
    with pytest.raises(LabError, match="16 NICs at most"):
        card_of(4, number)


def test_every_folder_of_the_volume_is_mounted_from_its_drive() -> None:
    lines = mounts()
    assert f"/dev/{DRIVE} " in lines[1]
    for folder in FOLDERS:
        assert any(line.startswith("mount --bind") and line.endswith(f" {folder}") for line in lines)
