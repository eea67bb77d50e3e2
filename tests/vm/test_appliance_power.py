"""The power of an appliance in a virtual machine is cut anywhere in its story; each time it comes back handed over."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from tests.vm.appliance_vm import STORY, started, steady, tell
from tests.vm.conftest import say
from tests.vm.limpet_vm import READY

from limpet.lab.clock import now, pause, wait_for
from limpet.lab.rootfs import default_cache
from limpet.lab.vm.appliance import PATIENCE, VmAppliance
from limpet.lab.vm.rack import rack

if TYPE_CHECKING:
    from limpet.lab.vm.ssh import Key

CUTS = 3
LONGEST_MORE = 6.0
"""How long after a state began the power is cut at most, seconds."""
SEED = "LIMPET_SEED"
"""Names the seed of a run that is to be lived again."""


def by_chance(seed: int, what: str) -> float:
    """At least 0 and less than 1: the same for the same seed."""
    return int.from_bytes(sha256(f"{seed} {what}".encode()).digest()[:6], "big") / (1 << 48)


def reaches(made: VmAppliance, state: str) -> bool:
    """Whether this boot of the VM has come to a state; there may be no more than a part of it in the journal."""
    boot = made.machine.told("cat /proc/sys/kernel/random/boot_id")
    return any(
        each.boot == boot and each.kind == "state" and each.facts["state"] == state for each in made.journal()
    )


@pytest.mark.timeout(3000)
def test_the_power_is_cut_at_points_by_chance_and_it_is_handed_over_each_time(key: Key) -> None:
    seed = int(os.environ.get(SEED, "0")) or int(now()) % 1_000_000
    tell(f"power cuts: {SEED}={seed}")
    with (
        rack(default_cache(), say, "--strict") as lab,
        started(lab, key, "router-cut", network_os="frr", nics=2) as made,
    ):
        for number in range(CUTS):
            state = STORY[int(by_chance(seed, f"state {number}") * len(STORY))]
            more = by_chance(seed, f"more {number}") * LONGEST_MORE
            await_state(made, state)
            pause(more)
            reached = made.states()[-1]
            made.machine.cut_power()
            began = now()
            made.machine.boot()
            last = first_of_this_boot(made)
            steady(made, after=last - 1, reports=made.serial())
            tell(
                f"power cut {number + 1}: {more:.1f} s after {state} (then {reached}): steady and reported "
                f"{now() - began:.0f} s after it was switched on, by {', '.join(made.states(after=last - 1))}"
            )
            check_whole(made)
            if number + 1 < CUTS:
                made.machine.cut_power()
                made.machine.boot()


def await_state(made: VmAppliance, state: str) -> None:
    """Wait until this boot of the VM has come to it."""
    wait_for(lambda: reaches(made, state), f"it to be {state}", timeout=PATIENCE, pause=0.2)


def first_of_this_boot(made: VmAppliance) -> int:
    """The number of the first record that the journal has of this boot."""
    boot = made.machine.told("cat /proc/sys/kernel/random/boot_id")
    return wait_for(
        lambda: next((each.number for each in made.journal() if each.boot == boot), None),
        "the supervisor to begin",
        timeout=PATIENCE,
        pause=0.5,
    )


def check_whole(made: VmAppliance) -> None:
    """Provisioned once, one account, epochs that only grow, and an agent that goes on reporting."""
    assert READY in made.words()
    assert made.machine.told("getent passwd | grep -c '^ada:'") == "1"
    assert made.machine.told("grep -c . /home/ada/.ssh/authorized_keys") == "1"
    epochs = [each.facts["epoch"] for each in made.journal() if each.kind == "grant"]
    assert epochs == sorted(set(epochs))
    before = made.serial()
    made.rack.world.rotate_certificates(made.name)
    made.await_guest_report(after=before)
