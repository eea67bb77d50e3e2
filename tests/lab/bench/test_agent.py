from __future__ import annotations

from pathlib import Path

import pytest

from limpet.lab.agents import LIMPET, WAAGENT
from limpet.lab.bench.agent import parse
from limpet.lab.bench.agent_run import QUICK, Plan


def test_everything_is_measured_unless_less_is_asked_for() -> None:
    options = parse([])
    assert options.plan == Plan()
    assert options.agents == [LIMPET, WAAGENT]
    assert (options.json, options.page) == (False, None)


def test_options_change_the_plan() -> None:
    options = parse(
        ["--counts", "1,3", "--rounds", "2", "--rests", "1", "--agents", "WALinuxAgent", "--page", "x.md"]
    )
    assert options.plan == Plan(counts=(1, 3), rounds=2, rests=1)
    assert options.agents == [WAAGENT]
    assert options.page == Path("x.md")


def test_quick_is_one_round_of_one_extension() -> None:
    assert parse(["--quick"]).plan == QUICK
    assert parse(["--quick", "--counts", "10"]).plan.counts == (10,)


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        (["--counts", "0"], "'0' is not a number from 1 on"),
        (["--counts", "1,many"], "'many' is not a number from 1 on"),
        (["--counts", "100"], "at most 99 extensions"),
        (["--agents", "limpet,cloud-init"], "'cloud-init' is none of limpet, walinuxagent"),
    ],
)
def test_wrong_options_are_refused(
    argument: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(argument)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("place", ["/nonexistent/x.md", "/proc"])
def test_a_page_that_cannot_be_written_is_refused_before_anything_is_measured(
    place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--page", place])
    assert ended.value.code == 2
    assert "cannot be written" in capsys.readouterr().err
