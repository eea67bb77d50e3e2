"""Tells the platform how provisioning stands: to the hypervisor by key-value pairs, then to the fabric. Source: guest-setup.md §A.13, §A.16.

What the fabric has accepted is noted for the later stages, so that no report is sent twice for one boot by two parties.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import gmtime, strftime
from typing import TYPE_CHECKING

from limpet.boot.fabric import PATIENCE
from limpet.host.reported import Accepted, note_accepted, ready_is_known
from limpet.model.errors import FabricError, HostError
from limpet.model.health import ProvisioningState, ProvisioningSubStatus
from limpet.wire.provisioningreport import KEY, LONGEST, ProvisioningReport, render_report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.boot.fabric import Fabric
    from limpet.host.ports import Clock, Files, KeyValues, Log

READY, PROVISIONING, FAILED = "Ready", "Provisioning", "ProvisioningFailed"
POOLED = "ReadyForPool"
"""How a Ready is noted that says only that the VM may be given to somebody: another one is owed."""
PENDING = "Provisioned; the handover to the network OS is pending"
_START_PATIENCE = 5.0
"""The report at the start only informs: it does not hold provisioning up."""


@dataclass(kw_only=True, slots=True)
class Reports:
    """One boot's reports. agent: name and version, as in ``limpet/1.0``. sent: what the fabric accepted from us, in order.

    fabric: None as long as there is no way to it; what is told then goes to the hypervisor alone. handover: whether Ready is left
    to the guest shell behind a network OS, which says it when it works (appliance.ready = late).
    """

    files: Files
    key_values: KeyValues
    clock: Clock
    log: Log
    agent: str
    vm_id: str | None
    fabric: Fabric | None = None
    handover: bool = False
    sent: list[str] = field(default_factory=list)

    def starting(self) -> bool:
        """Say that provisioning begins. Whether the fabric heard it; nothing depends on that."""
        if self.fabric is None:
            return False
        try:
            self.fabric.report(
                ProvisioningState.NOT_READY,
                ProvisioningSubStatus.PROVISIONING,
                "Starting",
                patience=_START_PATIENCE,
            )
        except FabricError as error:
            self.log.warning("report.start_lost", problem=str(error))
            return False
        self._note(PROVISIONING)
        return True

    def ready(self, data: Mapping[str, str] | None = None, *, patience: float | None = None) -> bool:
        """Say that all is in place, or that only a handover is missing. Gives False when the fabric knows it in this boot already.

        Raises: FabricError.
        """
        if ready_is_known(self.files):
            self.log.info("report.ready_known")
            return False
        self._tell_hypervisor(self._report(None, data))
        if self.fabric is None:
            raise HostError("there is no way to the fabric")
        limit = PATIENCE if patience is None else patience
        if self.handover:
            self.fabric.report(
                ProvisioningState.NOT_READY, ProvisioningSubStatus.PROVISIONING, PENDING, patience=limit
            )
            self._note(PROVISIONING)
            return True
        self.fabric.report(ProvisioningState.READY, patience=limit)
        self._note(READY)
        return True

    def pooled(self, kind: str, *, patience: float) -> None:
        """Say that a VM of a pool may be given to somebody. Raises: FabricError, HostError."""
        self._tell_hypervisor(self._report(None, {"pps_type": kind}))
        if self.fabric is None:
            raise HostError("there is no way to the fabric")
        self.fabric.report(ProvisioningState.READY, patience=patience)
        self._note(POOLED)

    def failed(self, reason: str, data: Mapping[str, str] | None = None, *, patience: float = 120.0) -> bool:
        """Say why provisioning failed. Whether the fabric heard it; the hypervisor is told in any case."""
        report = self._report(reason, data)
        self._tell_hypervisor(report)
        if self.fabric is None:
            return False
        try:
            self.fabric.report(
                ProvisioningState.NOT_READY,
                ProvisioningSubStatus.FAILED,
                render_report(report, at_most=LONGEST),
                patience=patience,
            )
        except FabricError as error:
            self.log.warning("report.failure_lost", problem=str(error))
            return False
        self._note(FAILED)
        return True

    def _report(self, reason: str | None, data: Mapping[str, str] | None) -> ProvisioningReport:
        return ProvisioningReport(
            reason=reason,
            agent=self.agent,
            vm_id=self.vm_id,
            timestamp=strftime("%Y-%m-%dT%H:%M:%S+00:00", gmtime(self.clock.now())),
            data=data or {},
        )

    def _tell_hypervisor(self, report: ProvisioningReport) -> None:
        try:
            self.key_values.tell([(KEY, render_report(report))])
        except HostError as error:
            self.log.warning("report.hypervisor", problem=str(error))

    def _note(self, state: str) -> None:
        self.sent.append(state)
        self.log.info("report.accepted", state=state)
        try:
            container = None if self.fabric is None else self.fabric.container_id
            note_accepted(
                self.files,
                Accepted(state=state, at=self.clock.now(), by=self.agent, container_id=container),
            )
        except HostError as error:
            self.log.warning("report.not_noted", problem=str(error))
