from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.appliance.networkos.iosxe.cvac import Progress, read_cvac

FOUND = "*Oct  3 10:07:10.000: %CVAC-7-CONFIG_FOUND: Configuration file bootflash:/iosxe_config.txt found.\n"
DONE = (
    "*Oct  3 10:07:37.065: %CVAC-4-CONFIG_DONE: Configuration generated from file bootflash:/iosxe_config.txt was applied and "
    "saved to NVRAM. See bootflash:/cvac.log for more details.\n"
)
REFUSED = "%CVAC-4-CLI_FAILURE: Configuration command failure: 'username admin privilege 15 secret 9 $9$x' was rejected\n"
ERROR = "%CVAC-3-CONFIG_ERROR: 1 error(s) while applying configs generated from file objstore:/iosxe_config\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Progress.WAITING),
        (" \n", Progress.WAITING),
        (FOUND, Progress.RUNNING),
        ("something else\n", Progress.RUNNING),
        (FOUND + DONE, Progress.DONE),
        (DONE.replace("\n", "\r\n"), Progress.DONE),
        (FOUND + REFUSED, Progress.RUNNING),
        (FOUND + REFUSED + ERROR, Progress.FAILED),
        (FOUND + REFUSED + DONE, Progress.FAILED),
        (FOUND + DONE + FOUND, Progress.RUNNING),
        (FOUND + REFUSED + ERROR + FOUND + DONE, Progress.DONE),
    ],
)
def test_a_log_says_how_far_day_zero_is(text: str, expected: Progress) -> None:
    assert read_cvac(text).progress is expected


def test_a_refused_line_is_known_and_its_secret_is_not_told() -> None:
    report = read_cvac(FOUND + REFUSED + ERROR)
    (refused,) = report.refused
    assert refused.words == "username admin"
    assert refused.line.reveal() == "username admin privilege 15 secret 9 $9$x"
    assert report.describe() == "day-0 configuration: failed; 1 lines refused: 'username admin …'"
    assert "$9$" not in repr(report)


def test_what_is_no_word_of_ios_is_not_told_either() -> None:
    text = "%CVAC-4-CLI_FAILURE: Configuration command failure: 'hunter2! key' was rejected\n"
    assert read_cvac(text).refused[0].words == "*** key"


def test_refused_lines_are_bounded() -> None:
    assert len(read_cvac(REFUSED * 5000).refused) == 256


@given(
    st.text(), st.lists(st.sampled_from([FOUND, DONE, REFUSED, ERROR, "%CVAC-", "'", "%CVAC-4-CLI_FAILURE"]))
)
def test_any_text_is_read(text: str, parts: list[str]) -> None:
    report = read_cvac(text.join(parts))
    assert report.progress in Progress
    assert report.describe()
