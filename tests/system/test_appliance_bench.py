"""The appliance's bench, as quick as it can be: it measures both agents, whatever the figures are."""

from __future__ import annotations

import json

import pytest

from limpet.lab.bench.appliance import main

pytestmark = pytest.mark.system


def test_the_appliance_bench_measures_both_agents(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    medians = {
        figure["key"]: {name: each and each["median"] for name, each in figure["agents"].items()}
        for figure in found["figures"]
    }
    both = ("gap/frr/1", "installed", "ready", "handing-over", "reporting")
    for what in both:
        assert all(median > 0 for median in medians[f"appliance/{what}"].values()), what
    assert medians["appliance/gap/kernel/1"]["limpet"] > 0
    assert medians["appliance/gap/kernel/1"]["WALinuxAgent"] is None
    # A report that comes later than the gap begins is no success of what was published in it.
    for name in ("limpet", "WALinuxAgent"):
        assert medians["appliance/installed"][name] >= medians["appliance/gap/frr/1"][name]
    assert found["facts"]["WALinuxAgent"].startswith("WALinuxAgent-")
