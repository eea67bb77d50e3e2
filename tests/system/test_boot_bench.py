"""The boot bench in namespaces, as quick as it can be: it measures, whatever the figures are."""

from __future__ import annotations

import json

import pytest

from limpet.lab.bench.boot_ns import main

pytestmark = pytest.mark.system


def test_the_boot_bench_measures_who_provisions_a_new_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rounds", "1", "--agents", "limpet,cloud-init", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    medians = {
        figure["key"]: {name: each and each["median"] for name, each in figure["agents"].items()}
        for figure in found["figures"]
    }
    for what in ("ready", "finished", "ready-cpu", "finished-cpu", "memory", "requests", "keys", "start"):
        assert all(median > 0 for median in medians[f"boot-ns/{what}"].values()), what
    assert medians["boot-ns/dry-run"]["limpet"] > 0
    assert medians["boot-ns/dry-run"]["cloud-init"] is None
    # What Ready promises is in place, or is counted.
    assert medians["boot-ns/missing"]["limpet"] == 0
    assert medians["boot-ns/missing"]["cloud-init"] > 0
    assert found["facts"]["limpet: not in place at Ready"] == "nothing"
