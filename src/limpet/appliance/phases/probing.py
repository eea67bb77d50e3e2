"""Starts probes: processes that look, from a network namespace, whether the fabric answers there (R6, R7).

They ask the fabric that the agent will ask, wherever the configuration says that is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.appliance.shell import brief

if TYPE_CHECKING:
    from limpet.appliance.appliance import Appliance
    from limpet.host.appliance_ports import Child

PROBE = "limpet.appliance.workers.probe"
FABRIC = "the fabric"
METADATA = "the metadata service"


@dataclass(frozen=True, kw_only=True, slots=True)
class Silence:
    """What does not answer, and why. what: `METADATA` where that is all of it, else `FABRIC`."""

    problem: str
    what: str = FABRIC


def begin_probe(appliance: Appliance, network: str, timeout: float) -> Child:
    """Start one. timeout: seconds that it may try. Raises: HostError."""
    config = appliance.config
    words = {
        "--timeout": f"{timeout:g}",
        "--wire-server": brief(config, appliance.chronicle, appliance.site()).wire_server,
        "--wire-port": str(config.fabric_wire_port),
        "--host-plugin-port": str(config.fabric_host_plugin_port),
        "--metadata": config.metadata_endpoint,
    }
    return appliance.machine.children.start(
        PROBE, *(word for option in words.items() for word in option), network=network
    )


def silence(said: bytes, *, unanswered: bool = False) -> Silence | None:
    """What a probe says that does not answer; None where all is well. Raises: ValueError, for what is no probe's document.

    unanswered: only what gave no answer at all counts; who answers with an error is reached.
    """
    try:
        found = [
            target
            for target in json.loads(said)["targets"]
            if target.get("problem") and not (unanswered and target.get("status") is not None)
        ]
        if not found:
            return None
        problem = "; ".join(f"{target['target']}: {target['problem']}" for target in found)
        metadata = all(target.get("service") == METADATA.removeprefix("the ") for target in found)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return Silence(problem=problem[:1000], what=METADATA if metadata else FABRIC)


def where(*, reached: bool | None, what: str = FABRIC) -> str:
    """Words for where the way is shut, when the guest shell does not reach the fabric, or a part of it.

    reached: by the network OS; None where it has no namespace to look from, as vendors' data planes.
    """
    if reached is None:
        return f"the guest shell does not reach {what}"
    if reached:
        return f"the network OS reaches {what}, the guest shell behind it does not"
    return f"the network OS does not reach {what} either"
