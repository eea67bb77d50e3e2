"""Says that this VM is ready where the boot stage could not: it had no way to the fabric, and the agent has one.

No stage says it twice for one boot: what was accepted is noted in /run (limpet.host.reported).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet import __version__
from limpet.guest.identity import vm_id_of
from limpet.guest.marker import Standing, judge_marker
from limpet.host.facts import identity, marker
from limpet.host.reported import Accepted, note_accepted, ready_is_known
from limpet.model.errors import FabricError, HostError
from limpet.model.health import HealthReport, ProvisioningState, ProvisioningSubStatus
from limpet.model.redact import redacted
from limpet.wire.health import health_request
from limpet.wire.http import accepted

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.agent.fabric import Fabric
    from limpet.host.ports import Clock, Commands, Files, Http, Log

READY = "Ready"


def is_owed(files: Files, commands: Commands, library: Path) -> bool:
    """Whether our boot stage has provisioned this VM and nobody has told the fabric since the machine started."""
    facts = marker.look(files, library)
    if facts.marker is None or ready_is_known(files):
        return False
    try:
        vm_id = vm_id_of(identity.look(files, commands))
    except HostError:
        vm_id = None
    return judge_marker(facts, vm_id).standing is Standing.PROVISIONED


def say(fabric: Fabric, http: Http, files: Files, clock: Clock, log: Log) -> bool:
    """Tell the fabric that the VM is ready. Whether it took it: what fails is owed until the next start of the agent."""
    return tell(fabric, http, files, clock, log, READY)


def tell(fabric: Fabric, http: Http, files: Files, clock: Clock, log: Log, word: str, text: str = "") -> bool:
    """Tell the fabric how provisioning stands, and note what it took. Whether it took it.

    word: ``Ready``, or a substatus of a VM that is not: ``Provisioning``, ``ProvisioningFailed``. text: why it is not.
    """
    try:
        state = fabric.goal_state()
        report = HealthReport(
            incarnation=state.incarnation,
            container_id=state.container_id,
            instance_id=state.instance_id,
            state=ProvisioningState.READY if word == READY else ProvisioningState.NOT_READY,
            sub_status=None if word == READY else ProvisioningSubStatus(word),
            description=redacted(text) or None,
        )
        accepted(http.exchange(health_request(fabric.wire_server, report)), "health report")
        note_accepted(
            files,
            Accepted(state=word, at=clock.now(), by=f"limpet/{__version__}", container_id=state.container_id),
        )
    except (FabricError, HostError) as error:
        log.warning("report.ready_owed", state=word, problem=error)
        return False
    log.info("report.accepted", state=word)
    return True
