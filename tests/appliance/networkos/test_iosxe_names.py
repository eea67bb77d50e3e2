from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.appliance.networkos.iosxe.names import domain_of, host_name_of, interface_of, plain, user_name_of
from limpet.model.errors import MalformedDocument


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("router-1", "router-1"),
        ("Router_1.example.com", "Router-1"),
        ("7-up", "vm-7-up"),
        ("-a-", "a"),
        ("a" * 70, "a" * 63),
        ("a" * 62 + "-b", "a" * 62),
        ("r\nusername eve privilege 15", "r-username-eve-privilege-15"),
        ("r!x", "r-x"),
        ("b\u00fccher", "b-cher"),
        ("r\x03", "r"),
    ],
)
def test_a_host_name_becomes_one_that_ios_takes(name: str, expected: str) -> None:
    assert host_name_of(name) == expected


@pytest.mark.parametrize("name", ["", ".", "---", "\u4e2d\u6587", ".example.com"])
def test_a_host_name_with_nothing_in_it_is_refused(name: str) -> None:
    with pytest.raises(MalformedDocument, match="letter or digit"):
        host_name_of(name)


@given(st.text(max_size=200))
def test_a_host_name_is_always_one_or_refused(name: str) -> None:
    try:
        given_to_ios = host_name_of(name)
    except MalformedDocument:
        return
    assert re.fullmatch(r"[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", given_to_ios)
    assert host_name_of(given_to_ios) == given_to_ios


@pytest.mark.parametrize("name", ["alice", "a.b@c-d_e", "_x", "9", "A" * 64])
def test_a_user_name_that_ios_takes_is_kept(name: str) -> None:
    assert user_name_of(name) == name


@pytest.mark.parametrize(
    "name", ["", "a b", "a\nb", "a\n", "-a", ".a", "a!", "a?", "a\x03", "A" * 65, "\u00e4"]
)
def test_a_user_name_that_could_break_out_of_its_word_is_refused(name: str) -> None:
    with pytest.raises(MalformedDocument, match="IOS takes"):
        user_name_of(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("example.com", "example.com"),
        ("Example.COM.", "Example.COM"),
        (None, None),
        ("", None),
        ("a b", None),
        ("a\nb", None),
        ("-a.b", None),
        ("a..b", None),
        ("a." * 130 + "b", None),
    ],
)
def test_a_domain_is_given_when_it_is_one(name: str | None, expected: str | None) -> None:
    assert domain_of(name) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gi2", "GigabitEthernet2"),
        ("GigabitEthernet 2", "GigabitEthernet2"),
        ("gigabitethernet2.100", "GigabitEthernet2.100"),
        ("Te0/0/1", "TenGigabitEthernet0/0/1"),
        ("tu10", "Tunnel10"),
        ("lo0", "Loopback0"),
        ("virtual-t 1", "Virtual-Template1"),
        ("virtualp 0", "VirtualPortGroup0"),
        ("po1", "Port-channel1"),
        ("vl10", "Vlan10"),
        ("range gi2-3", None),
        ("gi", None),
        ("gi2\n!", None),
        ("foo1", None),
        ("", None),
    ],
)
def test_an_interface_is_known_by_every_way_of_writing_it(text: str, expected: str | None) -> None:
    assert interface_of(text) == expected


@given(st.text())
def test_an_interfaces_name_is_one_word_without_anything_else(text: str) -> None:
    name = interface_of(text)
    assert name is None or re.fullmatch(r"[A-Za-z-]+\d[0-9/.]*", name)


@given(st.text())
def test_a_comment_holds_nothing_that_ends_it_or_asks_for_help(text: str) -> None:
    shown = plain(text)
    assert len(shown) <= 64
    assert re.fullmatch(r"[ -~]*", shown)
    assert not set(shown) & set("!?")
