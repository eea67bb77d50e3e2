"""Key-value pairs: what is put in comes out, within what the hypervisor delivers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.wire.kvp import (
    LONGEST_KEY,
    LONGEST_VALUE,
    MOST_RECORDS,
    RECORD_SIZE,
    Pair,
    parse_pool,
    render_pairs,
    value_of,
)

keys = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=LONGEST_KEY // 4)
values = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3000)


@given(keys, values)
def test_a_pair_is_read_back_however_long_its_value(key: str, value: str) -> None:
    content = render_pairs(key, value)
    assert len(content) % RECORD_SIZE == 0
    pairs = parse_pool(content)
    assert value_of(pairs, key) == value
    for pair in pairs:
        assert len(pair.value.encode()) <= LONGEST_VALUE
        assert len(pair.key.encode("utf-16-le")) // 2 <= LONGEST_KEY


@given(st.binary(max_size=3 * RECORD_SIZE))
def test_noise_is_read_as_far_as_it_goes(content: bytes) -> None:
    assert len(parse_pool(content)) == len(content) // RECORD_SIZE


def test_a_record_that_is_cut_is_left_out() -> None:
    content = render_pairs("a", "1") + render_pairs("b", "2")
    assert parse_pool(content[:-1]) == (Pair(key="a", value="1"),)


def test_a_value_is_not_cut_inside_a_character() -> None:
    first, second = parse_pool(render_pairs("k", "x" * (LONGEST_VALUE - 1) + "ü"))
    assert (first.value, second.value) == ("x" * (LONGEST_VALUE - 1), "ü")


def test_nuls_do_not_end_a_value() -> None:
    assert value_of(parse_pool(render_pairs("k", "a\0b")), "k") == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize("key", ["", "x" * (LONGEST_KEY + 1)])
def test_a_key_that_would_not_arrive_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="a key of"):
        render_pairs(key, "v")


def test_a_pool_beyond_its_size_is_read_to_its_size() -> None:
    assert len(parse_pool(bytes((MOST_RECORDS + 5) * RECORD_SIZE))) == MOST_RECORDS


def test_a_key_that_is_not_there_has_no_value() -> None:
    assert value_of((), "k") is None
