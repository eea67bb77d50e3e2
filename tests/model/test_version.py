from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.model.version import Version

components = st.lists(st.integers(0, 10**6), min_size=1, max_size=6)


def dotted(numbers: list[int]) -> str:
    return ".".join(map(str, numbers))


@pytest.mark.parametrize(
    ("requested", "candidate", "serves"),
    [
        ("1.0", "1.0.7", True),
        ("2.1", "2.1.0", True),
        ("2.1", "2.1.19", True),
        ("4.0", "4.0.0.1", True),
        ("1.0.0", "1.0.0", True),
        ("2.1", "2.10", False),
        ("2.1.0", "2.1", False),
        ("1", "2", False),
    ],
)
def test_a_version_serves_a_request_whose_numbers_lead_its_own(
    requested: str, candidate: str, serves: bool
) -> None:
    assert Version.parse(candidate).matches(Version.parse(requested)) is serves


@pytest.mark.parametrize(
    ("lower", "higher"), [("1.9", "1.10"), ("1.0.0-rc1", "1.0.0"), ("1.0alpha", "1.0beta"), ("9", "10.0")]
)
def test_versions_compare_by_number_and_a_prerelease_comes_before(lower: str, higher: str) -> None:
    assert Version.parse(lower) < Version.parse(higher)


def test_trailing_zeros_do_not_make_another_version() -> None:
    assert Version.parse("1.0") == Version.parse("1.0.0")
    assert hash(Version.parse("1.0")) == hash(Version.parse("1.0.0"))


@pytest.mark.parametrize(
    "text", ["", "1.", ".1", "a", "1.0.0/..", "1 .0", "1.0\n", "-1", "1" * 400, "1.2.3.4.5.6.7.8.9"]
)
def test_what_is_not_a_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a dotted version"):
        Version.parse(text)


@given(components, components)
def test_the_order_is_that_of_the_padded_numbers(left: list[int], right: list[int]) -> None:
    width = max(len(left), len(right))
    padded = [numbers + [0] * (width - len(numbers)) for numbers in (left, right)]
    assert (Version.parse(dotted(left)) < Version.parse(dotted(right))) is (padded[0] < padded[1])
