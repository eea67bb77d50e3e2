"""What from the fabric may become a name here."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.strategies import names, versions

from limpet.model.version import Version
from limpet.wire.names import (
    fit_for_a_file,
    fit_for_a_header,
    fit_for_a_request,
    is_by_address,
    problem_with_name,
)


@given(names, versions)
def test_real_names_and_versions_are_no_problem(name: str, version: str) -> None:
    assert problem_with_name(name, version) is None


@given(st.text(), st.text())
def test_what_is_no_problem_is_one_folder_below_the_library(name: str, version: str) -> None:
    if problem_with_name(name, version) is None:
        folder = PurePosixPath("/lib") / f"{name}-{version}"
        assert folder.parent == PurePosixPath("/lib")
        assert len(folder.name.encode()) <= 255
        assert folder.name.rpartition("-") == (name, "-", version)
        assert str(Version.parse(version)) == version


@pytest.mark.parametrize(
    "name", ["Microsoft.Azure.Extensions.CustomScript", "Acme_2.Some-Thing", "x", "_x", "1Password.Agent"]
)
def test_usual_names_fit(name: str) -> None:
    assert fit_for_a_file(name)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "/x", ".x", "-x", "a..b", "a b", "a\n", "a\0", "é", "a" * 129, "a\\b", "$(x)", "a;b", "~x"],
)  # fmt: skip
def test_names_that_could_do_harm_do_not_fit(name: str) -> None:
    assert not fit_for_a_file(name)


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("http://s/b", True),
        ("HTTPS://s/$system/b?sv=1&sig=%2b", True),
        ("http://", False),
        ("https:/s", False),
        ("//s/b", False),
        ("ftp://s", False),
        ("http://s/a b", False),
        ("http://s/a\r\nHost: x", False),
        ("http://s/é", False),
        ("http://s\0", False),
    ],
)
def test_only_plain_absolute_urls_fit_a_request(url: str, fits: bool) -> None:
    assert fit_for_a_request(url) is fits


@pytest.mark.parametrize(
    ("word", "fits"),
    [("1", True), ('W/"x"', True), ("x" * 256, True), ("", False), ("a b", False), ("a\n", False), ("x" * 257, False)],
)  # fmt: skip
def test_only_plain_words_fit_a_header(word: str, fits: bool) -> None:
    assert fit_for_a_header(word) is fits


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://168.63.129.16/machine?comp=config", True),
        ("HTTP://168.63.129.16:80/machine", True),
        ("http://127.0.0.1:8080", True),
        ("http://[fe80::1]:80/x", True),
        ("http://10.0.0.1?x", True),
        ("https://168.63.129.16/machine", False),
        ("http://localhost/machine", False),
        ("http://168.63.129.16.example/machine", False),
        ("http://1.2.3.4@example/machine", False),
        ("http://fabric.example:80/168.63.129.16", False),
    ],
)
def test_only_plain_http_to_an_address_is_near(url: str, *, near: bool) -> None:
    assert is_by_address(url) is near
