"""The boot bench in namespaces: what is asked for, its section of the page, its agents; no machine is made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from limpet.lab.bench import boot_ns
from limpet.lab.bench.boot_ns_agents import AGENTS, CLOUD_INIT, LIMPET, WAAGENT
from limpet.lab.bench.boot_ns_run import FIGURES, MISSING, READY, STARTS, accepted
from limpet.lab.bench.boot_ns_sight import PROMISES
from limpet.lab.bench.boot_ns_text import BEGIN, END, carried, with_section
from limpet.lab.bench.figures import Outcome, Series
from limpet.lab.commands import LabError
from limpet.lab.room import MOST_GUESTS

OUTCOME = Outcome(
    facts={"kernel": "6"},
    figures=FIGURES,
    agents={
        agent.name: {READY.key: Series(values=(float(number),)), MISSING.key: Series(values=(number - 1.0,))}
        for number, agent in enumerate(AGENTS, 1)
    },
)
OTHERS = "# Benchmarks\n\nOf others.\n"


def test_everything_is_measured_unless_less_is_asked_for() -> None:
    options = boot_ns.parse([])
    assert tuple(options.agents) == AGENTS
    assert (options.rounds, options.json, options.page) == (boot_ns.ROUNDS, False, None)


def test_agents_are_chosen_by_name() -> None:
    options = boot_ns.parse(["--agents", "waagent,LIMPET", "--rounds", "2", "--page", "x.md"])
    assert options.agents == [LIMPET, WAAGENT]
    assert (options.rounds, options.page) == (2, Path("x.md"))


@pytest.mark.parametrize("argv", [["--agents", "limpet,nobody"], ["--rounds", "0"]])
def test_what_makes_no_sense_is_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        boot_ns.parse(argv)
    assert ended.value.code == 2
    assert argv[1].rpartition(",")[2] in capsys.readouterr().err


def test_there_are_no_more_rounds_than_machines_in_a_room(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(AGENTS) * (1 + 2 * boot_ns.MOST_ROUNDS) <= MOST_GUESTS
    with pytest.raises(SystemExit):
        boot_ns.parse(["--rounds", "31"])
    assert "at most 30 rounds" in capsys.readouterr().err


def test_figures_have_keys_of_their_own() -> None:
    assert len({figure.key for figure in FIGURES}) == len(FIGURES)


def test_the_peers_are_asked_for_the_same_host_keys_as_limpets_second_column() -> None:
    _, same_keys, *_ = AGENTS
    assert same_keys.files == {}
    assert same_keys == replace(LIMPET, name=same_keys.name, files={})


def test_only_an_agent_that_stays_has_finished_when_it_says_ready() -> None:
    assert [agent.daemon for agent in (LIMPET, CLOUD_INIT, WAAGENT)] == [False, False, True]


def test_the_section_has_facts_ratios_and_method() -> None:
    section = with_section("", OUTCOME, rounds=7)
    assert "| kernel | 6 |" in section
    assert "| 1.00 s | 2.00 s | 3.00 s | 4.00 s | 2.0 x / 3.0 x / 4.0 x |  |  |" in section
    assert "≤ 0 | met |" in section
    assert "7 of each" in section
    assert f"run {STARTS} times in each round" in section
    assert f"as soon as the fabric has Ready, of {', '.join(PROMISES[:-1])} and {PROMISES[-1]}." in section


def test_the_section_takes_the_place_of_the_old_one_and_leaves_the_rest() -> None:
    old = f"{OTHERS}\n{BEGIN}old\n{END}\nMore of others.\n"
    new = with_section(old, OUTCOME, rounds=3)
    assert new.startswith(f"{OTHERS}\n{BEGIN}## Boot")
    assert new.endswith(f"{END}\nMore of others.\n")
    assert "old\n" not in new
    assert with_section(new, OUTCOME, rounds=3) == new


def test_a_page_without_the_section_gets_it_at_its_end() -> None:
    assert with_section(OTHERS, OUTCOME, rounds=3).startswith(f"{OTHERS}\n{BEGIN}")


def test_the_section_outlives_a_new_text_of_the_rest() -> None:
    page = with_section(OTHERS, OUTCOME, rounds=3)
    assert carried(page, "# Anew\n") == page.replace(OTHERS, "# Anew\n")
    assert carried(OTHERS, "# Anew\n") == "# Anew\n"


def test_ready_is_the_first_report_that_says_so() -> None:
    reports = [
        {"words": words, "at": at} for at, words in enumerate(("NotReady/Provisioning", "Ready", "Ready"))
    ]
    assert accepted(reports) == 1
    with pytest.raises(LabError, match="none of 1 reports"):
        accepted(reports[:1])
