"""PKCS#12's own derivation of bytes from a password."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.emulator.certificates.pfx import EMPTY_PASSWORD, Purpose, derived

SMEG = "smeg".encode("utf-16-be") + b"\0\0"
QUEEG = "queeg".encode("utf-16-be") + b"\0\0"

# Published with the first implementations of PKCS#12, and kept as tests by several libraries.
VECTORS = [
    (SMEG, "0a58cf64530d823f", 1, Purpose.KEY, 24, "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3"),
    (SMEG, "0a58cf64530d823f", 1, Purpose.VECTOR, 8, "79993dfe048d3b76"),
    (SMEG, "642b99ab44fb4b1f", 1, Purpose.KEY, 24, "f3a95fec48d7711e985cfe67908c5ab79fa3d7c5caa5d966"),
    (SMEG, "642b99ab44fb4b1f", 1, Purpose.VECTOR, 8, "c0a38d64a79bea1d"),
    (SMEG, "3d83c0e4546ac140", 1, Purpose.MAC, 20, "8d967d88f6caa9d714800ab3d48051d63f73a312"),
    (QUEEG, "05dec959acff72f7", 1000, Purpose.KEY, 24, "ed2034e36328830ff09df1e1a07dd357185dac0d4f9eb3d4"),
    (QUEEG, "05dec959acff72f7", 1000, Purpose.VECTOR, 8, "11dedad7758d4860"),
    (QUEEG, "1682c0fc5b3f7ec5", 1000, Purpose.KEY, 24, "483dd6e919d7de2e8e648ba8f862f3fbfbdc2bcb2c02957f"),
    (QUEEG, "1682c0fc5b3f7ec5", 1000, Purpose.VECTOR, 8, "9d461d1b00355c50"),
    (QUEEG, "263216fcc2fab31c", 1000, Purpose.MAC, 20, "5ec4c7a80df652294c3925b6489a7ab857c83476"),
]


@pytest.mark.parametrize(("password", "salt", "iterations", "purpose", "length", "expected"), VECTORS)
def test_known_derivations(
    password: bytes, salt: str, iterations: int, purpose: Purpose, length: int, expected: str
) -> None:
    found = derived(bytes.fromhex(salt), iterations, purpose, length, password)
    assert found.hex() == expected


@given(salt=st.binary(min_size=1, max_size=80), length=st.integers(1, 70))
def test_a_shorter_derivation_begins_a_longer_one(salt: bytes, length: int) -> None:
    longer = derived(salt, 2, Purpose.KEY, 80)
    assert derived(salt, 2, Purpose.KEY, length) == longer[:length]


def test_the_empty_password_is_its_closing_zero() -> None:
    assert "\0".encode("utf-16-be") == EMPTY_PASSWORD
