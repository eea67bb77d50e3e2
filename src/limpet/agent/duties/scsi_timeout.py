"""Disks that came later get the SCSI timeout too. Source: guest-setup.md §C.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limpet.agent.duties.result import Result, applied
from limpet.guest.scsi import plan_scsi_timeouts
from limpet.host.facts.kernel import scsi_timeouts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.agent.duties.result import Hands


def do(wish: Mapping[str, Any], _memory: Mapping[str, Any], hands: Hands) -> Result:
    """Set it where it is another one; each disk for itself."""
    return applied(plan_scsi_timeouts(int(wish["timeout"]), scsi_timeouts(hands.interpreter.files)), hands)
