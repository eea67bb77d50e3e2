"""Every case of every duty. See README.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plans.cases import FOLDER, lines, picture, read

from limpet.host.fake import PowerCut

CASES = sorted(FOLDER.glob("*/*.toml"))
MOST_CUTS = 400


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


pytestmark = pytest.mark.parametrize("path", CASES, ids=name)


def test_the_plan_is_what_the_case_says(path: Path) -> None:
    case = read(path)
    assert lines(case.plan(case.machine())) == case.document["steps"]


def test_the_machine_ends_as_the_case_says_and_planning_again_gives_no_steps(path: Path) -> None:
    case = read(path)
    machine = case.machine()
    outcomes = machine.interpreter.apply(case.plan(machine))
    assert not [outcome.describe() for outcome in outcomes if outcome.failed and outcome.task.problem is None]
    for file, content in case.document.get("left", {}).items():
        assert machine.files.read(Path(file), at_most=1 << 20).decode() == content
    assert not [each for each in case.document.get("gone", []) if machine.files.info(Path(each)) is not None]
    if case.document.get("again", True):
        assert [line for line in lines(case.plan(machine)) if "! " not in line.split(":")[0]] == []


def test_a_power_cut_before_any_change_is_made_good_by_planning_anew(path: Path) -> None:
    case = read(path)
    whole = case.machine()
    begun = whole.battery.spent
    whole.interpreter.apply(case.plan(whole))
    changes = whole.battery.spent - begun
    assert changes <= MOST_CUTS
    for cut in range(changes):
        machine = case.machine()
        machine.battery.left = cut
        with pytest.raises(PowerCut):
            machine.interpreter.apply(case.plan(machine))
        machine.battery.left = None
        machine.interpreter.apply(case.plan(machine))
        assert picture(machine) == picture(whole), f"power cut before change {cut + 1} of {changes}"
