"""The parameters of every telemetry event: what is known of this machine without asking anybody. Source: wire-protocol.md §8.2."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from limpet.host.machine import hardware

if TYPE_CHECKING:
    from limpet.model.status import GuestInfo
    from limpet.model.telemetry import Value


def machine_parameters(guest: GuestInfo) -> dict[str, Value]:
    """Those that are known without asking anybody."""
    facts = hardware()
    return {
        "GAVersion": f"limpet-{guest.agent_version}",
        "OSVersion": f"Linux:{guest.os_name}-{guest.os_version}:{facts.kernel}",
        "ExecutionMode": "IAAS",
        "RAM": facts.memory,
        "Processors": facts.processors,
        "KeywordName": json.dumps({"CpuArchitecture": facts.architecture}),
        "EventPid": os.getpid(),
        "EventTid": 0,
        "TaskName": "agent",
        "ImageOrigin": 0,
    }
