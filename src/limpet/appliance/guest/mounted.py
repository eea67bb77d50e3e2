"""The part of the contract that `lxc` and `nspawn` share: both start on a root file system that we mount (`rootfs`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.guest import looking, rootfs

if TYPE_CHECKING:
    from limpet.appliance.guest.contract import ShellPlan, ShellSight
    from limpet.guest.steps import Task
    from limpet.host.ports import Commands, Files


class Mounted:
    """A part of the contract. bounded: whether the volume is a file system of a fixed size."""

    def __init__(self, *, bounded: bool) -> None:
        self._bounded = bounded

    def look(self, plan: ShellPlan, files: Files, commands: Commands) -> ShellSight:
        """How the container is. Raises: HostError."""
        del commands
        return looking.look(plan, files)

    def store(self, plan: ShellPlan, sight: ShellSight) -> tuple[Task, ...]:
        """Mount its volume only, so that the folders that stay can be seen."""
        return rootfs.storing(plan, sight, bounded=self._bounded)

    def prepare(self, plan: ShellPlan, sight: ShellSight) -> tuple[Task, ...]:
        """Mount its volume and its root file system."""
        return rootfs.mounting(plan, sight, bounded=self._bounded)

    def reset(self, plan: ShellPlan, sight: ShellSight) -> tuple[Task, ...]:
        """Forget what was changed in its root file system."""
        return rootfs.forgetting(plan, sight, bounded=self._bounded)

    def destroy(self, plan: ShellPlan, sight: ShellSight) -> tuple[Task, ...]:
        """Forget it all."""
        return rootfs.destroying(plan, sight)
