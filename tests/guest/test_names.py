from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.names import host_name_problem, kernel_name, user_name_problem


@pytest.mark.parametrize("name", ["alice", "Alice", "a.b-c_d", "_x", "0abc", "a" * 64, "BOB"])
def test_a_name_that_programs_agree_on_is_taken(name: str) -> None:
    assert user_name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("a" * 65, "65 characters"),
        ("a" * 300, "300 characters"),
        ("a:0", "characters other than"),
        ("a\nb", "characters other than"),
        ("alice\n", "characters other than"),
        ("a\0b", "characters other than"),
        ("a/b", "characters other than"),
        ("..", "begins with"),
        ("../etc", "characters other than"),
        (".", "begins with"),
        ("-rf", "begins with"),
        ("a b", "characters other than"),
        ("a,b", "characters other than"),
        ("%wheel", "characters other than"),
        ("#0", "characters other than"),
        ("élise", "outside ASCII"),
        ("1000", "number"),
        ("ALL", "keyword"),
        ("Defaults", "keyword"),
    ],
)
def test_a_name_that_a_program_would_take_for_something_else_is_refused_with_the_reason(
    name: str, reason: str
) -> None:
    problem = user_name_problem(name)
    assert problem is not None
    assert reason in problem


@given(st.text(max_size=40))
def test_a_name_that_is_taken_is_one_word_without_meaning_to_a_shell_or_a_path(name: str) -> None:
    if user_name_problem(name) is None:
        assert re.fullmatch(r"[\w.-]+", name, re.ASCII)
        assert name[0] not in ".-"


@pytest.mark.parametrize("name", ["vm1", "VM-1", "a", "1a", "a.b", "a" * 63, ".".join(["a" * 49] * 5)])
def test_a_host_name_of_rfc_1123_is_taken(name: str) -> None:
    assert host_name_problem(name) is None


@pytest.mark.parametrize("name", ["a" * 64, "my_vm", "vm_.example", "1234", "a.1", "10.0.0"])
def test_a_host_name_that_the_platform_and_the_kernel_take_is_taken(name: str) -> None:
    assert host_name_problem(name) is None
    assert kernel_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-a",
        "a-",
        "a..b",
        ".a",
        "a.",
        "_b",
        "a b",
        "a\n",
        "vm\x00",
        "é",
        "a" * 65,
        "a" * 64 + ".b",
        ".".join(["a" * 49] * 6),
        "10.0.0.1",
        "1.2.3.4444",
        "$(reboot)",
        "../x",
        "a/b",
    ],
)
def test_a_host_name_that_is_not_one_is_refused(name: str) -> None:
    assert host_name_problem(name) is not None


def test_the_kernel_gets_as_much_of_a_name_as_it_takes() -> None:
    assert kernel_name("vm1.example.org") == "vm1.example.org"
    assert kernel_name("vm1." + "a" * 63) == "vm1"
