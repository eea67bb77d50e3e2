"""What the guest shell has stored, how that is bounded, and what goes when there is no room left (R12, F7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limpet.appliance.guest.layout import Layout

if TYPE_CHECKING:
    from limpet.appliance.guest.contract import ShellPlan
    from limpet.host.ports import Files


def stored(plan: ShellPlan, files: Files) -> dict[str, Any]:
    """How much room there is, as JSON has it. Raises: HostError."""
    layout = Layout.of(plan)
    there = files.info(layout.container) is not None
    free = files.room(layout.container if there else layout.store.parent)
    return {"how": "bounded by the file system it is in", "free": free}
