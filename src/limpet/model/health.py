"""What the fabric hears of provisioning, and of the health of its own services."""

from dataclasses import dataclass
from enum import Enum

from limpet.model.ids import ContainerId, Incarnation, InstanceId


class ProvisioningState(Enum):
    """The state of a health report. Source: wire-protocol.md §7.1."""

    READY = "Ready"
    NOT_READY = "NotReady"


class ProvisioningSubStatus(Enum):
    """Why a VM is not ready."""

    PROVISIONING = "Provisioning"
    FAILED = "ProvisioningFailed"


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthReport:
    """One provisioning report of a role instance."""

    incarnation: Incarnation
    container_id: ContainerId
    instance_id: InstanceId
    state: ProvisioningState
    sub_status: ProvisioningSubStatus | None = None
    description: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RoleProperties:
    """Named values of a role instance; in practice ``CertificateThumbprint``. Source: wire-protocol.md §7.3."""

    container_id: ContainerId
    instance_id: InstanceId
    properties: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """What an agent saw of a host service. Source: wire-protocol.md §9 (64, 128 and 128 characters at most)."""

    name: str
    healthy: bool
    description: str = ""
    value: str = ""
