"""The appliance's bench: what is asked for, what its rounds measure, and its page; no machine is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from limpet.lab.appliance.room import Parts
from limpet.lab.bench import appliance as bench
from limpet.lab.bench import appliance_peer as peer
from limpet.lab.bench import appliance_run as ours
from limpet.lab.bench.appliance_figures import CASES, FIGURES, PEERS_CASE
from limpet.lab.bench.appliance_run import Plan
from limpet.lab.bench.appliance_text import page
from limpet.lab.bench.figures import Outcome, Series

PARTS = Parts(layers=(), image=Path("/nowhere"))
OUTCOME = Outcome(
    facts={"kernel": "6"},
    figures=FIGURES,
    agents={
        "limpet": {PEERS_CASE.gap.key: Series(values=(0.25,))},
        "WALinuxAgent": {PEERS_CASE.gap.key: Series(values=(5.0,))},
    },
)


def test_everything_is_measured_unless_less_is_asked_for() -> None:
    options = bench.parse([])
    assert tuple(options.agents) == bench.AGENTS
    assert options.plan == Plan()
    assert options.plan.whole
    assert not bench.QUICK.whole


def test_agents_and_rounds_are_chosen() -> None:
    options = bench.parse(["--quick", "--agents", "WALINUXAGENT", "--rounds", "2", "--page", "x.md"])
    assert options.agents == ["WALinuxAgent"]
    assert (options.plan.rounds, options.plan.window, options.page) == (2, 0.0, Path("x.md"))


@pytest.mark.parametrize("argv", [["--agents", "limpet,nobody"], ["--rounds", "0"]])
def test_what_makes_no_sense_is_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        bench.parse(argv)
    assert ended.value.code == 2
    assert argv[1].rpartition(",")[2] in capsys.readouterr().err


def test_idleness_is_measured_once_and_all_else_in_every_round() -> None:
    turn = ours.turns(PARTS, Plan())
    first, second = ([what for what, _ in turn(number)] for number in (0, 1))
    assert first == [*(case.words for case in CASES), "deaths", "a handover that is refused", "idle"]
    assert second == first[:-1]


def test_a_quick_round_has_no_deaths_and_the_peer_goes_through_one_case() -> None:
    assert [what for what, _ in ours.turns(PARTS, bench.QUICK)(0)] == ["kernel, 1 NIC", "frr, 1 NIC"]
    assert [what for what, _ in peer.turns(PARTS, bench.QUICK)(0)] == ["cold, frr, 1 NIC"]


def test_the_page_has_facts_ratios_and_method() -> None:
    text = page(OUTCOME, Plan(rounds=7))
    assert "| kernel | 6 |" in text
    assert "| 0.25 s | 5.00 s | 20.0 x | ≤ 1 s | met |" in text
    assert "7 rounds" in text
    assert text.endswith(".\n")
