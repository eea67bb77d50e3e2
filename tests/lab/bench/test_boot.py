"""The boot bench: what was seen in a VM, what is asked for, and the page; nothing is booted."""

from __future__ import annotations

import pytest

from limpet.lab.bench import boot
from limpet.lab.bench.boot_run import AGENTS, FIGURES, PROMISES, READY, SLICE, read_glance
from limpet.lab.bench.figures import Outcome, Series
from limpet.lab.commands import LabError

SEEN = "usage_usec 2500000\nuser_usec 1\nsystem_usec 2\n61222912\nmissing key\nmissing resource disk\nuptime 21.50 3.00\n"


def test_a_glance_has_cpu_memory_and_what_is_missing() -> None:
    glance = read_glance(SEEN)
    assert (glance.cpu, glance.memory, glance.uptime) == (2.5, 61222912, 21.5)
    assert glance.missing == ("key", "resource disk")


def test_a_glance_before_the_agent_has_started_is_an_error() -> None:
    with pytest.raises(LabError, match="usage_usec"):
        read_glance("missing user\nuptime 2.0 1.0\n")


def test_all_units_of_an_agent_are_counted_together() -> None:
    for agent in AGENTS:
        files = agent.measured_image().files
        for unit in agent.units:
            assert SLICE in files[f"/etc/systemd/system/{unit}.d/limpet-lab-slice.conf"]


def test_agents_are_chosen_by_name() -> None:
    options = boot.parse(["--agents", "waagent,limpet", "--rounds", "2"])
    assert [agent.name for agent in options.agents] == ["limpet", "WALinuxAgent"]
    assert options.rounds == 2


@pytest.mark.parametrize("argv", [["--agents", "nobody"], ["--rounds", "0"]])
def test_what_makes_no_sense_is_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        boot.parse(argv)
    assert ended.value.code == 2
    assert argv[1] in capsys.readouterr().err


def test_the_page_has_facts_ratios_and_method() -> None:
    agents = {
        agent.name: {READY.key: Series(values=(float(number),))} for number, agent in enumerate(AGENTS, 1)
    }
    page = boot.page(Outcome(facts={"kernel": "6"}, figures=FIGURES, agents=agents))
    assert "| kernel | 6 |" in page
    assert "| 1.00 s | 2.00 s | 3.00 s | 4.00 s | 2.0 x / 3.0 x / 4.0 x | ≤ 2.5 s | met |" in page
    assert f"counts what is missing of {', '.join(list(PROMISES)[:-1])}" in page
