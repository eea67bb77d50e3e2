from __future__ import annotations

import json

import pytest
from rich.console import Console

from limpet.lab.bench.figures import Figure, Outcome, Series
from limpet.lab.bench.report import as_json, page, table

START = Figure(key="start/1", what="start", unit="s", budget=0.4)
CPU = Figure(key="idle/cpu", what="CPU", unit="s", digits=3)
MEMORY = Figure(key="idle/memory", what="memory", unit="MB", budget=14, digits=1)


@pytest.fixture
def outcome() -> Outcome:
    return Outcome(
        facts={"processor": "one", "limpet": "limpet 1"},
        figures=(START, CPU, MEMORY),
        agents={
            "limpet": {
                "start/1": Series(values=(0.3, 0.2, 0.5)),
                "idle/cpu": Series(values=(0.01,)),
                "idle/memory": Series(values=(15.04,)),
            },
            "peer": {"start/1": Series(values=(6.0,)), "idle/memory": Series(values=(47.0,))},
        },
    )


def shown(outcome: Outcome) -> list[str]:
    console = Console(width=140, color_system=None)
    with console.capture() as capture:
        console.print(table(outcome))
    return capture.get().splitlines()


def test_the_table_has_median_spread_ratio_and_verdict(outcome: Outcome) -> None:
    [line] = [line for line in shown(outcome) if "start" in line]
    cells = [cell.strip() for cell in line.split("│")]
    assert cells[1:-1] == ["start", "0.30 s (0.20 to 0.50)", "6.00 s", "20.0 x", "≤ 0.4 s", "met"]


def test_the_table_says_which_budget_is_not_met(outcome: Outcome) -> None:
    [line] = [line for line in shown(outcome) if "memory" in line]
    assert "not met" in line


def test_what_one_agent_lacks_is_a_dash(outcome: Outcome) -> None:
    [line] = [line for line in shown(outcome) if "CPU" in line]
    assert "0.010 s" in line
    assert " - " in line


def test_json_has_every_value(outcome: Outcome) -> None:
    found = json.loads(json.dumps(as_json(outcome)))
    assert found["facts"] == {"processor": "one", "limpet": "limpet 1"}
    [start, cpu, memory] = found["figures"]
    assert start["agents"]["limpet"] == {"median": 0.3, "values": [0.3, 0.2, 0.5]}
    assert (start["budget"], start["met"], start["ratios"]) == (0.4, True, {"peer": 20.0})
    assert (cpu["budget"], cpu["met"], cpu["agents"]["peer"]) == (None, None, None)
    assert memory["met"] is False


def test_the_page_has_facts_figures_and_method(outcome: Outcome) -> None:
    text = page(outcome, rounds=5, patience=60)
    assert "| processor | one |" in text
    assert "| start | 0.30 s (0.20 to 0.50) | 6.00 s | 20.0 x | ≤ 0.4 s | met |" in text
    assert "repeated up to 5 times" in text
    assert text.endswith(".\n")
