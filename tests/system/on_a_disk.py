"""Prepares a disk of this machine as the boot stage would, and prints what happened: run in a mount namespace of its own.

python on_a_disk.py DISK FILESYSTEM MOUNT_POINT SWAP_MEGABYTES [MOST_STEPS]
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.resource_disk import ResourceDiskFacts, ResourceDiskPolicy, plan_resource_disk
from limpet.guest.swap import plan_swap
from limpet.host.apply import Interpreter
from limpet.host.clock import RealClock
from limpet.host.commands import RealCommands
from limpet.host.devices import RealDevices
from limpet.host.facts import resource_disk, swap
from limpet.host.facts.disk_contents import look_at_disk
from limpet.host.files import RealFiles
from limpet.host.kernel import RealKernel

if TYPE_CHECKING:
    from limpet.guest.steps import Task


def main(disk: str, filesystem: str, mount_point: str, megabytes: str, most: str = "100") -> None:
    files, devices, commands, kernel = RealFiles(), RealDevices(), RealCommands(), RealKernel()
    policy = ResourceDiskPolicy(format=True, filesystem=filesystem, mount_point=Path(mount_point))
    acting = Interpreter(files=files, commands=commands, devices=devices, kernel=kernel, clock=RealClock())

    def plan() -> list[Task]:
        mounts = resource_disk.mounts_of(files)
        found = look_at_disk(files, devices, disk, "a test", resource_disk.swaps_of(files))
        facts = resource_disk.with_disk(
            files, ResourceDiskFacts(mounts=mounts, makers=frozenset({filesystem})), found
        )
        planned = plan_resource_disk(policy, facts)
        task = plan_swap(int(megabytes), planned.place, swap.look(files, commands, kernel, planned.place))
        return [planned.task, task]

    left = int(most)
    tasks = []
    for task in plan():
        tasks.append(replace(task, steps=task.steps[:left]))
        left -= len(tasks[-1].steps)
    try:
        outcomes = acting.apply(tasks)
        again = [step.describe() for task in plan() for step in task.steps]
        swaps = [found.size for found in resource_disk.swaps_of(files) if found.path.startswith(mount_point)]
    finally:
        # It is the whole machine that swaps.
        commands.run(("swapoff", f"{mount_point}/swapfile"))
    found = look_at_disk(files, devices, disk, "a test", ())
    answer = {
        "plan": [step.describe() for task in tasks for step in task.steps],
        "problems": [outcome.describe() for outcome in outcomes if outcome.failed],
        "again": again,
        "swaps": swaps,
        "seconds": {outcome.task.name: outcome.seconds for outcome in outcomes},
        "holds": {number: list(volume.holds) for number, volume in found.volumes.items()},
        "files": files.names(Path(mount_point)),
        "mark": found.table.mark if found.table else None,
    }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
