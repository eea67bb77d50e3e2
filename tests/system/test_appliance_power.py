"""The power is cut at each record of the journal, and the appliance comes back by itself: the reboot table of network-appliance.md §8.5."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.system import supervised
from tests.system.supervised import machine

from limpet.lab.appliance.sight import NOS

if TYPE_CHECKING:
    from tests.system.supervised import Supervised

    from limpet.lab.appliance.room import Parts

pytestmark = pytest.mark.system

EVERY = "LIMPET_ALL_POWER_CUTS"
RECORDS = 22
"""How many records a first start has until it is steady, with two NICs; a cut after the last one is one in steady."""
CHOSEN = (4, 17, 22)
"""Those whose cut is tried at every run: provisioned, the primary NIC's move, steady. All: with EVERY."""


def comes_back(it: Supervised, cut: str, *, at_least: int = 0) -> None:
    """Switched on again after a cut, it gets to steady by itself, and nothing that must never happen has."""
    it.made.boot()
    kept = it.journal()
    assert [each.number for each in kept] == list(range(1, len(kept) + 1)), "the journal has lost a record"
    assert len(kept) >= at_least  # more may have been written before everything stood still
    last, before = kept[-1], it.serial()
    it.begins()
    it.start()
    it.await_shown(lambda _: it.states(after=last.number)[-1:] == ["steady"], f"steady after {cut}")
    report = it.await_guest_report(after=before)
    assert set(it.made.owners().values()) == {NOS}
    what = last.facts.get("state") or last.facts.get("holder") or last.facts.get("name") or ""
    ways = " → ".join(it.states(after=last.number))
    it.observed(
        "power cut",
        f"{cut} ({last.kind} {what}): {ways}; guest shell reports {it.took(report['at'])} s after",
    )
    it.check()


@pytest.mark.parametrize("number", range(1, RECORDS + 1) if EVERY in os.environ else CHOSEN)
def test_power_is_cut_in_the_first_start(number: int, appliance_parts: Parts) -> None:
    with machine(appliance_parts, nics=2) as it:
        it.start()
        with it.halted(lambda each: each.number == number, f"record {number}"):
            it.made.power_cut()
        comes_back(it, f"record {number}", at_least=number)


def test_power_is_cut_in_a_roll_back_and_in_a_repair(appliance_parts: Parts) -> None:
    """The table's other rows, in one machine's life."""
    with machine(appliance_parts, nics=2) as it:
        it.made.sh(
            f"ip netns add {NOS}; ip netns exec {NOS} nft 'add table ip o; add chain ip o f {{ type filter hook forward priority 0; policy drop; }}'"
        )
        it.start()
        with it.halted(supervised.enters("rolling-back"), "a roll-back"):
            it.made.power_cut()
        comes_back(it, "rolling-back")
        last = it.last()
        it.made.run(["kill", "-KILL", it.guest()]).checked()
        with it.halted(supervised.enters("repairing"), "a repair", after=last):
            it.made.power_cut()
        comes_back(it, "repairing")
