"""A handler's limits around its commands: the control groups that a command is started in, and limits of its systemd units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest.control_groups import Limits, handler_group, of_manifest
from limpet.model.manifest import Operation

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.agent.limits import Groups
    from limpet.agent.limits_own import Services
    from limpet.model.manifest import ResourceLimits


class Limiter:
    """Called before and after each command."""

    def __init__(self, control: Groups, services: Services) -> None:
        self._control = control
        self._services = services

    def before(self, handler: str, operation: Operation, limits: ResourceLimits | None) -> tuple[Path, ...]:
        """Set what the manifest of this version says now. Gives the groups that the command shall be in."""
        if operation is Operation.UNINSTALL and limits is not None:
            self._services.release(limits.services)
        wanted = (
            Limits() if limits is None else of_manifest(limits.cpu_quota_percentage, limits.memory_quota_mb)
        )
        return self._control.place(handler_group(handler), wanted)

    def after(self, operation: Operation, limits: ResourceLimits | None) -> None:
        """A command has gone well."""
        if operation is Operation.ENABLE and limits is not None:
            self._services.limit(limits.services)
