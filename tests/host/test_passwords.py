"""Hashes of passwords, by this machine's libcrypt and openssl."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limpet.guest.passwords import Crypt, password_problem
from limpet.host.chance import RealRandom
from limpet.host.commands import RealCommands
from limpet.host.fake import FakeRandom
from limpet.host.passwords import MachineCrypt, _by_ctypes, loaded_crypt
from limpet.model.errors import HostError
from limpet.model.secret import Secret

METHODS = ["1", "2a", "2b", "5", "6", "y"]
passwords = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\n\r"), min_size=1, max_size=100
)


def crypt(
    method: str, load: object = loaded_crypt, chance: RealRandom | FakeRandom | None = None
) -> MachineCrypt:
    return MachineCrypt(method, 16, chance or RealRandom(), RealCommands(), load)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_of_the_settings_makes_a_hash_that_verifies(method: str) -> None:
    made: Crypt = crypt(method)
    hashed = made.hashed(Secret("Example-Pw-1"))
    assert hashed.startswith(f"${method}$")
    assert ":" not in hashed
    assert made.verifies(Secret("Example-Pw-1"), hashed)
    assert not made.verifies(Secret("Example-Pw-2"), hashed)


@settings(max_examples=60, deadline=None)
@given(passwords)
def test_every_password_that_is_taken_verifies_by_the_c_library_itself(password: str) -> None:
    assert password_problem(Secret(password), "5") is None
    hashed = crypt("5").hashed(Secret(password))
    library = _by_ctypes()
    assert library is not None
    assert library(password, hashed) == hashed


@settings(max_examples=15, deadline=None)
@given(passwords)
def test_openssl_makes_the_same_hashes_where_there_is_no_libcrypt(password: str) -> None:
    if len(password.encode()) <= 256:
        hashed = crypt("6", lambda: None).hashed(Secret(password))
        assert crypt("6").verifies(Secret(password), hashed)
        assert crypt("6", lambda: None).verifies(Secret(password), hashed)


def test_openssl_is_not_asked_for_what_it_would_cut_off_or_does_not_know() -> None:
    with pytest.raises(HostError, match="256 bytes"):
        crypt("6", lambda: None).hashed(Secret("a" * 257))
    with pytest.raises(HostError, match="method y"):
        crypt("y", lambda: None).hashed(Secret("a"))


def test_the_longest_password_that_is_taken_is_the_longest_that_the_library_takes() -> None:
    assert crypt("6").hashed(Secret("a" * 511))
    with pytest.raises(HostError):
        crypt("6").hashed(Secret("a" * 512))


@pytest.mark.parametrize("hashed", ["", "!", "*", "!$6$s$x", "x", "$", "$6$", "$6$é$x", "*LOCK*"])
def test_a_locked_or_broken_hash_verifies_nothing(hashed: str) -> None:
    for load in (loaded_crypt, _by_ctypes, lambda: None):
        assert not crypt("6", load).verifies(Secret(""), hashed)
        assert not crypt("6", load).verifies(Secret("x"), hashed)


def test_salts_come_from_chance_and_have_the_length_of_the_settings() -> None:
    first, again, other = (crypt("6", chance=FakeRandom(seed)).hashed(Secret("x")) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first.split("$")[2]) == 16
