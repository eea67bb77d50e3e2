"""The rules for the wire server: what counts as ours, as the same, and as in place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.firewall import (
    Facts,
    canonical_table,
    in_place,
    our_rules,
    plan,
    removal,
    script,
    wanted_rules,
    wanted_table,
)

ENDPOINT = "168.63.129.16"
RULE: list[dict[str, Any]] = [
    {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": ENDPOINT}},
    {"match": {"op": "!=", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 53}},
    {"match": {"op": "!=", "left": {"meta": {"key": "skuid"}}, "right": 0}},
    {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["invalid", "new"]}},
    {"counter": {"packets": 3, "bytes": 180}},
    {"drop": None},
]
CHAIN = {"name": "output", "type": "filter", "hook": "output", "prio": 0, "policy": "accept", "handle": 1}


def listing(*rules: list[dict[str, Any]], chain: dict[str, Any] = CHAIN, more: tuple[Any, ...] = ()) -> bytes:
    objects = [
        {"metainfo": {"json_schema_version": 1}},
        {"table": {"family": "ip", "name": "limpet", "handle": 9}},
        {"chain": chain},
        *({"rule": {"chain": "output", "handle": 4, "expr": rule}} for rule in rules),
        *more,
    ]
    return json.dumps({"nftables": objects}).encode()


def ours(number: int, **changes: object) -> list[dict[str, Any]]:
    """The rule with one of its statements changed."""
    copied: list[dict[str, Any]] = json.loads(json.dumps(RULE))
    copied[number]["match"] |= changes
    return copied


@pytest.mark.parametrize(
    "content",
    [
        listing(RULE),
        listing(ours(2, right="root")),
        listing(ours(3, op="==", right={"set": ["new", "invalid"]})),
        listing([statement for statement in RULE if "counter" not in statement]),
    ],
    ids=["as nft 1.0 lists it", "root by name", "states as a set", "without a counter"],
)
def test_a_table_is_in_place_however_nft_writes_it(content: bytes) -> None:
    assert in_place(ENDPOINT, Facts(nft=canonical_table(content)))


@pytest.mark.parametrize(
    "content",
    [
        listing(),
        listing(RULE, RULE),
        listing(ours(0, right="10.0.0.1")),
        listing(ours(1, right=80)),
        listing(ours(2, op="==")),
        listing(ours(3, right=["new"])),
        listing([*RULE[:-1], {"accept": None}]),
        listing([{"match": {"op": "==", "left": {"meta": {"key": "cgroup"}}, "right": 1}}, *RULE]),
        listing(RULE, chain={**CHAIN, "prio": 300}),
        listing(RULE, chain={**CHAIN, "hook": "input"}),
        listing(RULE, chain={**CHAIN, "policy": "drop"}),
        listing(RULE, more=({"set": {"name": "friends"}},)),
        b'{"nftables": []}',
    ],
)
def test_any_other_table_is_replaced(content: bytes) -> None:
    table = canonical_table(content)
    assert table is not None
    task = plan(ENDPOINT, Facts(nft=table))
    assert [step.describe() for step in task.steps] == ["run nft -f -"]


@given(st.integers(0, 400))
def test_a_listing_cut_anywhere_is_no_table(at: int) -> None:
    content = listing(RULE)
    assert canonical_table(content[: at % len(content)]) is None


@given(st.recursive(st.none() | st.integers() | st.text(max_size=4), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["nftables", "rule", "chain", "expr", "match", "name", "left"]), inner), max_leaves=12))  # fmt: skip
def test_a_listing_of_any_shape_is_read_without_an_error(document: object) -> None:
    canonical_table(json.dumps(document).encode())
    canonical_table(json.dumps({"nftables": [document]}).encode())


def test_the_script_replaces_our_table_in_one_transaction_and_names_no_other() -> None:
    text = script(ENDPOINT).decode()
    assert text.index("add table ip limpet") < text.index("delete table ip limpet") < text.index("\ntable ip")
    assert text.count("table ip limpet") == text.count("table ip")
    assert "flush" not in text
    assert wanted_table(ENDPOINT)[1].count(ENDPOINT) == 1


def test_dns_and_root_are_let_through_before_anything_is_dropped_and_only_new_tcp_is_dropped() -> None:
    targets = [rule[-1] for rule in wanted_rules(ENDPOINT)]
    assert targets == ["ACCEPT", "ACCEPT", "DROP"]
    assert all(rule[2:4] == ("-p", "tcp") for rule in wanted_rules(ENDPOINT))
    assert "INVALID,NEW" in wanted_rules(ENDPOINT)[2]


LISTED = (
    "-P OUTPUT ACCEPT\n"
    "-A OUTPUT -d 168.63.129.16/32 -p tcp -m conntrack --ctstate INVALID,NEW -j DROP\n"
    '-A OUTPUT -m comment --comment "limpet and more" -j DROP\n'
    "-A OUTPUT -m comment --comment limpet -j ACCEPT\n"
    '-A OUTPUT -m comment --comment "open\n'
    "-A FORWARD -m comment --comment limpet -j ACCEPT\n"
)


def test_only_rules_of_the_output_chain_with_our_very_comment_are_ours() -> None:
    assert our_rules(LISTED) == ("-m comment --comment limpet -j ACCEPT",)


def test_a_removal_where_nothing_can_be_used_does_nothing() -> None:
    assert removal(Facts(nft_problem="not installed", iptables_problem="not installed")).steps == ()


def test_nothing_is_in_place_where_nothing_can_be_used() -> None:
    facts = Facts(nft_problem="not installed", iptables_problem="not installed")
    assert not in_place(ENDPOINT, facts)
    task = plan(ENDPOINT, facts)
    assert task.problem is not None
    assert task.problem.count("not installed") == 2
    assert "firewall.enabled" in task.advice
