"""Whole day-0 configurations, as they were read and found right by a person."""

from __future__ import annotations

import pytest
from tests.appliance.networkos.iosxe_cases import GOLDEN, PASSWORD, REGENERATE, cases, golden_files


@pytest.mark.parametrize("name", sorted(golden_files()))
def test_a_day_zero_is_the_one_that_was_read_by_a_person(name: str) -> None:
    path = GOLDEN / name
    kept = path.read_bytes() if path.is_file() else b""
    assert golden_files()[name] == kept, f"differs from {path}; when that is meant: {REGENERATE}"


def test_no_golden_file_is_left_over() -> None:
    assert {path.name for path in GOLDEN.glob("iosxe-*")} == set(golden_files()), (
        f"write them anew: {REGENERATE}"
    )


@pytest.mark.parametrize("name", sorted(cases()))
def test_what_people_are_shown_holds_no_secret(name: str) -> None:
    case = cases()[name]
    texts = [case.shown, case.describe(), repr(case), *(note.describe() for note in case.notes)]
    for text in texts:
        assert "tell-nobody" not in text
        assert "sig=" not in text
        assert "$9$" not in text
        assert PASSWORD not in text


@pytest.mark.parametrize("name", sorted(cases()))
def test_the_password_itself_is_in_no_file(name: str) -> None:
    for content in cases()[name].files.values():
        assert PASSWORD.encode() not in content.reveal()


def test_the_controllers_bootstrap_is_the_only_file_in_controller_mode() -> None:
    assert list(cases()["sdwan"].files) == ["ciscosdwan_cloud_init.cfg"]


def test_a_day_zero_without_controller_is_one_configuration() -> None:
    assert list(cases()["sections"].files) == ["iosxe_config.txt"]


def test_the_same_day_zero_planned_again_is_the_same() -> None:
    assert cases() == cases()
