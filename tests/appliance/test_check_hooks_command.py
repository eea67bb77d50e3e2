"""`limpet check-hooks`: what can be said of a folder without running anything, and how it is said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.appliance.networkos.vendor import FOLDER, Vendor

from limpet.appliance.commands import check_hooks
from limpet.appliance.commands.check_hooks import looked_at
from limpet.appliance.networkos.hooks.driver import programs_in
from limpet.appliance.networkos.hooks.findings import Finding, Grade, finding_of
from limpet.appliance.networkos.hooks.verbs import REQUIRED, TABLE

if TYPE_CHECKING:
    from pathlib import Path


def found(vendor: Vendor) -> dict[str, Finding]:
    return {each.check: each for each in looked_at(programs_in(FOLDER, vendor.machine.files))}


def named(vendor: Vendor, verb: str) -> Finding:
    return next(each for check, each in found(vendor).items() if check.startswith(f"program {verb} "))


def test_a_whole_folder_passes() -> None:
    findings = found(Vendor())
    assert len(findings) == 1 + len(TABLE)
    assert {each.grade for each in findings.values()} == {Grade.PASSED}


def test_what_is_required_fails_and_what_is_not_says_what_happens_without_it() -> None:
    vendor = Vendor()
    vendor.lacks(*[verb.value for verb in TABLE])
    for verb, row in TABLE.items():
        finding = named(vendor, verb.value)
        assert finding.grade is (Grade.FAILED if verb in REQUIRED else Grade.SKIPPED)
        assert (row.absent or "required") in (finding.problem or "")


def test_a_file_that_nobody_runs_is_a_warning() -> None:
    vendor = Vendor()
    vendor.has("claim.sh")
    assert found(vendor)["file claim.sh"].grade is Grade.WARNING


def test_a_folder_of_somebody_else_is_looked_at_no_further() -> None:
    vendor = Vendor()
    vendor.machine.files.remove(FOLDER)
    assert [each.grade for each in found(vendor).values()] == [Grade.FAILED]


def test_a_finding_is_read_as_it_was_written_and_shown_in_one_line() -> None:
    finding = Finding(check="claim", grade=Grade.FAILED, problem="it said\n\x1b[2J", seconds=0.5)
    assert finding_of(finding.as_line()) == finding
    assert finding.describe() == "failed   claim: it said  [2J"


@pytest.mark.parametrize("line", ["", "hello", "[]", "{}", '{"check": 1, "grade": "great"}'])
def test_a_line_that_is_no_finding_is_none(line: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        finding_of(line)


def test_a_folder_that_is_not_there_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "nothing"
    assert check_hooks.main(["--look", str(place)]) == 1
    assert "there is no folder" in capsys.readouterr().out
    assert check_hooks.main(["--look", "--json", str(place)]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["folder"], document["failed"]) == (str(place), 1)


def test_it_wants_a_folder() -> None:
    with pytest.raises(SystemExit) as ended:
        check_hooks.main([])
    assert ended.value.code == 2
