"""A VM with limpet, its wish and what became of it: what the tests of the boot stage share."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from limpet.lab.clock import wait_for
from limpet.lab.vm.recipes import LIMPET

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from limpet.lab.vm.rack import Place, Rack
    from limpet.lab.vm.ssh import Key
    from limpet.lab.vm.virtual_machine import Vm

USER, HOST_NAME = "ada", "engine"
PASSWORD = "Never-2-be-seen!"
CUSTOM_DATA = b"hostname of the network OS\n"
SWAP_MEGABYTES = 64
PROVISIONING, READY, FAILED = "NotReady/Provisioning", "Ready", "NotReady/ProvisioningFailed"
PATIENCE = 400.0

CONFIGURATION = f"""\
[resource_disk]
swap = true
swap_size = {SWAP_MEGABYTES}

[custom_data]
decode = true
"""
IMAGE = replace(LIMPET, name="limpet-tests", files={**LIMPET.files, "/etc/limpet.toml": CONFIGURATION})


def wish(key: Key, **other: Any) -> dict[str, Any]:
    """What the fabric is to ask of a new VM."""
    usual = {"userName": USER, "computerName": HOST_NAME, "publicKeys": [key.public]}
    return usual | other


@contextmanager
def told_about(machine: Vm) -> Iterator[Vm]:
    """Whatever fails with this VM is told with its console."""
    try:
        yield machine
    except BaseException as error:
        error.add_note(f"{machine.name}'s console ended with\n{machine.console()[-6000:]}")
        raise


@contextmanager
def limpet_vm(lab: Rack, place: Place, **other: Any) -> Iterator[Vm]:
    """A new VM with limpet, not started yet."""
    with lab.vm(IMAGE, place, **other) as machine, told_about(machine):
        yield machine


def words(lab: Rack, place: Place) -> list[str]:
    """What the VM has reported so far, in order."""
    return [report["words"] for report in lab.world.provisioning(place.name)["reports"]]


def await_reports(lab: Rack, place: Place, *expected: str, timeout: float = PATIENCE) -> None:
    """Wait until the VM has reported how it went, as often as expected; it must have reported this and nothing else."""

    def ends(reported: Sequence[str]) -> int:
        return sum(word != PROVISIONING for word in reported)

    wait_for(
        lambda: ends(words(lab, place)) >= ends(expected),
        f"{place.name} to report",
        timeout=timeout,
        pause=0.2,
    )
    assert words(lab, place) == list(expected)


def settled(machine: Vm) -> None:
    """Wait until the boot stage has ended, and everything else has started. A failed unit is an error."""
    machine.await_told("systemctl is-active --quiet limpet-boot.service && echo provisioned", "provisioned")
    assert machine.settle() == "running"


def key_values(machine: Vm) -> dict[str, str]:
    """What the hypervisor can read. Source: guest-setup.md §D.4."""
    pool = machine.read("/var/lib/hyperv/.kvp_pool_1")
    records = [pool[start : start + 2560] for start in range(0, len(pool), 2560)]
    return {r[:512].rstrip(b"\0").decode(): r[512:].rstrip(b"\0").decode() for r in records}


def marker(machine: Vm) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(machine.read("/var/lib/limpet/provisioned.json"))
    return found
