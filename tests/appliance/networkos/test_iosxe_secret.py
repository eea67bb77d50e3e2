from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.appliance.networkos.iosxe.secret import salt_of, type_nine
from limpet.model.secret import Secret


def test_the_published_example_of_type_nine_comes_out() -> None:
    # The example that password auditors publish for this type; its password is "hashcat".
    expected = "$9$2MJBozw/9R3UsU$2lFhcKvpghcyw8deP25GOfyZaagyUOGBymkryvOdfo6"
    assert type_nine(Secret("hashcat"), "2MJBozw/9R3UsU").reveal() == expected


@given(st.text(min_size=1, max_size=80), st.text(max_size=80))
def test_a_salt_is_14_letters_and_the_same_again(vm_id: str, user: str) -> None:
    assert re.fullmatch(r"[./0-9A-Za-z]{14}", salt_of(vm_id, user))
    assert salt_of(vm_id, user) == salt_of(vm_id, user)


@pytest.mark.parametrize("other", [("vm-2", "alice"), ("vm-1", "bob"), ("vm-1a", "lice")])
def test_another_vm_or_user_has_another_salt(other: tuple[str, str]) -> None:
    assert salt_of("vm-1", "alice") != salt_of(*other)


def test_a_vm_id_in_other_letters_has_the_same_salt() -> None:
    assert salt_of("ABC-1", "alice") == salt_of("abc-1", "alice")


@pytest.mark.parametrize("password", ["a?b", "a b ", "line\nline", "\x03", "!", "pässwörd", "\ud800", ""])
def test_a_password_of_any_letters_becomes_one_harmless_word(password: str) -> None:
    word = type_nine(Secret(password), "..............").reveal()
    assert re.fullmatch(r"\$9\$[./0-9A-Za-z]{14}\$[./0-9A-Za-z]{43}", word)
