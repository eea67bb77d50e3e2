"""The bench, as quick as it can be: it measures, whatever the figures are."""

from __future__ import annotations

import json

import pytest

from limpet.lab.bench.agent import main

pytestmark = pytest.mark.system


def test_the_bench_measures_both_agents(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [figure["key"] for figure in found["figures"]] == ["start/1", "change/1", "first-requests/1"]
    for figure in found["figures"]:
        assert set(figure["agents"]) == {"limpet", "WALinuxAgent"}
        assert all(series["median"] > 0 for series in figure["agents"].values())
    assert found["facts"]["WALinuxAgent"].startswith("WALinuxAgent-")
