"""The temporary disk of a machine of the lab, prepared by the boot stage, over a second run and a restart."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from tests.system.booted import CONFIGURATION
from tests.system.conftest import say
from tests.system.layers import LAYERS
from tests.system.provisioned import ACCOUNT, VM

from limpet.lab import rootfs
from limpet.lab.fabric import fabric
from limpet.lab.provisioning.disk import DISK, forget_reads
from limpet.lab.provisioning.machine import NewMachine, Wish, new_machine
from limpet.lab.recipes import PROVISIONED_VM
from limpet.lab.room import room

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.system

KEPT = "/mnt/resource/kept"


@pytest.fixture
def new() -> Iterator[NewMachine]:
    with ExitStack() as stack:
        made = stack.enter_context(room())
        tree = rootfs.root_file_system(PROVISIONED_VM, rootfs.default_cache(), say)
        admin = made.emulator("--dhcp", "br0").admin
        world = stack.enter_context(fabric(admin))
        layers = LAYERS.over(tree)
        wish = Wish(account=ACCOUNT, temporary_disk=True)
        found = stack.enter_context(new_machine(made, world, admin, layers, wish, name=VM))
        found.machine.write("/etc/limpet.toml", CONFIGURATION)
        yield found


def states(new: NewMachine) -> dict[str, str]:
    """Of each task of a run of the boot stage."""
    said: dict[str, Any] = json.loads(new.machine.run(["limpet", "boot", "--json"], timeout=120).checked())
    forget_reads(new.drives[DISK])
    return {task["name"]: task["state"] for task in said["tasks"]}


def mounted(new: NewMachine) -> list[str]:
    return new.machine.run(["findmnt", "--noheadings", "-o", "SOURCE,FSTYPE", "/mnt/resource"]).stdout.split()


def test_it_is_made_once_and_what_is_on_it_survives_a_restart(new: NewMachine) -> None:
    new.boot()
    assert states(new)["resource-disk"] == "done"
    assert mounted(new) == ["/dev/sdb1", "ext4"]
    new.machine.write(KEPT, "still here\n")
    assert states(new)["resource-disk"] == "unchanged"
    new.machine.power_off()
    new.boot()
    assert mounted(new) == []
    assert states(new)["resource-disk"] == "done"
    assert mounted(new) == ["/dev/sdb1", "ext4"]
    assert new.machine.read(KEPT) == "still here\n"
